//! [`Cues`]: what users say about their own age. It only ever makes an audience younger.
//!
//! Signals with these names are cues, in whatever file they are declared (`common/audience.yaml`):
//!
//! | signal | means |
//! |---|---|
//! | `audience_cue` | the speaker is some minor |
//! | `audience_cue.from_8` | the speaker is in the band that begins at 8; so 0, 3, 12, 14, 16 |
//! | `audience_cue.not` | where it touches a cue it takes it back: "when I'm", "13 minutes", 的时候 |
//!
//! Cues are read in user messages only, so a depicted person's age is none. They are words, not
//! proof: a child who does not say it is not found, and quoted speech can be taken for the user's.

use super::compile::Input;
use super::desk::Desk;
use super::diagnostic::Code;
use super::file::Signal;
use super::signals::Numbers;
use crate::detect::{Detectors, Hit, SignalId};
use crate::message::{Band, Media, Part, Role};

/// What the names of cue signals begin with.
const CUE: &str = "audience_cue";

/// Age bands by the name of their youngest age.
const FROM: [(&str, Band); 6] = [
    ("from_0", Band::Age0),
    ("from_3", Band::Age3),
    ("from_8", Band::Age8),
    ("from_12", Band::Age12),
    ("from_14", Band::Age14),
    ("from_16", Band::Age16),
];

/// Which signals are cues, and for what.
#[derive(Debug, Default)]
pub(super) struct Cues {
    said: Vec<(SignalId, Band)>,
    not: Vec<SignalId>,
    /// By set of signals: the youngest band that it says, and whether it takes cues back.
    meanings: Vec<(Option<Band>, bool)>,
}

impl Cues {
    /// Signals that tell who speaks, and those that say that they do not.
    pub fn signals(&self) -> impl Iterator<Item = SignalId> + '_ {
        let said = self.said.iter().map(|(signal, _)| *signal);
        said.chain(self.not.iter().copied())
    }

    /// Finds the cue signals of all files and gives them numbers.
    pub fn find(input: &Input<'_>, numbers: &Numbers, desk: &Desk<'_>) -> Self {
        let mut cues = Self::default();
        for (file, loaded) in input.files.iter().enumerate() {
            for (at, (name, written)) in loaded.file.signals.0.iter().enumerate() {
                let (first, rest) = name.value.split_once('.').unwrap_or((&name.value, ""));
                if first != CUE {
                    continue;
                }
                heard_in_words(written, desk);
                let number = || numbers.of((file, at));
                let band = FROM.iter().find(|(known, _)| *known == rest);
                match (rest, band) {
                    ("", _) => cues.said.push((number(), Band::Unknown)),
                    ("not", _) => cues.not.push(number()),
                    (_, Some((_, band))) => cues.said.push((number(), *band)),
                    _ => {
                        let message = format!("`{}` is no cue", name.value);
                        let help = "audience_cue, audience_cue.not, or audience_cue.from_0, .from_3, .from_8, .from_12, .from_14, .from_16";
                        desk.report(desk.at(Code::BadName, name.place, message).help(help));
                    }
                }
            }
        }
        cues
    }

    /// The youngest that users say they are; `hits` are those of each part.
    pub fn heard<H: AsRef<[Hit]>>(&self, parts: &[Part], hits: &[H]) -> Option<Band> {
        if self.said.is_empty() {
            return None;
        }
        let spoken = parts.iter().zip(hits);
        let spoken =
            spoken.filter(|(part, _)| part.role == Role::User && part.media == Media::Text);
        spoken
            .filter_map(|(_, hits)| self.band(hits.as_ref()))
            .min()
    }

    /// The youngest band that nothing takes back.
    fn band(&self, hits: &[Hit]) -> Option<Band> {
        let meaning = |hit: &Hit| self.meanings[hit.signals.0 as usize];
        let said = || hits.iter().filter(|hit| meaning(hit).0.is_some());
        said().next()?;
        let mut nots: Vec<&Hit> = hits.iter().filter(|hit| meaning(hit).1).collect();
        nots.sort_by_key(|not| not.from);
        let widest = nots.iter().map(|not| not.to - not.from).max();
        let widest = widest.unwrap_or(0);
        let taken_back = |hit: &&Hit| {
            let before = nots.partition_point(|not| not.from <= hit.to);
            let near = nots[..before].iter().rev();
            let mut near = near.take_while(|not| not.from + widest >= hit.from);
            near.any(|not| hit.from <= not.to)
        };
        let stands = said().filter(|hit| !taken_back(hit));
        stands.filter_map(|hit| meaning(hit).0).min()
    }

    /// The detectors are known: what each of their sets of signals means.
    pub fn seal(&mut self, detectors: &Detectors) {
        let meaning = |set| {
            let members = detectors.signals(set);
            let said = self.said.iter();
            let said = said.filter(|(signal, _)| members.contains(signal));
            let not = self.not.iter().any(|signal| members.contains(signal));
            (said.map(|(_, band)| *band).min(), not)
        };
        self.meanings = detectors.sets().map(meaning).collect();
    }
}

/// Says so where a cue is asked of anything but words: who speaks is known before a sentence is scored
/// or anybody is asked, so such a cue would never be heard.
fn heard_in_words(written: &Signal, desk: &Desk<'_>) {
    let asked = [
        &written.classifier,
        &written.examples,
        &written.remote,
        &written.model,
    ];
    let asked = asked.into_iter().flatten().map(|one| one.place);
    let seen = written.image.as_ref().map(|image| image.place);
    for place in asked.chain(seen) {
        let message = "a cue of who speaks is heard in words alone";
        let help =
            "write `words:`, `list:`, `pattern:` or `age:`; a rule may read what sentences mean";
        desk.report(desk.at(Code::Cue, place, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::detect::Hit;
    use crate::message::{Band, Media, Part, Role};
    use crate::policy::{PolicySet, Source, compile, shipped};

    fn part(role: Role, text: &str) -> Part {
        Part {
            role,
            media: Media::Text,
            turn: 0,
            text: text.to_owned(),
            at: String::new(),
            raw: 0..0,
        }
    }

    fn cue(set: &PolicySet, role: Role, text: &str) -> Option<Band> {
        let parts = [part(role, text)];
        let hits: Vec<Arc<[Hit]>> = parts
            .iter()
            .map(|one| set.detectors.scan(&one.text).into())
            .collect();
        set.cue(&parts, &hits)
    }

    #[test]
    fn what_users_say_of_themselves_is_heard_and_nothing_else() {
        let set = compile(&shipped(), &[]).unwrap_or_else(|all| panic!("{all}"));
        for (text, band) in [
            ("hi, I am 13", Band::Age12),
            ("I'm 9 years old and I like soup", Band::Age8),
            ("im twelve, can you help me", Band::Age12),
            ("I just turned 15!", Band::Age14),
            ("i\u{2019}m only 7", Band::Age3),
            ("I'm in 6th grade and we grow beans", Band::Age8),
            ("I am a seventh grader", Band::Age12),
            ("I'm in high school", Band::Age14),
            ("well, I'm under 18", Band::Unknown),
            ("我13岁", Band::Age12),
            ("我今年十五岁了", Band::Age14),
            ("我今年上六年级", Band::Age8),
            ("我读初二,想种番茄", Band::Age12),
            ("我是高三学生", Band::Age16),
            ("我还没成年", Band::Unknown),
            ("my brother is 9 and I am 16", Band::Age16),
        ] {
            assert_eq!(cue(&set, Role::User, text), Some(band), "{text}");
            assert_eq!(cue(&set, Role::Assistant, text), None, "{text}");
            assert_eq!(cue(&set, Role::System, text), None, "{text}");
        }
        for text in [
            "my son is 13",
            "a story about a girl who is 13",
            "when I am 13 I will grow beans",
            "pretend I am 12",
            "I am 13 minutes late",
            "I'm 10 km away",
            "I am 15% sure",
            "I'm 12 weeks pregnant",
            "I was 13 when we moved",
            "I am 35",
            "I am 130 cm tall",
            "I am 16 years older than her",
            "我儿子13岁",
            "我13岁的女儿喜欢番茄",
            "我上六年级的时候种过豆子",
            "我13岁那年搬家了",
            "如果我13岁",
            "画一个13岁的女孩",
            "他今年上初二",
            "我35岁",
        ] {
            assert_eq!(cue(&set, Role::User, text), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_cue_is_a_mistake_with_a_place() {
        let text = "signals:\n  audience_cue.from_9: {words: [leek]}\n";
        let source = Source {
            path: "common/garden.yaml".into(),
            text: text.into(),
            shipped: false,
        };
        let said = compile(&[source], &[])
            .expect_err("no such band")
            .to_string();
        assert!(
            said.contains("`audience_cue.from_9` is no cue") && said.contains("garden.yaml:2:3"),
            "{said}"
        );
    }
}
