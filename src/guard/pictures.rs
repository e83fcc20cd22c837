//! Pictures on their way in and out: looked at before a byte of them goes on. Those of an answer are
//! judged here, beside what the prompt showed; those of a prompt beside its words, by
//! [`crate::prompt`].
//!
//! Nothing here keeps a serving thread: looking, scanning and drawing happen on blocking ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Context, Record};
use crate::codec::addresses::Address;
use crate::codec::cut::{self, Element, Holder};
use crate::codec::pictures::{Found, Picture, in_document};
use crate::codec::splice::{Splice, splice};
use crate::codec::{Edit, Lane, ReadError};
use crate::config::{OnFailure, ShownAs};
use crate::detect::Hit;
use crate::gallery::Gallery;
use crate::hosts::{Brought, Elsewhere, Hosts, Unfetched};
use crate::limits::{Limits, secs};
use crate::message::{Direction, Role};
use crate::picture::label::{self, Label, Unlabelled};
use crate::picture::{Eyes, Format, Seen, Unreadable, drawing};
use crate::policy::{Action, Detection, Horizon, Judge, Scene};

/// Addresses of one request or answer that are fetched: APIs make ten pictures at most, and take no
/// more than that in a message that people write.
const MAX_ADDRESSES: usize = 16;

/// What the app says of pictures, and who looks at them.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Looks.
    pub gallery: Arc<Gallery>,
    /// For so long.
    pub patience: Duration,
    /// With these eyes.
    pub eyes: Eyes,
    /// What happens to what nobody can read.
    pub on_failure: OnFailure,
    /// What happens to pictures that lie elsewhere.
    pub elsewhere: Elsewhere,
    /// What pictures of answers are labelled with.
    pub label: Option<Label>,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            gallery: Arc::default(),
            patience: secs(Limits::default().look_timeout_secs),
            eyes: Eyes::default(),
            on_failure: OnFailure::Block,
            elsewhere: Elsewhere::default(),
            label: None,
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
        let file = self.grey()?;
        self.picture.written(&file, Format::of(&file)?)
    }

    fn grey(&self) -> Option<Vec<u8>> {
        drawing::in_place_of(&self.seen)
    }

    /// Whether another file may stand in its place: an answer that is a picture says of which format it is.
    fn can_hold(&self, file: &[u8]) -> bool {
        !self.picture.is_whole() || Format::of(file) == Some(self.seen.format)
    }

    /// The picture with that label, numbered by its place.
    fn labelled(&self, label: &Label, at: usize) -> Result<Vec<u8>, Unchecked> {
        let id = format!("{}-{at}", label.id);
        let label = Label {
            id,
            ..label.clone()
        };
        let file = self.picture.bytes().map_err(Unchecked::Unreadable)?;
        label::labelled(&file, &label).map_err(Unchecked::Unlabelled)
    }
}

/// Why nobody can say what pictures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unchecked {
    /// One lies elsewhere, and the app refuses those.
    Address,
    /// One could not be fetched from where it lies.
    Unfetched(Unfetched),
    /// More of them lie elsewhere than are fetched.
    Addresses,
    /// One cannot be read, and the app refuses those.
    Unreadable(Unreadable),
    /// One cannot be labelled, where all have to be.
    Unlabelled(Unlabelled),
    /// The words in one hold more than can be followed.
    Overflow,
}

impl Unchecked {
    /// A stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address | Self::Unfetched(Unfetched::Undeclared) | Self::Addresses => {
                "picture_url"
            }
            Self::Unfetched(_) => "picture_unreachable",
            Self::Unreadable(_) => "unreadable_picture",
            Self::Unlabelled(_) => "unlabelled_picture",
            Self::Overflow => "too_many_matches",
        }
    }
}

impl fmt::Display for Unchecked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => out.write_str("it is only named by its address or its id"),
            Self::Unfetched(why) => why.fmt(out),
            Self::Addresses => write!(out, "more than {MAX_ADDRESSES} are named by their address"),
            Self::Unreadable(why) => why.fmt(out),
            Self::Unlabelled(why) => write!(out, "it cannot be labelled: {why}"),
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
    let Found {
        mut pictures,
        addresses,
        kept,
        holder: _,
    } = found;
    // What an answer names by its id, the caller cannot have without asking again.
    let kept = kept && direction == Direction::Prompt;
    match &sight.elsewhere {
        _ if addresses.is_empty() && !kept => {}
        Elsewhere::Unseen => record.picture_unseen(),
        Elsewhere::Fetch(hosts) if direction == Direction::Output => {
            pictures.extend(fetched(sight, hosts, record, addresses).await?);
        }
        // What could be fetched of a prompt stands in it by now.
        Elsewhere::Fetch(_) if !kept && sight.on_failure == OnFailure::Allow => {
            record.picture_unseen();
        }
        Elsewhere::Refuse | Elsewhere::Fetch(_) => return Err(Unchecked::Address),
    }
    let mut looked = Vec::with_capacity(pictures.len());
    for picture in pictures {
        let look = sight.gallery.look(&sight.eyes, &picture, sight.patience);
        match look.await {
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

/// The pictures at addresses, as [`fetch`] has them.
///
/// # Errors
/// As [`fetch`].
pub async fn fetched(
    sight: &Sight,
    hosts: &Hosts,
    record: &dyn Record,
    addresses: Vec<Address>,
) -> Result<impl Iterator<Item = Picture>, Unchecked> {
    let brought = fetch(sight, hosts, record, addresses).await?.into_iter();
    Ok(brought
        .map(|(address, Brought { file, media_type })| Picture::fetched(address, file, media_type)))
}

/// What lies at addresses, without those that cannot be had where the app lets that pass.
///
/// # Errors
/// What cannot be had; a host that the app does not declare in every case.
pub async fn fetch(
    sight: &Sight,
    hosts: &Hosts,
    record: &dyn Record,
    addresses: Vec<Address>,
) -> Result<Vec<(Address, Brought)>, Unchecked> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(Unchecked::Addresses);
    }
    let urls: Vec<&str> = addresses.iter().map(|one| one.url.as_str()).collect();
    let brought = hosts.bring(&urls).await;
    let mut fetched = Vec::with_capacity(addresses.len());
    for (address, brought) in addresses.into_iter().zip(brought) {
        match brought {
            Ok(brought) => fetched.push((address, brought)),
            Err(why) if why != Unfetched::Undeclared && sight.on_failure == OnFailure::Allow => {
                record.picture_unseen();
            }
            Err(why) => return Err(Unchecked::Unfetched(why)),
        }
    }
    Ok(fetched)
}

/// What a body or an event of an answer holds beside strings that are words.
pub fn find(context: &Context, body: &[u8], words: &[Range<usize>]) -> Found {
    // What is no JSON is the codec's to refuse.
    in_document(body, words, &context.read).unwrap_or_default()
}

/// The same of one event of several.
pub fn find_in_event(context: &Context, data: &[u8], words: &[Range<usize>]) -> Found {
    let found = find(context, data, words);
    let holder = match found.is_empty() {
        true => Holder::Told,
        false => Holder::of_event(data, &context.read),
    };
    Found { holder, ..found }
}

/// What becomes of an answer with pictures.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What stands in place of pictures, or of their addresses.
    edits: Vec<Splice>,
    /// What is cut out with its picture.
    cuts: Vec<Element>,
    /// An event that goes whole with its picture.
    pub dropped: bool,
    /// What stands in place of an answer that is a picture and nothing else.
    pub whole: Option<Bytes>,
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
    let holder = found.holder;
    let looked = look(Direction::Output, &context.sight, record.as_ref(), found).await?;
    if looked.is_empty() {
        return Ok(Verdict::default());
    }
    // Labelling decodes and encodes: it takes its turn with looks.
    let turn = match context.sight.label {
        Some(_) => context.sight.gallery.turn().await,
        None => None,
    };
    let judging = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        weigh(&context, record.as_ref(), &looked, holder)
    });
    judging.await.unwrap_or(Err(Unchecked::Overflow))
}

/// Judges what was seen in an answer's pictures.
fn weigh(
    context: &Context,
    record: &dyn Record,
    looked: &[Looked],
    holder: Holder,
) -> Result<Verdict, Unchecked> {
    let (detections, owners) = detect(context, looked)?;
    let lane = Lane {
        choice: 0,
        field: 0,
    };
    let mut verdict = Verdict::default();
    let mut hidden: BTreeMap<usize, Detection> = BTreeMap::new();
    let mut stripped: BTreeSet<usize> = BTreeSet::new();
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
                if action == Action::Strip {
                    stripped.insert(*owner);
                }
            }
        }
    }
    for (at, one) in looked.iter().enumerate() {
        if verdict.withheld.is_some() {
            break;
        }
        if stripped.contains(&at) && verdict.cut(one, holder) {
            continue;
        }
        match (hidden.remove(&at), &context.sight.label) {
            (Some(detection), _) => match one.grey() {
                Some(file) if one.can_hold(&file) => verdict.put(one, file),
                // In whose place nothing can stand is not passed on.
                _ => verdict.end(detection, Action::Block),
            },
            (None, Some(label)) => verdict.put(one, one.labelled(label, at)?),
            (None, None) => {
                let shown = inline(context, one);
                verdict.edits.extend(shown.as_ref().map(Splice::literal));
            }
        }
    }
    Ok(verdict)
}

/// A picture that was fetched, in place of its address, where the app wants the very bytes shown that
/// were judged.
fn inline(context: &Context, one: &Looked) -> Option<Edit> {
    match &context.sight.elsewhere {
        Elsewhere::Fetch(hosts) if hosts.shown() == ShownAs::Inline => {
            let raw = one.picture.raw.clone();
            one.picture.inline().map(|text| Edit { raw, text })
        }
        Elsewhere::Fetch(_) | Elsewhere::Unseen | Elsewhere::Refuse => None,
    }
}

impl Verdict {
    /// Whether what was said goes on as it came.
    pub const fn is_clean(&self) -> bool {
        self.edits.is_empty() && self.cuts.is_empty()
    }

    /// What was said, as far as it may be shown.
    ///
    /// # Errors
    /// "bad_edit" where edits overlap: a fault of ours.
    pub fn written(self, said: &[u8]) -> Result<Bytes, ReadError> {
        splice(said, cut::beside(self.edits, self.cuts))
    }

    /// Cuts a picture out, where it can be.
    fn cut(&mut self, one: &Looked, holder: Holder) -> bool {
        match (holder, &one.picture.element) {
            (Holder::Passing, _) => self.dropped = true,
            (Holder::Told, Some(element)) => self.cuts.push(element.clone()),
            (Holder::Told, None) => return false,
        }
        true
    }

    /// A file stands in a picture's place: in its literal, or as the whole answer.
    fn put(&mut self, one: &Looked, file: Vec<u8>) {
        let raw = one.picture.raw.clone();
        let format = Format::of(&file).unwrap_or(one.seen.format.written());
        match one.picture.written(&file, format) {
            Some(text) => self.edits.push(Splice::literal(&Edit { raw, text })),
            None => self.whole = Some(Bytes::from(file)),
        }
    }

    /// The strongest action decides, the first of those.
    fn end(&mut self, detection: Detection, action: Action) {
        if self.withheld.as_ref().is_none_or(|one| one.action < action) {
            self.withheld = Some(Withheld { detection, action });
        }
    }
}

/// What is detected in pictures, and whose each part is.
fn detect(context: &Context, looked: &[Looked]) -> Result<(Vec<Detection>, Vec<usize>), Unchecked> {
    let texts = looked.iter().flat_map(|one| one.seen.texts());
    let bytes: usize = texts.map(|text| text.len()).sum();
    if bytes > context.readable_bytes() {
        return Err(Unchecked::Overflow);
    }
    let (mut parts, mut owners) = (Vec::new(), Vec::new());
    for (at, one) in looked.iter().enumerate() {
        parts.push(context.set.detectors.look(&one.seen));
        for text in one.seen.texts() {
            parts.push(scan(context, text)?);
        }
        owners.resize(parts.len(), at);
    }
    let mut found = detect_as(context, context.scene, &parts);
    if let Some(scene) = context.scene.as_text() {
        let mut as_text = detect_as(context, scene, &parts);
        as_text.retain(|one| !found.contains(one));
        found.append(&mut as_text);
    }
    Ok((found, owners))
}

/// What is detected in these parts, where such a thing is asked for.
fn detect_as(context: &Context, scene: Scene, parts: &[Vec<Hit>]) -> Vec<Detection> {
    let judge = Judge::new(
        Arc::clone(&context.set),
        Arc::clone(&context.selection),
        scene,
        Role::Assistant,
        Horizon::Whole,
        &context.carried,
    );
    let mut judge = judge.after(context.talk.clone(), Role::Assistant);
    let mut found = Vec::new();
    for hits in parts {
        judge.part();
        for hit in hits {
            judge.hit(hit, &mut found);
        }
    }
    judge.finish(&mut found);
    found
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
