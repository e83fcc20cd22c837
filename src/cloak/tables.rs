//! The baked tables, the way round that the cloaker needs them: from what is meant to what may be
//! written for it. Read once.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::text::skeleton;

type Chars = HashMap<char, Vec<char>>;
type Words = HashMap<&'static str, Vec<&'static str>>;

/// Everything that Han can be written as.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Commonest syllable of each character.
    pub syllables: HashMap<char, &'static str>,
    /// Common characters that are read so.
    pub sounding: HashMap<&'static str, Vec<char>>,
    /// The same in Cantonese.
    pub jyutping: HashMap<char, &'static str>,
    /// Common characters that are read so in Cantonese.
    pub sounding_cantonese: HashMap<&'static str, Vec<char>>,
    /// The class of look-alikes of each character.
    pub shapes: HashMap<char, &'static str>,
    /// What is typed in a character's place.
    pub splits: HashMap<char, Vec<&'static str>>,
    /// Traditional forms.
    pub traditional: Chars,
    /// Rare and compatibility forms.
    pub variants: Chars,
    /// Emoji by name.
    pub emoji: Words,
    /// Chinese names of emoji of one or two characters, by syllables, each with its emoji: only
    /// the short name and our own list, since nobody puns on a keyword.
    pub puns: HashMap<String, Vec<(&'static str, &'static str)>>,
}

fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

pub(super) fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(load)
}

fn load() -> Tables {
    let mut tables = Tables::default();
    for row in rows(include_str!("../tables/splits.txt")) {
        if let [c, splits] = row[..] {
            tables
                .splits
                .extend(c.chars().map(|c| (c, splits.split(' ').collect())));
        }
    }
    load_sounds(&mut tables);
    for row in rows(include_str!("../tables/shapes.txt")) {
        tables.shapes.extend(row[0].chars().map(|c| (c, row[0])));
    }
    for row in rows(include_str!("../tables/variants.txt")) {
        if let [rare, plain] = row[..] {
            put(&mut tables.variants, rare, plain);
        }
    }
    for line in include_str!("../text/t2s.txt").lines() {
        let (from, to) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
        if from != "#" && to.chars().count() == 1 {
            put(&mut tables.traditional, from, to);
        }
    }
    load_compatible(&mut tables.variants);
    load_emoji(&mut tables);
    tables
}

fn put(table: &mut Chars, from: &str, to: &str) {
    if let (Some(from), Some(to)) = (from.chars().next(), to.chars().next()) {
        table.entry(to).or_default().push(from);
    }
}

/// Only characters that can be split are offered for others: what is not in that table is rare.
fn load_sounds(tables: &mut Tables) {
    let common = |c: &char| tables.splits.contains_key(c);
    for row in rows(include_str!("../tables/pinyin.txt")) {
        let [syllable, first, _] = row[..] else {
            continue;
        };
        tables
            .syllables
            .extend(first.chars().map(|c| (c, syllable)));
        let offered = first.chars().filter(common).collect();
        tables.sounding.insert(syllable, offered);
    }
    for row in rows(include_str!("../tables/jyutping.txt")) {
        let [syllable, chars] = row[..] else { continue };
        tables.jyutping.extend(chars.chars().map(|c| (c, syllable)));
        let offered = chars.chars().filter(common).collect();
        tables.sounding_cantonese.insert(syllable, offered);
    }
}

/// Kangxi radicals and compatibility ideographs.
fn load_compatible(variants: &mut Chars) {
    let blocks = [0x2F00..=0x2FD5, 0xF900..=0xFAD9, 0x2F800..=0x2FA1D];
    for form in blocks.into_iter().flatten().filter_map(char::from_u32) {
        let text = form.to_string();
        let plain = skeleton(&text);
        if plain != text && plain.chars().count() == 1 {
            put(variants, &text, &plain);
        }
    }
}

fn load_emoji(tables: &mut Tables) {
    let own: HashMap<&str, &str> = rows(include_str!("../tables/own-emoji.txt"))
        .filter_map(|row| Some((*row.first()?, *row.get(1)?)))
        .collect();
    for row in rows(include_str!("../tables/emoji.txt")) {
        let [emoji, zh, en] = row[..] else { continue };
        for name in zh
            .split('|')
            .chain(en.split('|'))
            .filter(|name| !name.is_empty())
        {
            tables.emoji.entry(name).or_default().push(emoji);
        }
        let puns = own.get(emoji).map_or("", |names| names).split('|');
        for name in zh.split('|').take(1).chain(puns) {
            let syllables = syllables(&tables.syllables, name);
            if let Some(sound) = syllables.filter(|_| name.chars().count() <= 2) {
                tables.puns.entry(sound).or_default().push((name, emoji));
            }
        }
    }
}

/// "bo cai"; `None` if a character has no reading, or there is none.
fn syllables(table: &HashMap<char, &'static str>, name: &str) -> Option<String> {
    let all = name.chars().map(|c| table.get(&c).copied());
    let all: Vec<&str> = all.collect::<Option<_>>()?;
    (!all.is_empty()).then(|| all.join(" "))
}

impl Tables {
    /// The syllables of a word, by spaces.
    pub fn sound(&self, word: &str) -> Option<String> {
        syllables(&self.syllables, word)
    }
}
