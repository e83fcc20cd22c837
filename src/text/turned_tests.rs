//! Tests of what is read in another order or alphabet: columns and announced ciphers.

use proptest::prelude::*;

use super::decode::{Code, Decoder, REACH, Spelled};
use super::decode_tests::{pieces, spelled, stretches};

fn growing(text: &str) -> Option<u32> {
    let mut decoder = Decoder::default();
    decoder.push(text, &mut Vec::new());
    decoder.growing()
}

/// Whether some stretch of the text holds this.
fn holds(text: &str, plain: &str) -> bool {
    stretches(text).iter().any(|read| read.contains(plain))
}

#[test]
fn columns_are_read_from_both_sides() {
    assert_eq!(
        stretches("汤西\n好红\n喝柿\n"),
        ["西红柿汤好喝", "汤好喝西红柿", "汤好喝", "西红柿"]
    );
    assert_eq!(
        stretches("t s\no o\nm u\na p\nt\no"),
        ["souptomato", "tomatosoup", "tomato", "soup"]
    );
    assert_eq!(
        stretches("| 西 | 汤 |\r\n| 红 | 好 |\r\n| 柿 | 喝 |"),
        ["汤好喝西红柿", "西红柿汤好喝", "西红柿", "汤好喝"]
    );
    assert_eq!(
        stretches("like this:\n西　汤\n红　好\n柿　喝\n\nso"),
        ["汤好喝西红柿", "西红柿汤好喝", "西红柿", "汤好喝"]
    );
    assert_eq!(stretches("西\n红\n柿\n番茄炒鸡蛋"), ["西红柿"]);
    assert!(
        holds("wt\neo\n m\nga\nst\nto\n", "we gst"),
        "a space is read"
    );
    assert!(holds("ta\ne \nab\n", "a b"), "at the end of a line, too");
    assert!(holds("ta\ne\nab\n", "a b"), "or trimmed");
    assert!(
        !holds("t s\no o\nm u\n", "t o"),
        "one between cells is none"
    );
}

#[test]
fn what_is_no_block() {
    for text in [
        "是的。\n\n好的。\n\n行。",
        "yes\nno\nperhaps it is\nok",
        "关关雎鸠，\n在河之洲。\n窈窕淑女，\n君子好逑。",
        "}\n}\n}\n",
        "---\n---\n---\n",
        "a line of words\nanother line of words\n",
    ] {
        assert!(stretches(text).is_empty(), "{text}");
    }
}

#[test]
fn a_block_is_held_while_it_grows() {
    assert_eq!(growing("see it:\n西汤\n"), Some(15));
    assert_eq!(growing("see it:\n西汤\n红好\n柿"), Some(15));
    assert_eq!(growing("see it:\n西汤\n红好\n番茄炒鸡蛋"), None);
    assert_eq!(growing("one line\nand another"), None);
    let long = "西\n".repeat(200);
    let first = spelled([long.as_str()])[0];
    assert_eq!(first.when, 4 * 64, "read in parts of 64 lines");
}

#[test]
fn announced_ciphers() {
    for text in [
        "rot13: gbzngb fbhc",
        "ROT-13 gbzngb fbhc",
        "in Caesar: wrpdwr vrxs",
        "the cipher is\n\nwrpdwr vrxs",
        "Decipher zusgzu yuav please",
        "凯撒密码：wrpdwr vrxs",
        "atbash glnzgl hlfk",
        "please decode this: glnzgl hlfk",
        "read backwards: puos otamot",
        "each word reversed: otamot puos",
    ] {
        assert!(holds(text, "tomato soup"), "{text}");
    }
    for text in [
        "倒着读：汤柿红西",
        "反过来念：汤柿红西",
        "暗号是汤柿红西",
        "逆序：汤柿红西",
    ] {
        assert!(holds(text, "西红柿汤"), "{text}");
    }
}

#[test]
fn what_announces_nothing() {
    for text in [
        "carrot-cake and parrot1",
        "of course, a horse; brother wrote code and coded it",
        "她倒了一杯水，反对和逆风，暗中观察",
        "Caspian, a phone, a graph",
    ] {
        assert!(stretches(text).is_empty(), "{text}");
    }
}

#[test]
fn an_announcement_reaches_so_far() {
    assert_eq!(growing("atbas"), Some(3));
    assert_eq!(growing("atbash: gbz"), Some(3));
    assert!(!holds("rot13 of\n\nplain\n\ngbzngb", "tomato"));
    let far = format!("rot13 {} gbzngb", "- ".repeat(300));
    assert!(!holds(&far, "tomato"));
    let many = "decode gbzngb\n\n\n".repeat(40);
    let mut decoder = Decoder::default();
    decoder.push(&many, &mut Vec::new());
    assert!(!decoder.overflowed(), "words that only may announce");
    let many = "rot13 gbzngb\n\n\n".repeat(80);
    decoder.push(&many, &mut Vec::new());
    assert!(decoder.overflowed());
}

#[test]
fn spans_are_those_of_the_turned_characters() {
    let text = "倒着读：柿红西";
    let turned = spelled([text]);
    let read: Vec<&str> = turned[..2]
        .iter()
        .map(|spelled| &text[spelled.span.range()])
        .collect();
    assert_eq!(read, ["西", "红"]);
    assert!(turned.iter().all(|spelled| spelled.code == Code::Rotated));
}

/// Texts with blocks, announcements and codes.
fn texts() -> impl Strategy<Value = String> {
    let bit = prop_oneof![
        2 => "([a-z西汤|　 ]{1,5}\r?\n){1,5}",
        1 => "[a-z西红%]{1,9}",
        2 => prop::sample::select(vec![
            "rot13", "rot-", "cae", "atbash", "cipher", "decode", "reverse", "密码", "凯撒", "倒",
            "倒着", "反", "暗号", "\n", "\n\n", "%61", "dG9tYXRv", "tom",
        ]).prop_map(str::to_owned),
        1 => "[a-z ]{60,130}",
    ];
    prop::collection::vec(bit, 0..9).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn how_a_text_is_cut_cannot_be_seen(
        text in texts(),
        cuts in prop::collection::vec(0_usize..4_000, 0..6),
    ) {
        let whole = spelled([text.as_str()]);
        prop_assert_eq!(&spelled(pieces(&text, &cuts)), &whole);
        prop_assert_eq!(&spelled(text.split_inclusive(|_| true)), &whole);
    }

    #[test]
    fn what_grows_is_held_and_certain_in_time(text in texts()) {
        let mut decoder = Decoder::default();
        let mut out: Vec<Spelled> = Vec::new();
        let (mut held, mut read) = (Vec::new(), 0);
        for piece in text.split_inclusive(|_| true) {
            let from = out.len();
            decoder.push(piece, &mut out);
            read += piece.len() as u32;
            prop_assert!(out[from..].iter().all(|spelled| spelled.when == read));
            let back = read.saturating_sub(REACH as u32);
            held.push((out.len(), decoder.growing().map_or(back, |start| start.min(back))));
        }
        decoder.finish(&mut out);
        for (length, bound) in held {
            let mut late = out[length..].iter().filter(|late| late.layers > 0);
            prop_assert!(late.all(|late| late.span.start >= bound));
        }
    }

    #[test]
    fn a_turned_stretch_comes_whole(text in texts()) {
        let out = spelled([text.as_str()]);
        for pair in out.windows(2) {
            if pair[0].code.is_turned() != pair[1].code.is_turned() && pair[1].code.is_turned() {
                prop_assert!(pair[1].fresh);
            }
        }
    }
}
