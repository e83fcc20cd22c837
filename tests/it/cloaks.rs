//! Neutral words in every disguise and in pairs of disguises: which are found, and whether the
//! span is exactly what was written.
//!
//! `cargo test --test it cloaks:: -- --nocapture` prints the rates of all tricks. What is asserted of
//! which is said by [`claim`]; `policies/README.md` has it as a table.

mod cuts;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use wardgate::cloak::{Cloaked, Dice, Trick, cloak, cloak_twice};
use wardgate::detect::{Builder, ContactKind, Detectors, SignalId};
use wardgate::text::{ViewKind, Views, skeleton};

use crate::cli::wardgate;

/// What is asserted of a trick on the words of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Caught, and the span is what was written.
    Exact,
    /// Caught, and the span lies within what was written: a stream has shown the first signs of a code
    /// before they can be told from a word, and a column has its neighbours' cells between its own.
    Inside,
    /// Nothing.
    Nothing,
}

/// What is asserted. Nothing of: puns on the emoji of two Han, which need more than one sign; sounds that
/// only nearly agree of two Han and three, without a second sign; base64 backwards of English, which may begin
/// as quoted-printable does (`=42`).
fn claim(trick: Trick, group: usize) -> Claim {
    let (name, han, _) = &groups()[group];
    match trick {
        Trick::Fuzzy | Trick::Cantonese if *han < 4 && *name != SIGNED => Claim::Nothing,
        Trick::EmojiPun if *han < 3 => Claim::Nothing,
        Trick::ReversedBase64 if *han == 0 => Claim::Nothing,
        Trick::Base64 | Trick::Base32 if *han > 0 => Claim::Exact,
        Trick::Base64 | Trick::Base32 | Trick::Hex | Trick::ReversedBase64 => Claim::Inside,
        Trick::CodePoint | Trick::Morse | Trick::Punycode | Trick::Vertical => Claim::Inside,
        _ => Claim::Exact,
    }
}

/// Caught with exact spans, in percent: single tricks, pairs (issue 3, point 1).
const SINGLE: usize = 99;
const PAIR: usize = 97;

/// Disguises of each word per trick, and of each group per pair.
const ROUNDS: u64 = 3;
const PER_PAIR: u64 = 8;

/// Groups of canaries: name, Han (0: English), words.
type Group = (&'static str, usize, Vec<String>);

const TWO_HAN: &str = "萝卜 南瓜 黄瓜 茄子 白菜 菠菜 芹菜 韭菜 莲藕 土豆 山药 芋头 冬瓜 丝瓜 苦瓜 \
    豆角 豌豆 毛豆 青椒 辣椒 洋葱 生姜 大蒜 香菜 油菜 竹笋 木耳 香菇 玉米 红薯";
const THREE_HAN: &str = "西红柿 胡萝卜 大白菜 马铃薯 西兰花 荷兰豆 四季豆 空心菜 卷心菜 金针菇 \
    杏鲍菇 娃娃菜 油麦菜 茼蒿菜 莴笋叶 豆芽菜 紫甘蓝 红薯叶 南瓜汤 黄瓜片 土豆泥 绿豆芽 花椰菜 \
    西葫芦 佛手瓜 秋葵片 芦笋尖 蘑菇汤 玉米粒 香椿芽";
const FOUR_HAN: &str = "番茄炒蛋 凉拌黄瓜 清炒芦笋 红烧茄子 麻婆豆腐 酸辣土豆 蒜蓉菠菜 香菇青菜 \
    胡萝卜丝 南瓜小饼 玉米浓汤 莲藕排骨 冬瓜肉丸 丝瓜蛋汤 韭菜炒蛋 白菜粉条 芹菜豆干 洋葱牛肉 \
    青椒肉丝 木耳山药 豌豆米饭 香菜拌面 竹笋火腿 苦瓜煎蛋 荷塘月色 紫薯米糕 芋头扣肉 西芹百合 \
    萝卜干饭 蚕豆酱汤";
const ONE_WORD: &str = "tomato turnip carrot spinach broccoli radish cabbage eggplant pumpkin \
    zucchini asparagus parsnip lettuce celery fennel potato pepper cucumber onion garlic leek okra \
    kale chard shallot artichoke rutabaga kohlrabi endive watercress";
const TWO_WORDS: &str = "sweet potato,red cabbage,green bean,bell pepper,spring onion,water chestnut,\
    bok choy,snow pea,bean sprout,wild garlic,baby carrot,butternut squash,cherry tomato,\
    white radish,collard green,swiss chard,corn cob,lotus root,bitter melon,winter melon,snap pea,\
    fava bean,black bean,chick pea,hot pepper,sea kale,celery root,golden beet,purple yam,\
    brussels sprout";

fn groups() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let words = |text: &str, cut: &[char]| -> Vec<String> {
            let words = text
                .split(cut)
                .map(str::trim)
                .filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        };
        let two = words(TWO_WORDS, &[',']);
        let how = ["roasted", "pickled", "mashed", "grilled", "frozen"]
            .iter()
            .cycle();
        let three = two
            .iter()
            .zip(how)
            .map(|(word, how)| format!("{how} {word}"));
        let three = three.collect();
        vec![
            ("2 Han", 2, words(TWO_HAN, &[' '])),
            (SIGNED, 2, words(TWO_HAN, &[' '])),
            ("3 Han", 3, words(THREE_HAN, &[' '])),
            ("4 Han", 4, words(FOUR_HAN, &[' '])),
            ("1 word", 0, words(ONE_WORD, &[' '])),
            ("2 words", 0, two),
            ("3 words", 0, three),
        ]
    })
}

/// What stands around a canary; none of it sounds or looks like one.
const HAN_CARRIERS: [(&str, &str); 5] = [
    ("今天我们去市场买了", "，回家再说。"),
    ("请问", "怎么做？"),
    ("他们都很喜欢", "的味道"),
    ("", ""),
    ("昨天在店里看到：", "！"),
];
const LATIN_CARRIERS: [(&str, &str); 5] = [
    ("we bought ", " at the market today."),
    ("how do you cook ", "?"),
    ("", ""),
    ("My mother says: ", ", every day!"),
    ("they had some ", " with rice"),
];

fn detectors() -> &'static Arc<Detectors> {
    static DETECTORS: OnceLock<Arc<Detectors>> = OnceLock::new();
    DETECTORS.get_or_init(|| {
        let mut builder = Builder::default();
        let words = groups().iter().flat_map(|(_, _, words)| words);
        for (signal, word) in words.enumerate() {
            let signal = SignalId(signal as u32);
            let views = Views::of(&ViewKind::ALL);
            builder.word(signal, word, views).expect("a word");
        }
        let contact = builder.contact(SignalId(u32::MAX), &[ContactKind::Handle]);
        contact.expect("built in");
        Arc::new(builder.build().expect("small"))
    })
}

/// Two Han with a second sign beside them: a way to reach somebody.
const SIGNED: &str = "2 Han, signed";
const SIGN: &str = "加微信 abc12345";

/// How many disguises were written, found at all, and found with exact spans.
#[derive(Debug, Clone, Default)]
struct Tally {
    tried: usize,
    found: usize,
    inside: usize,
    exact: usize,
    /// The first that was not.
    missed: Option<String>,
}

impl Tally {
    fn add(&mut self, signal: SignalId, made: &Cloaked) {
        let hits = detectors().scan(&made.text);
        let own = hits
            .iter()
            .filter(|hit| detectors().signals(hit.signals).contains(&signal));
        let spans: Vec<Range<usize>> = own.map(|hit| hit.span.range()).collect();
        self.tried += 1;
        self.found += usize::from(spans.iter().any(|span| overlap(span, &made.span)));
        let within =
            |span: &Range<usize>| made.span.start <= span.start && span.end <= made.span.end;
        self.inside += usize::from(spans.iter().any(within));
        let exact = spans.iter().any(|span| is_exact(span, made));
        self.exact += usize::from(exact);
        if !exact && self.missed.is_none() {
            self.missed = Some(made.text.clone());
        }
    }

    fn sum(&mut self, other: &Self) {
        self.tried += other.tried;
        self.found += other.found;
        self.inside += other.inside;
        self.exact += other.exact;
    }

    /// As exact as is claimed.
    fn as_claimed(&self, claim: Claim) -> Self {
        Self {
            exact: match claim {
                Claim::Inside => self.inside,
                Claim::Exact | Claim::Nothing => self.exact,
            },
            ..self.clone()
        }
    }

    fn reaches(&self, claim: Claim, percent: usize) -> bool {
        let caught = match claim {
            Claim::Exact => self.exact,
            Claim::Inside => self.inside,
            Claim::Nothing => self.tried,
        };
        caught * 100 >= self.tried * percent
    }

    fn text(&self) -> String {
        let percent = |part: usize| part as f64 * 100.0 / self.tried.max(1) as f64;
        let (found, inside) = (percent(self.found), percent(self.inside));
        let exact = percent(self.exact);
        format!("{found:5.1}/{inside:5.1}/{exact:5.1} ({})", self.tried)
    }
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Marks and invisible signs at either end are no letters: what is left of them shows nothing.
fn is_exact(span: &Range<usize>, made: &Cloaked) -> bool {
    let around = [made.span.start..span.start, span.end..made.span.end];
    let nothing = |rest: Range<usize>| {
        let rest = made.text.get(rest);
        rest.is_some_and(|rest| skeleton(rest).is_empty())
    };
    span.start >= made.span.start && around.into_iter().all(nothing)
}

/// A canary in a carrier: the text, and where the canary is.
fn carried(group: usize, word: &str, dice: &mut Dice) -> (String, Range<usize>) {
    let carriers = match word.is_ascii() {
        true => &LATIN_CARRIERS,
        false => &HAN_CARRIERS,
    };
    let (before, after) = dice.pick(carriers).expect("there are some");
    let target = before.len()..before.len() + word.len();
    let sign = if groups()[group].0 == SIGNED {
        SIGN
    } else {
        ""
    };
    ([before, word, after, sign].concat(), target)
}

/// Signals are numbered over all groups.
fn signals() -> impl Iterator<Item = (usize, SignalId, &'static str)> {
    let words = groups().iter().enumerate();
    let words =
        words.flat_map(|(group, (_, _, words))| words.iter().map(move |word| (group, word)));
    (0..)
        .zip(words)
        .map(|(signal, (group, word))| (group, SignalId(signal), word.as_str()))
}

/// Rates of each group for one trick.
fn single(trick: Trick) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); groups().len()];
    for (group, signal, word) in signals() {
        for round in 0..ROUNDS {
            let mut dice = Dice(round << 40 ^ u64::from(signal.0) << 8 ^ trick as u64);
            let (text, target) = carried(group, word, &mut dice);
            if let Some(made) = cloak(trick, &text, target, &mut dice) {
                tallies[group].add(signal, &made);
            }
        }
    }
    tallies
}

/// Rates of each group for one trick on another.
fn pair(pair: (Trick, Trick)) -> Vec<Tally> {
    let mut tallies = vec![Tally::default(); groups().len()];
    let mut dice = Dice((pair.0 as u64) << 32 ^ pair.1 as u64);
    for (group, tally) in tallies.iter_mut().enumerate() {
        let words: Vec<_> = signals().filter(|(own, ..)| *own == group).collect();
        for _ in 0..PER_PAIR {
            let (_, signal, word) = *dice.pick(&words).expect("a group has words");
            let (text, target) = carried(group, word, &mut dice);
            if let Some(made) = cloak_twice(pair, &text, target, &mut dice) {
                tally.add(signal, &made);
            }
        }
    }
    tallies
}

/// Whether pairs with it are asserted: it is exact in every group, and no code, which is often the
/// other trick's text no more.
fn pairs_up(trick: Trick) -> bool {
    let exact = |group| claim(trick, group) == Claim::Exact;
    trick.view() != "decoded" && (0..groups().len()).all(exact)
}

/// What is asserted of a pair: what no rotation changes is plain text, so a digit or an emoji at its edge is not
/// part of what was rotated.
fn pair_claim(first: Trick, second: Trick) -> Claim {
    let signs = first == Trick::Leet || first.view() == "emoji";
    match signs && second.view() == "reversed" {
        true => Claim::Inside,
        false => Claim::Exact,
    }
}

/// A lossy trick on two Han is evidence that needs a second signal; it is printed, not asserted.
fn decides_alone(group: usize, tricks: &[Trick]) -> bool {
    let lossy = |trick: &Trick| trick.is_lossy() || trick.view() == "emoji";
    groups()[group].0 != "2 Han" || !tricks.iter().any(lossy)
}

fn line(name: &str, view: &str, tallies: &[Tally]) -> String {
    let cells = tallies.iter().map(|tally| match tally.tried {
        0 => format!("{:>25}", "-"),
        _ => format!("{:>25}", tally.text()),
    });
    format!("{name:<28} {view:<9}{}", cells.collect::<String>())
}

fn heading(what: &str) -> String {
    let names = groups().iter().map(|(name, ..)| format!("{name:>25}"));
    let names: String = names.collect();
    format!(
        "{what}: found / span inside / span exact, percent (disguises)\n{:38}{names}",
        ""
    )
}

/// "leet, 1 word: 83.3/ 83.3 (90), such as …": the canaries are vegetables, so they may be shown.
fn shortfall(name: &str, group: usize, tally: &Tally) -> String {
    let missed = tally.missed.as_deref().unwrap_or_default();
    let (rates, group) = (tally.text(), groups()[group].0);
    format!("{name}, {group}: {rates}, such as {missed:?}")
}

#[test]
fn single_tricks_are_caught() {
    let (mut table, mut missed) = (heading("single tricks"), Vec::new());
    let mut pending = Vec::new();
    for trick in Trick::ALL {
        let (name, tallies) = (trick.name(), single(trick));
        assert!(tallies.iter().any(|tally| tally.tried > 0), "{name}");
        table += &format!("\n{}", line(name, trick.view(), &tallies));
        for (group, tally) in tallies.iter().enumerate() {
            let claim = claim(trick, group);
            let wanted = claim != Claim::Nothing && decides_alone(group, &[trick]);
            if tally.reaches(if wanted { claim } else { Claim::Exact }, SINGLE) {
                continue;
            }
            let list = if wanted { &mut missed } else { &mut pending };
            list.push(shortfall(name, group, tally));
        }
    }
    println!("{table}\nnot asserted:\n{}", pending.join("\n"));
    let missed = missed.join("\n");
    assert!(missed.is_empty(), "below {SINGLE} %:\n{missed}");
}

/// Every pair that goes together.
fn pairs() -> impl Iterator<Item = (Trick, Trick)> {
    let all = Trick::ALL.into_iter();
    let pairs = all.flat_map(|first| Trick::ALL.map(|second| (first, second)));
    pairs.filter(|(first, second)| second.follows(*first))
}

#[test]
fn pairs_of_tricks_are_caught() {
    let none = || vec![Tally::default(); groups().len()];
    let (mut views, mut wanted) = (BTreeMap::<String, Vec<Tally>>::new(), none());
    let mut worst = Vec::new();
    for (first, second) in pairs() {
        let name = format!("{} + {}", first.view(), second.view());
        let rows = views.entry(name).or_insert_with(none);
        for (group, tally) in pair((first, second)).iter().enumerate() {
            rows[group].sum(tally);
            if !pairs_up(first) || !pairs_up(second) || !decides_alone(group, &[first, second]) {
                continue;
            }
            let tally = &tally.as_claimed(pair_claim(first, second));
            wanted[group].sum(tally);
            if !tally.reaches(Claim::Exact, PAIR) {
                let name = format!("{} + {}", first.name(), second.name());
                worst.push(shortfall(&name, group, tally));
            }
        }
    }
    let lines = views.iter().map(|(name, tallies)| line(name, "", tallies));
    let lines: Vec<String> = lines.collect();
    println!("{}\n{}", heading("pairs, by view"), lines.join("\n"));
    println!("{}", line("all that must be caught", "", &wanted));
    let worst = worst.join("\n");
    println!("below {PAIR} %:\n{worst}");
    for (tally, (name, ..)) in wanted.iter().zip(groups()) {
        let enough = tally.tried > 0 && tally.reaches(Claim::Exact, PAIR);
        assert!(enough, "{name}: {}\n{worst}", tally.text());
    }
}

/// A pack of one rule with one positive, as a policy author has it.
const POLICY: &str = "policy: garden
title: {en: Garden, zh: 菜园}
reference: none; test only
signals:
  named: {words: [turnip, 西葫芦]}
rules:
  - {id: GRD-010, title: Named, status: stable, level: 1, severity: 3, when: named, action: flag, \
false_positives: [cooks]}
";
const CASES: &str = "cases:
  - {rule: GRD-010, text: we planted a turnip today, expect: flag}
  - {rule: GRD-010, text: 今天种了西葫芦, expect: flag}
  - {rule: GRD-010, text: we planted a tree, expect: miss}
  - {rule: GRD-010, text: 今天种了树, expect: miss}
  - {rule: GRD-010, text: we cook rice, expect: miss, false_positive: cooks}
";

fn tested(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("garden.yaml"), POLICY).expect("written");
    std::fs::write(folder.path().join("garden.cases.yaml"), CASES).expect("written");
    let mut command = wardgate();
    command.args(["test", "--pack"]).arg(folder.path());
    let run = command.args(arguments).output().expect("it runs");
    let said = [run.stdout, run.stderr].concat();
    (run.status.code(), String::from_utf8(said).expect("UTF-8"))
}

#[test]
fn the_cloaker_says_what_gets_past_a_rule() {
    let (code, said) = tested(&["--cloak", "--format", "json", "--seed", "7"]);
    assert_eq!(code, Some(0), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let cloaks = &report["cloaks"];
    assert_eq!(
        (&cloaks["seed"], &cloaks["rules"][0]["rule"]),
        (&7.into(), &"GRD-010".into())
    );
    let tricks = cloaks["tricks"].as_array().expect("a list");
    let row = |name: &str| {
        tricks
            .iter()
            .find(|row| row["trick"] == name)
            .expect("it applies")
    };
    assert_eq!(
        (&row("fullwidth")["tried"], &row("fullwidth")["caught"]),
        (&1.into(), &1.into())
    );
    assert_eq!(row("homophone")["view"], "pinyin");
    assert!(
        !said.contains("planted"),
        "the report holds no text: {said}"
    );
}

#[test]
fn the_report_for_people_fails_nothing() {
    let (code, said) = tested(&["--cloak"]);
    assert_eq!(code, Some(0), "{said}");
    let (plain, cloaks) = said.split_once("Disguises caught").expect("both parts");
    assert!(plain.contains("PASS: 5 cases passed"), "{said}");
    assert!(
        cloaks.contains("GRD-010") && cloaks.contains("seed 1"),
        "{said}"
    );
    assert!(!tested(&[]).1.contains("Disguises"));
    assert_eq!(tested(&["--seed", "3"]).0, Some(2), "--seed needs --cloak");
}
