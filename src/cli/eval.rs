//! `eval`: labelled texts in, rates out. Which files and rows is [`corpus`], how it looks [`table`].
//!
//! Each text is scanned once and judged for every setup: a level, an audience. Rows are read in
//! batches, judged by all threads, and forgotten; what stays is counts, and sums do not depend on
//! which thread made them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::corpus::{self, Form, Kind, Row};
use super::density::Density;
use super::scan::{self, Bench, Said};
use super::{Ended, Eval, Outcome, Shape, Trouble, pack, rows, table};
use crate::detect::Hit;
use crate::message::{Band, Direction, Output};
use crate::policy::tally::{self, Groups, Label};
use crate::policy::{self, AppPolicies, PolicySet};

/// Levels that are measured when nobody says otherwise: what apps choose between.
const LEVELS: [u8; 2] = [1, 2];
/// Audiences likewise: whoever is protected, and adults.
const AUDIENCES: [Band; 2] = [Band::Unknown, Band::Adult];
/// Bad lines that are named one by one; a file that is no JSON lines at all has thousands.
const SHOWN_ERRORS: usize = 20;

/// How texts are judged: at which level, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Setup {
    /// Rules above it are off.
    pub level: u8,
    /// Who speaks.
    pub band: Band,
}

/// What rows are grouped by: two words (a set or category, and a language) and a way.
pub(super) type Key = (String, String, Direction);

/// What one setup counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By set and language.
    pub sets: Groups<Key>,
    /// By category and language.
    pub categories: Groups<Key>,
    /// Rows that their set calls child-related, by set and language.
    pub children: Groups<Key>,
    /// Everything, by way.
    pub total: Groups<Direction>,
    /// By row of the notice: only texts in which it was seen.
    pub notice: Groups<String>,
    /// By rule: likewise.
    pub rules: Groups<String>,
    /// How densely benign texts are flagged.
    pub density: Density,
}

impl Counts {
    fn merge(&mut self, other: Self) {
        self.sets.merge(other.sets);
        self.categories.merge(other.categories);
        self.children.merge(other.children);
        self.total.merge(other.total);
        self.notice.merge(other.notice);
        self.rules.merge(other.rules);
        self.density.merge(other.density);
    }
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Measured {
    /// How, and what each way of judging counted.
    pub setups: Vec<(Setup, Counts)>,
    /// Files read.
    pub files: usize,
    /// Rows judged.
    pub rows: u64,
    /// Lines that could not be read: `file:line: why`, without a word of the line.
    pub bad: Vec<String>,
    /// The policy set, in hex: numbers of two sets are not comparable.
    pub hash: String,
}

/// Runs `eval`.
pub(super) fn run(eval: &Eval) -> Ended {
    let files = corpus::files(&eval.paths)?;
    let (set, setups) = compiled(eval)?;
    let mut meter = Meter {
        jobs: eval.jobs.map_or_else(crate::server::cores, usize::from),
        benches: benches(&set, &setups),
        measured: Measured {
            setups: setups
                .into_iter()
                .map(|one| (one, Counts::default()))
                .collect(),
            files: files.len(),
            rows: 0,
            bad: Vec::new(),
            hash: blake3::Hash::from_bytes(set.hash).to_hex().to_string(),
        },
    };
    for file in &files {
        meter.file(file)?;
    }
    let measured = meter.measured;
    super::print(
        match eval.format {
            Shape::Text => table::text(&measured),
            Shape::Json => table::json(&measured),
        }
        .as_bytes(),
    )?;
    let mut err = std::io::stderr().lock();
    for bad in measured.bad.iter().take(SHOWN_ERRORS) {
        writeln!(err, "error: {bad}")?;
    }
    match measured.bad.len() {
        0 => return Ok(Outcome::Fine),
        all if all > SHOWN_ERRORS => writeln!(err, "error: and {} more", all - SHOWN_ERRORS)?,
        _ => {}
    }
    Ok(Outcome::CouldNotRun)
}

/// The pack at each level that is wanted, and the setups in the order of [`benches`].
fn compiled(eval: &Eval) -> Result<(Arc<PolicySet>, Vec<Setup>), Trouble> {
    let levels = wanted(&eval.level, &LEVELS);
    let bands = wanted(&eval.audience, &AUDIENCES);
    let apps: Vec<_> = levels
        .iter()
        .map(|level| AppPolicies {
            app: format!("level {level}"),
            level: *level,
            ..AppPolicies::default()
        })
        .collect();
    let sources = pack::sources(eval.pack.as_ref(), &eval.policies)?;
    let set =
        policy::compile(&sources, &apps).map_err(|problems| Trouble::new(problems.to_string()))?;
    let setups = levels.iter().flat_map(|level| {
        bands.iter().map(|band| Setup {
            level: *level,
            band: *band,
        })
    });
    Ok((Arc::new(set), setups.collect()))
}

/// What was given, each once and sorted, or what is usual.
fn wanted<T: Copy + Ord>(given: &[T], usual: &[T]) -> Vec<T> {
    if given.is_empty() {
        return usual.to_vec();
    }
    given
        .iter()
        .copied()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn benches(set: &Arc<PolicySet>, setups: &[Setup]) -> Vec<Bench> {
    let selection = |setup: &Setup| {
        let name = format!("level {}", setup.level);
        let found = set.selections.iter().find(|one| one.app == name);
        Arc::clone(found.expect("every level of a setup was compiled"))
    };
    let bench = |setup: &Setup| Bench {
        set: Arc::clone(set),
        selection: selection(setup),
        output: Output::Text,
        direction: Direction::Prompt,
        audience: setup.band,
        traces: false,
    };
    setups.iter().map(bench).collect()
}

/// Reads, judges and counts.
struct Meter {
    jobs: usize,
    /// One per setup.
    benches: Vec<Bench>,
    measured: Measured,
}

/// What one thread made of its share of a batch.
#[derive(Default)]
struct Share {
    counts: Vec<Counts>,
    rows: u64,
    /// Line and fault.
    bad: Vec<(usize, String)>,
}

impl Meter {
    fn file(&mut self, path: &Path) -> Result<(), Trouble> {
        let wrong = |error: std::io::Error| Trouble::new(format!("{}: {error}", path.display()));
        let form = Form::of(path).map_err(Trouble::new)?;
        let mut input = BufReader::new(File::open(path).map_err(wrong)?);
        let (mut batch, mut line) = (Vec::new(), 1);
        loop {
            let more = rows::fill(&mut batch, &mut input).map_err(wrong)?;
            let mut bad = self.batch(&batch, line, &form);
            bad.sort_unstable();
            let named = bad.into_iter();
            self.measured
                .bad
                .extend(named.map(|(line, why)| format!("{}:{line}: {why}", path.display())));
            if !more {
                return Ok(());
            }
            line += batch.len();
            batch.clear();
        }
    }

    /// Judges lines on all threads; the bad ones.
    fn batch(&mut self, batch: &[Vec<u8>], first_line: usize, form: &Form) -> Vec<(usize, String)> {
        let next = AtomicUsize::new(0);
        let benches = &self.benches;
        let work = || {
            let mut share = Share::default();
            share.counts.resize_with(benches.len(), Counts::default);
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                match batch.get(at) {
                    None => return share,
                    Some(line) => share.line(benches, line, first_line + at, form),
                }
            }
        };
        let threads = self.jobs.clamp(1, batch.len().max(1));
        let shares: Vec<Share> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            let others = others.into_iter();
            // A thread ends by panicking only if judging did, which is not to be counted as a pass.
            let others = others.map(|other| {
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            std::iter::once(own).chain(others).collect()
        });
        let mut bad = Vec::new();
        for share in shares {
            self.measured.rows += share.rows;
            bad.extend(share.bad);
            for ((_, counts), new) in self.measured.setups.iter_mut().zip(share.counts) {
                counts.merge(new);
            }
        }
        bad
    }
}

impl Share {
    fn line(&mut self, benches: &[Bench], line: &[u8], number: usize, form: &Form) {
        if line.trim_ascii().is_empty() {
            return;
        }
        if line.len() as u64 >= rows::ROW_BYTES {
            self.bad
                .push((number, format!("more than {} bytes", rows::ROW_BYTES)));
            return;
        }
        match form.row(line) {
            Ok(None) => {}
            Ok(Some(row)) => self.row(benches, row),
            Err(why) => self.bad.push((number, why)),
        }
    }

    fn row(&mut self, benches: &[Bench], mut row: Row) {
        self.rows += 1;
        let ways: &[Direction] = match row.kind {
            Kind::Prompt => &[Direction::Prompt],
            Kind::Content => &[Direction::Prompt, Direction::Output],
        };
        let mut said = Said {
            parts: vec![scan::part(
                scan::speaker(Direction::Prompt),
                0,
                std::mem::take(&mut row.text),
            )],
            direction: Direction::Prompt,
            audience: Band::Unknown,
        };
        // What can be seen in a text is the same for every setup; only judging differs.
        let Some(first) = benches.first() else { return };
        let asks = |bench: &Bench| {
            let mut ways = ways.iter();
            ways.any(|way| bench.set.asks_meaning(&bench.selection, *way))
        };
        let (detectors, text) = (&first.set.detectors, &said.parts[0].text);
        let hits: [Arc<[Hit]>; 1] = match benches.iter().any(asks) {
            true => [detectors.scan(text).into()],
            false => [detectors.scan_words(text).into()],
        };
        let characters = said.parts[0].text.chars().count() as u64;
        for way in ways {
            said.direction = *way;
            said.parts[0].role = scan::speaker(*way);
            for (bench, counts) in benches.iter().zip(&mut self.counts) {
                said.audience = bench.audience;
                let findings = bench.judge_hits(&said, &hits);
                counts.add(bench, &row, *way, &findings);
                if row.label == Label::Benign {
                    counts.density.add(characters, bench, &findings);
                }
            }
        }
    }
}

impl Counts {
    fn add(&mut self, bench: &Bench, row: &Row, way: Direction, findings: &scan::Findings) {
        let (label, action) = (row.label, findings.action());
        let key = |first: &str| (first.to_owned(), row.lang.clone(), way);
        self.total.add(way, label, action);
        self.sets.add(key(&row.set), label, action);
        self.categories.add(key(&row.category), label, action);
        if row.child {
            self.children.add(key(&row.set), label, action);
        }
        let found = findings.0.iter();
        let found = found.map(|one| (&bench.set.rule(one.rule).id, one.action));
        let (rules, notice) = tally::by_rule(found);
        for (rule, action) in rules {
            self.rules.add(rule.to_owned(), label, action);
        }
        for (row, action) in notice {
            self.notice.add(row.to_owned(), label, action);
        }
    }
}
