//! [`Compiled`]: a regular expression of bounded width as a dense automaton over folded text.
//! Patterns that somebody uses are kept by their expression, so that a reload compiles only what it
//! changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, LookSet};

use super::Problem;
use super::starts::{self, Beginning};
use crate::text::skeleton;

/// Bytes that the widest pattern may match: a stream may be held that long.
const MAX_WIDTH: usize = 512;

/// Bytes of one automaton: enough for some 30,000 states of small text.
const MAX_DFA: usize = 8 << 20;

/// Patterns of one set of policies; threads number them in two bytes.
pub(super) const MAX_PATTERNS: usize = 10_000;

/// Members of a character class up to which each is folded like the text.
const MAX_FOLDED_CLASS: usize = 512;

/// One pattern, compiled.
#[derive(Debug)]
pub(super) struct Compiled {
    pub dfa: dense::DFA<Vec<u32>>,
    /// By the byte before (the last is for the start of the text): which of `starts` applies.
    pub rows: Vec<u8>,
    pub starts: Vec<StateID>,
    /// With what it begins; `None` if with anything.
    pub beginnings: Option<Box<[Beginning]>>,
    /// Bytes, and so symbols, of the longest match.
    pub width: u32,
}

impl Compiled {
    /// Heap bytes.
    pub fn memory(&self) -> usize {
        let beginnings = self.beginnings.as_ref().map_or(0, |all| all.len());
        self.dfa.memory_usage() + self.rows.len() + beginnings * size_of::<Beginning>()
    }
}

/// Compiles these, as many at a time as there are cores, and keeps them until the result is
/// dropped: whoever adds them to a builder meanwhile does not wait. What is wrong with one is said
/// when it is added.
pub fn prepare(regexes: &[&str]) -> Prepared {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || regexes.get(next.fetch_add(1, Ordering::Relaxed));
        let taken = std::iter::from_fn(take);
        taken.filter_map(|regex| compile(regex).ok()).collect()
    };
    std::thread::scope(|scope| {
        let others = 1..threads.min(regexes.len());
        let others: Vec<_> = others.map(|_| scope.spawn(work)).collect();
        let mut all: Vec<Arc<Compiled>> = work();
        for other in others {
            all.extend(other.join().expect("compiling does not panic"));
        }
        Prepared { _all: all }
    })
}

/// Patterns that are compiled already.
#[derive(Debug)]
pub struct Prepared {
    _all: Vec<Arc<Compiled>>,
}

/// Patterns that somebody uses, by their expression: a reload compiles only what it changes.
static KNOWN: Mutex<Option<HashMap<String, Weak<Compiled>>>> = Mutex::new(None);

pub(super) fn compile(regex: &str) -> Result<Arc<Compiled>, Problem> {
    let known = |regex: &str| {
        let all = KNOWN
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.as_ref()?.get(regex)?.upgrade()
    };
    if let Some(compiled) = known(regex) {
        return Ok(compiled);
    }
    let compiled = Arc::new(compile_new(regex)?);
    let mut all = KNOWN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let all = all.get_or_insert_default();
    if all.len() >= MAX_PATTERNS {
        all.retain(|_, compiled| compiled.strong_count() > 0);
    }
    all.insert(regex.to_owned(), Arc::downgrade(&compiled));
    Ok(compiled)
}

fn compile_new(regex: &str) -> Result<Compiled, Problem> {
    let hir = folded(parse(regex)?);
    let properties = hir.properties();
    if has_unicode_border(properties.look_set()) {
        return Err(Problem::new(
            "a Unicode word border (`\\b`) makes Chinese text very slow to scan",
            Some("write `(?-u:\\b)`, or leave it out: Han has no word borders"),
        ));
    }
    let Some(width) = properties.maximum_len() else {
        return Err(Problem::new(
            "this pattern has no bounded width, so a stream would wait for it without end",
            Some("write `{0,20}` instead of `*`, `{1,20}` instead of `+` or `{n,}`"),
        ));
    };
    if properties.minimum_len().is_none_or(|least| least == 0) {
        return Err(Problem::new(
            "this pattern matches the empty text",
            Some("make at least one character obligatory"),
        ));
    }
    if width > MAX_WIDTH {
        return Err(Problem::new(
            format!("this pattern can match {width} bytes; the limit is {MAX_WIDTH}"),
            Some("use smaller counts, or two signals and `near`"),
        ));
    }
    automaton(&hir, width as u32).ok_or_else(|| {
        Problem::new(
            format!("this pattern needs more than {MAX_DFA} bytes of automaton"),
            Some("use smaller counts and fewer `\\w` or `.`"),
        )
    })
}

fn automaton(hir: &Hir, width: u32) -> Option<Compiled> {
    let nfa = thompson::Compiler::new()
        .configure(thompson::Config::new().nfa_size_limit(Some(MAX_DFA)))
        .build_from_hir(hir)
        .ok()?;
    let dfa = dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored)
                .dfa_size_limit(Some(MAX_DFA))
                .determinize_size_limit(Some(4 * MAX_DFA)),
        )
        .build_from_nfa(&nfa)
        .ok()?;
    let (mut rows, mut starts) = (Vec::new(), Vec::new());
    for before in (0..=u8::MAX).map(Some).chain([None]) {
        let config = start::Config::new()
            .anchored(Anchored::Yes)
            .look_behind(before);
        let state = dfa.start_state(&config).ok()?;
        let row = starts.iter().position(|&known| known == state);
        rows.push(row.unwrap_or(starts.len()) as u8);
        if row.is_none() {
            starts.push(state);
        }
    }
    Some(Compiled {
        beginnings: starts::beginnings(&dfa, &rows, &starts),
        dfa,
        rows,
        starts,
        width,
    })
}

fn parse(regex: &str) -> Result<Hir, Problem> {
    regex_syntax::ParserBuilder::new()
        .case_insensitive(true)
        .build()
        .parse(regex)
        .map_err(|error| {
            let message = match &error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                _ => error.to_string(),
            };
            Problem::new(format!("this is no regular expression: {message}"), None)
        })
}

fn has_unicode_border(looks: LookSet) -> bool {
    looks.contains_word_unicode()
}

/// The expression as it must read to match folded text: its literals and small classes folded.
fn folded(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Hir::literal(skeleton(text).into_bytes()),
            Err(_) => Hir::literal(literal.0),
        },
        HirKind::Class(Class::Unicode(class)) => Hir::class(Class::Unicode(folded_class(class))),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(folded(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => folded(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(folded).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(folded).collect()),
    }
}

/// Only folded characters occur in the skeleton, so only those stay: case folding adds the Kelvin
/// sign and the long s, which would treble the width of `[a-z]`.
fn folded_class(class: ClassUnicode) -> ClassUnicode {
    let members: usize = class.iter().map(ClassUnicodeRange::len).sum();
    if members > MAX_FOLDED_CLASS {
        return class;
    }
    let folded = class
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .filter_map(|c| {
            let folded = skeleton(c.encode_utf8(&mut [0; 4]));
            let mut chars = folded.chars();
            chars.next().filter(|_| chars.next().is_none())
        })
        .map(|c| ClassUnicodeRange::new(c, c));
    ClassUnicode::new(folded)
}
