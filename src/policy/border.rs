//! Phrases split over two parts of one request: the end of one message and the start of the next,
//! two content parts, a prompt and its negative prompt.
//!
//! [`joints`] cuts the end of each part and the start of each part that follows it out and joins
//! them, without anything and with a space between. What a scan finds across the border
//! ([`Crossings::take`]) counts as a hit of both parts. A part follows the one before it and the
//! last one of its role; names follow nothing, and fields of the body follow each other both ways.
//!
//! Limits: a border is read [`REACH`] symbols to either side, and a phrase split over three parts is
//! not seen. JSON that tool arguments are made of is only taken off their ends.

use std::sync::Arc;

use super::{Action, Detection, PolicySet};
use crate::detect::Hit;
use crate::message::{Media, Part};
use crate::text::{Span, symbols};

/// Skeleton symbols read on either side of a border; the widest phrase is shorter.
const REACH: usize = 64;

/// Bytes read on either side: room for [`REACH`] symbols with invisible signs between them.
const MOST_BYTES: usize = 1_024;

/// Symbols of a hit that may cross a border, at least: two that meet by chance are common.
const FEWEST: u32 = 3;

/// The end of one part joined to the start of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joint {
    /// What to scan.
    pub text: String,
    before: Excerpt,
    after: Excerpt,
    /// Bytes between the two.
    gap: u32,
}

/// Bytes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Excerpt {
    /// Index of the part.
    part: usize,
    span: Span,
    /// Whether it is all of the part, so that a hit may touch the far end.
    whole: bool,
}

/// Hits across borders, half by half.
#[derive(Debug, Default)]
pub struct Crossings {
    /// Index of the part, and the half of the hit that lies in it.
    halves: Vec<(usize, Hit)>,
}

/// Every border of the parts, to be scanned.
pub fn joints(parts: &[Part]) -> Vec<Joint> {
    let mut joints = Vec::new();
    let mut said: Vec<usize> = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        if part.media == Media::Name || part.text.trim().is_empty() {
            continue;
        }
        let last = said.last().copied();
        let mut earlier = said.iter().rev().copied();
        // What a picture says does not keep the words around it apart: it may be taken away.
        let kind = |part: &Part| (part.role, part.media == Media::Image);
        let same = earlier.find(|&at| kind(&parts[at]) == kind(part));
        let after = start(part, index);
        for before in [last, same.filter(|_| same != last)].into_iter().flatten() {
            let before = end(&parts[before], before);
            join(parts, before, after, &mut joints);
        }
        // The fields of one object have no order.
        let field = last.filter(|&at| is_field(part) && is_field(&parts[at]));
        if let Some(at) = field.filter(|&at| parts[at].turn == part.turn) {
            let after = start(&parts[at], at);
            join(parts, end(part, index), after, &mut joints);
        }
        said.push(index);
    }
    joints
}

fn join(parts: &[Part], before: Excerpt, after: Excerpt, joints: &mut Vec<Joint>) {
    let (head, tail) = (
        &parts[before.part].text[before.span.range()],
        &parts[after.part].text[after.span.range()],
    );
    let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    // Han need no space, and signs are a border themselves.
    let apart = latin(head.chars().next_back()) && latin(tail.chars().next());
    for gap in ["", " "].iter().take(1 + usize::from(apart)) {
        joints.push(Joint {
            text: [head, gap, tail].concat(),
            before,
            after,
            gap: gap.len() as u32,
        });
    }
}

/// Whether the part is a field of the body itself, like a prompt or a negative prompt.
fn is_field(part: &Part) -> bool {
    !part.at.is_empty() && part.at.rfind('/').unwrap_or(0) == 0
}

/// The signs that JSON puts around the strings of tool arguments, and white space.
fn is_margin(part: &Part, c: char) -> bool {
    let json = part.media == Media::ToolArguments;
    c.is_whitespace() || (json && matches!(c, '"' | '{' | '}' | '[' | ']' | ','))
}

/// The last symbols of a part.
fn end(part: &Part, index: usize) -> Excerpt {
    let text = part.text.trim_end_matches(|c| is_margin(part, c));
    let mut from = text.len();
    let mut count = 0;
    for (at, c) in text.char_indices().rev() {
        count += weight(c);
        if count > REACH || text.len() - at > MOST_BYTES {
            break;
        }
        from = at;
    }
    Excerpt {
        part: index,
        span: Span::new(from as u32, text.len() as u32),
        whole: from == 0,
    }
}

/// The first symbols of a part.
fn start(part: &Part, index: usize) -> Excerpt {
    let text = part.text.trim_start_matches(|c| is_margin(part, c));
    let from = part.text.len() - text.len();
    let mut to = 0;
    let mut count = 0;
    for c in text.chars() {
        count += weight(c);
        if count > REACH || to + c.len_utf8() > MOST_BYTES {
            break;
        }
        to += c.len_utf8();
    }
    Excerpt {
        part: index,
        span: Span::new(from as u32, (from + to) as u32),
        whole: to == text.len(),
    }
}

/// Symbols of one character.
fn weight(c: char) -> usize {
    symbols(c.encode_utf8(&mut [0; 4])).count()
}

impl Crossings {
    /// Scans every border of the parts at once.
    pub fn of(set: &PolicySet, parts: &[Part]) -> Self {
        let mut crossings = Self::default();
        for joint in joints(parts) {
            let hits = set.detectors.scan_words(&joint.text);
            crossings.take(set, parts, &joint, &hits);
        }
        crossings
    }

    /// Takes what a scan of a joint's text found across its border. Allow phrases excuse nothing
    /// across a border.
    pub fn take(&mut self, set: &PolicySet, parts: &[Part], joint: &Joint, hits: &[Hit]) {
        let border = joint.before.span.len();
        let resumes = border + joint.gap;
        let length = joint.text.len() as u32;
        for hit in hits {
            let Span { start, end } = hit.span;
            let crosses = start < border && end > resumes;
            let long = hit.to - hit.from >= FEWEST + joint.gap;
            let cut_off =
                (start == 0 && !joint.before.whole) || (end == length && !joint.after.whole);
            if !crosses || !long || cut_off || set.allow(hit.signals).is_some() {
                continue;
            }
            let before = joint.before.span;
            let after = joint.after.span;
            let head = Span::new(before.start + start, before.end);
            let tail = Span::new(after.start, after.start + end - resumes);
            self.add(parts, joint.before.part, head, hit);
            self.add(parts, joint.after.part, tail, hit);
            // That it crosses is a sign of its own.
            for signals in set.detectors.crossing() {
                let sign = Hit { signals, ..*hit };
                self.add(parts, joint.before.part, head, &sign);
                self.add(parts, joint.after.part, tail, &sign);
            }
        }
    }

    /// The half of a hit that lies in a part, as a hit of that part.
    fn add(&mut self, parts: &[Part], part: usize, span: Span, hit: &Hit) {
        let known = |(at, half): &(usize, Hit)| {
            *at == part && half.span == span && half.signals == hit.signals
        };
        if self.halves.iter().any(known) {
            return;
        }
        let text = &parts[part].text;
        let count = |to: u32| symbols(&text[..to as usize]).count() as u32;
        let to = count(span.end);
        // A hit at the end is certain when the part has ended, whatever stands after it.
        let ripe = if span.start == 0 {
            to
        } else {
            count(text.len() as u32)
        };
        let half = Hit {
            span,
            from: count(span.start),
            to,
            ripe,
            ..*hit
        };
        self.halves.push((part, half));
    }

    /// Puts the halves among the hits of their parts, in the order of a scanner.
    pub fn insert(&self, hits: &mut [Arc<[Hit]>]) {
        for &(part, half) in &self.halves {
            let mut all = hits[part].to_vec();
            let key = |hit: &Hit| (hit.ripe, hit.to, hit.from, hit.signals);
            let place = all.iter().position(|hit| key(hit) > key(&half));
            all.insert(place.unwrap_or(all.len()), half);
            hits[part] = all.into();
        }
    }

    /// Half a phrase cannot be replaced and leave sense: what would be redacted or rewritten for a
    /// hit across a border is blocked.
    pub fn harden(&self, detections: &mut [Detection]) {
        for detection in detections {
            let places = [(detection.part, detection.span), detection.anchor];
            let half = |&(part, span): &(u32, Span)| {
                let mut halves = self.halves.iter();
                halves.any(|(at, half)| *at == part as usize && half.span == span)
            };
            let edits = detection.action.edits();
            if edits && places.iter().any(half) {
                detection.action = Action::Block;
            }
        }
    }

    /// The halves: index of the part, and the hit.
    pub fn halves(&self) -> &[(usize, Hit)] {
        &self.halves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Audience, AudienceSource, Band, Direction, Output, Role};
    use crate::policy::{AppPolicies, Scene, Selection, Source, compile, judge_prompt};

    fn set(action: &str) -> (Arc<PolicySet>, Arc<Selection>) {
        let text = format!(
            "policy: garden\ntitle: {{en: Garden, zh: 菜园}}\nsignals:\n  \
             canary: {{words: [tomato, tomato soup, 西红柿, 茄子]}}\nrules:\n  \
             - {{id: ACME-001, title: t, status: stable, level: 1, severity: 2, \
             action: {action}, false_positives: [soup], when: canary}}\n"
        );
        let source = Source {
            path: "garden.yaml".into(),
            text,
            shipped: true,
        };
        let app = AppPolicies {
            app: "kitchen".into(),
            level: 1,
            ..AppPolicies::default()
        };
        let set = compile(&[source], &[app]).unwrap_or_else(|all| panic!("{all}"));
        let selection = Arc::clone(&set.selections[0]);
        (Arc::new(set), selection)
    }

    fn said(role: Role, media: Media, turn: u32, text: &str) -> Part {
        Part {
            role,
            media,
            turn,
            text: text.into(),
            at: String::new(),
            raw: 0..0,
        }
    }

    /// The halves across the borders of these parts, as text.
    fn crossing(parts: &[Part]) -> Vec<(usize, &str)> {
        let (set, _) = set("redact");
        let crossings = Crossings::of(&set, parts);
        let halves = crossings.halves.iter();
        halves
            .map(|(part, half)| (*part, &parts[*part].text[half.span.range()]))
            .collect()
    }

    fn user(turn: u32, text: &str) -> Part {
        said(Role::User, Media::Text, turn, text)
    }

    #[test]
    fn over_two_content_parts_or_fields() {
        for (one, other, halves) in [
            ("I like tom", "ato and leek", ["tom", "ato"]),
            ("I like tom ", "\nato and leek", ["tom", "ato"]),
            ("我要西", "红柿和茶", ["西", "红柿"]),
            ("我要西红", "柿", ["西红", "柿"]),
        ] {
            let parts = [user(0, one), user(0, other)];
            assert_eq!(crossing(&parts), [(0, halves[0]), (1, halves[1])], "{one}");
        }
        let parts = [user(0, "a tomato"), user(0, "soup, please")];
        assert_eq!(crossing(&parts), [(0, "tomato"), (1, "soup")]);
    }

    #[test]
    fn over_two_messages_of_a_role_and_over_names() {
        let parts = [
            user(0, "我要西"),
            said(Role::Assistant, Media::Text, 1, "yes?"),
            said(Role::User, Media::Name, 2, "kim"),
            user(2, "红柿"),
        ];
        assert_eq!(crossing(&parts), [(0, "西"), (3, "红柿")]);
        let pictured = |text| said(Role::User, Media::Image, 0, text);
        let parts = [user(0, "a tom"), pictured("of a cat"), user(0, "ato")];
        assert_eq!(crossing(&parts), [(0, "tom"), (2, "ato")]);
        let arguments = |text| said(Role::Assistant, Media::ToolArguments, 0, text);
        let parts = [arguments("{\"a\": \"tom\"}"), arguments("\"ato\"")];
        assert_eq!(crossing(&parts), [(0, "tom"), (1, "ato")]);
    }

    #[test]
    fn what_does_not_cross() {
        for (one, other) in [
            ("我要茄", "子和茶"),
            ("a tomato.", "A tomato."),
            ("tom.", "Ato is a name"),
            ("atom", "atom"),
        ] {
            let parts = [user(0, one), user(1, other)];
            assert!(crossing(&parts).is_empty(), "{one} {other}");
        }
        let parts = [user(0, "tom"), user(0, "x"), user(0, "ato")];
        assert!(crossing(&parts).is_empty());
        let far = format!("tom{}", "\u{200B}".repeat(2_000));
        let parts = [user(0, &far), user(0, "ato")];
        assert!(
            crossing(&parts).is_empty(),
            "beyond the bytes that are read"
        );
    }

    #[test]
    fn that_a_phrase_crosses_is_a_signal() {
        let text = "policy: garden\ntitle: {en: Garden, zh: 菜园}\nsignals:\n  \
             canary: {words: [tomato]}\n  over: {cloaking: [crossing]}\nrules:\n  \
             - {id: ACME-001, title: t, status: stable, level: 1, severity: 2, \
             action: flag, false_positives: [soup], when: 'canary and near(over, 1)'}\n";
        let source = Source {
            path: "garden.yaml".into(),
            text: text.into(),
            shipped: true,
        };
        let app = AppPolicies {
            app: "kitchen".into(),
            level: 1,
            ..AppPolicies::default()
        };
        let set = compile(&[source], &[app]).unwrap_or_else(|all| panic!("{all}"));
        let set = Arc::new(set);
        let scene = Scene {
            direction: Direction::Prompt,
            output: Output::Text,
            audience: Audience {
                band: Band::Age8,
                source: AudienceSource::App,
            },
        };
        for (one, other, count) in [("I like tom", "ato", 2), ("I like a tomato", "too", 0)] {
            let parts = [user(0, one), user(0, other)];
            let mut hits: Vec<Arc<[Hit]>> = parts
                .iter()
                .map(|part| set.detectors.scan(&part.text).into())
                .collect();
            Crossings::of(&set, &parts).insert(&mut hits);
            let found = judge_prompt(&set, &set.selections[0], scene, &parts, &hits);
            assert_eq!(found.detections.len(), count, "{one}");
        }
    }

    #[test]
    fn long_parts_are_read_at_their_ends() {
        let parts = [
            user(0, &format!("{} 西红", "x ".repeat(9_000))),
            user(0, &format!("柿 {}", "y ".repeat(9_000))),
        ];
        assert_eq!(crossing(&parts), [(0, "西红"), (1, "柿")]);
        assert!(joints(&parts).iter().all(|joint| joint.text.len() < 400));
        let many: Vec<Part> = (0..200).map(|turn| user(turn, "x")).collect();
        assert!(joints(&many).len() <= 4 * many.len());
    }

    #[test]
    fn both_parts_are_detected_and_a_redaction_blocks() {
        for (action, expected) in [("redact", Action::Block), ("flag", Action::Flag)] {
            let (set, selection) = set(action);
            let parts = [user(0, "tomato, then tom"), user(0, "ato again")];
            let mut hits: Vec<Arc<[Hit]>> = parts
                .iter()
                .map(|part| set.detectors.scan(&part.text).into())
                .collect();
            let crossings = Crossings::of(&set, &parts);
            crossings.insert(&mut hits);
            let scene = Scene {
                direction: Direction::Prompt,
                output: Output::Text,
                audience: Audience {
                    band: Band::Age8,
                    source: AudienceSource::App,
                },
            };
            let mut found = judge_prompt(&set, &selection, scene, &parts, &hits).detections;
            crossings.harden(&mut found);
            let parts: Vec<u32> = found.iter().map(|detection| detection.part).collect();
            assert_eq!(parts, [0, 0, 1]);
            assert_eq!(found[1].action, expected);
            assert_eq!(found[2].action, expected);
            assert_ne!(found[0].action, Action::Block, "whole within its part");
        }
    }
}
