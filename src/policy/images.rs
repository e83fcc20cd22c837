//! Image signals and the pictures of cases, checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::clause::Atom;
use super::compile::Input;
use super::desk::Desk;
use super::diagnostic::{Code, Diagnostic, Place, Where, did_you_mean, one_of};
use super::file::{Drawing, Image, Probably, Younger};
use super::frame::Placed;
use super::parts::At;
use super::rule::Rule;
use crate::detect::{Detectors, Look};
use crate::picture::metadata::Metadata;
use crate::picture::{self, BadLine, Eye, HashList, Pdq, Seen, drawing};

/// Ages that may be waited for: below, nobody is told from anybody; above, everybody is young.
const AGES: std::ops::RangeInclusive<f32> = 10.0..=60.0;

/// What may be written of metadata.
const METADATA: [(&str, Look); 3] = [
    ("location", Look::Location),
    ("generated", Look::Generated),
    ("credentials", Look::Credentials),
];

/// Everything that a signal looks for in a picture.
pub(super) fn looks(image: &At<Image>, input: &Input<'_>, desk: &Desk<'_>) -> Vec<Look> {
    let At {
        value: image,
        place,
    } = image;
    let mut looks = metadata(&image.metadata, desk);
    looks.extend(image.qr.then_some(Look::Code));
    looks.extend(image.text.then_some(Look::Text));
    let nudity = image.nudity.as_ref();
    looks.extend(
        nudity
            .and_then(|bound| probably(bound, desk))
            .map(Look::Nudity),
    );
    let drawn = image.drawn_nudity.as_ref();
    looks.extend(
        drawn
            .and_then(|bound| probably(bound, desk))
            .map(Look::Drawn),
    );
    let age = image.apparent_age.as_ref();
    looks.extend(age.and_then(|bound| younger(bound, desk)));
    if let Some(list) = &image.hash_list {
        looks.extend(listed(list, input, desk).map(|list| Look::Listed(Arc::new(list))));
    } else if looks.is_empty()
        && image.metadata.is_empty()
        && nudity.or(drawn).is_none()
        && age.is_none()
    {
        let message = "`image` looks for nothing";
        let help = "write hash_list: a file, qr: true, metadata: [location], text: true, nudity: {at_least: 0.8}, or apparent_age: {below: 25}";
        desk.report(desk.at(Code::Empty, *place, message).help(help));
    }
    looks
}

fn probably(bound: &At<Probably>, desk: &Desk<'_>) -> Option<f32> {
    let at_least = bound.value.at_least;
    if at_least > 0.0 && at_least < 1.0 {
        return Some(at_least);
    }
    let message = format!("`at_least: {at_least}` is no probability to wait for");
    let diagnostic = desk.at(Code::Range, bound.place, message);
    desk.report(diagnostic.help("a number between 0 and 1"));
    None
}

fn younger(bound: &At<Younger>, desk: &Desk<'_>) -> Option<Look> {
    let below = bound.value.below;
    if AGES.contains(&below) {
        return Some(Look::Young(below));
    }
    let message = format!("`below: {below}` is no age that a face tells");
    let diagnostic = desk.at(Code::ApparentAge, bound.place, message);
    desk.report(diagnostic.help("a number from 10 to 60; 25 catches most who are under 18"));
    None
}

/// Reports rules that an apparent age could clear: it is only there to be more careful.
pub(super) fn ages_only_warn(
    rules: &[Rule],
    clauses: &[Placed],
    detectors: &Detectors,
    desk: &Desk<'_>,
) {
    let clears = |one: &&Placed| {
        let mut excuses = one.clause.unless.iter().flat_map(Atom::signals);
        excuses.any(|signal| detectors.asks(signal, Eye::Age))
    };
    let mut reported = BTreeSet::new();
    for one in clauses.iter().filter(clears) {
        let Some(rule) = rules
            .get(one.rule.0 as usize)
            .filter(|_| reported.insert(one.rule.0))
        else {
            continue;
        };
        let message = format!("`{}` is cleared by how old somebody looks", rule.id);
        let (path, line) = rule.place.clone();
        let at = Where::File(format!("{path}:{line}"));
        let diagnostic = Diagnostic::new(Code::AgeClears, at, message);
        let help = "models take children for adults: read it beside other signals, without `not`";
        desk.report(diagnostic.help(help));
    }
}

fn metadata(names: &[At<String>], desk: &Desk<'_>) -> Vec<Look> {
    let known = METADATA.map(|(name, _)| name);
    let look = |name: &At<String>| {
        let found = METADATA.iter().find(|(known, _)| *known == name.value);
        if found.is_none() {
            let help = did_you_mean(&name.value, known).unwrap_or_else(|| one_of(known));
            let message = format!("unknown metadata `{}`", name.value);
            desk.report(desk.at(Code::UnknownImage, name.place, message).help(help));
        }
        found.map(|(_, look)| look.clone())
    };
    names.iter().filter_map(look).collect()
}

fn listed(list: &At<String>, input: &Input<'_>, desk: &Desk<'_>) -> Option<HashList> {
    let Some((source, text)) = input.list(&list.value) else {
        let known: Vec<_> = input.lists().collect();
        let help = did_you_mean(&list.value, known.iter().copied());
        let help =
            help.unwrap_or_else(|| "a path from the policy folder: `lists/known.csv`".to_owned());
        let message = format!("there is no list `{}`", list.value);
        desk.report(desk.at(Code::UnknownFile, list.place, message).help(help));
        return None;
    };
    match HashList::parse(text) {
        Ok(hashes) if hashes.is_empty() => {
            let message = format!("list `{}` holds no hash", list.value);
            let help = "one hash a line, or CSV with a column `hash`";
            desk.report(desk.at(Code::Empty, list.place, message).help(help));
            None
        }
        Ok(hashes) => Some(hashes),
        Err(BadLine(number)) => {
            let from: usize = text
                .split_inclusive('\n')
                .take(number - 1)
                .map(str::len)
                .sum();
            let line = text[from..].lines().next().unwrap_or("");
            let whole = Place {
                source,
                start: 0,
                end: 0,
            };
            let place = whole.within(from..from + line.len());
            let diagnostic = desk.at(Code::HashList, place, "this is no hash");
            let help = "64 digits (PDQ), 32 digits (MD5), or sha256: and 64 digits";
            desk.report(diagnostic.help(help));
            None
        }
    }
}

/// The picture of a case, looked at.
pub(super) fn drawn(drawing: &At<Drawing>, desk: &Desk<'_>) -> Option<Seen> {
    let wrong = |place, message: &str, help: &str| {
        desk.report(desk.at(Code::Case, place, message.to_owned()).help(help));
    };
    let written = &drawing.value;
    let mut seen = Seen::default();
    if let Some(text) = &written.qr {
        let looked = drawing::qr(&text.value).and_then(|file| picture::look(&file).ok());
        let Some(looked) = looked.filter(|looked| !looked.codes.is_empty()) else {
            wrong(text.place, "this text fits no QR code", "shorten it");
            return None;
        };
        seen = looked;
    }
    if let Some(hash) = &written.hash {
        let Some(pdq) = Pdq::parse(&hash.value) else {
            wrong(
                hash.place,
                "this is no PDQ hash",
                "write 64 hexadecimal digits",
            );
            return None;
        };
        seen.pdq = vec![[pdq; 8]];
    }
    let mut found = Metadata::default();
    for look in metadata(&written.metadata, desk) {
        match look {
            Look::Location => found.location = true,
            Look::Generated => found.generated = true,
            Look::Credentials => found.credentials = true,
            Look::Listed(_)
            | Look::Code
            | Look::Nudity(_)
            | Look::Drawn(_)
            | Look::Text
            | Look::Young(_) => {}
        }
    }
    seen.metadata = found;
    seen.nudity = written.nudity.as_ref().map(|score| score.value);
    seen.drawn_nudity = written.drawn_nudity.as_ref().map(|score| score.value);
    seen.apparent_age = written.apparent_age.as_ref().map(|years| years.value);
    seen.words = written.text.iter().map(|text| text.value.clone()).collect();
    Some(seen)
}

#[cfg(test)]
mod tests {
    use crate::policy::{Source, compile};

    const HASH: &str = "f8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6339c4e9c9b22";

    /// What is said of a policy with this image signal and this list.
    #[track_caller]
    fn check(image: &str, list: &str, expect: &[&str]) {
        check_when("seen", image, list, expect);
    }

    #[track_caller]
    fn check_when(when: &str, image: &str, list: &str, expect: &[&str]) {
        let rules = format!(
            "- {{id: CAN-010, title: T, status: stable, level: 1, severity: 2, when: '{when}', \
             action: flag, false_positives: [cooks]}}"
        );
        let policy = format!(
            "policy: p\ntitle: {{en: A, zh: 甲}}\nsignals: {{word: {{words: [turnip]}}, seen: {{image: {image}}}}}\nrules:\n  {rules}\n"
        );
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
            shipped: false,
        };
        let sources = [source("p.yaml", &policy), source("known.csv", list)];
        let problems = match compile(&sources, &[]) {
            Ok(_) => String::new(),
            Err(problems) => problems.to_string(),
        };
        assert_eq!(problems.is_empty(), expect.is_empty(), "{problems}");
        for part in expect {
            assert!(problems.contains(part), "{part} is not in:\n{problems}");
        }
    }

    #[test]
    fn nobody_is_cleared_by_looking_old() {
        let young = "{apparent_age: {below: 25}}";
        check_when("word and seen", young, "", &[]);
        check_when("word and not seen", young, "", &["P050", "CAN-010"]);
        check_when("word and not seen", "{qr: true}", "", &[]);
    }

    #[test]
    fn authors_learn_what_is_wrong_with_an_image_signal() {
        check("{hash_list: known.csv, qr: true}", HASH, &[]);
        check("{metadata: [location, generated, credentials]}", "", &[]);
        check("{metadata: [locaton]}", "", &["P033", "`location`"]);
        check("{nudity: {at_least: 0.3}}", "", &[]);
        check("{nudity: {at_least: 1.0}}", "", &["no probability"]);
        check("{nudity: {at_most: 0.3}}", "", &["P003"]);
        check("{drawn_nudity: {at_least: 0.6}}", "", &[]);
        check("{drawn_nudity: {at_least: 0}}", "", &["no probability"]);
        check("{text: true}", "", &[]);
        check("{apparent_age: {below: 25}}", "", &[]);
        check("{apparent_age: {below: 3}}", "", &["P051", "25 catches"]);
        check("{}", "", &["P016", "looks for nothing"]);
        check("{hash_list: knwon.csv}", HASH, &["P007", "`known.csv`"]);
        check(
            "{hash_list: known.csv}",
            "hash\n",
            &["P016", "holds no hash"],
        );
        let list = format!("hash\n{HASH}\nturnip\n");
        check("{hash_list: known.csv}", &list, &["P034", "known.csv:3:1"]);
        check("{colour: red}", "", &["P003"]);
    }
}
