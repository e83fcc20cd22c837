//! A dialect's table of fields, built once, and the walk over a document that it drives.

use std::ops::Range;

use super::json::{Document, Kind, Value};
use super::{Field, ReadError, Treatment};

/// Which documents a row of a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Request bodies.
    Request,
    /// Whole answers (`answer:`).
    Answer,
    /// The data of stream events (`event:`).
    Event,
}

impl Side {
    /// The pointer of a row, if the row is about this side.
    fn pointer(self, at: &'static str) -> Option<&'static str> {
        match self {
            Self::Request => at.starts_with('/').then_some(at),
            Self::Answer => at.strip_prefix("answer:"),
            Self::Event => at.strip_prefix("event:"),
        }
    }
}

/// The rows of one side as a tree. A named child wins over `*`; `**` reaches everything below that
/// no other row names.
#[derive(Debug)]
pub struct Table {
    branches: Vec<Branch>,
}

#[derive(Debug, Default)]
struct Branch {
    named: Vec<(&'static str, usize)>,
    any: Option<usize>,
    here: Option<Treatment>,
    below: Option<Treatment>,
}

impl Table {
    /// Builds the tree of `side`.
    pub fn new(fields: &[Field], side: Side) -> Self {
        let mut table = Self {
            branches: vec![Branch::default()],
        };
        for field in fields {
            if let Some(pointer) = side.pointer(field.at) {
                table.add(pointer, field.treatment);
            }
        }
        table
    }

    fn add(&mut self, pointer: &'static str, treatment: Treatment) {
        let mut at = 0;
        for step in pointer.split('/').skip(1) {
            if step == "**" {
                let branch = &mut self.branches[at];
                branch.below = Some(treatment);
                branch.here.get_or_insert(treatment);
                return;
            }
            at = self.child_or_new(at, step);
        }
        self.branches[at].here = Some(treatment);
    }

    fn child_or_new(&mut self, at: usize, step: &'static str) -> usize {
        let branch = &self.branches[at];
        let known = match step {
            "*" => branch.any,
            name => branch.child(name).map(|(_, child)| child),
        };
        if let Some(child) = known {
            return child;
        }
        let child = self.branches.len();
        self.branches.push(Branch::default());
        match step {
            "*" => self.branches[at].any = Some(child),
            name => self.branches[at].named.push((name, child)),
        }
        child
    }

    /// Visits every string that is not opaque, in body order: inspected ones, those that no row
    /// names, and the keys of objects that no row names.
    ///
    /// # Errors
    /// "unsupported_field" where a refused field is not null, and whatever `visit` returns.
    pub fn walk<'d>(
        &self,
        document: &'d Document<'d>,
        visit: &mut dyn FnMut(&Leaf<'_, 'd>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut walk = Walk {
            table: self,
            path: Vec::with_capacity(12),
            visit,
        };
        let root = &self.branches[0];
        let inherited = root.below.unwrap_or(Treatment::Inspected);
        walk.value(document.root(), Some(0), inherited)
    }
}

impl Branch {
    fn child(&self, name: &str) -> Option<(&'static str, usize)> {
        self.named.iter().find(|(known, _)| *known == name).copied()
    }
}

/// One step from a container to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'d> {
    /// A key that the table names.
    Known(&'static str),
    /// An index of an array.
    Index(usize),
    /// A key that the table does not name, as it stands in the body. It is the caller's text: it
    /// shows as `*` in pointers, so that no message and no audit line repeats it.
    Unknown(&'d str),
}

/// A JSON pointer (RFC 6901) with `*` for keys that are the caller's own words.
pub fn pointer(path: &[Step<'_>]) -> String {
    let mut out = String::with_capacity(path.len() * 10);
    for step in path {
        out.push('/');
        match step {
            Step::Known(name) => out.push_str(name),
            Step::Index(index) => out.push_str(&index.to_string()),
            Step::Unknown(_) => out.push('*'),
        }
    }
    out
}

/// Whether a string is a value or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A value.
    Value,
    /// The key of the member that the path leads to.
    Key,
}

/// A string to be inspected.
#[derive(Debug)]
pub struct Leaf<'p, 'd> {
    /// The way to it.
    pub path: &'p [Step<'d>],
    /// Whether it is a value or a key.
    pub place: Place,
    /// Its literal's bytes, quotes included.
    pub raw: Range<usize>,
    /// Its text, unescaped.
    pub text: std::borrow::Cow<'d, str>,
}

struct Walk<'t, 'd> {
    table: &'t Table,
    path: Vec<Step<'d>>,
    visit: &'t mut dyn FnMut(&Leaf<'_, 'd>) -> Result<(), ReadError>,
}

impl<'d> Walk<'_, 'd> {
    /// Recurses at most as deep as the document, which its own limit bounds.
    fn value(
        &mut self,
        value: Value<'d>,
        at: Option<usize>,
        inherited: Treatment,
    ) -> Result<(), ReadError> {
        let branch = at.map(|index| &self.table.branches[index]);
        let treatment = branch.and_then(|branch| branch.here).unwrap_or(inherited);
        if treatment == Treatment::Refused && value.kind() != Kind::Null {
            return Err(self.refused());
        }
        let below = branch.and_then(|branch| branch.below).unwrap_or(inherited);
        match value.kind() {
            Kind::Text if treatment == Treatment::Inspected => self.leaf(value, Place::Value),
            Kind::Array => self.items(value, branch, below),
            Kind::Object => self.members(value, branch, below),
            _ => Ok(()),
        }
    }

    fn items(
        &mut self,
        array: Value<'d>,
        branch: Option<&Branch>,
        inherited: Treatment,
    ) -> Result<(), ReadError> {
        let child = branch.and_then(|branch| branch.any);
        for (index, item) in array.children().enumerate() {
            self.path.push(Step::Index(index));
            self.value(item, child, inherited)?;
            self.path.pop();
        }
        Ok(())
    }

    fn members(
        &mut self,
        object: Value<'d>,
        branch: Option<&Branch>,
        inherited: Treatment,
    ) -> Result<(), ReadError> {
        for member in object.children() {
            let key = member.key()?;
            let known = branch.and_then(|branch| branch.child(&key));
            let (step, child) = match known {
                Some((name, child)) => (Step::Known(name), Some(child)),
                None => {
                    let any = branch.and_then(|branch| branch.any);
                    (Step::Unknown(member.key_slice()), any)
                }
            };
            self.path.push(step);
            if known.is_none() && inherited == Treatment::Inspected {
                self.leaf(member, Place::Key)?;
            }
            self.value(member, child, inherited)?;
            self.path.pop();
        }
        Ok(())
    }

    fn leaf(&mut self, value: Value<'d>, place: Place) -> Result<(), ReadError> {
        let (raw, text) = match place {
            Place::Key => (value.key_raw(), value.key()?),
            Place::Value => (value.raw(), value.text()?.unwrap_or_default()),
        };
        if text.is_empty() {
            return Ok(());
        }
        (self.visit)(&Leaf {
            path: &self.path,
            place,
            raw,
            text,
        })
    }

    fn refused(&self) -> ReadError {
        let at = pointer(&self.path);
        ReadError {
            code: "unsupported_field",
            message: format!("{at} cannot be inspected yet; leave it out"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReadLimits;
    use super::*;

    const FIELDS: &[Field] = &[
        Field::opaque("/a", ""),
        Field::inspected("/a/b", ""),
        Field::opaque("/list/*/id", ""),
        Field::opaque("/meta/**", ""),
        Field::inspected("/meta/note", ""),
        Field::refused("/loud/**", ""),
        Field::inspected("answer:/a", ""),
    ];

    #[track_caller]
    fn check(side: Side, body: &str, expect: Result<&[&str], &str>) {
        let limits = ReadLimits { depth: 8, parts: 9 };
        let document = Document::parse(body.as_bytes(), &limits).expect("reads");
        let mut found = Vec::new();
        let result = Table::new(FIELDS, side).walk(&document, &mut |leaf| {
            found.push(format!("{}={}", pointer(leaf.path), leaf.text));
            Ok(())
        });
        match expect {
            Ok(expect) => assert_eq!(found, expect),
            Err(place) => {
                let error = result.expect_err("refused");
                assert_eq!(error.code, "unsupported_field");
                assert!(error.message.starts_with(place), "{}", error.message);
            }
        }
    }

    #[test]
    fn rows_decide_and_the_rest_is_inspected() {
        let request = Side::Request;
        check(request, r#"{"a":"x"}"#, Ok(&[]));
        check(request, r#"{"a":{"b":"x"}}"#, Ok(&["/a/b=x"]));
        check(request, r#"{"a":{"c":"x"}}"#, Ok(&["/a/*=c", "/a/*=x"]));
        check(
            request,
            r#"{"list":[{"id":"x","say":"y"}]}"#,
            Ok(&["/list/0/*=say", "/list/0/*=y"]),
        );
        check(request, r#"["x",["y"],1]"#, Ok(&["/0=x", "/1/0=y"]));
        check(Side::Answer, r#"{"a":"x"}"#, Ok(&["/a=x"]));
    }

    #[test]
    fn a_subtree_is_treated_as_one_but_for_named_places() {
        let request = Side::Request;
        check(request, r#"{"meta":"x"}"#, Ok(&[]));
        check(
            request,
            r#"{"meta":{"k":["x",{"l":"y"}],"note":"z"}}"#,
            Ok(&["/meta/note=z"]),
        );
    }

    #[test]
    fn refused_places_may_be_null() {
        let request = Side::Request;
        check(request, r#"{"loud":null}"#, Ok(&[]));
        check(request, r#"{"loud":{"k":1}}"#, Err("/loud "));
        check(request, r#"{"loud":true}"#, Err("/loud "));
    }
}
