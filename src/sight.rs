//! What the pictures of a request show: as parts beside its words, so that one condition can read
//! both.
//!
//! A picture is a part without text, in which image signals are seen, and a part for each text in it
//! (codes, comments), read through every view. Both stand in the turn of the words beside it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::app::App;
use crate::codec::pictures::{self, Found, Picture};
use crate::codec::{Ask, Codec, addresses};
use crate::config::ImageUrls;
use crate::exchange::Exchange;
use crate::guard;
use crate::guard::pictures::{Looked, Sight, Unchecked};
use crate::hosts::Elsewhere;
use crate::message::{Direction, Media, Output, Part, Role};
use crate::picture::{Format, Seen, Unreadable};
use crate::reply::Error;

/// A picture of a conversation, and where its parts are.
#[derive(Debug, Clone)]
pub struct Pictured {
    /// Its parts: the picture itself, then its texts.
    pub parts: Range<usize>,
    /// What it shows.
    pub seen: Arc<Seen>,
    /// Where it stands in the request; nothing where it was shown before, out of reach.
    pub picture: Option<Picture>,
}

impl Pictured {
    /// The same picture where part `from` is part `to`.
    pub fn moved(&self, from: usize, to: usize) -> Self {
        let moved = |at: usize| at - from + to;
        Self {
            parts: moved(self.parts.start)..moved(self.parts.end),
            ..self.clone()
        }
    }

    /// As [`Looked::stand_in`].
    pub fn stand_in(&self) -> Option<String> {
        let (picture, seen) = (self.picture.clone()?, Arc::clone(&self.seen));
        Looked { picture, seen }.stand_in()
    }
}

/// Reads a request, with the pictures themselves in place of their addresses where the app lets them be
/// fetched: the model's server then sees the very bytes that are judged.
///
/// # Errors
/// A body that the codec cannot read; a picture that cannot be had, or that is none.
pub async fn read(
    exchange: &Exchange,
    app: &App,
    codec: &dyn Codec,
    content_type: &str,
    body: Bytes,
) -> Result<(Bytes, Ask), Error> {
    let limits = exchange.live.config.limits.read();
    let ask = codec.read(content_type, &body, &limits)?;
    let Elsewhere::Fetch(hosts) = &app.elsewhere else {
        return Ok((body, ask));
    };
    let form = content_type.starts_with("multipart/");
    if form || body.is_empty() || codec.polls() || !pictures::may_hold(&body) {
        return Ok((body, ask));
    }
    let found = pictures::in_document(&body, &words(&ask), &limits)?;
    if found.addresses.is_empty() {
        return Ok((body, ask));
    }
    let sight = exchange.sight(app);
    let fetched = guard::pictures::fetch(&sight, hosts, exchange, found.addresses).await;
    let mut put = Vec::new();
    for (address, brought) in fetched.map_err(unchecked)? {
        let format = Format::of(&brought.file);
        let format = format.ok_or(unchecked(Unchecked::Unreadable(Unreadable::Format)))?;
        put.push((address, brought.file, format));
    }
    let body = addresses::inlined(&body, &put)?;
    let ask = codec.read(content_type, &body, &limits)?;
    Ok((body, ask))
}

/// What a prompt holds, with the pictures at its addresses, where the app lets them be fetched: for who
/// asks for a verdict, and whose body goes nowhere.
///
/// # Errors
/// A picture that cannot be had.
pub async fn fetched(exchange: &Exchange, sight: &Sight, mut found: Found) -> Result<Found, Error> {
    let Elsewhere::Fetch(hosts) = &sight.elsewhere else {
        return Ok(found);
    };
    let addresses = std::mem::take(&mut found.addresses);
    let pictures = guard::pictures::fetched(sight, hosts, exchange, addresses).await;
    found.pictures.extend(pictures.map_err(unchecked)?);
    Ok(found)
}

/// The request, asking for pictures themselves where the app wants no addresses told.
///
/// # Errors
/// A body that the codec cannot read.
pub fn asking_for_files(
    exchange: &Exchange,
    app: &App,
    codec: &dyn Codec,
    content_type: &str,
    body: Bytes,
) -> Result<Bytes, Error> {
    match app.config.image_urls {
        Some(ImageUrls::Base64) if !body.is_empty() => {
            let limits = exchange.live.config.limits.read();
            Ok(codec.asking_for_files(content_type, &body, &limits)?)
        }
        _ => Ok(body),
    }
}

/// Literals that are words and nothing else. Where pictures are made, an address among the inputs is
/// fetched by whoever makes them, though it is read as words, too.
fn words(ask: &Ask) -> Vec<Range<usize>> {
    let draws = ask.output != Output::Text;
    let words = ask.parts.iter();
    let words = words.filter(|part| !draws || !addresses::is_address(part.text.trim()));
    words.map(|part| part.raw.clone()).collect()
}

fn unchecked(why: Unchecked) -> Error {
    let message = format!(
        "A picture cannot be checked: {why}. Send the picture itself, in base64: PNG, JPEG, WebP, \
         GIF or AVIF, correctly labelled."
    );
    Error::client(why.code(), message)
}

/// Looks at every picture of a request and adds its parts.
///
/// # Errors
/// As [`beside_words`].
pub async fn of_prompt(
    exchange: &Exchange,
    app: &App,
    codec: &dyn Codec,
    content_type: &str,
    body: &Bytes,
    ask: &mut Ask,
) -> Result<Vec<Pictured>, Error> {
    let limits = exchange.live.config.limits.read();
    let found = if content_type.starts_with("multipart/") {
        let makes = ask.output != Output::Text;
        pictures::in_form(content_type, body, &limits, makes)?
    } else if body.is_empty() || codec.polls() {
        return Ok(Vec::new());
    } else {
        pictures::in_document(body, &words(ask), &limits)?
    };
    let sight = exchange.sight(app);
    beside_words(exchange, &sight, Direction::Prompt, found, ask).await
}

/// Looks at what was found and adds its parts to what was said that way.
///
/// # Errors
/// A picture that nobody can read, or that lies elsewhere, where the app says that this is refused.
pub async fn beside_words(
    exchange: &Exchange,
    sight: &Sight,
    direction: Direction,
    found: Found,
    ask: &mut Ask,
) -> Result<Vec<Pictured>, Error> {
    let looked = guard::pictures::look(direction, sight, exchange, found).await;
    let speaker = match direction {
        Direction::Prompt => Role::User,
        Direction::Output => Role::Assistant,
    };
    Ok(place(ask, looked.map_err(unchecked)?, speaker))
}

/// Adds the parts of pictures, each behind the words that it stands beside. What stands beside nobody's
/// is the `speaker`'s.
fn place(ask: &mut Ask, looked: Vec<Looked>, speaker: Role) -> Vec<Pictured> {
    let mut placed: Vec<(usize, Vec<Part>)> = Vec::new();
    for Looked { picture, seen } in &looked {
        let (behind, role, turn) = beside(&ask.parts, picture, speaker);
        let part = |text: &str| Part {
            role,
            media: Media::Image,
            turn,
            text: text.to_owned(),
            at: "/picture".to_owned(),
            raw: picture.raw.clone(),
        };
        let parts = std::iter::once("").chain(seen.texts()).map(part);
        placed.push((behind, parts.collect()));
    }
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by_key(|index| placed[*index].0);
    let mut parts = Vec::with_capacity(ask.parts.len() + placed.len());
    let mut spoken = std::mem::take(&mut ask.parts).into_iter();
    let (mut taken, mut ranges) = (0, vec![0..0; placed.len()]);
    for index in order {
        let (behind, new) = (placed[index].0, std::mem::take(&mut placed[index].1));
        parts.extend(spoken.by_ref().take(behind - taken));
        taken = behind;
        ranges[index] = parts.len()..parts.len() + new.len();
        parts.extend(new);
    }
    parts.extend(spoken);
    ask.parts = parts;
    let pictured = |(Looked { picture, seen }, parts)| Pictured {
        parts,
        seen,
        picture: Some(picture),
    };
    looked.into_iter().zip(ranges).map(pictured).collect()
}

/// Behind how many parts a picture belongs, and whose it is: those of the same message, or else the
/// last that stand before it.
fn beside(parts: &[Part], picture: &Picture, speaker: Role) -> (usize, Role, u32) {
    let shared = |part: &Part| {
        let steps = part.at.split('/').zip(picture.at.split('/'));
        steps.take_while(|(one, other)| one == other).count()
    };
    // The empty step before the first slash, a member and an index: the same message.
    let same = parts.iter().rposition(|part| shared(part) >= 3);
    // What was said in earlier requests has no place in this body, and stands first.
    let first = parts.iter().take_while(|part| part.raw.is_empty()).count();
    let stands_before = |part: &Part| !part.raw.is_empty() && part.raw.start < picture.raw.start;
    let before = || parts.iter().rposition(stands_before);
    match (same, before()) {
        (Some(at), _) => (at + 1, parts[at].role, parts[at].turn),
        (None, Some(at)) => (at + 1, speaker, parts[at].turn),
        (None, None) => {
            let next = parts.get(first).or(parts.last());
            (first, speaker, next.map_or(0, |part| part.turn))
        }
    }
}
