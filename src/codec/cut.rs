//! Pictures that are cut out of a body: the element of a list that is nothing but the picture goes, and
//! the rest stays as it came.
//!
//! Which lists carry pictures, and under which names their elements do, is said here: to drop another
//! list's element would take words, calls or whole messages along.
//!
//! Limit: a picture that stands elsewhere (a member that has to be there, a file, an answer that is a
//! picture) cannot be cut out; whoever asks draws a grey one in its place.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::json::{Document, Value};
use super::splice::{Splice, cover, splice};
use super::{Ask, Edit, ReadError, ReadLimits};
use crate::message::{Media, Part};

/// Lists that carry pictures, and under which name an element holds one; a string alone has none.
const LISTS: [(&str, &[&str]); 7] = [
    ("data", &["b64_json", "url"]),
    // OpenAI, Responses, Anthropic and DashScope.
    ("content", &["image_url", "image", "source"]),
    (
        "parts",
        &["inlineData", "inline_data", "fileData", "file_data"],
    ),
    // Chats that draw, OpenAI's edits, Ollama and SD WebUI.
    ("images", &["image_url", ""]),
    ("init_images", &[""]),
    ("results", &["url"]),
    // What tools gave, in Responses.
    ("output", &["image_url"]),
];
/// How the kinds of events end that hold a picture before it is finished.
const UNFINISHED: &str = ".partial_image";

/// An element of a list: what goes with a picture that is cut out of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its bytes, and the list's.
    raw: Range<usize>,
    list: Range<usize>,
    /// Its index, and how many elements there are.
    index: usize,
    of: usize,
    /// The end of the element before it, the start of the one behind it.
    before: usize,
    behind: usize,
    /// Whether it is the picture's own string.
    bare: bool,
}

/// What a body with pictures is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Holder {
    /// Something of which the rest is to be said.
    #[default]
    Told,
    /// An event with a picture that is not finished yet, which nobody misses.
    Passing,
}

impl Holder {
    /// What an event is.
    pub fn of_event(data: &[u8], limits: &ReadLimits) -> Self {
        let document = Document::parse(data, limits);
        let kind = document.as_ref().ok().and_then(|document| {
            let kind = document.root().get("type")?;
            kind.text().ok()?
        });
        match kind {
            Some(kind) if kind.ends_with(UNFINISHED) => Self::Passing,
            _ => Self::Told,
        }
    }
}

/// An element while a document is walked through.
#[derive(Debug, Clone)]
pub(super) struct Within {
    element: Element,
    /// Under which names it may hold a picture.
    members: &'static [&'static str],
    /// Where its pointer ends.
    from: usize,
}

/// The elements of a list in order, each with what a picture within it would be cut out by. `from` is
/// where the list's pointer ends.
pub(super) fn elements(
    list: Value<'_>,
    from: usize,
) -> impl Iterator<Item = (Value<'_>, Option<Within>)> {
    let key = list.key().unwrap_or_default();
    let members = LISTS.iter().find(|(name, _)| *name == key);
    let of = members.map_or(0, |_| list.children().count());
    let (mut children, mut before) = (list.children().enumerate().peekable(), 0);
    std::iter::from_fn(move || {
        let (index, child) = children.next()?;
        let raw = child.raw();
        let within = members.map(|(_, members)| Within {
            element: Element {
                list: list.raw(),
                index,
                of,
                before,
                behind: children
                    .peek()
                    .map_or(raw.end, |(_, next)| next.raw().start),
                bare: false,
                raw: raw.clone(),
            },
            members,
            from: from + 1 + digits(index),
        });
        before = raw.end;
        Some((child, within))
    })
}

/// Letters of a number.
fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

impl Within {
    /// The element, for a picture at that pointer.
    pub fn of(&self, at: &str) -> Option<Element> {
        let path = at.get(self.from..)?;
        let member = path.split('/').nth(1).unwrap_or("");
        self.members.contains(&member).then(|| Element {
            bare: member.is_empty(),
            ..self.element.clone()
        })
    }
}

/// Those that can go from a prompt. An element with words in it stays, and the last one of a list without
/// which nothing would be said: pictures beside a text may all go where they are a list of their own,
/// unless pictures are made (`draws`), since those are made from them.
pub fn of_prompt(mut elements: Vec<Element>, parts: &[Part], draws: bool) -> Vec<Element> {
    sort(&mut elements);
    let words = parts.iter().filter(|part| part.media != Media::Image);
    let mut words: Vec<_> = words.map(|part| part.raw.start).collect();
    words.sort_unstable();
    let silent = |one: &Element| {
        let next = words.partition_point(|at| *at < one.raw.start);
        words.get(next).is_none_or(|at| *at >= one.raw.end)
    };
    elements.retain(silent);
    let mut going: BTreeMap<usize, usize> = BTreeMap::new();
    for one in &elements {
        *going.entry(one.list.start).or_default() += 1;
    }
    let stays = |one: &Element| going[&one.list.start] < one.of || (one.bare && !draws);
    elements.retain(stays);
    elements
}

/// Those edits, and elements cut out: an edit within an element goes with it.
pub fn beside(mut edits: Vec<Splice>, elements: Vec<Element>) -> Vec<Splice> {
    for one in splices(elements) {
        cover(&mut edits, one);
    }
    edits
}

/// What cuts elements out, commas with them.
fn splices(mut elements: Vec<Element>) -> Vec<Splice> {
    sort(&mut elements);
    let mut gone: BTreeMap<usize, usize> = BTreeMap::new();
    let mut out = Vec::with_capacity(elements.len());
    let mut end = 0;
    for one in elements {
        // It goes with the element that it stands in.
        if one.raw.end <= end {
            continue;
        }
        end = one.raw.end;
        let gone = gone.entry(one.list.start).or_default();
        let at = match one.index > *gone {
            true => one.before..one.raw.end,
            false => one.raw.start..one.behind,
        };
        *gone += 1;
        let bytes = String::new();
        out.push(Splice { at, bytes });
    }
    out
}

/// In body order, each once.
fn sort(elements: &mut Vec<Element>) {
    elements.sort_by_key(|one| (one.raw.start, one.raw.end));
    elements.dedup_by(|one, other| one.raw == other.raw);
}

/// A request without those elements: its bytes, what was read of it, and what still has to change.
///
/// # Errors
/// "bad_edit" where an element is none of the body's: a fault of ours.
pub fn out_of(
    body: &Bytes,
    ask: &Ask,
    edits: &[Edit],
    elements: &[Element],
) -> Result<(Bytes, Ask, Vec<Edit>), ReadError> {
    let splices = splices(elements.to_vec());
    let moved = |raw: &Range<usize>| moved(raw, &splices);
    let parts = ask.parts.iter().filter_map(|part| {
        let raw = moved(&part.raw)?;
        Some(Part {
            raw,
            ..part.clone()
        })
    });
    let left = edits.iter().filter_map(|edit| {
        let (raw, text) = (moved(&edit.raw)?, edit.text.clone());
        Some(Edit { raw, text })
    });
    let Some(guidance_at) = moved(&ask.guidance_at) else {
        return Ok((body.clone(), ask.clone(), edits.to_vec()));
    };
    let ask = Ask {
        parts: parts.collect(),
        guidance_at,
        ..ask.clone()
    };
    let left = left.collect();
    Ok((splice(body, splices)?, ask, left))
}

/// Where bytes are once `splices`, which put nothing in, are done; nothing if they are gone.
fn moved(raw: &Range<usize>, splices: &[Splice]) -> Option<Range<usize>> {
    let gone = |one: &Splice| match raw.is_empty() {
        // What would be put in beside it still can be.
        true => one.at.start < raw.start && raw.end < one.at.end,
        false => one.at.start <= raw.start && raw.end <= one.at.end,
    };
    if splices.iter().any(gone) {
        return None;
    }
    let shift = |to: usize| -> usize {
        let before = splices.iter().filter(|one| one.at.end <= to);
        before.map(|one| one.at.len()).sum()
    };
    Some(raw.start - shift(raw.start)..raw.end - shift(raw.end))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::pictures::in_document;
    use super::*;
    use crate::message::Role;
    use crate::picture::drawing;

    const LIMITS: ReadLimits = ReadLimits {
        depth: 9,
        parts: 99,
    };

    fn picture() -> String {
        STANDARD.encode(drawing::plain(3, 2))
    }

    fn elements(body: &str) -> Vec<Element> {
        let found = in_document(body.as_bytes(), &[], &LIMITS).expect("reads");
        let pictures = found.pictures.into_iter();
        pictures.filter_map(|one| one.element).collect()
    }

    fn cut(body: &str) -> String {
        let cut = splice(body.as_bytes(), splices(elements(body))).expect("no overlap");
        String::from_utf8(cut.to_vec()).expect("text")
    }

    /// `P` is a picture in base64, `U` one as a data URL.
    #[track_caller]
    fn check(body: &str, expect: &str) {
        let url = format!("\"data:image/png;base64,{}\"", picture());
        let whole = body.replace("\"U\"", &url);
        let whole = whole.replace("\"P\"", &format!("\"{}\"", picture()));
        let cut = cut(&whole).replace(&url, "\"U\"");
        let cut = cut.replace(&format!("\"{}\"", picture()), "\"P\"");
        assert_eq!(cut, expect, "{body}");
    }

    #[test]
    fn elements_that_are_pictures_go_in_every_dialect() {
        for (body, expect) in [
            (
                r#"{"data": [{"b64_json": "P"}], "n": 1}"#,
                r#"{"data": [], "n": 1}"#,
            ),
            (
                r#"{"data":[{"url":"U"},{"url":"x"}]}"#,
                r#"{"data":[{"url":"x"}]}"#,
            ),
            (
                r#"{"images" : [ "P" , "P" , "x" ]}"#,
                r#"{"images" : [ "x" ]}"#,
            ),
            (
                r#"{"images":["x", "P", "y", "P"]}"#,
                r#"{"images":["x", "y"]}"#,
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"U"}}]}]}"#,
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}"#,
            ),
            (
                r#"{"content":[{"image":"U"},{"text":"a"}]}"#,
                r#"{"content":[{"text":"a"}]}"#,
            ),
            (
                r#"{"parts":[{"inlineData":{"data":"P"}},{"text":"a"}]}"#,
                r#"{"parts":[{"text":"a"}]}"#,
            ),
            (
                r#"{"output":[{"type":"input_text"},{"type":"input_image","image_url":"U"}]}"#,
                r#"{"output":[{"type":"input_text"}]}"#,
            ),
            (
                r#"{"content":[{"type":"image","source":{"data":"P"}}]}"#,
                r#"{"content":[]}"#,
            ),
            // One element with two of them, and one within another.
            (
                r#"{"data":[{"b64_json":"P","url":"U"},1]}"#,
                r#"{"data":[1]}"#,
            ),
            (
                r#"{"content":[0,{"source":{"content":[{"image":"U"},2]},"image":"U"},1]}"#,
                r#"{"content":[0,1]}"#,
            ),
        ] {
            check(body, expect);
        }
    }

    #[test]
    fn what_would_take_more_than_a_picture_along_stays() {
        for body in [
            r#"{"image":"P"}"#,
            r#"["P"]"#,
            r#"{"messages":[{"role":"user","content":"U"}]}"#,
            r#"{"choices":[{"message":{"content":"U"}}]}"#,
            r#"{"input":["U",{"role":"user","content":"U"}]}"#,
            r#"{"output":[{"type":"image_generation_call","result":"P"}]}"#,
            r#"{"input":[{"type":"computer_call_output","output":{"image_url":"U"}}]}"#,
            r#"{"content":[{"type":"tool_result","content":"U"}]}"#,
            r#"{"parts":[{"functionCall":{"args":{"image":"U"}}}]}"#,
            r#"{"content":[["P"]]}"#,
        ] {
            check(body, body);
        }
    }

    #[test]
    fn prompts_keep_words_and_lists_that_have_to_hold_something() {
        let part = |raw: Range<usize>| Part {
            role: Role::User,
            media: Media::Text,
            turn: 0,
            text: "a".to_owned(),
            at: String::new(),
            raw,
        };
        let chosen = |body: &Json, parts: &[Part], draws| {
            of_prompt(elements(&body.to_string()), parts, draws).len()
        };
        let one = json!({"image": format!("data:image/png;base64,{}", picture())});
        let content = |more: &[Json]| {
            let all: Vec<&Json> = std::iter::once(&one).chain(more).collect();
            json!({"content": all})
        };
        assert_eq!(chosen(&content(&[]), &[], false), 0);
        assert_eq!(chosen(&content(&[json!({"text": "a"})]), &[], false), 1);
        assert_eq!(chosen(&content(std::slice::from_ref(&one)), &[], false), 0);
        let beside = json!({"images": [picture(), picture()]});
        assert_eq!(chosen(&beside, &[], false), 2);
        assert_eq!(chosen(&beside, &[], true), 0);
        let within = content(&[json!({"text": "a"})]);
        assert_eq!(chosen(&within, &[part(14..17)], false), 0);
        assert_eq!(chosen(&within, &[part(0..0)], false), 1);
    }

    #[test]
    fn what_was_read_of_a_request_moves_with_it() {
        let body = r#"{"content":[{"image":"P"},{"text":"a"},{"image":"P"}]}"#;
        let body = body.replace('P', &format!("data:image/png;base64,{}", picture()));
        let word = body.find("\"a\"").expect("a word");
        let mut ask = Ask::of(Vec::new());
        ask.guidance_at = word..word + 3;
        let literal = in_document(body.as_bytes(), &[], &LIMITS).expect("reads");
        let literal = literal.pictures[0].raw.clone();
        let edit = |raw: &Range<usize>, text: &str| Edit {
            raw: raw.clone(),
            text: text.to_owned(),
        };
        let edits = [edit(&literal, "grey"), edit(&ask.guidance_at, "b")];
        let bytes = Bytes::from(body.clone());
        let (cut, ask, edits) = out_of(&bytes, &ask, &edits, &elements(&body)).expect("cut");
        assert_eq!(cut, r#"{"content":[{"text":"a"}]}"#);
        assert_eq!(&cut[ask.guidance_at], b"\"a\"");
        assert_eq!(edits.len(), 1);
        assert_eq!(&cut[edits[0].raw.clone()], b"\"a\"");
    }

    #[test]
    fn an_unfinished_picture_is_an_event_that_nobody_misses() {
        for (event, holder) in [
            (
                r#"{"type":"image_generation.partial_image"}"#,
                Holder::Passing,
            ),
            (
                r#"{"type":"response.image_generation_call.partial_image"}"#,
                Holder::Passing,
            ),
            (r#"{"type":"image_generation.completed"}"#, Holder::Told),
            (r#"{"type":7}"#, Holder::Told),
            ("no JSON", Holder::Told),
        ] {
            assert_eq!(
                Holder::of_event(event.as_bytes(), &LIMITS),
                holder,
                "{event}"
            );
        }
    }

    proptest! {
        /// Whichever elements go, the others stay as they were, and it is still JSON.
        #[test]
        fn the_rest_of_a_list_stays(goes in prop::collection::vec(any::<bool>(), 0..9), pretty: bool) {
            let element = |(at, goes): (usize, &bool)| match goes {
                true => json!(picture()),
                false => json!({"n": at}),
            };
            let all: Vec<Json> = goes.iter().enumerate().map(element).collect();
            let kept: Vec<&Json> = all.iter().filter(|one| one.is_object()).collect();
            let body = json!({"a": 1, "images": all, "z": [2]});
            let body = if pretty { format!("{body:#}") } else { body.to_string() };
            let told: Json = serde_json::from_str(&cut(&body)).expect("JSON");
            prop_assert_eq!(told, json!({"a": 1, "images": kept, "z": [2]}));
        }
    }
}
