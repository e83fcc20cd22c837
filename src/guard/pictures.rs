//! Pictures on their way in and out: looked at before a byte of them goes on. Those of an answer are
//! judged here, beside what the prompt showed; those of a prompt beside its words, by
//! [`crate::prompt`].
//!
//! Nothing here keeps a serving thread: looking, scanning and drawing happen on blocking ones.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::{Context, Record};
use crate::codec::pictures::{Found, Picture, in_document};
use crate::codec::{Edit, Lane};
use crate::config::{ImageUrls, OnFailure};
use crate::detect::Hit;
use crate::gallery::Gallery;
use crate::message::{Direction, Role};
use crate::picture::{Eyes, Seen, Unreadable, drawing};
use crate::policy::{Action, Detection, Horizon, Judge};

/// What the app says of pictures, and who looks at them.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Looks.
    pub gallery: Arc<Gallery>,
    /// With these eyes.
    pub eyes: Eyes,
    /// What happens to what nobody can read.
    pub on_failure: OnFailure,
    /// What happens to pictures that lie elsewhere.
    pub image_urls: ImageUrls,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            gallery: Arc::default(),
            eyes: Eyes::default(),
            on_failure: OnFailure::Block,
            image_urls: ImageUrls::Unseen,
        }
    }
}

/// A picture that somebody looked at.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Where it stands.
    pub picture: Picture,
    /// What it shows.
    pub seen: Arc<Seen>,
}

impl Looked {
    /// A grey picture in its place, as the literal's text; nothing where a file would have to stand.
    /// Draws and encodes it: for a blocking thread, and only for a picture that is withheld.
    pub fn stand_in(&self) -> Option<String> {
        let file = drawing::in_place_of(&self.seen)?;
        self.picture.written(&file, self.seen.format)
    }
}

/// Why nobody can say what pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchecked {
    /// One lies elsewhere, and the app refuses those.
    Address,
    /// One cannot be read, and the app refuses those.
    Unreadable(Unreadable),
    /// The words in one hold more than can be followed.
    Overflow,
}

impl Unchecked {
    /// A stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address => "picture_url",
            Self::Unreadable(_) => "unreadable_picture",
            Self::Overflow => "too_many_matches",
        }
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => out.write_str("it is only named by its address"),
            Self::Unreadable(why) => why.fmt(out),
            Self::Overflow => out.write_str("the words in it hold more than can be followed"),
        }
    }
}

impl std::error::Error for Unchecked {}

/// Looks at what was found, one picture after another.
///
/// # Errors
/// What nobody can look at, unless the app lets that pass.
pub async fn look(
    direction: Direction,
    sight: &Sight,
    record: &dyn Record,
    found: Found,
) -> Result<Vec<Looked>, Unchecked> {
    if found.addresses {
        match sight.image_urls {
            ImageUrls::Refuse => return Err(Unchecked::Address),
            ImageUrls::Unseen => record.picture_unseen(),
        }
    }
    let mut looked = Vec::with_capacity(found.pictures.len());
    for picture in found.pictures {
        match sight.gallery.look(&sight.eyes, &picture).await {
            Ok(seen) => {
                record.saw(direction, &seen);
                looked.push(Looked { picture, seen });
            }
            Err(_) if sight.on_failure == OnFailure::Allow => record.picture_unseen(),
            Err(why) => return Err(Unchecked::Unreadable(why)),
        }
    }
    Ok(looked)
}

/// What a body or an event of an answer holds beside strings that are words.
pub fn find(context: &Context, body: &[u8], words: &[Range<usize>]) -> Found {
    // What is no JSON is the codec's to refuse.
    in_document(body, words, &context.read).unwrap_or_default()
}

/// What becomes of an answer with pictures.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What stands in place of pictures that are redacted.
    pub edits: Vec<Edit>,
    /// Why all of it is withheld, if it is.
    pub withheld: Option<Withheld>,
}

/// What ends an answer for its pictures.
#[derive(Debug)]
pub struct Withheld {
    /// The detection that decides.
    pub detection: Detection,
    /// What is done.
    pub action: Action,
}

/// Looks at the pictures of an answer and judges them.
///
/// # Errors
/// What nobody can look at or follow.
pub async fn judge(
    context: Arc<Context>,
    record: Arc<dyn Record>,
    found: Found,
) -> Result<Verdict, Unchecked> {
    let looked = look(Direction::Output, &context.sight, record.as_ref(), found).await?;
    if looked.is_empty() {
        return Ok(Verdict::default());
    }
    let judging = tokio::task::spawn_blocking(move || weigh(&context, record.as_ref(), &looked));
    judging.await.unwrap_or(Err(Unchecked::Overflow))
}

/// Judges what was seen in an answer's pictures.
fn weigh(context: &Context, record: &dyn Record, looked: &[Looked]) -> Result<Verdict, Unchecked> {
    let (detections, owners) = detect(context, looked)?;
    let lane = Lane {
        choice: 0,
        field: 0,
    };
    let mut verdict = Verdict::default();
    let mut hidden: BTreeMap<usize, Detection> = BTreeMap::new();
    for detection in detections {
        record.detection(&detection, lane, "");
        let action = context.effective(&detection);
        if action.ends() {
            verdict.end(detection, action);
        } else if action.withholds() {
            let places = [detection.part, detection.anchor.0];
            for owner in places
                .map(|part| owners.get(part as usize))
                .into_iter()
                .flatten()
            {
                hidden.entry(*owner).or_insert_with(|| detection.clone());
            }
        }
    }
    for (at, detection) in hidden {
        if verdict.withheld.is_some() {
            break;
        }
        match looked[at].stand_in() {
            Some(text) => verdict.edits.push(Edit {
                raw: looked[at].picture.raw.clone(),
                text,
            }),
            // In whose place nothing can stand is not passed on.
            None => verdict.end(detection, Action::Block),
        }
    }
    Ok(verdict)
}

impl Verdict {
    /// The strongest action decides, the first of those.
    fn end(&mut self, detection: Detection, action: Action) {
        if self.withheld.as_ref().is_none_or(|one| one.action < action) {
            self.withheld = Some(Withheld { detection, action });
        }
    }
}

/// What is detected in pictures, and whose each part is.
fn detect(context: &Context, looked: &[Looked]) -> Result<(Vec<Detection>, Vec<usize>), Unchecked> {
    let judge = Judge::new(
        Arc::clone(&context.set),
        Arc::clone(&context.selection),
        context.scene,
        Role::Assistant,
        Horizon::Whole,
        &context.carried,
    );
    let mut judge = judge.after(context.talk.clone(), Role::Assistant);
    let (mut found, mut owners) = (Vec::new(), Vec::new());
    for (at, one) in looked.iter().enumerate() {
        let mut parts = vec![context.set.detectors.look(&one.seen)];
        for text in one.seen.texts() {
            parts.push(scan(context, text)?);
        }
        for hits in parts {
            judge.part();
            owners.push(at);
            for hit in &hits {
                judge.hit(hit, &mut found);
            }
        }
    }
    judge.finish(&mut found);
    Ok((found, owners))
}

/// The hits of a text in a picture.
fn scan(context: &Context, text: &str) -> Result<Vec<Hit>, Unchecked> {
    let mut scanner = context.scanner();
    let mut hits = Vec::new();
    scanner.push(text, &mut hits);
    scanner.finish(&mut hits);
    match scanner.overflowed() {
        true => Err(Unchecked::Overflow),
        false => Ok(hits),
    }
}
