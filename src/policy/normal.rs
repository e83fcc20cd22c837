//! The normal form of a condition: an `or` of [`Clause`]s, each an `and` of atoms.
//!
//! So every arm of an `or` has an anchor of its own and none is dead, and judging needs no tree. An
//! `or` of plain names (or of `near`s of one distance) stays one atom.

use std::ops::Range;

use super::clause::{Atom, Clause};
use super::condition::{Condition, Name, Wrong};
use super::context::{Contexts, METAS};
use super::diagnostic::{Code, did_you_mean};
use crate::detect::SignalId;

/// Most clauses of one condition; the largest shipped rule has a dozen.
pub const CLAUSE_LIMIT: usize = 64;
/// Most atoms of one clause: one bit each of a `u32` while judging, and one to spare.
pub const ATOM_LIMIT: usize = 31;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    contexts: Contexts,
    need: Vec<Atom>,
    unless: Vec<Atom>,
}

/// Turns a condition into clauses; `lookup` knows the signals that are visible, `known` their names.
///
/// # Errors
/// Everything that is wrong: unknown signals, arms without an anchor, too many arms.
pub fn clauses(
    condition: &Condition,
    length: usize,
    lookup: &dyn Fn(&str) -> Option<SignalId>,
    known: &[&str],
) -> Result<Vec<Clause>, Vec<Wrong>> {
    let mut maker = Maker {
        lookup,
        known,
        wrong: Vec::new(),
    };
    let drafts = maker.drafts(condition, Sign::Plus);
    let whole = 0..length;
    if drafts.len() > CLAUSE_LIMIT {
        maker.wrong.push(
            Wrong::new(
                Code::Reach,
                whole.clone(),
                "the condition has too many arms",
                "all of this",
            )
            .help("put words that mean the same into one signal, or split the rule"),
        );
    }
    if !maker.wrong.is_empty() {
        return Err(maker.wrong);
    }
    let mut clauses = Vec::new();
    for draft in drafts {
        if draft.contexts.0 == 0 {
            continue;
        }
        let anchors = draft
            .need
            .iter()
            .find_map(Atom::anchors)
            .map(<[SignalId]>::to_vec);
        let Some(anchors) = anchors else {
            let at = first_near(condition).unwrap_or(whole);
            let wrong = Wrong::new(
                Code::NoAnchor,
                at,
                "nothing to measure from",
                "has no anchor",
            );
            let help =
                "every arm needs a plain signal that must be seen: `lure and near(minor, 80)`";
            return Err(vec![wrong.help(help)]);
        };
        if draft.need.len() + draft.unless.len() > ATOM_LIMIT {
            let wrong = Wrong::new(
                Code::Reach,
                whole,
                "an arm has too many parts",
                "all of this",
            );
            return Err(vec![
                wrong.help(format!("at most {ATOM_LIMIT} signals joined by `and`")),
            ]);
        }
        let Draft {
            contexts,
            need,
            unless,
        } = draft;
        clauses.push(Clause {
            contexts,
            anchors,
            need,
            unless,
        });
    }
    absorb(&mut clauses);
    Ok(clauses)
}

/// The names in a condition that `lookup` does not know, nor the scene; `known` are those it might be.
pub fn unknown(
    condition: &Condition,
    lookup: &dyn Fn(&str) -> Option<SignalId>,
    known: &[&str],
) -> Vec<Wrong> {
    let mut maker = Maker {
        lookup,
        known,
        wrong: Vec::new(),
    };
    maker.drafts(condition, Sign::Plus);
    maker.wrong
}

/// Takes contexts from clauses that another one covers there: they would only say it again, later.
fn absorb(clauses: &mut Vec<Clause>) {
    for at in 0..clauses.len() {
        for other in (0..clauses.len()).filter(|other| *other != at) {
            let (this, that) = (&clauses[at], &clauses[other]);
            // Of twins the first one stays.
            if that.covers(this) && (other < at || !this.covers(that)) {
                let left = this.contexts.and(that.contexts.complement());
                clauses[at].contexts = left;
            }
        }
    }
    clauses.retain(|clause| clause.contexts.0 != 0);
}

fn first_near(condition: &Condition) -> Option<Range<usize>> {
    match condition {
        Condition::Near(_, _, at) => Some(at.clone()),
        Condition::Not(inner) => first_near(inner),
        Condition::And(parts) | Condition::Or(parts) => parts.iter().find_map(first_near),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

struct Maker<'l> {
    lookup: &'l dyn Fn(&str) -> Option<SignalId>,
    known: &'l [&'l str],
    wrong: Vec<Wrong>,
}

impl Maker<'_> {
    fn drafts(&mut self, condition: &Condition, sign: Sign) -> Vec<Draft> {
        match (condition, sign) {
            (Condition::Not(inner), Sign::Plus) => self.drafts(inner, Sign::Minus),
            (Condition::Not(inner), Sign::Minus) => self.drafts(inner, Sign::Plus),
            (Condition::And(parts), Sign::Plus) | (Condition::Or(parts), Sign::Minus) => {
                self.product(parts, sign)
            }
            (Condition::Or(parts), Sign::Plus) | (Condition::And(parts), Sign::Minus) => {
                let arms = parts
                    .iter()
                    .flat_map(|part| self.drafts(part, sign))
                    .collect();
                joined(arms)
            }
            (Condition::Name(name), _) => self.name(name, sign),
            (Condition::Near(names, distance, _), _) => {
                let names = self.signals(names);
                draft(Atom::Near(names, *distance), sign)
            }
            (Condition::Count(names, number), _) => {
                let names = self.signals(names);
                draft(Atom::Count(names, *number), sign)
            }
            (Condition::InOrder(first, second, distance), _) => {
                let (first, second) = (self.signals(first), self.signals(second));
                draft(Atom::InOrder(first, second, *distance), sign)
            }
        }
    }

    fn product(&mut self, parts: &[Condition], sign: Sign) -> Vec<Draft> {
        let mut all = vec![Draft {
            contexts: Contexts::ALL,
            need: Vec::new(),
            unless: Vec::new(),
        }];
        for part in parts {
            let arms = self.drafts(part, sign);
            // Past the limit only errors are still looked for: the product stays small.
            all = all
                .iter()
                .flat_map(|left| arms.iter().map(|right| both(left, right)))
                .take(CLAUSE_LIMIT + 1)
                .collect();
        }
        all
    }

    fn name(&mut self, name: &Name, sign: Sign) -> Vec<Draft> {
        if let Some(contexts) = Contexts::named(&name.text) {
            let contexts = match sign {
                Sign::Plus => contexts,
                Sign::Minus => contexts.complement(),
            };
            return vec![Draft {
                contexts,
                need: Vec::new(),
                unless: Vec::new(),
            }];
        }
        let signals = self.signals(std::slice::from_ref(name));
        draft(Atom::Any(signals), sign)
    }

    fn signals(&mut self, names: &[Name]) -> Vec<SignalId> {
        let mut signals: Vec<_> = names.iter().filter_map(|name| self.signal(name)).collect();
        signals.sort_unstable();
        signals.dedup();
        signals
    }

    fn signal(&mut self, name: &Name) -> Option<SignalId> {
        let found = (self.lookup)(&name.text);
        if found.is_none() {
            let metas = METAS.iter().map(|(meta, _)| *meta);
            let help = match did_you_mean(&name.text, self.known.iter().copied().chain(metas)) {
                _ if Contexts::named(&name.text).is_some() => {
                    "names of the scene have no place in the text; join them with `and`".to_owned()
                }
                Some(help) => help,
                None => "declare it under `signals`, or `use` the file that has it".to_owned(),
            };
            let message = format!("unknown signal `{}`", name.text);
            let wrong = Wrong::new(
                Code::UnknownSignal,
                name.at.clone(),
                message,
                "not visible here",
            );
            self.wrong.push(wrong.help(help));
        }
        found
    }
}

fn draft(atom: Atom, sign: Sign) -> Vec<Draft> {
    let (need, unless) = match sign {
        Sign::Plus => (vec![atom], Vec::new()),
        Sign::Minus => (Vec::new(), vec![atom]),
    };
    vec![Draft {
        contexts: Contexts::ALL,
        need,
        unless,
    }]
}

fn both(left: &Draft, right: &Draft) -> Draft {
    let join = |a: &[Atom], b: &[Atom]| {
        let mut all = a.to_vec();
        all.extend(b.iter().filter(|atom| !a.contains(atom)).cloned());
        all
    };
    Draft {
        contexts: left.contexts.and(right.contexts),
        need: join(&left.need, &right.need),
        unless: join(&left.unless, &right.unless),
    }
}

/// Makes one atom of arms that are a plain name each, or a `near` of the same distance each.
fn joined(arms: Vec<Draft>) -> Vec<Draft> {
    let mut out: Vec<Draft> = Vec::new();
    for arm in arms {
        let alone = |draft: &Draft| {
            draft.contexts == Contexts::ALL && draft.unless.is_empty() && draft.need.len() == 1
        };
        let place = out
            .iter_mut()
            .filter(|other| alone(other) && alone(&arm))
            .find_map(|other| match (&mut other.need[0], &arm.need[0]) {
                (Atom::Any(names), Atom::Any(more)) => Some((names, more)),
                (Atom::Near(names, at), Atom::Near(more, distance)) if *at == *distance => {
                    Some((names, more))
                }
                _ => None,
            });
        match place {
            Some((names, more)) => {
                names.extend(more);
                names.sort_unstable();
                names.dedup();
            }
            None => out.push(arm),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::condition::parse;
    use super::*;

    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e.f", "g"];

    fn made(text: &str) -> Result<Vec<Clause>, Vec<Wrong>> {
        let condition = parse(text).map_err(|wrong| vec![wrong])?;
        let lookup = |name: &str| {
            let at = NAMES.iter().position(|known| *known == name)?;
            Some(SignalId(u32::try_from(at).expect("six names")))
        };
        clauses(&condition, text.len(), &lookup, &NAMES)
    }

    fn check(text: &str, expect: &str) {
        let clauses = made(text).expect(text);
        let shown: Vec<_> = clauses.iter().map(show).collect();
        assert_eq!(shown.join(" | "), expect, "{text}");
    }

    fn show(clause: &Clause) -> String {
        let names = |ids: &[SignalId]| {
            ids.iter()
                .map(|id| NAMES[id.0 as usize])
                .collect::<Vec<_>>()
                .join("+")
        };
        let atom = |atom: &Atom| match atom {
            Atom::Any(ids) => names(ids),
            Atom::Near(ids, n) => format!("~{}{n}", names(ids)),
            Atom::Count(ids, n) => format!("#{}{n}", names(ids)),
            Atom::InOrder(a, b, n) => format!("{}>{}{n}", names(a), names(b)),
        };
        let need: Vec<_> = clause.need.iter().map(atom).collect();
        let unless: Vec<_> = clause
            .unless
            .iter()
            .map(|one| format!(" !{}", atom(one)))
            .collect();
        let some = if clause.contexts == Contexts::ALL {
            ""
        } else {
            "?"
        };
        format!(
            "{some}[{}] {}{}",
            names(&clause.anchors),
            need.join(" "),
            unless.concat()
        )
    }

    #[test]
    fn normal_forms() {
        check("a", "[a] a");
        check("a or b or e.f", "[a+b+e.f] a+b+e.f");
        check("(a or b) and near(c, 9)", "[a+b] a+b ~c9");
        check("a and near((b or c), 9)", "[a] a ~b+c9");
        check("near(b, 9) and a", "[a] ~b9 a");
        check(
            "a and (near(b, 9) or near(c, 9) or near(d, 8))",
            "[a] a ~b+c9 | [a] a ~d8",
        );
        check("a and not (b or near(c, 5))", "[a] a !b !~c5");
        check("a and not (b and c)", "[a] a !b | [a] a !c");
        check("(a and b) or (c and d)", "[a] a b | [c] c d");
        check("count(a) >= 3 and b", "[a] #a3 b");
        check("in_order(a, (b or c), 7)", "[a] a>b+c7");
        check(
            "a and (near(b, 9) or audience.minor)",
            "?[a] a ~b9 | ?[a] a",
        );
        check("a and (b or b) and not not c", "[a] a b c");
        check("a or a and b", "[a] a");
        check("audience.minor and audience.adult and a or b", "[b] b");
    }

    fn fails(text: &str, code: Code, marked: &str) {
        let wrong = made(text).expect_err(text);
        assert_eq!(wrong[0].code, code, "{text}");
        assert_eq!(&text[wrong[0].at.clone()], marked, "{text}");
    }

    #[test]
    fn what_is_wrong_is_marked() {
        fails("a and", Code::Condition, "");
        fails("a b", Code::Condition, "b");
        fails("a AND b", Code::Condition, "AND");
        fails("a and (b or c", Code::Condition, "");
        fails("near(a)", Code::Condition, ")");
        fails("a && b", Code::Condition, "&");
        fails("a and 个", Code::Condition, "个");
        fails("a and near(b, 1001)", Code::Reach, "1001");
        fails("a and near(b, 0)", Code::Reach, "0");
        fails("a and near(b, 99999999999)", Code::Reach, "99999999999");
        fails("count(a) >= 101", Code::Reach, "101");
        fails("near(a, 5)", Code::NoAnchor, "near(a, 5)");
        fails("not a", Code::NoAnchor, "not a");
        fails("a or audience.minor", Code::NoAnchor, "a or audience.minor");
        fails("a and bb", Code::UnknownSignal, "bb");
        fails(
            "a and near(audience.minor, 5)",
            Code::UnknownSignal,
            "audience.minor",
        );
        fails(&"(".repeat(40), Code::Condition, "(");
    }

    #[test]
    fn too_many_arms_are_refused_and_cheap() {
        let one = "(a and b or c and d or e.f and g)";
        let text = ["a"]
            .into_iter()
            .chain([one; 30])
            .collect::<Vec<_>>()
            .join(" and ");
        assert_eq!(made(&text).expect_err("3^30 arms")[0].code, Code::Reach);
    }
}
