//! Labelled rows for `eval`: which files, and what a line of them says.
//!
//! A `.jsonl` file has a labelled row a line. A `NAME.en.txt` or `NAME.zh.txt` file, as the honest
//! corpora of the policies are, has a benign text a line, `#` before comments.
//!
//! Errors name file, line and column, never a word of the row: rows may hold what nobody should see.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Trouble;
use crate::policy::tally::Label;

/// Levels of folders below a given one. Corpora are flat; this only keeps a loop of links finite.
const MAX_DEPTH: usize = 8;

/// Bytes of a set's, language's or category's name: they become lines of a table.
const NAME_BYTES: usize = 64;

/// Where the category of a row stands that has none.
const NO_CATEGORY: &str = "-";

/// A row as written. Other keys (ids, licences, notes) are the corpus's own and are ignored.
#[derive(Debug, Deserialize)]
struct Written {
    set: String,
    lang: String,
    text: String,
    kind: Kind,
    harmful: Option<bool>,
    child_related: Option<bool>,
    category: Option<String>,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A request to a model.
    Prompt,
    /// A text that may be harmful in itself, whoever writes it.
    Content,
}

/// A labelled text.
#[derive(Debug)]
pub(super) struct Row {
    /// The set it belongs to.
    pub set: String,
    /// Its language, as the set says.
    pub lang: String,
    /// Its category, as the set says, or `-`.
    pub category: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it should be found.
    pub label: Label,
    /// Whether the set says that it is about a child.
    pub child: bool,
    /// The text, which goes nowhere but to the judge.
    pub text: String,
}

/// How the lines of a file are written.
#[derive(Debug)]
pub(super) enum Form {
    /// A JSON object each.
    Rows,
    /// A benign text each.
    Texts {
        /// What the file is called, without language and ending.
        set: String,
        /// `en` or `zh`.
        lang: String,
    },
}

impl Form {
    /// The form of a file, by its name; why it has none.
    pub fn of(path: &Path) -> Result<Self, String> {
        if path.extension().is_none_or(|kind| kind != "txt") {
            return Ok(Self::Rows);
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let named = stem.and_then(|stem| stem.rsplit_once('.'));
        match named.filter(|(set, lang)| is_name(set) && is_name(lang)) {
            Some((set, lang)) => Ok(Self::Texts {
                set: set.to_owned(),
                lang: lang.to_owned(),
            }),
            None => Err(format!(
                "{}: a file of texts says its language: NAME.en.txt, NAME.zh.txt",
                path.display()
            )),
        }
    }

    /// What a line says; nothing if it is a comment.
    pub fn row(&self, line: &[u8]) -> Result<Option<Row>, String> {
        let Self::Texts { set, lang } = self else {
            return row(line).map(Some);
        };
        let text = std::str::from_utf8(line.trim_ascii()).map_err(|_| "this is no UTF-8")?;
        // An honest text may be a question or part of an answer.
        Ok((!text.starts_with('#')).then(|| Row {
            set: set.clone(),
            lang: lang.clone(),
            category: NO_CATEGORY.to_owned(),
            kind: Kind::Content,
            label: Label::Benign,
            child: false,
            text: text.to_owned(),
        }))
    }
}

/// Whether a file of a folder is one of texts; other `.txt` files there are notes.
fn is_texts(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.ends_with(".en.txt") || name.ends_with(".zh.txt"))
}

/// Reads a line; why it is none, in words that hold nothing of it.
fn row(line: &[u8]) -> Result<Row, String> {
    let written: Written = serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        match error.classify() {
            serde_json::error::Category::Data => format!(
                "column {column}: a key is missing or of another kind; a row has set, lang, text and kind (prompt or content), and may have harmful, child_related (true, false, null) and category"
            ),
            _ => format!("column {column}: this is no JSON object on one line"),
        }
    })?;
    for (key, name) in [
        ("set", Some(&written.set)),
        ("lang", Some(&written.lang)),
        ("category", written.category.as_ref()),
    ] {
        if name.is_some_and(|name| !is_name(name)) {
            return Err(format!(
                "`{key}` is no name: 1 to {NAME_BYTES} letters, digits, `.`, `_`, `-`"
            ));
        }
    }
    Ok(Row {
        label: match written.harmful {
            Some(true) => Label::Harmful,
            Some(false) => Label::Benign,
            None => Label::Unknown,
        },
        child: written.child_related == Some(true),
        category: written.category.unwrap_or_else(|| NO_CATEGORY.to_owned()),
        set: written.set,
        lang: written.lang,
        kind: written.kind,
        text: written.text,
    })
}

fn is_name(name: &str) -> bool {
    let fit = |c: char| c.is_alphanumeric() || "._-".contains(c);
    (1..=NAME_BYTES).contains(&name.len()) && name.chars().all(fit)
}

/// The files that paths mean, sorted: a file is itself, a folder every `.jsonl` and every
/// file of texts below it.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Trouble> {
    let mut files = Vec::new();
    for path in paths {
        let found = files.len();
        walk(path, 0, &mut files)
            .map_err(|error| Trouble::new(format!("{}: {error}", path.display())))?;
        if files.len() == found {
            let message = format!(
                "{} holds no .jsonl file and no file of texts (NAME.en.txt)",
                path.display()
            );
            return Err(Trouble::new(message).instead("wardgate eval --help"));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        // A file that was named is meant, however it is called.
        if depth == 0 || path.extension().is_some_and(|kind| kind == "jsonl") || is_texts(path) {
            files.push(path.to_owned());
        }
        return Ok(());
    }
    if depth < MAX_DEPTH {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), depth + 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named_without_its_words() {
        let good = r#"{"id":1,"set":"beds","lang":"en","text":"aubergine","kind":"prompt","harmful":null}"#;
        let read = row(good.as_bytes()).expect("a row");
        assert_eq!(
            (read.label, read.kind, &*read.category),
            (Label::Unknown, Kind::Prompt, "-")
        );
        for bad in [
            "aubergine",
            r#"{"set":"beds","lang":"en","text":"aubergine"}"#,
            r#"{"set":"beds","lang":"en","text":7,"kind":"aubergine"}"#,
            r#"{"set":"beds","lang":"en","text":"x","kind":"prompt","harmful":"aubergine"}"#,
            r#"{"set":"an aubergine","lang":"en","text":"x","kind":"prompt"}"#,
            r#"{"set":"beds","lang":"en","text":"x","kind":"prompt","category":"\u001b[2J aubergine"}"#,
        ] {
            let said = row(bad.as_bytes()).expect_err(bad);
            assert!(
                !said.contains("aubergine") && !said.contains('\u{1b}'),
                "{said}"
            );
        }
    }
}
