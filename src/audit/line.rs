//! [`Line`]: one exchange as the audit sees it, and what of a caller may stand in it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use serde::Serialize;

/// One exchange as the audit sees it: ids, positions and figures, never words.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Milliseconds since 1970 at which the exchange began.
    pub time_unix_ms: u64,
    /// Its id, as the caller saw it in `x-wardgate-exchange`.
    pub exchange: String,
    /// The app's name; empty when no app was found.
    pub app: String,
    /// The dialect's name; empty when none was found.
    pub dialect: &'static str,
    /// [`peer_prefix`] of the caller.
    pub peer: String,
    /// [`crate::message::Band::name`].
    pub audience: &'static str,
    /// How the band is known: [`crate::message::AudienceSource::name`].
    pub audience_source: &'static str,
    /// How sure that is: [`crate::message::AudienceSource::assurance`].
    pub audience_assurance: &'static str,
    /// [`model_name`] of the model asked for.
    pub model: String,
    /// The status that the caller received.
    pub status: u16,
    /// The strongest action taken (in observe mode: that would have been taken).
    pub action: &'static str,
    /// [`crate::config::Mode::name`].
    pub mode: &'static str,
    /// Every detection.
    pub detections: Vec<Seen>,
    /// What the answer cache did.
    pub cache: CacheState,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the answer's body that left.
    pub bytes_out: u64,
    /// Where the time went.
    pub timings: Timings,
    /// What went wrong, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<LineFault>,
    /// Whether something went on that nobody had read (passthrough, or `on_failure: allow`).
    pub not_inspected: bool,
    /// What of it nobody looked into: "audio", "picture"; "opinion", where somebody who was asked about
    /// it said nothing. Its words were judged.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unseen: BTreeSet<&'static str>,
    /// Pictures that were looked at, the first few of an exchange.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PictureSeen>,
}

/// A picture without its pixels.
#[derive(Debug, Clone, Serialize)]
pub struct PictureSeen {
    /// "prompt" or "output".
    pub direction: &'static str,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Pixels: width and height.
    pub size: [u32; 2],
    /// The perceptual hash of its first frame, where it has enough detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pdq: Option<String>,
    /// How probable it is that it shows naked people, where a model looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nudity: Option<f32>,
    /// The same by the model that knows drawings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drawn_nudity: Option<f32>,
    /// Years of whoever looks youngest, where a model looked and found a face.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apparent_age: Option<f32>,
}

/// A detection without its words.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// The rule's id.
    pub rule: String,
    /// [`crate::policy::Action::name`].
    pub action: &'static str,
    /// "prompt" or "output".
    pub direction: &'static str,
    /// Index of the part.
    pub part: u32,
    /// Byte offsets of the completing hit in the part.
    pub span: [u32; 2],
    /// [`crate::text::ViewKind::name`].
    pub view: &'static str,
    /// [`Audit::span_hash`] of the words: repeats are recognised while this process lives.
    pub hash: String,
}

/// Microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Timings {
    /// Judging the prompt.
    pub judge_prompt_us: u64,
    /// From sending the request to the answer's head; absent when no upstream was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_first_byte_us: Option<u64>,
    /// The longest that a byte of the answer was held back; absent when nothing was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_us: Option<u64>,
    /// From the request's head to the answer's last byte.
    pub total_us: u64,
}

/// What went wrong and whose fault it was.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LineFault {
    /// [`crate::body::Blame::name`].
    pub blame: &'static str,
    /// A stable code.
    pub code: &'static str,
}

/// What the answer cache did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheState {
    /// The app has none, or the exchange did not get that far.
    #[default]
    Off,
    /// `no-store`, or a request that has no key.
    Bypass,
    /// Asked the upstream.
    Miss,
    /// Answered from the cache.
    Hit,
    /// Waited for somebody else's identical request.
    Shared,
}

impl CacheState {
    /// The value of `x-wardgate-cache`, metrics and the audit line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Bypass => "bypass",
            Self::Miss => "miss",
            Self::Hit => "hit",
            Self::Shared => "shared",
        }
    }
}

/// Longest model name (characters) in a line.
const MODEL_CHARS: usize = 64;

/// The caller's network, never the caller: /24 of an IPv4, /48 of an IPv6 address.
pub fn peer_prefix(peer: IpAddr) -> String {
    match peer.to_canonical() {
        IpAddr::V4(peer) => {
            let [a, b, c, _] = peer.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(peer) => {
            let [a, b, c, ..] = peer.segments();
            let network = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
            format!("{network}/48")
        }
    }
}

/// A model's name fit for a log: at most 64 of letters, digits and `._:/@-`; others become `?`.
pub fn model_name(model: &str) -> String {
    let fit = |letter: char| letter.is_ascii_alphanumeric() || "._:/@-".contains(letter);
    model
        .chars()
        .take(MODEL_CHARS)
        .map(|letter| if fit(letter) { letter } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_and_no_odd_letter_reaches_a_line() {
        let prefix = |text: &str| peer_prefix(text.parse().expect("an address"));
        assert_eq!(prefix("203.0.113.77"), "203.0.113.0/24");
        assert_eq!(prefix("::ffff:203.0.113.77"), "203.0.113.0/24");
        assert_eq!(prefix("2001:db8:1:2:3::4"), "2001:db8:1::/48");
        assert_eq!(model_name("gpt-4o mini\n\"x\" 萝卜"), "gpt-4o?mini??x????");
        assert_eq!(model_name(&"m".repeat(1000)).len(), MODEL_CHARS);
    }
}
