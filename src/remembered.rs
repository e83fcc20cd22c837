//! [`Remembered`]: what was said before in a conversation, as the model has it: the words, and what its
//! pictures showed. What goes on from it is judged with it.
//!
//! Limit: holds no picture, so one that was shown before cannot be taken back.

use crate::codec::Edit;
use crate::message::{Media, Part};
use crate::sight::Pictured;

/// What a part costs beside its text, bytes: its place and its pointer.
const PART_BYTES: usize = size_of::<Part>() + 32;

/// What was said before.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    /// In the order of their turns. None has a place in the bodies that follow.
    pub parts: Vec<Part>,
    /// What the pictures among them show.
    pub pictures: Vec<Pictured>,
}

impl Remembered {
    /// Takes in what was said next, as the model is to see it. A picture that was taken away has shown
    /// nothing. `pictures` are those of `parts`; a part that does not last is left out.
    pub fn add(
        &mut self,
        parts: &[Part],
        pictures: &[Pictured],
        edits: &[Edit],
        lasts: impl Fn(&Part) -> bool,
    ) {
        let edit = |part: &Part| edits.iter().find(|edit| edit.raw == part.raw);
        let gone = |part: &Part| part.media == Media::Image && edit(part).is_some();
        for (at, part) in parts.iter().enumerate() {
            if gone(part) || !lasts(part) {
                continue;
            }
            let shown = pictures.iter().find(|picture| picture.parts.start == at);
            self.pictures.extend(shown.map(|picture| Pictured {
                picture: None,
                ..picture.moved(at, self.parts.len())
            }));
            self.parts.push(Part {
                text: edit(part).map_or(&part.text, |edit| &edit.text).clone(),
                raw: 0..0,
                ..part.clone()
            });
        }
    }

    /// Its memory, bytes, near enough.
    pub fn weight(&self) -> usize {
        let words = self.parts.iter().map(|part| part.text.len() + PART_BYTES);
        let seen = self.pictures.iter().map(|picture| picture.seen.memory());
        words.chain(seen).sum()
    }

    /// What its pictures show, behind so many other parts.
    pub fn pictures_behind(&self, parts: usize) -> impl Iterator<Item = Pictured> + '_ {
        let pictures = self.pictures.iter();
        pictures.map(move |picture| picture.moved(0, parts))
    }
}
