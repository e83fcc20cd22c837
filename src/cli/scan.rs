//! `scan`: judges texts as the proxy would, and shows where.

use std::io::{self, IsTerminal, Read};
use std::sync::Arc;

use super::{Ended, Outcome, Paint, Scan, Trouble, pack, rows};
use crate::detect::Hit;
use crate::message::{Audience, AudienceSource, Band, Direction, Media, Output, Part, Role};
use crate::policy::{self, Action, Detection, Horizon, Judge, PolicySet, Scene, Selection};
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
        self.judge_hits(said, &self.hits(said))
    }

    /// What can be seen in each part, whoever it is judged for.
    pub fn hits(&self, said: &Said) -> Vec<Arc<[Hit]>> {
        let parts = said.parts.iter();
        parts
            .map(|part| self.set.detectors.scan(&part.text).into())
            .collect()
    }

    /// Judges a conversation by hits that are known already.
    pub fn judge_hits(&self, said: &Said, hits: &[Arc<[Hit]>]) -> Findings {
        let mut found = match said.direction {
            Direction::Prompt => {
                let scene = self.scene(said, hits);
                policy::judge_prompt(&self.set, &self.selection, scene, &said.parts, hits)
                    .detections
            }
            Direction::Output => self.judge_answer(said, hits),
        };
        found.retain(|detection| detection.action > Action::Allow);
        Findings(found)
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

    /// Judges the last turn as an answer; what the user said before it counts as context.
    fn judge_answer(&self, said: &Said, hits: &[Arc<[Hit]>]) -> Vec<Detection> {
        let last = said.parts.last().map_or(0, |part| part.turn);
        let asked = |part: &&Part| part.role == Role::User && part.turn < last;
        let asked = said.parts.iter().filter(asked).map(|part| part.turn).max();
        let spoken = said.parts.iter().zip(hits);
        let spoken = spoken.filter(|(part, _)| part.role == Role::User && Some(part.turn) == asked);
        let carried = self
            .set
            .signals_of(spoken.flat_map(|(_, hits)| hits.iter()));
        let (before, _) = said
            .parts
            .split_at(said.parts.partition_point(|part| part.turn < last));
        let scene = self.scene(said, hits);
        let prompt = Scene {
            direction: Direction::Prompt,
            ..scene
        };
        let (set, selection) = (&self.set, &self.selection);
        let (_, talk) =
            policy::judge_conversation(set, selection, prompt, before, &hits[..before.len()]);
        let judge = Judge::new(
            Arc::clone(&self.set),
            Arc::clone(&self.selection),
            scene,
            Role::Assistant,
            Horizon::Stream,
            &carried,
        );
        let mut judge = judge.after(talk, Role::Assistant);
        let (mut found, first) = (Vec::new(), before.len());
        for hits in &hits[first..] {
            judge.part();
            for hit in hits.iter() {
                judge.hit(hit, &mut found);
            }
        }
        judge.finish(&mut found);
        // The judge has counted the answer's parts only.
        for detection in &mut found {
            detection.part += u32::try_from(first).unwrap_or(u32::MAX);
        }
        found
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
            true => show(&bench, &said.parts[0].text, &findings),
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
fn show(bench: &Bench, text: &str, findings: &Findings) -> String {
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
