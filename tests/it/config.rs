//! The config file: examples load, every problem has a place and a help, requests find their app.

use std::path::Path;

use proptest::prelude::*;
use wardgate::codec::RefusalStyle;
use wardgate::config::{
    AuditTarget, Config, Credential, Http2, OnFailure, Upstream, UpstreamServer,
};
use wardgate::message::{AudienceSource, Band};
use wardgate::policy::{self, Action, Mode, Status};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

fn parse(text: &str) -> Result<Config, String> {
    let environment = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-canary".to_owned());
    Config::parse_in(text, "wardgate.yaml", Path::new(EXAMPLES), &environment)
        .map_err(|errors| errors.to_string())
}

fn example(name: &str) -> Config {
    let text =
        std::fs::read_to_string(Path::new(EXAMPLES).join(name)).expect("the example is there");
    assert!(
        text.lines().any(|line| line.starts_with("#   curl ")),
        "{name} has no curl line"
    );
    parse(&text).unwrap_or_else(|errors| panic!("{name}\n{errors}"))
}

fn server(config: &Config, app: usize) -> &UpstreamServer {
    match &config.apps[app].upstream {
        Upstream::Server(server) => server,
        Upstream::Mock => panic!("the mock"),
    }
}

#[test]
fn every_example_is_loaded_here() {
    let mut names: Vec<String> = std::fs::read_dir(EXAMPLES)
        .expect("there are examples")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a name"))
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "addresses.yaml",
            "anthropic.yaml",
            "asked.yaml",
            "audio.yaml",
            "club.yaml",
            "comfyui.yaml",
            "dashscope.yaml",
            "garden.yaml",
            "gemini.yaml",
            "guard.yaml",
            "images.yaml",
            "observe.yaml",
            "ollama.yaml",
            "openai.yaml",
            "pictures.yaml",
            "profile.yaml",
            "realtime.yaml",
            "responses.yaml",
            "tls.yaml",
            "two-apps.yaml",
            "webui.yaml"
        ]
    );
}

#[test]
fn one_upstream_per_dialect() {
    for name in [
        "anthropic.yaml",
        "audio.yaml",
        "comfyui.yaml",
        "dashscope.yaml",
        "gemini.yaml",
        "ollama.yaml",
        "responses.yaml",
        "webui.yaml",
    ] {
        let config = example(name);
        assert!(server(&config, 0).url.host().is_some(), "{name}");
    }
}

#[test]
fn openai() {
    let config = example("openai.yaml");
    let app = &config.apps[0];
    assert_eq!(server(&config, 0).url, "https://api.openai.com/");
    assert_eq!(app.on_failure, OnFailure::Block);
    assert_eq!(app.cache.map(|cache| cache.ttl_secs), Some(300));
    assert!(app.passes(&http::Method::GET, "/v1/models"));
    assert!(!app.passes(&http::Method::POST, "/v1/models"));
}

#[test]
fn a_profile_makes_an_app_of_two_lines() {
    let config = example("profile.yaml");
    let app = &config.apps[0];
    assert_eq!((&*app.name, app.policies.level), ("child", 2));
    assert_eq!(app.audience.default, Band::Age8);
    assert_eq!(app.on_failure, OnFailure::Block);
    assert_eq!((app.mode, app.policies.policies.len()), (Mode::Enforce, 0));
}

#[test]
fn every_shipped_profile_can_be_named() {
    let bands = [
        ("child", Band::Age8),
        ("device", Band::Age3),
        ("general", Band::Adult),
        ("school", Band::Age12),
        ("teen", Band::Age14),
    ];
    assert_eq!(policy::profiles().len(), bands.len());
    for (name, band) in bands {
        let app = format!("apps: [{{profile: {name}, upstream: {{url: mock}}}}]");
        let config = parse(&app).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.apps[0].audience.default, band, "{name}");
        assert_eq!(config.apps[0].hold, policy::Hold::Sentence, "{name}");
    }
}

#[test]
fn what_an_app_writes_wins_over_its_profile_but_not_over_the_wall() {
    let written = "
  name: mine
  level: 3
  policies: [QL4.2]
  on_failure: allow
  audience: {header: x-age, trusted_peers: [127.0.0.1]}
  overrides: {QL7.1-010: {action: allow}}";
    let text = format!("apps:\n- profile: child\n  upstream: {{url: mock}}{written}\n");
    let config = parse(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let app = &config.apps[0];
    assert_eq!((&*app.name, app.policies.level), ("mine", 3));
    assert_eq!(app.policies.policies, ["QL4.2"]);
    assert_eq!(app.on_failure, OnFailure::Allow);
    // The app named no default: its profile's stands beside the app's own header.
    assert_eq!(app.audience.default, Band::Age8);
    assert!(app.audience.header.is_some());
    let refused = policy::compile(&policy::shipped(), std::slice::from_ref(&app.policies));
    let refused = refused.expect_err("the wall stands").to_string();
    assert!(refused.contains("QL7.1-010 cannot be lowered"), "{refused}");
}

#[test]
fn an_unknown_profile_is_answered_with_the_nearest() {
    let app = |profile: &str| format!("apps:\n- profile: {profile}\n  upstream: {{url: mock}}\n");
    refused(
        &app("chlid"),
        &[
            "there is no profile `chlid`",
            "wardgate.yaml:2:12",
            "did you mean `child`?",
        ],
    );
    refused(
        &app("grown-ups"),
        &["write one of: child, device, general, school, teen"],
    );
    refused(
        "apps:\n- upstream: {url: mock}\n",
        &[
            "`name` is missing",
            "`on_failure` is missing",
            "wardgate.yaml:2:",
        ],
    );
    let twice = "apps:\n- {profile: teen, upstream: {url: mock}}\n- {profile: teen, upstream: {url: mock}, match: {host: b}}\n";
    refused(twice, &["a second app is called `teen`"]);
}

#[test]
fn a_policy_folder_may_hold_profiles_and_what_is_wrong_with_them_has_a_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("writable");
        std::fs::write(path, text).expect("writable");
    };
    let profile = |name: &str, more: &str| {
        format!(
            "profile: {name}\ntitle: {{en: Club, zh: 社团}}\npolicies: []\nlevel: 2\naudience: {{default: 16-17}}\non_failure: block\n{more}"
        )
    };
    let text = "policy_folders: [own]\napps: [{profile: club, upstream: {url: mock}}]\n";
    let load = || Config::parse(text, "wardgate.yaml", folder.path());
    write("own/profiles/club.yaml", &profile("club", ""));
    let config = load().unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.apps[0].audience.default, Band::Age16);
    let mut sources = policy::shipped();
    sources.extend(policy::read_folders(&config.policy_folders).expect("readable"));
    let compiled = policy::compile(&sources, std::slice::from_ref(&config.apps[0].policies));
    compiled.unwrap_or_else(|problems| panic!("a profile is no policy:\n{problems}"));

    write("own/profiles/club.yaml", &profile("club", "tune: high\n"));
    let errors = load().expect_err("an unknown key").to_string();
    assert!(
        errors.contains("there is no `tune` here") && errors.contains("club.yaml:7:1"),
        "{errors}"
    );
    write(
        "own/profiles/club.yaml",
        &profile("club", "")
            .replace("16-17", "kids")
            .replace("level: 2", "level: 9"),
    );
    let errors = load().expect_err("two wrong values").to_string();
    for wanted in [
        "`kids` is no audience",
        "club.yaml:5:",
        "level 9 does not exist",
        "club.yaml:4:8",
    ] {
        assert!(errors.contains(wanted), "no {wanted} in {errors}");
    }
    write("own/profiles/club.yaml", &profile("club", ""));
    write("own/profiles/child.yaml", &profile("child", ""));
    let errors = load().expect_err("a shipped name").to_string();
    assert!(errors.contains("`child` is a shipped profile"), "{errors}");
}

#[test]
fn two_apps() {
    let config = example("two-apps.yaml");
    let named = |name: &str| {
        config
            .apps
            .iter()
            .find(|app| app.name == name)
            .expect("the app")
    };
    assert_eq!(named("homework").policies.level, 2);
    assert_eq!(named("homework").audience.default, Band::Unknown);
    assert_eq!(named("staff").audience.default, Band::Adult);
    assert_eq!(named("staff").refusal, RefusalStyle::Error);
    let route = |key: &str| {
        let request = request("/v1/x", &[("authorization", key)]);
        config
            .route(&request, "/v1/x")
            .map(|(app, _)| config.apps[app].name.as_str())
    };
    assert_eq!(route("Bearer homework-demo-key"), Some("homework"));
    assert_eq!(route("bearer staff-demo-key"), Some("staff"));
    assert_eq!(route("Bearer another"), None);
    let Credential::Replace { value, .. } = &server(&config, 0).credential else {
        panic!("the caller's key would go on");
    };
    assert_eq!(value.expose(), "Bearer sk-canary");
    assert!(
        !format!("{config:?}").contains("sk-canary"),
        "a secret is printed"
    );
}

#[test]
fn images() {
    let config = example("images.yaml");
    assert_eq!(config.limits.answer_body_bytes, 64 * 1024 * 1024);
    let request = request("/pictures/v1/images/generations", &[]);
    let path = request.uri.path();
    assert_eq!(
        config.route(&request, path),
        Some((0, "/v1/images/generations"))
    );
    assert_eq!(config.route(&request, "/picturesque/v1"), None);
}

#[test]
fn observe() {
    let config = example("observe.yaml");
    assert_eq!(config.apps[0].mode, Mode::Observe);
    assert!(matches!(config.apps[0].upstream, Upstream::Mock));
    assert_eq!(
        config.audit,
        AuditTarget::File("/tmp/wardgate-observe.jsonl".into())
    );
}

#[test]
fn tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(Path::new(EXAMPLES).join("tls.yaml")).expect("the example");
    let missing = Config::parse(&text, "tls.yaml", folder.path()).expect_err("no files yet");
    assert_eq!(missing.problems.len(), 7, "{missing}");
    std::fs::create_dir(folder.path().join("tls")).expect("creates");
    let files = [
        "server.pem",
        "server.key",
        "callers.pem",
        "upstream-ca.pem",
        "client.pem",
        "client.key",
        "upstream-key.txt",
    ];
    for file in files {
        std::fs::write(folder.path().join("tls").join(file), "canary\n").expect("writes");
    }
    let path = folder.path().join("tls.yaml");
    std::fs::write(&path, text).expect("writes");
    let config = Config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(
        config
            .tls
            .as_ref()
            .is_some_and(|tls| tls.client_ca.is_some())
    );
    assert_eq!(server(&config, 0).http2, Http2::Auto);
    assert_eq!(config.watched.len(), files.len() + 1);
    assert!(config.watched.contains(&path));
    let Credential::Replace { header, value } = &server(&config, 0).credential else {
        panic!("the caller's key would go on");
    };
    assert_eq!(
        (header.as_str(), value.expose().as_bytes()),
        ("x-api-key", &b"canary"[..])
    );
}

#[test]
fn the_set_up_without_a_file_answers_everything_and_blocks_on_failure() {
    let config = Config::default_for(None);
    assert!(matches!(config.apps[0].upstream, Upstream::Mock));
    assert_eq!(config.apps[0].on_failure, OnFailure::Block);
    assert_eq!(config.apps[0].audience.default, Band::Unknown);
    assert!(config.listen.ip().is_loopback());
    let request = request("/v1/chat/completions", &[]);
    assert_eq!(
        config.route(&request, "/v1/chat/completions"),
        Some((0, "/v1/chat/completions"))
    );
    let config = Config::default_for(Some("http://127.0.0.1:1/v1".parse().expect("a URL")));
    assert_eq!(server(&config, 0).url.port_u16(), Some(1));
}

fn request(path: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let mut request = http::Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// One app, with more lines for it and for the file.
fn minimal(app: &str, file: &str) -> String {
    format!("{file}\napps:\n- name: a\n  upstream: {{url: mock}}\n  on_failure: block\n{app}\n")
}

/// The config is refused, and the errors contain each of these.
fn refused(text: &str, wanted: &[&str]) {
    let errors = parse(text).expect_err("it should be refused");
    for want in wanted {
        assert!(errors.contains(want), "no `{want}` in\n{errors}");
    }
}

#[test]
fn shapes_that_are_wrong_have_a_place_and_a_help() {
    refused(
        "apps:\n- name: a\n  upstream: {url: mock}\n",
        &[
            "`on_failure` is missing",
            "wardgate.yaml:2:9",
            "only you can choose",
        ],
    );
    refused(
        &minimal("  lvl: 2", ""),
        &[
            "there is no `lvl` here",
            "wardgate.yaml:6:3",
            "level",
            "   |   ^",
        ],
    );
    refused(
        &minimal("  mode: audit", ""),
        &["`audit` is none of the choices", "enforce, observe", ":6:9"],
    );
    refused("apps: [", &["error: ", "wardgate.yaml:1"]);
    refused("", &["error: "]);
    refused(
        &minimal("  level: high", ""),
        &["error: ", "wardgate.yaml:6:10"],
    );
    refused(&minimal("  name: b", ""), &["error: ", "wardgate.yaml:6:3"]);
}

#[test]
fn values_that_are_wrong_are_reported_all_at_once() {
    let app = r#"
  match: {host: "a:80", path_prefix: nowhere, header: {"b d": x}, bearer_sha256: [12]}
  level: 4
  audience: {default: teen, header: x-age}
  cache: {ttl_secs: 0, max_bytes: 1}
  overrides: {QL1.1-010: {action: blok, status: beta}, QL1.1-020: {}}
  allow: [" "]
  passthrough: ["/v1/models"]
- name: "b c"
  upstream: {url: ftp://x, client_key: nofile, credential: {env: NO_SUCH_NAME}}
  on_failure: allow"#;
    let file = "listen: 127.0.0.1:1\nadmin: 127.0.0.1:1\npolicy_folders: [nofolder]\nlimits: {parts: 0, header_bytes: 100, json_depth: 500}";
    let text = minimal(app, file);
    refused(
        &text,
        &[
            "admin and listen are both",
            "there is no folder",
            "limits.parts is 0",
            "limits.header_bytes is below 8192",
            "limits.json_depth is above 127",
            "`a:80` is no host",
            "`nowhere` is no beginning of a path",
            "`b d` is no header name",
            "no SHA-256",
            "level 4 does not exist",
            "`teen` is no audience",
            "only one of `header` and `trusted_peers`",
            "a cache without time or room",
            "`blok` is no action",
            "`beta` is no status",
            "this override changes nothing",
            "an empty allow phrase",
            "`/v1/models` is no route",
            "`b c` is no name for an app",
            "`ftp://x` is no upstream",
            "only one of client_certificate and client_key",
            "the environment has no `NO_SUCH_NAME`",
        ],
    );
    let errors = parse(&text).expect_err("refused");
    for block in errors.split("\n\n") {
        assert!(
            block.starts_with("error: ") && block.contains("= help: "),
            "{block}"
        );
    }
}

#[test]
fn overrides_become_what_policies_compile() {
    let app = "  overrides: {QL4.2-010: {action: flag, status: experimental}}\n  policies: [QL1.1, grooming]\n  allow: [turnip week]";
    let config = parse(&minimal(app, "")).unwrap_or_else(|errors| panic!("{errors}"));
    let policies = &config.apps[0].policies;
    assert_eq!(policies.policies, ["QL1.1", "grooming"]);
    assert_eq!(policies.overrides["QL4.2-010"].action, Some(Action::Flag));
    assert_eq!(
        policies.overrides["QL4.2-010"].status,
        Some(Status::Experimental)
    );
    assert_eq!(policies.allow, ["turnip week"]);
    assert_eq!((policies.app.as_str(), policies.level), ("a", 1));
}

#[test]
fn apps_that_cannot_be_told_apart_are_refused() {
    let two = |one: &str, other: &str| {
        format!(
            "apps:\n- {{name: a, upstream: {{url: mock}}, on_failure: block, match: {one}}}\n- {{name: b, upstream: {{url: mock}}, on_failure: block, match: {other}}}\n"
        )
    };
    let ambiguous = ["belong to `a` and to `b`", "wardgate.yaml:3"];
    refused(&two("{}", "{}"), &ambiguous);
    refused(&two("{host: x.y}", "{host: X.Y}"), &ambiguous);
    refused(&two("{header: {k: v}}", "{header: {l: w}}"), &ambiguous);
    for (one, other) in [
        ("{host: x.y}", "{}"),
        ("{host: x.y}", "{host: z.y}"),
        ("{header: {k: v}}", "{header: {k: w}}"),
        ("{path_prefix: /a}", "{path_prefix: /b}"),
    ] {
        parse(&two(one, other)).unwrap_or_else(|errors| panic!("{one} {other}\n{errors}"));
    }
}

#[test]
fn the_most_specific_app_has_the_request() {
    let apps = [
        ("any", "{}"),
        ("path", "{path_prefix: /a}"),
        ("deeper", "{path_prefix: /a/b/}"),
        ("host", "{host: kids.example}"),
        ("header", "{header: {x-app: toys}}"),
    ];
    let lines = apps.map(|(name, matches)| {
        format!("- {{name: {name}, upstream: {{url: mock}}, on_failure: block, match: {matches}}}")
    });
    let config =
        parse(&format!("apps:\n{}", lines.join("\n"))).unwrap_or_else(|errors| panic!("{errors}"));
    let route = |path: &str, headers: &[(&str, &str)]| {
        let request = request(path, headers);
        let (app, rest) = config.route(&request, path).expect("`any` takes all");
        (config.apps[app].name.clone(), rest.to_owned())
    };
    let is = |name: &str, rest: &str| (name.to_owned(), rest.to_owned());
    assert_eq!(route("/v1/x", &[]), is("any", "/v1/x"));
    assert_eq!(route("/a/v1/x", &[]), is("path", "/v1/x"));
    assert_eq!(route("/a", &[]), is("path", "/"));
    assert_eq!(route("/ab/v1/x", &[]), is("any", "/ab/v1/x"));
    assert_eq!(route("/a/b/v1/x?q=1", &[]), is("deeper", "/v1/x?q=1"));
    assert_eq!(
        route("/a/b/x", &[("host", "KIDS.example:8080")]),
        is("host", "/a/b/x")
    );
    assert_eq!(
        route("/a/x", &[("host", "kids.example"), ("x-app", "toys")]),
        is("header", "/a/x")
    );
    assert_eq!(
        route("http://kids.example/a/x", &[("host", "other")]).0,
        "host"
    );
}

#[test]
fn a_band_counts_from_trusted_peers_only() {
    let app = "  audience: {default: minor, header: x-age, trusted_peers: [10.0.0.0/8, '::1']}";
    let config = parse(&minimal(app, "")).unwrap_or_else(|errors| panic!("{errors}"));
    let band = |value: &str, peer: &str| {
        let headers = request("/", &[("x-age", value)]).headers;
        config.apps[0]
            .audience
            .of(&headers, peer.parse().expect("an address"))
    };
    assert_eq!(band("18+", "10.1.2.3").band, Band::Adult);
    assert_eq!(band("18+", "10.1.2.3").source, AudienceSource::Header);
    assert_eq!(band("18+", "::ffff:10.1.2.3").band, Band::Adult);
    assert_eq!(band("18+", "11.1.2.3").band, Band::Unknown);
    assert_eq!(band("18+", "11.1.2.3").source, AudienceSource::App);
    assert_eq!(band("giant", "10.1.2.3").source, AudienceSource::App);
}

#[test]
fn a_path_that_an_upstream_may_read_otherwise_never_passes() {
    let app = "  passthrough: [GET /v1/files/*]";
    let config = parse(&minimal(app, "")).unwrap_or_else(|errors| panic!("{errors}"));
    let passes = |path: &str| config.apps[0].passes(&http::Method::GET, path);
    assert!(passes("/v1/files/abc?after=../x"));
    for path in [
        "/v1/files/../chat/completions",
        "/v1/files/%2e%2e/chat/completions",
        "/v1/files/..%2Fchat",
        "/v1/files/.%2e/chat",
        "/v1/files/%252e%252e/chat",
        "/v1/files/..",
        "/v1/files//x",
        "/v1/files/..;/chat",
        "/v1/files/..\\chat",
    ] {
        assert!(!passes(path), "{path}");
    }
}

#[test]
fn yaml_bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = level - 1;
        bomb += &format!(
            "a{level}: &a{level} [*a{before},*a{before},*a{before},*a{before},*a{before},*a{before},*a{before},*a{before}]\n"
        );
    }
    refused(&bomb, &["error: "]);
    refused(&"[".repeat(100_000), &["error: "]);
    refused(&"a: ".repeat(50_000), &["error: "]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// No text makes it panic, and what is refused says why.
    #[test]
    fn any_text_is_a_config_or_has_problems(text in "[a-z0-9:{}\\[\\], \n\"'&*|>-]{0,200}") {
        if let Err(errors) = parse(&text) {
            prop_assert!(errors.starts_with("error: "));
        }
    }

    /// A config with one line changed neither panics nor loses its place.
    #[test]
    fn a_damaged_config_is_a_config_or_has_problems(
        at in any::<prop::sample::Index>(), with in "[a-z0-9:{}\\[\\], \n\"'&*|>-]{0,3}",
    ) {
        let whole = std::fs::read_to_string(Path::new(EXAMPLES).join("two-apps.yaml")).expect("the example");
        let mut text: Vec<char> = whole.chars().collect();
        let at = at.index(text.len());
        text.splice(at..=at, with.chars());
        if let Err(errors) = parse(&text.into_iter().collect::<String>()) {
            prop_assert!(errors.starts_with("error: "));
        }
    }
}
