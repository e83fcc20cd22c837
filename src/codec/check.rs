//! APIs that ask for a verdict instead of an answer: wardgate answers them itself, no model is asked.
//!
//! A [`Check`] reads what is to be judged and writes what was found. Like a dialect it lists its
//! fields in one table and knows no rule.

use std::fmt::Debug;

use bytes::Bytes;

use super::cut::Element;
use super::{Ask, Edit, Field, ReadError, ReadLimits, Refusal, guard_check, litellm, moderations};
use crate::message::{Band, Direction};

/// Every API of this kind. Adding one is a file and a line here.
pub static CHECKS: &[&dyn Check] = &[
    &moderations::Moderations,
    &guard_check::GuardCheck,
    &litellm::LiteLlm,
];

/// The API that answers to `path`.
pub fn for_path(path: &str) -> Option<&'static dyn Check> {
    CHECKS.iter().find(|check| check.path() == path).copied()
}

/// What is to be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Each is judged by itself and found about by itself.
    pub asks: Vec<Ask>,
    /// Which way the texts travel. Of an answer the last turn is judged, what precedes it is its
    /// prompt.
    pub direction: Direction,
    /// Who speaks, as the caller claims: it makes the audience younger, never older.
    pub audience: Option<Band>,
    /// Pictures that have to be seen: a verdict about fewer would say that somebody had looked. Where
    /// there are none of these, pictures are looked at as the app says.
    pub pictures: usize,
    /// What of the request nobody looks into, if no picture is found in it.
    pub unseen: &'static [&'static str],
}

/// What was found about one [`Ask`].
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is done, all together.
    pub action: &'static str,
    /// Every rule that holds, in order.
    pub found: Vec<Found>,
    /// What may go on instead, where texts are redacted.
    pub edits: Vec<Edit>,
    /// What goes with pictures that are cut out.
    pub cuts: Vec<Element>,
    /// What a rewriting rule tells the model.
    pub guidance: Option<String>,
    /// What a reader sees in the place of all of it: it may not go on.
    pub refusal: Option<Refusal>,
    /// A sentence that follows an answer.
    pub nudge: Option<String>,
    /// Characters at the end of the last text that more of it may still decide.
    pub undecided: usize,
}

/// A rule that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its id.
    pub rule: String,
    /// Its row of the notice.
    pub row: String,
    /// Its policy's title.
    pub area: String,
    /// What is done about it here.
    pub action: &'static str,
    /// Whether it withholds anything.
    pub withholds: bool,
    /// Index of the part within its [`Ask`].
    pub part: u32,
    /// Bytes of the part's text.
    pub span: [u32; 2],
    /// How the text was read.
    pub view: &'static str,
    /// From 0 to 1.
    pub score: f32,
}

/// One API.
pub trait Check: Send + Sync + Debug {
    /// Its name in metrics and the audit line.
    fn name(&self) -> &'static str;

    /// The path it answers to; POST only.
    fn path(&self) -> &'static str;

    /// The one table of fields.
    fn fields(&self) -> &'static [Field];

    /// Members of the body that hold pictures of what is judged, where others speak of who asks; none
    /// where all do.
    fn pictures_in(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads what is to be judged.
    ///
    /// # Errors
    /// What cannot be judged, and what is not known.
    fn read(&self, body: &Bytes, limits: &ReadLimits) -> Result<Question, ReadError>;

    /// The answer; one finding for each of the question's asks.
    ///
    /// # Errors
    /// "bad_edit": a fault of ours.
    fn write(
        &self,
        body: &Bytes,
        question: &Question,
        findings: &[Finding],
        exchange: &str,
    ) -> Result<Bytes, ReadError>;
}

impl Question {
    /// The question of one text to be judged, or several together.
    pub fn ask(parts: Vec<crate::message::Part>, model: String) -> Ask {
        Ask {
            model,
            ..Ask::of(parts)
        }
    }
}

/// `direction` of a body: the prompt's where absent.
///
/// # Errors
/// Any other word.
pub(super) fn direction(root: super::json::Value<'_>) -> Result<Direction, ReadError> {
    match super::members::optional_text(root, "direction")?.as_deref() {
        None | Some("prompt") => Ok(Direction::Prompt),
        Some("output") => Ok(Direction::Output),
        Some(_) => Err(super::members::wrong_type("/direction", "prompt or output")),
    }
}

/// A band that a caller claims.
///
/// # Errors
/// A word that names none.
pub(super) fn band(at: &str, name: Option<&str>) -> Result<Option<Band>, ReadError> {
    let known = name.map(|name| Band::named(name).ok_or(name)).transpose();
    known.map_err(|_| super::members::wrong_type(at, "an age band, such as 12-13"))
}
