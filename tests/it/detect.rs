//! Detection by hand-made examples: disguises found with exact spans, near misses left alone.
//! Canary words only: vegetables and made-up names.

mod laws;

use std::sync::Arc;

use wardgate::detect::{Builder, Detectors, SignalId};
use wardgate::text::{ViewKind, Views};

fn detectors(words: &[&str]) -> Arc<Detectors> {
    let mut builder = Builder::default();
    for (signal, word) in words.iter().enumerate() {
        builder
            .word(SignalId(signal as u32), word, Views::DEFAULT)
            .expect("a good word");
    }
    Arc::new(builder.build().expect("small"))
}

/// What was hit, as bytes of the original, with the view.
fn seen<'t>(words: &[&str], text: &'t str) -> Vec<(&'t str, ViewKind)> {
    detectors(words)
        .scan(text)
        .iter()
        .map(|hit| (&text[hit.span.range()], hit.view))
        .collect()
}

fn tags(word: &str) -> String {
    word.chars()
        .filter_map(|c| char::from_u32(c as u32 + 0xE0000))
        .collect()
}

fn selectors(word: &str) -> String {
    word.bytes()
        .filter_map(|byte| match byte {
            0..=15 => char::from_u32(0xFE00 + u32::from(byte)),
            _ => char::from_u32(0xE0100 + u32::from(byte) - 16),
        })
        .collect()
}

#[test]
fn disguises_are_found_with_their_bytes() {
    use ViewKind::{Hidden, Skeleton, Squeezed, Surface};
    for (word, around, disguised, view) in [
        ("tomato", ("a ", " b"), "tomato", Surface),
        ("tomato", ("a ", " b"), "Tomato", Skeleton),
        ("tomato", ("x：", "。"), "ｔｏｍａｔｏ", Skeleton),
        ("tomato", ("番", "茄"), "tomato", Surface),
        ("tomato", ("", ""), "t\u{200b}omat\u{300}o", Skeleton),
        ("tomato", ("(", ")"), "tоmаtо", Skeleton),
        ("tomato", ("a ", " b"), "t0m4to", Skeleton),
        ("tomato", ("a ", ""), "70m@t0", Skeleton),
        ("kale", ("a ", "!"), "ka|e", Skeleton),
        ("turnip", ("a ", " b"), "+urnip", Skeleton),
        ("lettuce", ("", " b"), "|ettuce", Skeleton),
        ("carrot", ("a ", "."), "carro+", Skeleton),
        ("broccoli", ("a ", " b"), "br0ccol!", Skeleton),
        ("tomato", ("a ", " b"), "t.o.m.a.t.o", Squeezed),
        ("tomato", ("a ", " b"), "t o m a t o", Squeezed),
        ("tomato", ("a ", " b"), "t-o--m🎈a\nt/o", Squeezed),
        ("tomato", ("a ", " b"), "t.0.m.a.t.o", Squeezed),
        ("萝卜", ("大", "汤"), "萝卜", Surface),
        ("萝卜", ("大", "汤"), "蘿蔔", Skeleton),
        ("萝卜", ("大", "汤"), "萝\u{200d}卜", Skeleton),
        ("萝卜", ("大", "汤"), "萝/卜", Squeezed),
        ("萝卜", ("大", "汤"), "萝 🎈 卜", Squeezed),
        ("西葫芦", ("a:", ""), "西\n葫\n芦", Squeezed),
        ("西葫芦", ("吃：", "。"), "西，葫，芦", Squeezed),
        ("blind box", ("a ", " b"), "blind box", Surface),
        ("blind box", ("a ", " b"), "Blind \n box", Skeleton),
        ("blind box", ("a ", " b"), "blind-box", Skeleton),
        ("blind box", ("a ", " b"), "b.l.i.n.d b.o.x", Squeezed),
        ("加v", ("请", "："), "加V", Skeleton),
        ("加v", ("请", "："), "加 V", Squeezed),
        ("radish*", ("a ", "."), "radishes", Surface),
        ("turnip", ("¼", " b"), "turnip", Surface),
        ("tomato", ("a", "b"), &tags("tomato"), Hidden),
        ("萝卜", ("🎈", "b"), &selectors("萝卜"), Hidden),
    ] {
        let text = format!("{}{disguised}{}", around.0, around.1);
        assert_eq!(seen(&[word], &text), [(disguised, view)], "{text:?}");
    }
}

#[test]
fn near_misses_are_left_alone() {
    for (word, text) in [
        ("tomato", "tomatoes atomato tomato2 automat"),
        ("tomato", "t.o.m.a.t.one"),
        ("博彩", "赌博。彩票"),
        ("博彩", "赌博\n彩票"),
        ("博彩", "博，彩票"),
        ("萝卜", "萝--------------------卜"),
        ("iam", "I a ma cook"),
        ("ab", "a.b"),
        ("kale", "k4l 3"),
        ("kale", "ka! e"),
        ("beet", "bee+ bee! |eet +eet"),
        ("turnip", "a+urnip 1+urnip + urnip"),
        ("fennel", "fenne| fenne! fenne("),
        ("celery", "(elery"),
        ("lo", "10 1.0"),
        ("kale", "kal3x"),
        ("blind box", "blindbox blind    box blind, box"),
        ("radish*", "radishabcdefghi radish2"),
        ("加v", "加 vx"),
    ] {
        assert_eq!(seen(&[word], text), [], "{word} in {text:?}");
    }
}

fn pattern_hits<'t>(regex: &str, text: &'t str) -> Vec<&'t str> {
    let mut builder = Builder::default();
    builder.pattern(SignalId(7), regex).expect("a good pattern");
    let detectors = Arc::new(builder.build().expect("small"));
    let hits = detectors.scan(text);
    hits.iter().map(|hit| &text[hit.span.range()]).collect()
}

#[test]
fn patterns_report_the_longest_match_per_start() {
    for (regex, text, expect) in [
        ("[0-9]{2,8}", "a12345b 67", &["12345", "67"][..]),
        ("番.{0,3}茄", "番 一 茄番茄", &["番 一 茄", "番茄"]),
        ("蘿蔔[0-9]", "萝卜３", &["萝卜３"]),
        ("[蘿]卜", "萝卜", &["萝卜"]),
        ("Tomato", "TOMATO", &["TOMATO"]),
        (
            r"(?-u:\b)kale(?-u:\b)",
            "kale, kales 吃kale吃",
            &["kale", "kale"],
        ),
        ("^kale$", "kale", &["kale"]),
        (
            r"(?-u:\b)k(?:ale|ohl)",
            "akale kale 吃kohl _kale",
            &["kale", "kohl"],
        ),
        (
            "tomatoe?s? soup",
            "tomato soup tomat soup",
            &["tomato soup"],
        ),
        (
            "(?:a|b)(?:c|d)(?:e|f)(?:g|h)(?:i|j)(?:k|l)(?:m|n)",
            "bdfhjln bdfhjlo",
            &["bdfhjln"],
        ),
        ("ka(?:le)?", "kal kale", &["ka", "kale"]),
        ("kale", "k\u{200b}ale", &["k\u{200b}ale"]),
    ] {
        assert_eq!(pattern_hits(regex, text), expect, "{regex}");
    }
}

#[test]
fn patterns_without_bounds_are_refused_with_help() {
    let mut builder = Builder::default();
    for (regex, message, help) in [
        ("ka.*le", "no bounded width", "{0,20}"),
        ("a{2,}", "no bounded width", "{0,20}"),
        ("(kale)?", "empty", "obligatory"),
        (r"\bkale\b", "word border", r"(?-u:\b)"),
        ("(kale", "no regular expression", ""),
        ("a{600}", "600 bytes", "near"),
        (r"(\w{1,30}x){1,5}", "bytes", ""),
    ] {
        let problem = builder.pattern(SignalId(0), regex).expect_err(regex);
        assert!(problem.message.contains(message), "{regex}: {problem:?}");
        assert!(problem.help.unwrap_or_default().contains(help), "{regex}");
    }
}

#[test]
fn contacts_and_what_only_looks_like_one() {
    use wardgate::detect::ContactKind::{Email, Handle, Link, Phone};
    for (kind, text, expect) in [
        (Phone, "打13812345678吧", Some("13812345678")),
        (Phone, "138-1234-5678", Some("138-1234-5678")),
        (Phone, "call +44 20 7946 0958 now", Some("+44 20 7946 0958")),
        (Phone, "call (212) 555-0123", Some("(212) 555-0123")),
        (Phone, "order 202013812345678", None),
        (Phone, "0.13812345678", None),
        (
            Email,
            "to fern.root@example.com.",
            Some("fern.root@example.com"),
        ),
        (Email, "ａ＠ｂ.com", Some("ａ＠ｂ.com")),
        (Email, "me @ home", None),
        (
            Link,
            "see https://example.com/a?b=1 now",
            Some("https://example.com/a?b=1"),
        ),
        (Link, "上zorbex.vip看", Some("zorbex.vip")),
        (Link, "mail fern@example.com", None),
        (Link, "edit main.rs and notes.md", None),
        (Link, "xhttps://example.org", Some("https://example.org")),
        (
            Link,
            "https://a-b.example:80/x.",
            Some("https://a-b.example:80/x."),
        ),
        (Link, "www.zorbex.co.uk, yes", Some("www.zorbex.co.uk")),
        (Link, "zorbex.vip-fern", Some("zorbex.vip")),
        (Link, "e.g. this", None),
        (Link, "http://a", None),
        (Email, "a@b@c.io", Some("b@c.io")),
        (Email, "a@b", None),
        (Handle, "加V abc123", Some("加V abc123")),
        (Handle, "加我微信：fernroot", Some("加我微信：fernroot")),
        (Handle, "QQ 12345678", Some("QQ 12345678")),
        (Handle, "扣扣12345678", Some("扣扣12345678")),
        (Handle, "snap: fern_root", Some("snap: fern_root")),
        (Handle, "telegram @fernroot", Some("telegram @fernroot")),
        (Handle, "QQ music is nice", None),
        (Handle, "用微信聊天", None),
        (Handle, "oh snap that hurt", None),
    ] {
        let mut builder = Builder::default();
        builder.contact(SignalId(1), &[kind]).expect("built in");
        let detectors = Arc::new(builder.build().expect("small"));
        let hits = detectors.scan(text);
        let found = hits.first().map(|hit| &text[hit.span.range()]);
        assert_eq!(found, expect, "{text}: {hits:?}");
    }
}

fn ages(text: &str) -> Vec<&str> {
    let mut builder = Builder::default();
    builder.age(SignalId(3), 0, 17).expect("a good range");
    let detectors = Arc::new(builder.build().expect("small"));
    let hits = detectors.scan(text);
    hits.iter().map(|hit| &text[hit.span.range()]).collect()
}

#[test]
fn ages_of_people() {
    for (text, expect) in [
        ("he is 14 years old now", "14 years old"),
        ("a 14-year-old girl", "14-year-old"),
        ("14yo here", "14yo"),
        ("f, 14 y/o", "14 y/o"),
        ("age 14", "14"),
        ("a boy aged 14, tall", "14"),
        ("she is 14", "14"),
        ("I’m 14 and bored", "14"),
        ("im only 14!", "14"),
        ("my 12-year-old's class", "12-year-old"),
        ("my daughter is 9", "9"),
        ("a fourteen-year-old boy", "fourteen-year-old"),
        ("she is seventeen.", "seventeen"),
        ("她14岁", "14岁"),
        ("今年14，读书", "14"),
        ("今年才十四", "十四"),
        ("她才十四呢", "十四"),
        ("年龄：14", "14"),
        ("十四岁的女孩", "十四岁"),
        ("１４岁", "１４岁"),
        ("12-14岁的孩子", "12-14岁"),
        ("ages 12 to 20", "12 to 20"),
        ("children under 14 years are free", "14 years"),
        ("未满18岁", "18岁"),
        ("未满十八", "十八"),
        ("18岁以下", "18岁"),
        ("a baby, 18 months old", "18 months old"),
        ("the dog and my 9-year-old son", "9-year-old"),
    ] {
        assert_eq!(ages(text), [expect], "{text}");
    }
}

#[test]
fn numbers_that_are_no_ages_of_minors() {
    for text in [
        "she is 14 weeks pregnant",
        "14 weeks",
        "read chapter 14",
        "at 14:00 today",
        "I'm 14:00 sharp",
        "size 14 shoes",
        "grade 12 steel",
        "只要14 元",
        "今年14元",
        "iPhone 14",
        "14年",
        "今年14年了",
        "I'm 14% done",
        "she is 14.5 cm",
        "a 14-year-old whisky",
        "a 12 year old single malt scotch",
        "14岁的狗",
        "我家狗14岁了",
        "my dog is 14 years old",
        "our company is 14 years old",
        "14 years ago",
        "14 years of experience",
        "under 14 years of experience",
        "she is 14 points ahead",
        "page 14",
        "she is 24",
        "2014 years old",
        "她34岁",
        "18岁",
        "he is 14th",
        "一个人",
        "才十四个",
    ] {
        assert_eq!(ages(text), [""; 0], "{text}");
    }
}

#[test]
fn too_many_hits_are_said_not_hidden() {
    // Words of 1 to 20 symbols: 20 hits per symbol, of which 2,000 and 8 per symbol are allowed.
    let words: Vec<String> = (1..=20).map(|length| "番".repeat(length)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut scanner = wardgate::detect::Scanner::new(detectors(&words));
    let mut hits = Vec::new();
    scanner.push(&"番".repeat(182), &mut hits);
    assert!(!scanner.overflowed());
    assert_eq!(hits.len(), 182 * 20 - (1..20).sum::<usize>());
    scanner.push("番", &mut hits);
    assert!(scanner.overflowed());
    assert_eq!(hits.len(), 2_000 + 8 * 183);
}

#[test]
fn rules_of_dashes_are_not_held() {
    let mut scanner = wardgate::detect::Scanner::new(detectors(&["萝卜", "tomato", "a b"]));
    let mut hits = Vec::new();
    scanner.push("title a\n", &mut hits);
    for text in [
        "--",
        "------------------------",
        "\n\n",
        "大萝大萝大\n",
        "---",
    ] {
        scanner.push(text, &mut hits);
    }
    let read = "title a\n--------------------------\n\n大萝大萝大\n---".len() as u32;
    assert_eq!(scanner.settled(), read);
}

#[test]
fn words_that_cannot_be_looked_for_are_refused() {
    let mut builder = Builder::default();
    for (word, message) in [
        (" \u{200b} ", "no visible"),
        ("萝卜*", "must follow"),
        (&"番".repeat(129), "longer"),
    ] {
        let problem = builder
            .word(SignalId(0), word, Views::DEFAULT)
            .expect_err(word);
        let said = format!("{problem:?}");
        assert!(said.contains(message), "{said}");
    }
    assert!(builder.age(SignalId(0), 18, 3).is_err());
}

#[test]
fn views_limit_where_a_word_is_found() {
    let only = |views: &[ViewKind], text: &str| {
        let mut builder = Builder::default();
        let word = builder.word(SignalId(0), "tomato", Views::of(views));
        word.expect("a word");
        let detectors = Arc::new(builder.build().expect("small"));
        detectors.scan(text).first().map(|hit| hit.view)
    };
    use ViewKind::{Hidden, Skeleton, Squeezed, Surface};
    assert_eq!(only(&[Surface], "tomato"), Some(Surface));
    assert_eq!(only(&[Surface], "Tomato"), None);
    assert_eq!(only(&[Skeleton], "tomato"), Some(Skeleton));
    assert_eq!(only(&[Surface, Skeleton], "t.o.m.a.t.o"), None);
    assert_eq!(only(&[Squeezed], "t.o.m.a.t.o"), Some(Squeezed));
    assert_eq!(only(&[Skeleton], &tags("tomato")), None);
    assert_eq!(only(&[Hidden], &tags("tomato")), Some(Hidden));
    assert_eq!(only(&[Hidden], "tomato"), None);
}

#[test]
fn languages() {
    use wardgate::detect::language;
    use wardgate::message::Language::{En, Zh};
    assert_eq!(language("我想吃番茄 please"), Zh);
    assert_eq!(language("the word 番茄 means tomato"), En);
    assert_eq!(language("42"), En);
}

#[test]
fn two_syllables_in_letters_count_beside_han() {
    let found = |text| seen(&["萝卜"], text).len();
    for text in ["我喜欢luobo", "我喜欢 luo bo", "luobo好吃", "luóbo 真好吃"] {
        assert_eq!(found(text), 1, "{text}");
    }
    for text in ["luobo", "they said luobo twice", "我喜欢luobos"] {
        assert_eq!(found(text), 0, "{text}");
    }
    // An English word stands for itself.
    assert_eq!(seen(&["立刻"], "我喜欢这个like"), []);
    assert_eq!(seen(&["立刻"], "我喜欢这个li ke").len(), 1);
}

#[test]
fn four_syllables_of_a_dialect_are_no_accident() {
    let mut builder = Builder::default();
    let views = Views::of(&ViewKind::ALL);
    for (signal, word) in ["番茄炒蛋", "西红柿"].into_iter().enumerate() {
        let added = builder.word(SignalId(signal as u32), word, views);
        added.expect("a good word");
    }
    let detectors = Arc::new(builder.build().expect("small"));
    let found = |text: &str| {
        detectors
            .scan(text)
            .iter()
            .map(|hit| hit.view)
            .collect::<Vec<_>>()
    };
    assert_eq!(found("今天吃番茄草但。"), [ViewKind::Fuzzy]);
    assert_eq!(found("今天吃西红四。"), [], "three may be");
}
