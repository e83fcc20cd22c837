//! Tests of the decoded view: each code, near misses, and the laws.

use proptest::prelude::*;

use super::decode::{Code, Decoder, REACH, Spelled};

/// Everything that a text spells when it comes in these pieces.
pub(super) fn spelled<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<Spelled> {
    let mut decoder = Decoder::default();
    let mut out = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut out);
    }
    decoder.finish(&mut out);
    out
}

/// The stretches of a text, as one would read them.
pub(super) fn stretches(text: &str) -> Vec<String> {
    let mut stretches: Vec<String> = Vec::new();
    for spelled in spelled([text]) {
        match stretches.last_mut() {
            Some(last) if !spelled.fresh => last.push(spelled.ch),
            _ => stretches.push(spelled.ch.to_string()),
        }
    }
    stretches
}

#[track_caller]
fn reads(text: &str, expected: &str) {
    assert_eq!(stretches(text), [expected], "{text}");
}

#[track_caller]
fn reads_nothing(text: &str) {
    let none: [&str; 0] = [];
    assert_eq!(stretches(text), none, "{text}");
}

#[test]
fn inline_codes() {
    for code in [
        "tom%61to soup",
        "tom%u0061to soup",
        "tom&#97;to soup",
        "tom&#97to soup",
        "tom&#x61;to soup",
        "tom&#x0000061;to soup",
        "tom\\u0061to soup",
        "tom\\u{61}to soup",
        "tom\\U00000061to soup",
        "tom\\x61to soup",
        "tom\\x{61}to soup",
        "tom\\141to soup",
        "tom=61to soup",
        "tom=\nato s%6Fup",
        "%74%6f%6d%61%74%6f%20%73%6f%75%70",
        "\\164\\157\\155\\141\\164\\157 soup",
    ] {
        reads(code, "tomato soup");
    }
    reads("西%E7%BA%A2&#26623;", "西红柿");
    reads("西=E7=BA=A2\\u67ff", "西红柿");
    reads("\\350\\245\\277红柿", "西红柿");
    reads("&lt;b&gt; &Eacute;", "<b> é");
    reads("leek \\uD83E\\uDD66!", "leek 🥦!");
    reads("{\\\"q\\\": \\\"leek\\\"}", "{\"q\": \"leek\"}");
}

#[test]
fn points() {
    reads("U+897F U+7EA2 U+67FF", "西红柿");
    reads("U+897FU+7EA2 soup", "西红 soup");
    reads("eat U+6c64 now", "eat 汤 now");
}

#[test]
fn codes_within_codes() {
    for code in [
        "&amp;#116;omato",
        "&amp;amp;#116;omato",
        "%2574omato",
        "%252574omato",
        "\\\\u0074omato",
        "&#92;u0074omato",
        "dG9t%59XRv",
        "ZEc5dFlYUnY=",
        "%64G9tYXRv",
    ] {
        let all = stretches(code).concat();
        assert_eq!(all.trim_end_matches('='), "tomato", "{code}");
    }
    assert_eq!(stretches("%25252574omato"), ["%74omato"], "four layers");
    assert_eq!(spelled(["%252574omato"])[0].layers, 3);
}

#[test]
fn runs() {
    for (code, plain) in [
        ("dG9tYXRv", "tomato"),
        ("say dG9tYXRvIHNvdXA now", "say tomato soup now"),
        ("key=dG9tYXRvIHNvdXA", "key=tomato soup"),
        ("/dG9tYXRvIHNvdXA/", "/tomato soup/"),
        ("6KW_57qi5p-_", "西红柿"),
        ("6KW/57qi5p+/", "西红柿"),
        ("55Wq6IyE", "番茄"),
        ("ORXW2YLUN4", "tomato"),
        ("orxw2ylun4======", "tomato"),
        ("746f6d61746f", "tomato"),
        ("0x746F6D61746F20736F7570", "tomato soup"),
        ("74 6f 6d 61 74 6f", "tomato"),
        ("74:6f:6d:61:74:6f", "tomato"),
        ("74-6f-6d-61-74-6f", "tomato"),
        ("0x74, 0x6f, 0x6d, 0x61", "toma"),
        ("746f 6d61 746f", "tomato"),
        ("e8 a5 bf e7 ba a2", "西红"),
        ("01110100 01101111 01101101", "tom"),
        ("011101000110111101101101", "tom"),
        ("116 111 109 97 116 111!", "tomato!"),
        ("35199 32418 26623", "西红柿"),
        ("- --- -- .- - ---", "tomato"),
        ("say: - --- -- / .- -.", "say: tom an"),
        ("- --- -- .- - ---. Good", "tomato Good"),
        ("xn--fiqs8s", "中国"),
        ("xn--bcher-kva.example", "bücher.example"),
    ] {
        reads(code, plain);
    }
}

#[test]
fn a_list_may_follow_a_number() {
    reads("in 2024, 74 6f 6d 61 74 6f", "in 2024, tomato");
    reads("01 74 6f 6d 61 74 6f", "01 tomato");
}

#[test]
fn near_misses() {
    for text in [
        "internationalisation of InternationalOrganisation",
        "550e8400-e29b-41d4-a716-446655440000",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a sale: 50% off, 100%! R&D; AT&T & co",
        "C:\\users\\xerox",
        "getElementById(XMLHttpRequest2)",
        "wait... what... no.",
        "on 2024-12-31, 20241231, at 10:11:12, 192.168.10.11, +86 138 0013 8000",
        "- one\n- two\n- three\n\n---\n",
        "let x = a == b && c;",
        "2019 2020 2021 2022 2023",
        "番茄炒蛋，100%好吃。",
    ] {
        reads_nothing(text);
    }
}

#[test]
fn urls_read_as_their_text() {
    reads(
        "see https://example.com/a%20b?x=1",
        "see https://example.com/a b?x=1",
    );
}

#[test]
fn a_stretch_has_its_neighbours() {
    let far = "x ".repeat(100);
    let text = format!("{far}%61{far}");
    let near = "x ".repeat(REACH / 2);
    reads(&text, &format!("{near}a{near}"));
    let text = format!("%61{far}%62");
    assert_eq!(stretches(&text), [format!("a{near}"), format!("{near}b")]);
}

#[test]
fn spans_are_the_bytes_that_spell() {
    let text = "ab dG9tYXRv &#97;";
    let spans: Vec<(char, &str)> = spelled([text])
        .iter()
        .map(|spelled| (spelled.ch, &text[spelled.span.range()]))
        .collect();
    assert_eq!(spans[3..6], [('t', "G"), ('o', "G9"), ('m', "9t")]);
    assert_eq!(spans[9..], [(' ', " "), ('a', "&#97;")]);
    let text = "e8 a5 bf e7 ba a2";
    assert_eq!(&text[spelled([text])[1].span.range()], "e7 ba a2");
}

#[test]
fn what_is_open_is_held_and_what_is_not_is_not() {
    let growing = |text: &str| {
        let mut decoder = Decoder::default();
        decoder.push(text, &mut Vec::new());
        decoder.growing()
    };
    for (text, start) in [
        ("plain words and mor", None),
        ("50% of", None),
        ("ab %", Some(0)),
        ("ab %6", Some(0)),
        ("ab &am", Some(0)),
        ("dG9tYXR", Some(1)),
        ("%61 dG9t", Some(4)),
        ("%61 tom", Some(4)),
        ("%61 tom ", None),
        ("in 1998", Some(3)),
        ("in 1998 we", None),
        ("- --- --", Some(2)),
    ] {
        assert_eq!(growing(text), start, "{text}");
    }
}

#[test]
fn too_many_runs_overflow() {
    let mut decoder = Decoder::default();
    let text = "dG9tYXRv ".repeat(60);
    decoder.push(&text, &mut Vec::new());
    assert!(!decoder.overflowed());
    decoder.push(&text, &mut Vec::new());
    assert!(decoder.overflowed());
}

#[test]
fn a_run_longer_than_the_cap_is_read_in_pieces() {
    let group = "6KW/57qi5p+/";
    let all = stretches(&group.repeat(2_000)).concat();
    assert!(all.matches("西红柿").count() > 1_990);
    let noise = "k9/Zx0Qf".repeat(50_000);
    let read = spelled([noise.as_str()]);
    assert!(read.iter().all(|spelled| spelled.layers == 0));
}

/// Texts of which much is code, or nearly.
fn codes() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        3 => "[a-zA-Z0-9%&=.;+/_ \\\\-]{1,12}",
        1 => "\\PC{0,6}",
        1 => "[ a-z,]{1,90}",
        1 => "(%[0-9A-Fa-f]{2}|&#[0-9]{2,5};|&[a-z]{2,4};|\\\\u[0-9a-f]{4}|=[0-9A-F]{2}){1,6}",
        1 => "[0-9a-f]{2}( [0-9a-f]{2}){1,8}",
        1 => "([.-]{1,4}[ /]){1,9}",
        1 => prop::sample::select(vec![
            "dG9tYXRv", "746f6d61746f", "ORXW2YLUN4", "xn--fiqs8s", "U+897F", "%2574", "&amp;lt;",
            "\\\\u0074", "01110100 01101111", "116 111 109 97", "- --- -- .- - ---", "=\n", "\n",
            "ZEc5dFlYUnY=", "西红柿", "x", "X", "9",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(bit, 0..9).prop_map(|bits| bits.concat())
}

/// The text in pieces, cut at these characters.
pub(super) fn pieces<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a str> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places {
        let to = text.floor_char_boundary(place).max(from);
        pieces.push(&text[from..to]);
        from = to;
    }
    pieces.push(&text[from..]);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn how_a_text_is_cut_cannot_be_seen(
        text in codes(),
        cuts in prop::collection::vec(0_usize..4_000, 0..8),
    ) {
        let whole = spelled([text.as_str()]);
        prop_assert_eq!(&spelled(pieces(&text, &cuts)), &whole);
        prop_assert_eq!(&spelled(text.split_inclusive(|_| true)), &whole);
    }

    #[test]
    fn what_is_certain_is_certain_as_soon_as_it_says(text in codes()) {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        let mut read = 0;
        for piece in text.split_inclusive(|_| true) {
            let from = out.len();
            decoder.push(piece, &mut out);
            read += piece.len() as u32;
            prop_assert!(out[from..].iter().all(|spelled: &Spelled| spelled.when == read));
        }
    }

    #[test]
    fn what_grows_is_held(text in codes()) {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        let (mut held, mut read) = (Vec::new(), 0);
        for piece in text.split_inclusive(|_| true) {
            decoder.push(piece, &mut out);
            read += piece.len() as u32;
            let bound = match decoder.growing() {
                Some(start) => start,
                None => read.saturating_sub(REACH as u32),
            };
            held.push((out.len(), bound));
        }
        decoder.finish(&mut out);
        for (length, bound) in held {
            let late = out[length..].iter().filter(|late| late.layers > 0);
            let late = late.filter(|late| !late.code.is_turned());
            prop_assert!(late.map(|late| late.span.start).min().is_none_or(|start| start >= bound));
        }
    }

    #[test]
    fn spans_are_characters_of_the_text_and_work_is_bounded(text in codes()) {
        let out = spelled([text.as_str()]);
        for spelled in &out {
            let span = text.get(spelled.span.range());
            prop_assert!(span.is_some_and(|span| !span.is_empty()));
            prop_assert!(spelled.layers <= 3);
            // A rotation leaves what is no letter as it is.
            let plain = spelled.code == Code::Plain;
            prop_assert!(spelled.code.is_turned() || plain == (spelled.layers == 0));
        }
        prop_assert!(out.first().is_none_or(|first| first.fresh));
        let inline = out.iter().filter(|spelled| !spelled.code.is_turned());
        let bytes: usize = inline.map(|spelled| spelled.ch.len_utf8()).sum();
        prop_assert!(bytes <= 4 * text.len());
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        let whole = spelled([text.as_str()]);
        prop_assert_eq!(spelled(text.split_inclusive(|_| true)), whole);
    }
}

#[test]
fn padding_belongs_to_a_run_and_runs_may_be_written_backwards() {
    let span = |text: &str| {
        let all = spelled([text]);
        let coded = all.iter().filter(|one| one.layers > 0);
        let (starts, ends): (Vec<_>, Vec<_>) =
            coded.map(|one| (one.span.start, one.span.end)).unzip();
        (starts.into_iter().min(), ends.into_iter().max())
    };
    // "turnip soup", "turnips" and "turnip pie" in base64; the last one in base32 as well.
    for (text, from, to) in [
        ("x dHVybmlwIHNvdXA= y", 2, 18),
        ("x dHVybmlwcw== y", 2, 14),
        ("x ORUXE3TJOAQHA2LF y", 2, 18),
        ("x OR2XE3TJOAQHA2LF==", 2, 18),
        ("x dHVybmlwcw=9", 2, 12),
        ("x dHVybmlwcw=== y", 2, 12),
    ] {
        let Some(end) = span(text).1 else {
            panic!("{text}")
        };
        assert!(span(text).0.is_some_and(|start| start >= from), "{text}");
        assert_eq!(end, to, "{text}");
    }
    reads("==\n0a a0%0A", "=0a a0\n");
    reads("see =AXdvNHIwlmbyVHd", "see =turnip soup");
    reads("see AXdvNHIwlmbyVHd.", "see turnip soup.");
    reads_nothing("see rotavator123XyZ9");
    // "kale" and "onion" with what fills the group up; "radish" and "kale" backwards; "chard".
    reads("see a2FsZQ==", "see kale");
    reads("see N5XGS33O", "see onion");
    reads("see NNQWYZI=", "see kale");
    reads("see oNXakFmc", "see radish");
    reads("see ==QZsF2a", "see ==kale");
    reads("call 6368617264", "call chard");
    reads_nothing("call 5551234567 or see a2FsZQ");
}
