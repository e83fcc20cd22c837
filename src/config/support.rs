//! Support packs: who helps in a region, as data with the day on which somebody last checked it.
//!
//! The shipped ones are embedded; a policy folder may hold its own under `support/`, which stand in
//! for shipped ones of the same region. An app picks one with `region: xx`; its lines then follow
//! supporting replies. Nothing here dials or fetches: whether a line works, people have to check.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::check::Check;
use super::problems::Problems;
use super::{App, Config};
use crate::message::Language;
use crate::policy::file::Localised;
use crate::policy::helpline::{Helplines, Purpose};
use crate::policy::reply::Template;
use crate::policy::{self, Source, did_you_mean};

/// Days after which a line has to be checked again.
pub const FRESH_DAYS: u32 = 365;
/// Bytes of a number or address: it becomes part of a reply.
const REACH_BYTES: usize = 120;
/// Lines of one region: a child in need reads three, not thirty.
const MOST_LINES: usize = 8;

/// A support pack as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Its name: that of its file.
    region: Spanned<String>,
    /// The region, in both languages.
    title: Spanned<Localised>,
    /// Who helps, best first.
    lines: Spanned<Vec<Line>>,
    /// The language whose readers are given these numbers by apps that name no region.
    #[serde(default)]
    default_for: Option<Spoken>,
}

/// A help line as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: Spanned<Localised>,
    reach: Spanned<String>,
    hours: Spanned<Localised>,
    languages: Spanned<Vec<Spoken>>,
    /// What it is for: which marks of replies it fills.
    #[serde(rename = "for", default)]
    purposes: Vec<Purpose>,
    /// The page on which its number was last read.
    #[serde(default)]
    source: Option<Spanned<String>>,
    verified_on: Spanned<String>,
}

/// A language in which somebody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Spoken {
    En,
    Zh,
}

/// A day of the calendar; ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i64,
}

impl Day {
    /// Of "2026-11-24"; `None` if there is no such day.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str, count| {
            text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if parts.next().is_some() || !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
            return None;
        }
        let (year, month, day): (i64, i64, i64) =
            (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            _ => return None,
        };
        // Years that begin in March have their odd day last: 306 is the number of days before January.
        let (shifted, from_march) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100)
            + shifted.div_euclid(400);
        let number = days + (153 * from_march + 2) / 5 + day - 1 - 719_468;
        (1..=length).contains(&day).then_some(Self { number })
    }

    /// The day of a moment, in UTC.
    pub fn of(moment: std::time::SystemTime) -> Self {
        let since = moment
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            number: i64::try_from(since.as_secs() / 86_400).unwrap_or(i64::MAX),
        }
    }
}

/// Who helps in a region, ready to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// The region's name.
    pub region: String,
    /// What follows a supporting reply: the lines that somebody checked, if there are any.
    pub text: Option<Template>,
    /// Lines with the day of their last check.
    pub verified: Vec<Checked>,
    /// What its lines fill in replies.
    pub helplines: HelplineBook,
}

/// A line and when somebody last checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// The day; `None` if nobody ever did.
    pub on: Option<Day>,
    /// Whether the page is named on which it was checked.
    pub sourced: bool,
}

/// What stands for the marks of replies, in each language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelplineBook {
    en: Helplines,
    zh: Helplines,
}

impl HelplineBook {
    /// Of the shipped packs, for apps that name no region.
    pub fn shipped() -> Self {
        let mut regions = Regions::default();
        for source in policy::support() {
            let mut problems = Problems {
                origin: &source.path,
                text: &source.text,
                blocks: Vec::new(),
            };
            regions.take(read(&source, &mut problems));
        }
        regions.default
    }

    /// In a language.
    pub const fn of(&self, language: Language) -> &Helplines {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

impl Default for HelplineBook {
    /// No line is known.
    fn default() -> Self {
        Self {
            en: Helplines::new(Language::En, &[]),
            zh: Helplines::new(Language::Zh, &[]),
        }
    }
}

impl Support {
    /// What whoever deploys this has to do, one line each: lines never checked, or not for a year
    /// before `today`.
    pub fn stale(&self, today: Day) -> Vec<String> {
        let old = |day: &Day| today.number - day.number > i64::from(FRESH_DAYS);
        let why = |line: &Checked| match &line.on {
            None => Some("was never verified and is said to nobody".to_owned()),
            Some(day) if old(day) => {
                let ago = today.number - day.number;
                Some(format!("was last verified {ago} days ago"))
            }
            Some(_) if !line.sourced => Some("was verified, but `source` is missing".to_owned()),
            Some(_) => None,
        };
        let stale = self.verified.iter();
        let stale = stale.filter_map(|line| {
            let (region, name) = (&self.region, &line.name);
            Some(format!("support region {region}: {name} {}", why(line)?))
        });
        stale.collect()
    }
}

/// What whoever deploys this has to do about help lines, one line each and app by app.
pub fn stale_lines(config: &Config, today: Day) -> Vec<String> {
    let of_app = |app: &App| {
        let stale = app.support.iter().flat_map(|pack| pack.stale(today));
        let name = app.name.clone();
        let said = stale.map(move |stale| format!("app {name}: {stale}; check it at its source"));
        said.collect::<Vec<_>>()
    };
    config.apps.iter().flat_map(of_app).collect()
}

/// All support packs by region.
#[derive(Debug, Default)]
pub(super) struct Regions {
    packs: BTreeMap<String, Support>,
    /// Of apps that name no region.
    default: HelplineBook,
}

impl Regions {
    /// Takes in a pack, in place of an earlier one of its region or for its language.
    fn take(&mut self, pack: Option<(Support, Option<Spoken>)>) {
        let Some((support, default_for)) = pack else {
            return;
        };
        match default_for {
            Some(Spoken::En) => self.default.en = support.helplines.en.clone(),
            Some(Spoken::Zh) => self.default.zh = support.helplines.zh.clone(),
            None => {}
        }
        self.packs.insert(support.region.clone(), support);
    }

    /// What fills the marks of replies of an app that names this region, or none.
    pub(super) fn helplines(&self, named: Option<&str>) -> HelplineBook {
        let found = named.and_then(|named| self.packs.get(named));
        found.map_or_else(|| self.default.clone(), |pack| pack.helplines.clone())
    }
}

impl Check<'_> {
    /// The shipped support packs and those of policy folders.
    pub(super) fn regions(&mut self, folders: &[PathBuf]) -> Regions {
        let mut regions = Regions::default();
        let own = self.beside(folders, "support");
        for source in policy::support().iter().chain(&own) {
            let mut problems = Problems {
                origin: &source.path,
                text: &source.text,
                blocks: Vec::new(),
            };
            let support = read(source, &mut problems);
            self.problems.blocks.append(&mut problems.blocks);
            regions.take(support);
        }
        regions
    }

    /// The support pack of the region that an app names.
    pub(super) fn region(
        &mut self,
        named: Option<&Spanned<String>>,
        all: &Regions,
    ) -> Option<Support> {
        let named = named?;
        let found = all.packs.get(&named.value);
        if found.is_none() {
            let known = || all.packs.keys().map(String::as_str);
            let help = did_you_mean(&named.value, known()).unwrap_or_else(|| {
                format!(
                    "write one of: {}; or put support/{}.yaml into a policy folder",
                    known().collect::<Vec<_>>().join(", "),
                    named.value
                )
            });
            let message = format!("there is no support pack for `{}`", named.value);
            self.problems.add(named.referenced, message, &help);
        }
        found.cloned()
    }

    /// The files of a folder of this name in each policy folder, with their whole paths.
    pub(super) fn beside(&mut self, folders: &[PathBuf], name: &str) -> Vec<Source> {
        let mut sources = Vec::new();
        for folder in folders
            .iter()
            .map(|folder| folder.join(name))
            .filter(|folder| folder.is_dir())
        {
            match policy::read_folders(std::slice::from_ref(&folder)) {
                Ok(found) => sources.extend(found.into_iter().map(|source| Source {
                    path: folder.join(&source.path).display().to_string(),
                    ..source
                })),
                Err(message) => self
                    .problems
                    .add(Location::UNKNOWN, message, "make it readable"),
            }
        }
        sources
    }
}

/// A pack, and the language whose readers get it from apps without a region.
fn read(source: &Source, problems: &mut Problems<'_>) -> Option<(Support, Option<Spoken>)> {
    let file: File = match serde_saphyr::from_str(&source.text) {
        Ok(file) => file,
        Err(error) => {
            problems.unreadable(&error);
            return None;
        }
    };
    let stem = source.path.rsplit(['/', '\\']).next().unwrap_or_default();
    let region = file.region.value;
    if stem.strip_suffix(".yaml") != Some(&region) {
        let message = format!("the support pack of {stem} is called `{region}`");
        problems.add(
            file.region.referenced,
            message,
            "a support pack has the name of its file",
        );
    }
    both(&file.title, problems);
    if file.lines.value.is_empty() || file.lines.value.len() > MOST_LINES {
        let help = "the few that a child in need should try first";
        problems.add(
            file.lines.referenced,
            format!("a support pack has 1 to {MOST_LINES} lines"),
            help,
        );
    }
    let (mut en, mut zh, mut verified) = (Vec::new(), Vec::new(), Vec::new());
    let mut known: Vec<(Purpose, &str)> = Vec::new();
    for line in &file.lines.value {
        let on = check_line(line, problems);
        verified.push(Checked {
            name: line.name.value.en.clone(),
            on,
            sourced: line.source.is_some(),
        });
        // A child calls what we say: a number that nobody checked is worse than words.
        if on.is_none() {
            continue;
        }
        for (said, language) in [(&mut en, Language::En), (&mut zh, Language::Zh)] {
            said.push(line.text(language));
        }
        let reach = line.reach.value.as_str();
        known.extend(line.purposes.iter().map(|purpose| (*purpose, reach)));
    }
    let helplines = HelplineBook {
        en: Helplines::new(Language::En, &known),
        zh: Helplines::new(Language::Zh, &known),
    };
    let support = Support {
        region,
        text: (!en.is_empty()).then(|| Template::new(en.join("\n"), zh.join("\n"))),
        verified,
        helplines,
    };
    Some((support, file.default_for))
}

/// The day of its last check, if it ever was checked.
fn check_line(line: &Line, problems: &mut Problems<'_>) -> Option<Day> {
    both(&line.name, problems);
    both(&line.hours, problems);
    let reach = &line.reach.value;
    if reach.trim().is_empty() || reach.len() > REACH_BYTES || reach.chars().any(char::is_control) {
        let help = "a number or an address: \"12355\", https://help.example";
        problems.add(line.reach.referenced, "nobody can be reached by this", help);
    }
    if let Some(source) = &line.source
        && !source.value.starts_with("https://")
        && !source.value.starts_with("http://")
    {
        let help = "the address of the page that says so: https://help.example/contact";
        problems.add(source.referenced, "a source is the address of a page", help);
    }
    if line.languages.value.is_empty() {
        problems.add(
            line.languages.referenced,
            "no language is spoken there",
            "write [en], [zh] or both",
        );
    }
    let day = Day::parse(&line.verified_on.value);
    if day.is_none() && line.verified_on.value != "never" {
        let message = format!("`{}` is no day", line.verified_on.value);
        problems.add(
            line.verified_on.referenced,
            message,
            "write it like 2026-11-24, or `never`",
        );
    }
    day
}

fn both(text: &Spanned<Localised>, problems: &mut Problems<'_>) {
    if text.value.en.trim().is_empty() || text.value.zh.trim().is_empty() {
        problems.add(
            text.referenced,
            "a language is missing",
            "write {en: ..., zh: ...}",
        );
    }
}

impl Line {
    /// "Example helpline: 000-000 (day and night)"; says so if nobody there speaks the reader's language.
    fn text(&self, language: Language) -> String {
        let (name, reach, hours) = (&self.name.value, &self.reach.value, &self.hours.value);
        let spoken = &self.languages.value;
        match language {
            Language::En if spoken.contains(&Spoken::En) => {
                format!("{}: {reach} ({})", name.en, hours.en)
            }
            Language::En => format!("{}: {reach} ({}, in Chinese)", name.en, hours.en),
            Language::Zh if spoken.contains(&Spoken::Zh) => {
                format!("{}:{reach}({})", name.zh, hours.zh)
            }
            Language::Zh => format!("{}:{reach}({},英语服务)", name.zh, hours.zh),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn days_are_counted_like_the_calendar_does() {
        assert_eq!(day("1970-01-01").number, 0);
        assert_eq!(day("2000-03-01").number, 11_017);
        assert_eq!(day("2026-11-24").number - day("2025-11-24").number, 365);
        assert_eq!(day("2024-03-01").number - day("2024-02-28").number, 2);
        for bad in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-1-1",
            "26-01-01",
            "2026-01-01-01",
            "never",
            "",
        ] {
            assert_eq!(Day::parse(bad), None, "{bad}");
        }
        assert_eq!(Day::of(std::time::UNIX_EPOCH), day("1970-01-01"));
    }

    #[test]
    fn lines_go_stale_after_a_year() {
        let line = |name: &str, on: Option<&str>, sourced| Checked {
            name: name.into(),
            on: on.map(day),
            sourced,
        };
        let support = Support {
            region: "example".into(),
            text: Some(Template::new("a", "b")),
            verified: vec![
                line("Never", None, false),
                line("Old", Some("2025-11-23"), true),
                line("Fresh", Some("2025-11-24"), true),
                line("Hearsay", Some("2026-11-24"), false),
            ],
            helplines: HelplineBook::default(),
        };
        let stale = support.stale(day("2026-11-24"));
        assert_eq!(stale.len(), 3, "{stale:?}");
        assert!(
            stale[0].contains("Never was never verified")
                && stale[1].contains("Old was last verified 366 days ago")
                && stale[2].contains("Hearsay was verified, but `source` is missing"),
            "{stale:?}"
        );
        assert_eq!(
            support.stale(day("2020-01-01")).len(),
            2,
            "a day in the future is fresh"
        );
    }

    /// Reads a shipped pack.
    fn shipped(region: &str) -> (Support, Option<Spoken>) {
        let path = format!("support/{region}.yaml");
        let all = policy::support();
        let source = all.iter().find(|one| one.path.ends_with(&path));
        let source = source.unwrap_or_else(|| panic!("{path}"));
        let mut problems = Problems {
            origin: &source.path,
            text: &source.text,
            blocks: Vec::new(),
        };
        let read = read(source, &mut problems).expect("readable");
        assert!(problems.blocks.is_empty(), "{:?}", problems.blocks);
        read
    }

    #[test]
    fn a_line_that_nobody_checked_is_said_to_nobody() {
        let pack = |days: [&str; 2]| {
            let line = |number: usize, day: &str| {
                format!(
                    "  - {{name: {{en: A, zh: 甲}}, reach: \"00{number}\", hours: {{en: b, zh: 乙}}, languages: [en, zh], \
                     for: [help, danger], source: 'https://help.example', verified_on: {day}}}\n"
                )
            };
            let text = format!(
                "region: garden\ntitle: {{en: G, zh: 园}}\nlines:\n{}{}",
                line(0, days[0]),
                line(1, days[1])
            );
            let (path, shipped) = ("garden.yaml".to_owned(), false);
            let source = Source {
                path,
                text,
                shipped,
            };
            let mut problems = Problems {
                origin: &source.path,
                text: &source.text,
                blocks: Vec::new(),
            };
            let read = read(&source, &mut problems).expect("readable").0;
            assert!(problems.blocks.is_empty(), "{:?}", problems.blocks);
            read
        };
        let said = |pack: &Support| pack.helplines.of(Language::En).fill("{help}, {danger}");
        let half = pack(["never", "2026-11-27"]);
        assert_eq!(said(&half), "001, 001");
        assert_eq!(half.text, Some(Template::new("A: 001 (b)", "甲:001(乙)")));
        let none = pack(["never", "never"]);
        assert_eq!(
            said(&none),
            "a child helpline in your country, your local emergency number"
        );
        assert_eq!((none.text, none.verified.len()), (None, 2));
    }

    #[test]
    fn every_shipped_line_has_a_source_or_is_never_verified() {
        for region in ["cn", "example", "intl", "us"] {
            let (support, _) = shipped(region);
            for line in &support.verified {
                assert_eq!(line.on.is_some(), line.sourced, "{region}: {}", line.name);
            }
        }
    }

    #[test]
    fn replies_take_their_numbers_from_the_region_or_from_the_default_of_the_language() {
        let (us, of_us) = shipped("us");
        let (cn, of_cn) = shipped("cn");
        assert_eq!((of_us, of_cn), (None, Some(Spoken::Zh)));
        let said = |book: &HelplineBook, language| book.of(language).fill("{crisis}, {danger}");
        assert_eq!(said(&us.helplines, Language::En), "988, 911");
        assert_eq!(said(&cn.helplines, Language::Zh), "12356, 110、120");
        let unnamed = HelplineBook::shipped();
        assert_eq!(said(&unnamed, Language::Zh), "12356, 110、120");
        assert_eq!(
            said(&unnamed, Language::En),
            "988 (US) or 116 123 (UK and Ireland), your local emergency number"
        );
        let mut regions = Regions::default();
        regions.take(Some((us, None)));
        assert_eq!(
            said(&regions.helplines(Some("us")), Language::En),
            "988, 911"
        );
        assert_eq!(
            said(&regions.helplines(None), Language::En),
            "a crisis line in your country, your local emergency number"
        );
    }
}
