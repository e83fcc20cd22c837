//! What was said, by whom and in which direction, in no provider's words.
//!
//! A codec turns a body into [`Part`]s; everything behind the codec knows only these.

use std::ops::Range;

/// Which way a text travels: towards the model, or back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the caller to the model.
    Prompt,
    /// From the model to the caller.
    Output,
}

/// Whose words a part holds, as the dialect says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Instructions of the application (`system`, `developer`).
    System,
    /// The person, or whatever the application sends in the person's name.
    User,
    /// The model, now or in an earlier turn.
    Assistant,
    /// The result of a tool or function, or its description.
    Tool,
}

/// What kind of thing the model is asked to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// Text: chat, completion, tool calls.
    Text,
    /// A picture from words alone.
    Image,
    /// A picture made from a picture that the caller sends.
    ImageEdit,
}

/// What a part is within its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Media {
    /// Ordinary words.
    Text,
    /// A model's visible reasoning.
    Reasoning,
    /// A model's own refusal text.
    Refusal,
    /// Arguments of a tool or function call: JSON inside a string.
    ToolArguments,
    /// Words beside those that a reader is told: what an answer repeats whole, quotes or looks for.
    Aside,
    /// A name: of a participant, a tool, a file.
    Name,
    /// A picture, or words that were read in it.
    Image,
}

/// One thing said: its text and where in the body it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose words these are.
    pub role: Role,
    /// What the text is within its message.
    pub media: Media,
    /// Parts of one turn (one message; for images the whole request) share a number and are
    /// judged together, so that a composition may span fields. Turns count from 0.
    pub turn: u32,
    /// The text as the model would read it: unescaped, never folded.
    pub text: String,
    /// JSON pointer (RFC 6901) or multipart field name, for diagnostics and the audit line.
    pub at: String,
    /// Bytes of the body that an edit of this part replaces (the JSON string with its quotes, or
    /// the multipart field's value). Empty for what was said before this body.
    pub raw: Range<usize>,
}

/// An age band. Borders are the union of the nodes that rules about minors use (China's minors'
/// mode, COPPA's 13, the EU's 14 to 16), so that every regime maps onto whole bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Band {
    /// Under 3.
    Age0,
    /// 3 to 7.
    Age3,
    /// 8 to 11.
    Age8,
    /// 12 and 13.
    Age12,
    /// 14 and 15.
    Age14,
    /// 16 and 17.
    Age16,
    /// 18 and older.
    Adult,
    /// Nobody said. Treated as a minor: a guess in the other direction would leak.
    Unknown,
}

impl Band {
    /// Every band with the name that configs, headers and the audit line use.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::Age0, "0-2"),
        (Self::Age3, "3-7"),
        (Self::Age8, "8-11"),
        (Self::Age12, "12-13"),
        (Self::Age14, "14-15"),
        (Self::Age16, "16-17"),
        (Self::Adult, "18+"),
        (Self::Unknown, "unknown"),
    ];

    /// The name of the band.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// The band of that name; `minor` and `adult` are accepted for "some minor" and `18+`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "minor" => Some(Self::Unknown),
            "adult" => Some(Self::Adult),
            _ => Self::NAMES
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(band, _)| *band),
        }
    }

    /// Whether this audience is protected as a minor. Unknown is.
    pub fn is_minor(self) -> bool {
        self != Self::Adult
    }
}

/// Who speaks: the age band and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Audience {
    /// The age band.
    pub band: Band,
    /// Where the band comes from.
    pub source: AudienceSource,
}

impl Audience {
    /// With what the conversation says of the speaker's age: it makes an audience younger, never
    /// older, and the declared band goes on to count (see [`AudienceSource::Cue`]).
    #[must_use]
    pub fn heard(self, cue: Option<Band>) -> Self {
        let Some(cue) = cue.filter(|cue| cue.is_minor()) else {
            return self;
        };
        let tightens = match self.band {
            Band::Adult => true,
            Band::Unknown => cue != Band::Unknown,
            declared => cue < declared,
        };
        if !tightens {
            return self;
        }
        Self {
            band: cue,
            source: AudienceSource::Cue(self.band),
        }
    }
}

/// How an age band is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudienceSource {
    /// The app's default.
    App,
    /// The default of the app's profile.
    Profile,
    /// The default of an app that is recognised by its callers' keys.
    Key,
    /// A header from a peer that the app trusts to know.
    Header,
    /// Likewise; the peer says that the age was estimated.
    Estimated,
    /// Likewise; the peer says that the age was verified.
    Verified,
    /// What the speaker says about themselves. The band is younger than the declared one, which is
    /// kept: what a rule does for it is never undone by a cue.
    Cue(Band),
}

impl AudienceSource {
    /// The name in the audit line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Profile => "profile",
            Self::Key => "key",
            Self::Header | Self::Estimated | Self::Verified => "header",
            Self::Cue(_) => "cue",
        }
    }

    /// How sure it is: "none" (nobody said), "declared", "estimated" or "verified".
    pub const fn assurance(self, band: Band) -> &'static str {
        match (self, band) {
            (Self::Estimated | Self::Cue(_), _) => "estimated",
            (Self::Verified, _) => "verified",
            (_, Band::Unknown) => "none",
            _ => "declared",
        }
    }
}

/// A language that replies are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_only_tighten() {
        let declared = |band| Audience {
            band,
            source: AudienceSource::Header,
        };
        for (band, _) in Band::NAMES {
            for (cue, _) in Band::NAMES {
                let heard = declared(band).heard(Some(cue));
                if heard == declared(band) {
                    continue;
                }
                assert_eq!((heard.band, heard.source), (cue, AudienceSource::Cue(band)));
                assert!(
                    cue.is_minor() && (cue < band || band == Band::Adult),
                    "{band:?} {cue:?}"
                );
            }
            assert_eq!(declared(band).heard(None), declared(band));
            assert_eq!(declared(band).heard(Some(Band::Adult)), declared(band));
        }
        assert_eq!(
            declared(Band::Adult).heard(Some(Band::Unknown)).band,
            Band::Unknown
        );
        assert_eq!(
            declared(Band::Age8).heard(Some(Band::Age14)),
            declared(Band::Age8)
        );
    }
}
