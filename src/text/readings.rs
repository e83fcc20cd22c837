//! What a Han character sounds and looks like, and what is written in its place: the baked tables
//! of `src/tables/`, read once.
//!
//! Many-to-one readings (syllable, shape class) fold the text; one-to-many ones (splits, emoji)
//! expand the lexicon. Sources and licences: `src/tables/README.md`.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::fold::skeleton;

/// A toneless syllable, a shape class or a Cantonese syllable: a number of its own table, from 1.
pub type Key = u16;

/// Everything the tables say.
#[derive(Debug)]
pub struct Readings {
    syllables: Vec<Box<str>>,
    /// Keys by character: first and second syllable, fuzzy syllable, shape class, jyutping.
    keys: HashMap<char, Keys>,
    splits: HashMap<char, Vec<Box<str>>>,
    /// Emoji by what they are called, folded.
    named: HashMap<Box<str>, Vec<Named>>,
    /// Emoji by the syllables of their Chinese short names.
    sounding: HashMap<Vec<Key>, Vec<Box<str>>>,
}

/// How one character reads; 0 means that the tables do not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keys {
    /// The commonest syllable.
    pub syllable: Key,
    /// A second one.
    pub second: Key,
    /// The commonest syllable with what dialects merge merged.
    pub fuzzy: Key,
    /// Characters that look alike share it.
    pub shape: Key,
    /// The Cantonese syllable.
    pub jyutping: Key,
}

/// An emoji with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The emoji, folded like text.
    pub emoji: Box<str>,
    /// Whether it is its own short name, not a keyword.
    pub short: bool,
}

/// Emoji that one name is looked up to at most: keywords such as "face" have hundreds.
const MAX_EMOJI: usize = 64;

/// The tables.
pub fn readings() -> &'static Readings {
    static READINGS: OnceLock<Readings> = OnceLock::new();
    READINGS.get_or_init(Readings::load)
}

impl Readings {
    /// How the character reads.
    pub fn keys(&self, c: char) -> Keys {
        self.keys.get(&c).copied().unwrap_or_default()
    }

    /// Every character that reads in some way.
    pub fn all(&self) -> impl Iterator<Item = (char, Keys)> + '_ {
        self.keys.iter().map(|(c, keys)| (*c, *keys))
    }

    /// How a syllable is spelled in Latin letters (`v` for ü).
    pub fn spelling(&self, syllable: Key) -> &str {
        let at = usize::from(syllable).checked_sub(1);
        at.and_then(|at| self.syllables.get(at))
            .map_or("", |text| text)
    }

    /// What may be typed in the place of a character, part by part.
    pub fn splits(&self, c: char) -> &[Box<str>] {
        self.splits.get(&c).map_or(&[], Vec::as_slice)
    }

    /// Emoji of that name (folded).
    pub fn named(&self, name: &str) -> &[Named] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    /// Emoji whose Chinese short name sounds like these syllables.
    pub fn sounding(&self, syllables: &[Key]) -> &[Box<str>] {
        self.sounding.get(syllables).map_or(&[], Vec::as_slice)
    }

    fn load() -> Self {
        let mut keys: HashMap<char, Keys> = HashMap::new();
        let syllables = pinyin(&mut keys);
        for (number, line) in (1..).zip(rows(include_str!("../tables/shapes.txt"))) {
            line.chars()
                .for_each(|c| keys.entry(c).or_default().shape = number);
        }
        for (number, line) in (1..).zip(rows(include_str!("../tables/jyutping.txt"))) {
            let chars = line.split('\t').nth(1).unwrap_or_default();
            chars
                .chars()
                .for_each(|c| keys.entry(c).or_default().jyutping = number);
        }
        let mut readings = Self {
            syllables,
            keys,
            splits: splits(),
            named: HashMap::new(),
            sounding: HashMap::new(),
        };
        for line in rows(include_str!("../tables/emoji.txt")) {
            readings.emoji(line);
        }
        readings
    }

    /// One line: emoji, Chinese names, English names; the short name first.
    fn emoji(&mut self, line: &str) {
        let mut fields = line.split('\t');
        let emoji: Box<str> = skeleton(fields.next().unwrap_or_default()).into();
        if emoji.is_empty() {
            return;
        }
        for (language, field) in fields.enumerate() {
            for (nth, name) in field.split('|').map(skeleton).enumerate() {
                if name.is_empty() {
                    continue;
                }
                // Names of one Han are what people read an emoji as in puns.
                if language == 0 && (nth == 0 || name.chars().nth(1).is_none()) {
                    self.sound(&name, &emoji);
                }
                let named = self.named.entry(name.into()).or_default();
                let short = nth == 0;
                if named.len() < MAX_EMOJI && named.iter().all(|known| known.emoji != emoji) {
                    let emoji = emoji.clone();
                    named.push(Named { emoji, short });
                }
            }
        }
    }

    fn sound(&mut self, name: &str, emoji: &str) {
        let syllables: Vec<Key> = name.chars().map(|c| self.keys(c).syllable).collect();
        if syllables.iter().all(|&key| key != 0) {
            let sounding = self.sounding.entry(syllables).or_default();
            if sounding.len() < MAX_EMOJI {
                sounding.push(emoji.into());
            }
        }
    }
}

fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// Syllables, in the order of their keys; fills the keys of characters.
fn pinyin(keys: &mut HashMap<char, Keys>) -> Vec<Box<str>> {
    let lines: Vec<Vec<&str>> = rows(include_str!("../tables/pinyin.txt"))
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter(|fields| !fields[0].is_empty())
        .collect();
    let mut merged: HashMap<String, Key> = HashMap::new();
    for (key, fields) in (1..).zip(&lines) {
        let fuzzy = *merged.entry(fuzzy(fields[0])).or_insert(key);
        for c in fields.get(1).into_iter().flat_map(|chars| chars.chars()) {
            let keys = keys.entry(c).or_default();
            (keys.syllable, keys.fuzzy) = (key, fuzzy);
        }
        for c in fields.get(2).into_iter().flat_map(|chars| chars.chars()) {
            keys.entry(c).or_default().second = key;
        }
    }
    lines.iter().map(|fields| fields[0].into()).collect()
}

/// A syllable with what southern speech and careless typing merge: zh ch sh = z c s, n l r = l,
/// h = f before u, -ng = -n.
fn fuzzy(syllable: &str) -> String {
    let (initial, rest) = match syllable {
        s if s.starts_with("zh") => ("z", &s[2..]),
        s if s.starts_with("ch") => ("c", &s[2..]),
        s if s.starts_with("sh") => ("s", &s[2..]),
        s if s.starts_with(['n', 'r']) && s.len() > 1 => ("l", &s[1..]),
        s if s.starts_with("hu") => ("f", &s[2..]),
        s => ("", s),
    };
    let rest = match rest.strip_suffix("ng") {
        Some(stem) if !stem.is_empty() => format!("{stem}n"),
        _ => rest.to_owned(),
    };
    initial.to_owned() + &rest
}

fn splits() -> HashMap<char, Vec<Box<str>>> {
    let mut splits = HashMap::new();
    for line in rows(include_str!("../tables/splits.txt")) {
        let mut fields = line.split('\t');
        let whole = fields.next().and_then(|field| field.chars().next());
        let Some((whole, parts)) = whole.zip(fields.next()) else {
            continue;
        };
        let parts = parts.split(' ').map(skeleton);
        let parts = parts.filter(|part| part.chars().count() > 1);
        splits.insert(whole, parts.map(String::into_boxed_str).collect());
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_shapes_splits_and_names() {
        let all = readings();
        let sound = |c| all.spelling(all.keys(c).syllable);
        assert_eq!(
            (sound('菠'), sound('菜'), sound('彩')),
            ("bo", "cai", "cai")
        );
        assert_eq!(sound('绿'), "lv");
        assert_eq!(all.keys('清').shape, all.keys('情').shape);
        assert_eq!(all.keys('博').fuzzy, all.keys('菠').fuzzy);
        assert!(all.splits('好').iter().any(|parts| &**parts == "女子"));
        assert!(all.named("番茄").iter().any(|named| &*named.emoji == "🍅"));
        assert!(all.named("tomato").iter().any(|named| named.short));
        assert_eq!(all.keys('a'), Keys::default());
    }

    #[test]
    fn dialects_merge() {
        for (one, other) in [
            ("zhang", "zan"),
            ("shi", "si"),
            ("ning", "lin"),
            ("hua", "fa"),
        ] {
            assert_eq!(fuzzy(one), fuzzy(other));
        }
        assert_ne!(fuzzy("ba"), fuzzy("pa"));
    }
}
