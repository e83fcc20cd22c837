//! [`Memory`]: what was said in a session so far, as the model has it: what goes on from it is judged
//! with it.

use crate::codec::{Ask, Edit};
use crate::message::{Output, Part};

/// Text of one session, bytes: an hour of speech is a twentieth of it.
const MAX_BYTES: usize = 1024 * 1024;

/// The session is longer than can be judged as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// A conversation, and what is set for it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Of the last settings that named each place.
    settings: Vec<Part>,
    said: Vec<Part>,
    /// The next turn's number; settings have the first.
    turns: u32,
    bytes: usize,
}

impl Memory {
    /// Parts so far.
    pub fn len(&self) -> usize {
        self.settings.len() + self.said.len()
    }

    /// Everything so far, then `new`, whose turns follow.
    pub fn followed_by(&self, new: Vec<Part>) -> Vec<Part> {
        let turn = self.turns + 1;
        let mut all = Vec::with_capacity(self.len() + new.len());
        all.extend(self.settings.iter().chain(&self.said).cloned());
        all.extend(new.into_iter().map(|mut part| {
            part.turn = part.turn.saturating_add(turn);
            part
        }));
        all
    }

    /// A request of everything so far and nothing more.
    pub fn ask(&self, model: &str) -> Ask {
        Ask {
            parts: self.followed_by(Vec::new()),
            stream: true,
            model: model.to_owned(),
            output: Output::Text,
            choices: 1,
            guidance_at: 0..0,
        }
    }

    /// Takes new settings in: each place that they name says what they say.
    ///
    /// # Errors
    /// There is no room.
    pub fn set(&mut self, parts: &[Part], edits: &[Edit]) -> Result<(), TooLong> {
        let place = |part: &Part| part.at.split('/').nth(2).map(str::to_owned);
        let named: Vec<_> = parts.iter().map(place).collect();
        self.settings.retain(|part| !named.contains(&place(part)));
        let parts = parts.iter().map(|part| Part {
            turn: 0,
            ..seen(part, edits)
        });
        self.settings.extend(parts);
        self.weigh()
    }

    /// Takes a turn of the conversation in.
    ///
    /// # Errors
    /// There is no room.
    pub fn add(&mut self, parts: &[Part], edits: &[Edit]) -> Result<(), TooLong> {
        self.turns += 1;
        let turn = self.turns;
        let parts = parts.iter().map(|part| Part {
            turn,
            ..seen(part, edits)
        });
        self.said.extend(parts);
        self.weigh()
    }

    fn weigh(&mut self) -> Result<(), TooLong> {
        let parts = self.settings.iter().chain(&self.said);
        self.bytes = parts.map(|part| part.text.len() + size_of::<Part>()).sum();
        match self.bytes <= MAX_BYTES {
            true => Ok(()),
            false => Err(TooLong),
        }
    }
}

/// A part as the model sees it: it has no place in what follows.
fn seen(part: &Part, edits: &[Edit]) -> Part {
    let edit = edits.iter().find(|edit| edit.raw == part.raw);
    Part {
        text: edit.map_or(&part.text, |edit| &edit.text).clone(),
        raw: 0..0,
        ..part.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Media, Role};

    fn part(at: &str, text: &str) -> Part {
        Part {
            role: Role::User,
            media: Media::Text,
            turn: 0,
            text: text.to_owned(),
            at: at.to_owned(),
            raw: 3..9,
        }
    }

    #[test]
    fn settings_replace_what_they_name_and_turns_follow_one_another() {
        let mut memory = Memory::default();
        let set = |memory: &mut Memory, at, text| memory.set(&[part(at, text)], &[]);
        set(&mut memory, "/session/instructions", "one").expect("room");
        set(&mut memory, "/session/tools/0/name", "two").expect("room");
        set(&mut memory, "/session/instructions", "three").expect("room");
        let edit = Edit {
            raw: 3..9,
            text: "five".to_owned(),
        };
        memory
            .add(&[part("/item/content/0/text", "four")], &[edit])
            .expect("room");
        let all = memory.followed_by(vec![part("/item/content/0/text", "six")]);
        let told: Vec<_> = (all.iter())
            .map(|part| (part.turn, &*part.text, part.raw.len()))
            .collect();
        assert_eq!(
            told,
            [
                (0, "two", 0),
                (0, "three", 0),
                (1, "five", 0),
                (2, "six", 6)
            ]
        );
        let long = "a".repeat(MAX_BYTES);
        assert_eq!(memory.add(&[part("/item", &long)], &[]), Err(TooLong));
    }
}
