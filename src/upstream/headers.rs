//! Which headers go on, in which direction. One table per reason; everything else passes.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::config::Credential;
use crate::inflate;
use crate::socket;

/// Fields of one connection, never forwarded (RFC 9110 section 7.6.1, with the older names that
/// are still sent); those that `connection` names go with them.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields of a request that describe what we change: hyper and we write them anew.
const REWRITTEN: [&str; 6] = [
    "host",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "expect",
    "http2-settings",
];

/// Where the caller is. An upstream has no need to learn a child's address.
const WHEREABOUTS: [&str; 7] = [
    "forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "client-ip",
    "x-client-ip",
    "via",
];

/// Fields that carry a caller's credential in some dialect.
const CREDENTIALS: [&str; 6] = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-dashscope-api-key",
    "cookie",
];

/// Fields of an answer that would be wrong after an edit, or would lead callers around us.
const UNTRUE_AFTERWARDS: [&str; 9] = [
    "content-length",
    "content-encoding",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
    "etag",
    "accept-ranges",
    "alt-svc",
];

/// Fields of a WebSocket's handshake, which every connection makes anew.
const HANDSHAKE: [&str; 4] = [
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
    "sec-websocket-protocol",
];

/// How browsers, which cannot send a header, name their key to OpenAI.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// Prefixes of fields that choose a provider's account or version, and so the answer.
const PROVIDER_PREFIXES: [&str; 4] = ["openai-", "anthropic-", "x-goog-", "x-dashscope-"];

/// Our own fields: callers and upstreams must not speak in our name.
const OURS: &str = "x-wardgate-";

/// The headers of a request as the upstream gets them.
pub fn for_upstream(caller: &HeaderMap, credential: &Credential) -> HeaderMap {
    let replaced = matches!(credential, Credential::Replace { .. });
    let goes = |name: &str| {
        REWRITTEN.contains(&name)
            || WHEREABOUTS.contains(&name)
            || name.starts_with("x-forwarded-")
            || (replaced && CREDENTIALS.contains(&name))
    };
    let mut clean = kept(caller, |name| !goes(name));
    clean.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static(inflate::ACCEPT),
    );
    if let Credential::Replace { header, value } = credential {
        clean.insert(header.clone(), value.expose().clone());
    }
    clean
}

/// The headers that open a socket: the caller's, a handshake of ours, and those of the caller's
/// protocols that carry no credential which ours replaces.
pub fn for_socket(caller: &HeaderMap, credential: &Credential, key: HeaderValue) -> HeaderMap {
    let mut clean = for_upstream(caller, credential);
    clean.remove(header::ACCEPT_ENCODING);
    for name in HANDSHAKE {
        clean.remove(name);
    }
    let fixed = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, socket::VERSION),
    ];
    for (name, value) in fixed {
        clean.insert(name, HeaderValue::from_static(value));
    }
    clean.insert(header::SEC_WEBSOCKET_KEY, key);
    let replaced = matches!(credential, Credential::Replace { .. });
    let offered = caller.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered.filter_map(|value| value.to_str().ok());
    let goes = |name: &&str| !replaced || !name.starts_with(KEY_PROTOCOL);
    let names: Vec<_> = offered
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(goes)
        .collect();
    if let Ok(names) = HeaderValue::from_str(&names.join(", "))
        && !names.is_empty()
    {
        clean.insert(header::SEC_WEBSOCKET_PROTOCOL, names);
    }
    clean
}

/// The headers of an answer as the caller gets them. hyper adds the length where it is known.
pub fn for_caller(upstream: &HeaderMap) -> HeaderMap {
    kept(upstream, |name| !UNTRUE_AFTERWARDS.contains(&name))
}

/// A copy without the fields of the connection, without ours, and with what else `stays`.
fn kept(headers: &HeaderMap, stays: impl Fn(&str) -> bool) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut clean = HeaderMap::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        let text = name.as_str();
        let hop = HOP_BY_HOP.contains(&text) || named.iter().any(|hop| hop == text);
        if !hop && !text.starts_with(OURS) && stays(text) {
            clean.append(name.clone(), value.clone());
        }
    }
    clean
}

/// The fields that `connection` names, lower case.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        // A caller must not change how the upstream reads what we have read.
        .filter(|name| name != "content-type" && name != "authorization")
        .collect()
}

/// A hash of what decides the account and API version that the upstream sees.
pub fn scope(caller: &HeaderMap, credential: &Credential) -> [u8; 32] {
    let passed = matches!(credential, Credential::Pass);
    let mut counted: Vec<(&HeaderName, &HeaderValue)> = caller
        .iter()
        .filter(|(name, _)| {
            let text = name.as_str();
            PROVIDER_PREFIXES
                .iter()
                .any(|prefix| text.starts_with(prefix))
                || (passed && CREDENTIALS.contains(&text))
        })
        .filter(|(name, _)| passed || !CREDENTIALS.contains(&name.as_str()))
        .collect();
    // A map's order is arbitrary between names; values of one name keep theirs.
    counted.sort_by_key(|(name, _)| name.as_str());
    let mut hasher = blake3::Hasher::new_derive_key("wardgate credential scope 1");
    for (name, value) in counted {
        for piece in [name.as_str().as_bytes(), value.as_bytes()] {
            hasher.update(&(piece.len() as u64).to_le_bytes());
            hasher.update(piece);
        }
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().expect("a header name");
            map.append(name, value.parse().expect("a header value"));
        }
        map
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn connection_fields_whereabouts_and_our_own_names_stay_here() {
        let caller = headers(&[
            ("host", "guard"),
            ("connection", "keep-alive, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("x-wardgate-audience", "18+"),
            ("content-type", "application/json"),
            ("authorization", "Bearer caller"),
            ("x-custom", "stays"),
        ]);
        let clean = for_upstream(&caller, &Credential::Pass);
        assert_eq!(
            names(&clean),
            [
                "accept-encoding",
                "authorization",
                "content-type",
                "x-custom"
            ]
        );
        assert_eq!(clean["accept-encoding"], inflate::ACCEPT);
    }

    #[test]
    fn a_replaced_credential_takes_every_credential_of_the_caller_off() {
        let caller = headers(&[
            ("authorization", "Bearer caller"),
            ("x-api-key", "caller"),
            ("cookie", "session=1"),
            ("api-key", "caller"),
        ]);
        let ours = Credential::Replace {
            header: header::AUTHORIZATION,
            value: Secret::new("Bearer ours").expect("a header value"),
        };
        let clean = for_upstream(&caller, &ours);
        assert_eq!(names(&clean), ["accept-encoding", "authorization"]);
        assert_eq!(clean["authorization"], "Bearer ours");
    }

    #[test]
    fn a_socket_gets_a_handshake_of_its_own_and_no_credential_that_ours_replaces() {
        let caller = headers(&[
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "theirs"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-extensions", "permessage-deflate"),
            (
                "sec-websocket-protocol",
                "realtime, openai-insecure-api-key.caller",
            ),
            ("openai-beta", "realtime=v1"),
        ]);
        let ours = Credential::Replace {
            header: header::AUTHORIZATION,
            value: Secret::new("Bearer ours").expect("a header value"),
        };
        let key = HeaderValue::from_static("ours");
        let clean = for_socket(&caller, &ours, key.clone());
        assert_eq!(
            names(&clean),
            [
                "authorization",
                "connection",
                "openai-beta",
                "sec-websocket-key",
                "sec-websocket-protocol",
                "sec-websocket-version",
                "upgrade"
            ]
        );
        assert_eq!(clean["sec-websocket-key"], "ours");
        assert_eq!(clean["sec-websocket-protocol"], "realtime");
        let passed = for_socket(&caller, &Credential::Pass, key);
        assert_eq!(
            passed["sec-websocket-protocol"],
            "realtime, openai-insecure-api-key.caller"
        );
    }

    #[test]
    fn answers_lose_what_an_edit_makes_untrue_and_keep_every_cookie() {
        let upstream = headers(&[
            ("content-length", "9"),
            ("etag", "\"1\""),
            ("alt-svc", "h3=\":443\""),
            ("x-wardgate-cache", "hit"),
            ("x-request-id", "r1"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]);
        let clean = for_caller(&upstream);
        assert_eq!(names(&clean), ["set-cookie", "x-request-id"]);
        assert_eq!(clean.get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn the_scope_tells_accounts_and_versions_apart_and_nothing_else() {
        let scope_of = |lines: &[(&str, &str)]| scope(&headers(lines), &Credential::Pass);
        let alice = scope_of(&[("authorization", "Bearer a")]);
        assert_ne!(alice, scope_of(&[("authorization", "Bearer b")]));
        assert_ne!(alice, scope_of(&[("x-api-key", "Bearer a")]));
        assert_eq!(
            alice,
            scope_of(&[("user-agent", "x"), ("authorization", "Bearer a")])
        );
        let version = |value| scope_of(&[("openai-beta", value), ("authorization", "Bearer a")]);
        assert_ne!(version("one"), version("two"));
    }
}
