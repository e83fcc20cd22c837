//! `scan`: judges texts as the proxy would, and shows where.

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;

use super::{Ended, Outcome, Paint, Scan, Trouble, pack, rows, trace};
use crate::detect::{Glance, Hit};
use crate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};
use crate::policy::border::Crossings;
use crate::policy::{self, Action, Detection, PolicySet, Scene, Scoring, Selection, outlook};
use crate::text::Span;

/// What texts are judged by. Shared by all threads.
#[derive(Debug)]
pub(super) struct Bench {
    /// Everything compiled.
    pub set: Arc<PolicySet>,
    /// The app's choice of it.
    pub selection: Arc<Selection>,
    /// What the model is asked to make.
    pub output: Output,
    /// Where a text travels when it does not say.
    pub direction: Direction,
    /// Who speaks when a text does not say.
    pub audience: Band,
    /// Whether verdicts say what each detection read and where; they then hold words of the texts.
    pub traces: bool,
}

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Said {
    /// The conversation, turn by turn.
    pub parts: Vec<Part>,
    /// Where it travels. On the way back the last turn is the answer, what precedes it its prompt.
    pub direction: Direction,
    /// Who speaks.
    pub audience: Band,
}

/// What was found in a conversation.
#[derive(Debug, Default)]
pub(super) struct Findings(
    /// Every detection that does something, in reading order; `part` indexes [`Said::parts`].
    pub Vec<Detection>,
);

impl Findings {
    /// The strongest action.
    pub fn action(&self) -> Action {
        let actions = self.0.iter().map(|detection| detection.action);
        actions.max().unwrap_or_default()
    }

    /// The first detection with the strongest action.
    pub fn deciding(&self) -> Option<&Detection> {
        let strongest = self.action();
        self.0
            .iter()
            .find(|detection| detection.action == strongest)
    }
}

/// A text of a conversation.
pub(super) fn part(role: Role, turn: u32, text: String) -> Part {
    Part {
        role,
        media: Media::Text,
        turn,
        text,
        // Only diagnostics and edits of a body need a place; there is no body here.
        at: String::new(),
        raw: 0..0,
    }
}

/// Who speaks a text that stands alone.
pub(super) fn speaker(direction: Direction) -> Role {
    match direction {
        Direction::Prompt => Role::User,
        Direction::Output => Role::Assistant,
    }
}

impl Bench {
    /// The id of a detection's rule.
    pub fn rule(&self, detection: &Detection) -> &str {
        &self.set.rule(detection.rule).id.0
    }

    /// A text by itself, from whoever speaks in the bench's direction.
    pub fn said(&self, text: String) -> Said {
        Said {
            parts: vec![part(speaker(self.direction), 0, text)],
            direction: self.direction,
            audience: self.audience,
        }
    }

    /// Judges a conversation as the proxy does.
    pub fn judge(&self, said: &Said) -> Findings {
        let hits = match said.direction {
            Direction::Prompt => self.asked(said),
            Direction::Output => self.hits(said),
        };
        self.judge_hits(said, &hits)
    }

    /// What the proxy sees in each part of a prompt: what its sentences mean only where a rule waits for
    /// that, and a glance does not rule it out.
    fn asked(&self, said: &Said) -> Vec<Arc<[Hit]>> {
        let detectors = &self.set.detectors;
        let parts = &said.parts;
        let words = parts.iter().map(|part| detectors.scan_words(&part.text));
        let mut hits: Vec<Arc<[Hit]>> = words.map(Arc::from).collect();
        let found = self.judge_prompt(said, &hits);
        let outlook = self.set.outlook(&self.selection, self.scene(said, &hits));
        let wanted = outlook.scored(parts, &hits, &found);
        for turn in outlook::turns(parts) {
            let reaches = |part: &Part, signals| Glance::of(detectors, &part.text, signals);
            let open = match &wanted[turn.start] {
                Scoring::No => false,
                Scoring::If(signals) => parts[turn.clone()]
                    .iter()
                    .any(|part| reaches(part, signals)),
                Scoring::Yes => true,
            };
            for at in turn.filter(|_| open) {
                hits[at] = detectors.scan(&parts[at].text).into();
            }
        }
        hits
    }

    /// What can be seen in each part, whoever it is judged for.
    pub fn hits(&self, said: &Said) -> Vec<Arc<[Hit]>> {
        let scan = |part: &Part| self.scan(said.direction, &part.text).into();
        said.parts.iter().map(scan).collect()
    }

    /// What can be seen in a text that travels that way.
    pub fn scan(&self, direction: Direction, text: &str) -> Vec<Hit> {
        self.set.scan(&self.selection, direction, text)
    }

    /// Judges a conversation by hits that are known already.
    pub fn judge_hits(&self, said: &Said, hits: &[Arc<[Hit]>]) -> Findings {
        let mut found = match said.direction {
            Direction::Prompt => self.judge_prompt(said, hits),
            Direction::Output => {
                let scene = self.scene(said, hits);
                policy::judge_answer(&self.set, &self.selection, scene, &said.parts, hits)
            }
        };
        found.retain(|detection| detection.action > Action::Allow);
        Findings(found)
    }

    /// Judges everything as a prompt, phrases across the borders of messages included.
    fn judge_prompt(&self, said: &Said, hits: &[Arc<[Hit]>]) -> Vec<Detection> {
        let scene = self.scene(said, hits);
        let crossings = Crossings::of(&self.set, &said.parts);
        let mut hits = hits.to_vec();
        crossings.insert(&mut hits);
        let mut found =
            policy::judge_prompt(&self.set, &self.selection, scene, &said.parts, &hits).detections;
        crossings.harden(&mut found);
        found
    }

    fn scene(&self, said: &Said, hits: &[Arc<[Hit]>]) -> Scene {
        let declared = Audience {
            band: said.audience,
            source: AudienceSource::App,
        };
        Scene {
            direction: said.direction,
            output: self.output,
            audience: declared.heard(self.set.cue(&said.parts, hits)),
        }
    }
}

/// Runs `scan`.
pub(super) fn run(scan: &Scan) -> Ended {
    let pack = pack::load(&scan.files, scan.level)?;
    let bench = Bench {
        selection: pack.selection(scan.app.as_deref())?,
        set: pack.set,
        output: scan.output.into(),
        direction: scan.direction.into(),
        audience: scan.audience,
        traces: scan.trace,
    };
    if scan.jsonl {
        let mut output = io::BufWriter::new(io::stdout().lock());
        return rows::run(&bench, &mut io::stdin().lock(), &mut output);
    }
    let (mut outcome, mut shown) = (Outcome::Fine, String::new());
    let people = io::stdout().is_terminal();
    for text in &scan.texts {
        let said = bench.said(given(text)?);
        let findings = bench.judge(&said);
        if !findings.0.is_empty() {
            outcome = Outcome::Found;
        }
        shown.push_str(&match people {
            true => show(&bench, &said, &findings),
            false => rows::line(&bench, &said, &findings),
        });
    }
    super::print(shown.as_bytes())?;
    Ok(outcome)
}

/// The text itself, or standard input for `-`.
fn given(text: &str) -> Result<String, Trouble> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    io::stdin().read_to_string(&mut read).map_err(|error| {
        Trouble::new(format!("standard input cannot be read: {error}"))
            .instead("wardgate scan - < file.txt (UTF-8)")
    })?;
    Ok(read)
}

/// For a terminal: the text with what was found underlined, then a line per detection.
fn show(bench: &Bench, said: &Said, findings: &Findings) -> String {
    let text = said.parts[0].text.as_str();
    let paint = Paint::stdout();
    let action = findings.action();
    let shade = if action.withholds() {
        paint.bad
    } else {
        paint.good
    };
    let mut out = format!(
        "{shade}{:<8}{shade:#} {}\n",
        action.name(),
        underlined(text, findings, paint)
    );
    for detection in &findings.0 {
        let rule = bench.rule(detection);
        let Span { start, end } = detection.span;
        let (action, view) = (detection.action.name(), detection.view.name());
        let strong = paint.strong;
        out.push_str(&format!(
            "         {strong}{rule}{strong:#} {action} at {start}..{end} ({view}): wardgate explain {rule}\n",
        ));
        for step in trace::steps(bench, said, detection) {
            out.push_str(&format!("           {step}\n"));
        }
        let (file, line) = &bench.set.rule(detection.rule).place;
        out.push_str(&format!("           {rule}: {file}:{line}\n"));
    }
    out
}

/// The text with the styles of hits around every completing and anchor hit.
fn underlined(text: &str, findings: &Findings, paint: Paint) -> String {
    let spans = findings.0.iter();
    let mut spans: Vec<_> = spans
        .flat_map(|detection| [detection.anchor.1, detection.span])
        .collect();
    spans.sort_unstable();
    let mut out = String::new();
    let mut done = 0;
    for span in spans {
        let range = span.range();
        if range.start < done {
            continue;
        }
        let hit = paint.hit;
        out.push_str(&text[done..range.start]);
        out.push_str(&format!("{hit}{}{hit:#}", &text[range.clone()]));
        done = range.end;
    }
    out.push_str(&text[done..]);
    out.trim_end().to_owned()
}
