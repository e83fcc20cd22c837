//! [`Actions`]: what a rule does, by age band, as compiled and as written.
//!
//! `minor` is for minors of every band that has no line of its own and for audiences that nobody
//! knows; `adult` is for adults; `0-7`, `12-13` name one or several whole bands of minors.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::rule::Action;
use crate::message::Band;

/// What is done, by audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions([Action; Band::NAMES.len()]);

impl Actions {
    /// The same for everybody.
    pub const fn all(action: Action) -> Self {
        Self([action; Band::NAMES.len()])
    }

    /// For minors (and audiences that nobody knows), and for adults.
    pub fn new(minor: Action, adult: Action) -> Self {
        Self::all(minor).with(Band::Adult, adult)
    }

    /// Another action for one band.
    #[must_use]
    pub fn with(mut self, band: Band, action: Action) -> Self {
        self.0[band as usize] = action;
        self
    }

    /// What is done for a band.
    pub const fn of(self, band: Band) -> Action {
        self.0[band as usize]
    }

    /// Each band's, in the order of [`Band::NAMES`].
    pub fn each(self) -> impl Iterator<Item = (Band, Action)> {
        Band::NAMES
            .map(|(band, _)| (band, self.of(band)))
            .into_iter()
    }

    /// All changed alike.
    pub(super) fn map(self, change: impl Fn(Action) -> Action) -> Self {
        Self(self.0.map(change))
    }

    /// Band by band the stronger of both.
    pub(super) fn raised(self, other: Self) -> Self {
        let both = self.each().zip(other.each());
        both.fold(self, |raised, ((band, own), (_, other))| {
            raised.with(band, own.max(other))
        })
    }
}

impl fmt::Display for Actions {
    /// "block", or "block for minors, nudge for 16-17, flag for adults".
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minor = self.of(Band::Unknown);
        if *self == Self::all(minor) {
            return out.write_str(minor.name());
        }
        write!(out, "{} for minors", minor.name())?;
        for (band, action) in self.each() {
            if band.is_minor() && action != minor {
                write!(out, ", {} for {}", action.name(), band.name())?;
            }
        }
        write!(out, ", {} for adults", self.of(Band::Adult).name())
    }
}

/// The bands of minors that a key like `0-7` or `16-17` covers whole; none if it covers none whole
/// or only a part of one.
fn bands(key: &str) -> Option<Vec<Band>> {
    let ages = |band: Band| {
        let (from, to) = band.name().split_once('-')?;
        Some((from.parse::<u8>().ok()?, to.parse::<u8>().ok()?))
    };
    let (from, to) = key.split_once('-')?;
    let (from, to) = (
        from.trim().parse::<u8>().ok()?,
        to.trim().parse::<u8>().ok()?,
    );
    let minors = Band::NAMES
        .iter()
        .filter_map(|(band, _)| Some((*band, ages(*band)?)));
    let inside: Vec<_> = minors
        .filter(|(_, (low, high))| from <= *low && *high <= to)
        .collect();
    let whole = inside.first()?.1.0 == from && inside.last()?.1.1 == to;
    whole.then(|| inside.into_iter().map(|(band, _)| band).collect())
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Lines)
    }
}

struct Lines;

impl<'de> Visitor<'de> for Lines {
    type Value = Actions;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{minor: action, adult: action}, with lines like `16-17: action` for bands")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut lines: A) -> Result<Actions, A::Error> {
        let (mut minor, mut adult) = (None, None);
        let mut own: Vec<(Band, Action)> = Vec::new();
        while let Some((key, action)) = lines.next_entry::<String, Action>()? {
            match key.as_str() {
                "minor" => minor = Some(action),
                "adult" => adult = Some(action),
                ages => {
                    let bands = bands(ages).ok_or_else(|| unknown::<A::Error>(ages))?;
                    if let Some(twice) = bands
                        .iter()
                        .find(|band| own.iter().any(|(known, _)| known == *band))
                    {
                        let message = format!("two actions for the band {}", twice.name());
                        return Err(A::Error::custom(message));
                    }
                    own.extend(bands.into_iter().map(|band| (band, action)));
                }
            }
        }
        let minor = minor.ok_or_else(|| A::Error::missing_field("minor"))?;
        let adult = adult.ok_or_else(|| A::Error::missing_field("adult"))?;
        let actions = Actions::new(minor, adult);
        Ok(own.into_iter().fold(actions, |actions, (band, action)| {
            actions.with(band, action)
        }))
    }
}

fn unknown<E: Error>(key: &str) -> E {
    E::custom(format!(
        "`{key}` is no audience: minor, adult, or whole bands of minors such as 0-7, 12-13, 16-17"
    ))
}

impl JsonSchema for Actions {
    fn schema_name() -> Cow<'static, str> {
        "Actions".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let action = generator.subschema_for::<Action>();
        schemars::json_schema!({
            "type": "object",
            "description": "What is done, by audience; `0-7`, `16-17` name whole bands of minors.",
            "properties": {"minor": action, "adult": action},
            "patternProperties": {"^[0-9]{1,2}-[0-9]{1,2}$": action},
            "required": ["minor", "adult"],
            "additionalProperties": false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Actions, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn bands_without_a_line_of_their_own_are_minors() {
        let actions =
            read("{minor: support, adult: flag, 0-7: block, 16-17: nudge}").expect("readable");
        let names: Vec<_> = actions.each().map(|(_, action)| action.name()).collect();
        let wanted = [
            "block", "block", "support", "support", "support", "nudge", "flag", "support",
        ];
        assert_eq!(names, wanted);
        let shown =
            "support for minors, block for 0-2, block for 3-7, nudge for 16-17, flag for adults";
        assert_eq!(actions.to_string(), shown);
        assert_eq!(Actions::all(Action::Block).to_string(), "block");
        assert_eq!(
            Actions::new(Action::Block, Action::Flag).to_string(),
            "block for minors, flag for adults"
        );
    }

    #[test]
    fn keys_are_whole_bands_and_nothing_else() {
        for (bad, why) in [
            ("{minor: block, adult: flag, 3-8: nudge}", "is no audience"),
            ("{minor: block, adult: flag, 7-0: nudge}", "is no audience"),
            (
                "{minor: block, adult: flag, 16-18: nudge}",
                "is no audience",
            ),
            ("{minor: block, adult: flag, teen: nudge}", "is no audience"),
            (
                "{minor: block, adult: flag, 0-7: nudge, 3-7: flag}",
                "two actions for the band 3-7",
            ),
            ("{minor: block, 3-7: nudge}", "adult"),
            ("{adult: block}", "minor"),
        ] {
            let said = read(bad).expect_err(bad);
            assert!(said.contains(why), "{bad}: {said}");
        }
        assert_eq!(bands("0-17").map(|all| all.len()), Some(6));
    }
}
