//! [`Memory`]: what was said in a session so far, as the model has it: what goes on from it is judged
//! with it.

use crate::codec::{Ask, Edit};
use crate::message::Part;
use crate::remembered::Remembered;
use crate::sight::Pictured;

/// Text of one session, bytes: an hour of speech is a twentieth of it.
const MAX_BYTES: usize = 1024 * 1024;

/// The session is longer than can be judged as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// A conversation, and what is set for it.
#[derive(Debug, Default)]
pub struct Memory {
    /// Of the last settings that named each place.
    settings: Remembered,
    said: Remembered,
    /// The next turn's number; settings have the first.
    turns: u32,
}

impl Memory {
    /// Parts so far.
    pub fn len(&self) -> usize {
        self.settings.parts.len() + self.said.parts.len()
    }

    /// What the pictures show that were shown so far.
    pub fn pictures(&self) -> impl Iterator<Item = Pictured> + '_ {
        self.said.pictures_behind(self.settings.parts.len())
    }

    /// Everything so far, then `new`, whose turns follow.
    pub fn followed_by(&self, new: Vec<Part>) -> Vec<Part> {
        let turn = self.turns + 1;
        let mut all = Vec::with_capacity(self.len() + new.len());
        all.extend(self.settings.parts.iter().chain(&self.said.parts).cloned());
        all.extend(new.into_iter().map(|mut part| {
            part.turn = part.turn.saturating_add(turn);
            part
        }));
        all
    }

    /// A request of everything so far and nothing more.
    pub fn ask(&self, model: &str) -> Ask {
        Ask {
            stream: true,
            model: model.to_owned(),
            ..Ask::of(self.followed_by(Vec::new()))
        }
    }

    /// Takes new settings in: each place that they name says what they say.
    ///
    /// # Errors
    /// There is no room.
    pub fn set(&mut self, parts: &[Part], edits: &[Edit]) -> Result<(), TooLong> {
        let place = |part: &Part| part.at.split('/').nth(2).map(str::to_owned);
        let named: Vec<_> = parts.iter().map(place).collect();
        let settings = &mut self.settings;
        settings.parts.retain(|part| !named.contains(&place(part)));
        let before = settings.parts.len();
        settings.add(parts, &[], edits, |_| true);
        for part in &mut settings.parts[before..] {
            part.turn = 0;
        }
        self.weigh()
    }

    /// Takes a turn of the conversation in. `pictures` are those of `parts`.
    ///
    /// # Errors
    /// There is no room.
    pub fn add(
        &mut self,
        parts: &[Part],
        pictures: &[Pictured],
        edits: &[Edit],
    ) -> Result<(), TooLong> {
        self.turns += 1;
        let before = self.said.parts.len();
        self.said.add(parts, pictures, edits, |_| true);
        for part in &mut self.said.parts[before..] {
            part.turn = self.turns;
        }
        self.weigh()
    }

    fn weigh(&self) -> Result<(), TooLong> {
        match self.settings.weight() + self.said.weight() <= MAX_BYTES {
            true => Ok(()),
            false => Err(TooLong),
        }
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
            .add(&[part("/item/content/0/text", "four")], &[], &[edit])
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
        assert_eq!(memory.add(&[part("/item", &long)], &[], &[]), Err(TooLong));
    }
}
