//! The laws of `wardgate::detect` on random texts: how a text was cut cannot be seen, nothing
//! settled is reported later, clean text is not held, spans are exact in every disguise.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use proptest::sample::select;
use wardgate::detect::{Builder, ContactKind, Detectors, Hit, Scanner, SignalId};
use wardgate::text::{ViewKind, Views};

/// Cases of each property.
const CASES: u32 = 10_000;

const CANARIES: [&str; 11] = [
    "萝卜",
    "西葫芦",
    "小白菜汤",
    "番茄汁",
    "tomato",
    "kale",
    "zorbex",
    "blind box",
    "glimmer fern root",
    "加vex",
    "秋葵box",
];

/// Terms, patterns, ages and contacts together, as a policy set has them.
fn all() -> &'static Arc<Detectors> {
    static ALL: OnceLock<Arc<Detectors>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut builder = Builder::default();
        for (signal, word) in CANARIES.iter().chain(&["radish*", "番", "to"]).enumerate() {
            let signal = SignalId(signal as u32 % 12);
            builder.word(signal, word, Views::DEFAULT).expect("a word");
        }
        for (signal, regex) in [
            (20, "番.{0,6}茄"),
            (21, "[0-9]{3,6}"),
            (21, "fern.{1,9}root"),
            (22, r"(?-u:\b)ka[a-z]{1,5}"),
        ] {
            builder.pattern(SignalId(signal), regex).expect("a pattern");
        }
        builder.age(SignalId(30), 0, 17).expect("a range");
        let kinds = [
            ContactKind::Phone,
            ContactKind::Email,
            ContactKind::Link,
            ContactKind::Handle,
        ];
        builder.contact(SignalId(31), &kinds).expect("built in");
        Arc::new(builder.build().expect("small"))
    })
}

/// Without e-mail addresses and links, of which every Latin word could be the beginning.
fn quiet() -> &'static Arc<Detectors> {
    static QUIET: OnceLock<Arc<Detectors>> = OnceLock::new();
    QUIET.get_or_init(|| {
        let mut builder = Builder::default();
        for word in CANARIES {
            builder
                .word(SignalId(0), word, Views::DEFAULT)
                .expect("a word");
        }
        builder
            .pattern(SignalId(1), "番.{0,6}茄")
            .expect("a pattern");
        builder.age(SignalId(2), 0, 17).expect("a range");
        builder
            .contact(SignalId(3), &[ContactKind::Phone])
            .expect("built in");
        Arc::new(builder.build().expect("small"))
    })
}

/// Pieces of texts: canaries, their beginnings, separators, numbers, disguises, noise.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "tom",
        "t.o.m.a.t.o",
        "t0mat0",
        "k4le",
        "萝",
        "蘿/蔔",
        "番 茄",
        "西\n葫\n芦",
        "blind  box",
        "glimmer-fern",
        "radishes",
        "14岁",
        "she is 14 ",
        "14-year-old",
        "12-",
        "十四",
        "裸卜",
        "箩ｂｏ",
        "luo bo",
        "西户芦",
        "囊卜西",
        "卜萝",
        "otamot",
        "小百菜汤",
        "女子",
        "加微信 abc12345",
        "t%6Fmato",
        "6JCd5Y2c",
        "今年",
        "13812345678",
        "a@b.com",
        "zorbex.vip",
        "fern-root.example",
        "http://",
        "https://a-b.top:80/x?y",
        ".com",
        "@",
        "/",
        "_",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop-",
        "加V",
        "qq 12345",
        "dog",
        "\u{E0074}\u{E006F}",
        "\u{E0074}\u{E006F}\u{E006D}\u{E0061}\u{E0074}\u{E006F}",
        "\u{200b}",
        "\u{fe0f}",
        "🍅",
        " ",
        " ",
        "。",
        ".",
        "-",
        "----------------------",
        "\n",
        "１２３",
        "①",
        "㈱",
        "１4岁半",
    ];
    prop_oneof![
        select(CANARIES.to_vec()).prop_map(str::to_owned),
        select(known.to_vec()).prop_map(str::to_owned),
        "[a-z]{1,4} ?",
        "[番茄萝卜，的1 ]{1,3}",
        "\\PC{1,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat())
}

/// Pushes the pieces between the cuts; gives the hits and, per push, how many there were by then
/// and what was settled.
fn read(detectors: &Arc<Detectors>, text: &str, cuts: &[usize]) -> (Vec<Hit>, Vec<(usize, u32)>) {
    let mut scanner = Scanner::new(Arc::clone(detectors));
    let (mut hits, mut settled, mut from) = (Vec::new(), Vec::new(), 0);
    for &cut in cuts.iter().chain([&text.len()]) {
        scanner.push(&text[from..cut], &mut hits);
        settled.push((hits.len(), scanner.settled()));
        from = cut;
    }
    scanner.finish(&mut hits);
    (hits, settled)
}

fn every_border(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn cuts_cannot_be_seen(text in text(), seeds in prop::collection::vec(any::<u16>(), 0..5)) {
        let whole = all().scan(&text);
        let borders = every_border(&text);
        let mut cuts: Vec<usize> = seeds
            .iter()
            .filter_map(|&seed| borders.get(usize::from(seed) % borders.len().max(1)).copied())
            .collect();
        cuts.sort_unstable();
        prop_assert_eq!(&read(all(), &text, &cuts).0, &whole);
        prop_assert_eq!(&read(all(), &text, &borders).0, &whole);
    }

    #[test]
    fn hits_come_in_order_and_with_sane_places(text in text()) {
        let mut hits = Vec::new();
        let mut scanner = Scanner::new(Arc::clone(all()));
        scanner.push(&text, &mut hits);
        let mut at_end = Vec::new();
        scanner.finish(&mut at_end);
        let key = |hit: &Hit| (hit.ripe, hit.to, hit.from, hit.signals, hit.span);
        prop_assert!(hits.is_sorted_by(|a, b| key(a) < key(b)));
        prop_assert!(at_end.is_sorted_by(|a, b| key(a) < key(b)));
        hits.append(&mut at_end);
        let symbols = wardgate::text::skeleton(&text).chars().count() as u32;
        for hit in hits {
            prop_assert!(text.get(hit.span.range()).is_some());
            prop_assert!(!hit.span.is_empty() && hit.from <= hit.to);
            prop_assert!(hit.to <= hit.ripe && hit.ripe <= symbols);
            if hit.view != ViewKind::Hidden {
                for &signal in all().signals(hit.signals) {
                    prop_assert!(hit.ripe - hit.from <= all().reach(signal));
                }
            }
        }
    }

    #[test]
    fn nothing_settled_is_hit_later(text in text()) {
        let (hits, settled) = read(all(), &text, &every_border(&text));
        let mut before = 0;
        for (reported, settled) in settled {
            prop_assert!(settled >= before, "settled went back");
            before = settled;
            for hit in &hits[reported..] {
                prop_assert!(hit.span.start >= settled, "{hit:?} after {settled} was settled");
            }
        }
    }

    #[test]
    fn clean_text_is_not_held(text in "[v也很，。！?; )\u{1F388}#*]{0,60}") {
        let (hits, settled) = read(quiet(), &text, &every_border(&text));
        prop_assert_eq!(hits, vec![]);
        for (at, (_, settled)) in every_border(&text).into_iter().zip(settled) {
            prop_assert_eq!(settled as usize, at);
        }
    }

    #[test]
    fn unripe_matches_are_reported_if_the_text_ends(text in text()) {
        let mut scanner = Scanner::new(Arc::clone(all()));
        let mut hits = Vec::new();
        scanner.push(&text, &mut hits);
        let known = hits.len();
        let unripe = scanner.unripe_before(text.len() as u32);
        scanner.finish(&mut hits);
        // Of overlapping unripe matches only the first need be reported.
        let late = hits[known..].iter();
        // What a run or columns spell is read when they end.
        let late = late.filter(|hit| !matches!(hit.view, ViewKind::Decoded | ViewKind::Reversed));
        let first = late.map(|hit| hit.span.start).min();
        if first.is_some() {
            prop_assert!(unripe.is_some() && unripe <= first);
        }
    }

    #[test]
    fn every_disguise_is_found_with_its_bytes(
        canary in select(CANARIES.to_vec()),
        disguise in select(DISGUISES.to_vec()),
        seed in any::<u64>(),
        around in select(vec![("", ""), ("吃 ", "，好"), ("x: ", " y"), ("(", ")"), ("。", "\n")]),
    ) {
        let Some(disguised) = disguise(canary, seed) else {
            return Ok(());
        };
        let text = format!("{}{disguised}{}", around.0, around.1);
        let signal = CANARIES.iter().position(|&word| word == canary).expect("known") as u32;
        let hits = all().scan(&text);
        let spans: Vec<&str> = hits
            .iter()
            .filter(|hit| all().signals(hit.signals).contains(&SignalId(signal)))
            .map(|hit| &text[hit.span.range()])
            .collect();
        prop_assert_eq!(spans, [disguised.as_str()], "{:?}: {:?}", &text, &hits);
    }

    #[test]
    fn plain_terms_agree_with_a_slow_reader(text in "[ab ]{0,12}", terms in prop::collection::vec("[ab]{1,3}( [ab]{1,2})?", 1..5)) {
        let mut builder = Builder::default();
        let views = Views::of(&[ViewKind::Surface, ViewKind::Skeleton]);
        for term in &terms {
            builder.word(SignalId(0), term, views).expect("a word");
        }
        let detectors = Arc::new(builder.build().expect("small"));
        let (hits, settled) = read(&detectors, &text, &every_border(&text));
        let mut got: Vec<(u32, u32)> = hits.iter().map(|hit| (hit.span.start, hit.span.end)).collect();
        got.sort_unstable();
        prop_assert_eq!(got, slow_hits(&text, &terms));
        for (at, (_, settled)) in every_border(&text).into_iter().zip(settled) {
            prop_assert_eq!(settled as usize, slow_settled(&text[..at], &terms), "{:?}", &text[..at]);
        }
    }
}

/// E-mail addresses and links with a scheme, as expressions; the detector reads them by hand.
fn addresses() -> &'static (Arc<Detectors>, Arc<Detectors>) {
    const MAIL: &str =
        r"(?-u:\b)[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,40}\.){1,3}[a-z]{2,12}(?-u:\b)";
    const LINK: &str = r"https?://[a-z0-9][a-z0-9.-]{2,80}(?::[0-9]{1,5})?(?:[/?#][!-~]{0,120})?";
    static BOTH: OnceLock<(Arc<Detectors>, Arc<Detectors>)> = OnceLock::new();
    BOTH.get_or_init(|| {
        let (mut by_hand, mut by_pattern) = (Builder::default(), Builder::default());
        for (signal, kind, regex) in [(1, ContactKind::Email, MAIL), (2, ContactKind::Link, LINK)] {
            let contact = by_hand.contact(SignalId(signal), &[kind]);
            contact.expect("built in");
            let pattern = by_pattern.pattern(SignalId(signal), regex);
            pattern.expect("a pattern");
        }
        let build = |builder: Builder| Arc::new(builder.build().expect("small"));
        (build(by_hand), build(by_pattern))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn addresses_read_by_hand_are_those_of_their_expressions(
        pieces in prop::collection::vec(
            prop_oneof![
                "[a-z1]{1,3}",
                "[a-c._%+-]{60,66}",
                select(vec!["@", "@", ".", ".", "-", "_", " ", "com", "http://", "https:", "/", ":80"])
                    .prop_map(str::to_owned),
            ],
            0..16,
        )
    ) {
        let text = pieces.concat();
        let of = |detectors: &Arc<Detectors>, signal| -> Vec<(u32, u32)> {
            let hits = detectors.scan(&text);
            let own = |hit: &&Hit| detectors.signals(hit.signals) == [SignalId(signal)];
            let wanted = hits.iter().filter(own);
            wanted.map(|hit| (hit.span.start, hit.span.end)).collect()
        };
        let (by_hand, by_pattern) = addresses();
        prop_assert_eq!(of(by_hand, 1), of(by_pattern, 1), "{:?}", &text);
        // A bare domain that began earlier may cover a link with a scheme.
        let links = of(by_hand, 2);
        for (from, to) in of(by_pattern, 2) {
            let covered = links.iter().any(|link| link.0 <= from && to.min(from + 9) <= link.1);
            prop_assert!(covered, "{:?} {links:?} {:?}", &text, (from, to));
        }
    }
}

/// Ends of all readings of a term at the start of the text; whether the text ended inside one.
fn slow_read(text: &str, term: &str) -> (Vec<usize>, bool) {
    let mut places = vec![0];
    let mut alive = false;
    for c in term.chars() {
        let mut next = Vec::new();
        for &at in &places {
            let most = if c == ' ' { 3 } else { 1 };
            alive |= at == text.len();
            for count in 1..=most {
                let Some(run) = text[at..].get(..count) else {
                    alive |= c == ' ' && at < text.len() && text[at..].chars().all(|c| c == ' ');
                    break;
                };
                if run.chars().all(|x| x == c) {
                    next.push(at + count);
                }
            }
        }
        places = next;
    }
    (places, alive)
}

fn word_starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    (0..text.len()).filter(|&at| at == 0 || text.as_bytes()[at - 1] == b' ')
}

fn slow_hits(text: &str, terms: &[String]) -> Vec<(u32, u32)> {
    let mut hits: Vec<(u32, u32)> = word_starts(text)
        .flat_map(|from| {
            let ends = terms
                .iter()
                .flat_map(move |t| slow_read(&text[from..], t).0);
            ends.map(move |end| (from, from + end))
        })
        .filter(|&(_, end)| text[end..].chars().next().is_none_or(|c| c == ' '))
        .map(|(from, end)| (from as u32, end as u32))
        .collect();
    hits.sort_unstable();
    hits.dedup();
    hits
}

/// The start of the earliest word from which a term is under way or waits for its border.
fn slow_settled(text: &str, terms: &[String]) -> usize {
    word_starts(text)
        .find(|&from| {
            let rest = &text[from..];
            terms.iter().any(|term| {
                let (ends, alive) = slow_read(rest, term);
                alive || ends.contains(&rest.len())
            })
        })
        .unwrap_or(text.len())
}

type Disguise = fn(&str, u64) -> Option<String>;

const DISGUISES: [Disguise; 10] = [
    plain,
    upper_case,
    fullwidth,
    zero_width,
    separated,
    traditional,
    cyrillic,
    leet,
    tags,
    accents,
];

/// Replaces each character; `None` if that changes nothing.
fn each(word: &str, seed: u64, change: impl Fn(char, u64) -> String) -> Option<String> {
    let changed: String = word
        .chars()
        .zip(0..)
        .map(|(c, nth)| change(c, seed.rotate_right(nth * 5)))
        .collect();
    (changed != word).then_some(changed)
}

fn plain(word: &str, _: u64) -> Option<String> {
    Some(word.to_owned())
}

fn upper_case(word: &str, _: u64) -> Option<String> {
    each(word, 0, |c, _| c.to_uppercase().to_string())
}

fn fullwidth(word: &str, seed: u64) -> Option<String> {
    each(word, seed, |c, seed| match c {
        'a'..='z' if seed & 1 == 0 => char::from_u32(c as u32 + 0xFEE0).into_iter().collect(),
        ' ' => "\u{3000}".into(),
        _ => c.to_string(),
    })
}

/// Between the characters only: what is dropped after the last symbol is not part of the span.
fn zero_width(word: &str, seed: u64) -> Option<String> {
    const NOTHINGS: [&str; 8] = [
        "",
        "",
        "\u{200b}",
        "\u{2060}\u{200d}",
        "\u{ad}",
        "\u{202e}",
        "\u{fe0f}",
        "\u{180e}",
    ];
    each(word, seed, |c, seed| {
        format!("{}{c}", NOTHINGS[seed as usize % 8])
    })
    .map(|text| {
        let from = text.chars().position(|c| word.starts_with(c)).unwrap_or(0);
        text.chars().skip(from).collect()
    })
}

fn separated(word: &str, seed: u64) -> Option<String> {
    const BETWEEN: [&str; 8] = [".", "/", " ", "🎈", "-*-", " . ", "~", "+\n+"];
    let latin = word.chars().filter(char::is_ascii_alphabetic).count();
    let han = word.chars().filter(|c| !c.is_ascii()).count();
    // A gap inside a Latin word wants at least three single letters in a row of one word.
    if word.contains(' ') || (latin > 0 && han > 0) {
        return None;
    }
    let mut natural = false;
    let text = word
        .chars()
        .zip(0..)
        .fold(String::new(), |mut text, (c, nth)| {
            let between = BETWEEN[(seed.rotate_right(nth * 5) % 8) as usize];
            if nth > 0 {
                natural |= between.contains('\n');
                text.push_str(between);
            }
            text.push(c);
            text
        });
    // With a line break the Han have to stand alone, which "，好" around them does not disturb.
    (!natural || latin > 0).then_some(text)
}

fn traditional(word: &str, _: u64) -> Option<String> {
    each(word, 0, |c, _| match c {
        '萝' => "蘿".into(),
        '卜' => "蔔".into(),
        '芦' => "蘆".into(),
        '汤' => "湯".into(),
        _ => c.to_string(),
    })
}

fn cyrillic(word: &str, seed: u64) -> Option<String> {
    const PAIRS: [(char, char); 8] = [
        ('a', 'а'),
        ('e', 'е'),
        ('o', 'о'),
        ('x', 'х'),
        ('t', 'т'),
        ('m', 'м'),
        ('i', 'і'),
        ('b', 'В'),
    ];
    each(word, seed, |c, seed| {
        let pair = PAIRS.iter().find(|pair| pair.0 == c && seed & 1 == 0);
        pair.map_or(c, |pair| pair.1).to_string()
    })
}

fn leet(word: &str, seed: u64) -> Option<String> {
    const PAIRS: [(char, char); 7] = [
        ('a', '4'),
        ('e', '3'),
        ('o', '0'),
        ('t', '7'),
        ('b', '8'),
        ('l', '1'),
        ('i', '!'),
    ];
    each(word, seed, |c, seed| {
        let pair = PAIRS.iter().find(|pair| pair.0 == c && seed & 1 == 0);
        pair.map_or(c, |pair| pair.1).to_string()
    })
}

fn tags(word: &str, _: u64) -> Option<String> {
    let spell = |c: char| char::from_u32(c as u32 + 0xE0000);
    word.is_ascii()
        .then(|| word.chars().filter_map(spell).collect())
}

fn accents(word: &str, seed: u64) -> Option<String> {
    each(word, seed, |c, seed| match c {
        'a' if seed & 1 == 0 => "à".into(),
        'o' => "ö".into(),
        'e' => "é".into(),
        _ => c.to_string(),
    })
}
