//! Words to offer in place of an unknown one.

/// How alike two words must be (Damerau-Levenshtein, 1 is equal) for one to be offered in place of
/// the other: a slip of one letter in four, two swapped letters; unrelated names stay out.
const ALIKE: f64 = 0.7;

/// "did you mean …?" if one of the known words is much like `word`.
pub(crate) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let scored = known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(word, name), name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 >= ALIKE).then(|| format!("did you mean `{}`?", best.1))
}

/// Names for a help line: "one of a, b, c".
pub(super) fn one_of<'k>(known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    format!("one of: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alike_words_are_offered() {
        assert_eq!(
            did_you_mean("lurr", ["lure", "minor"]).as_deref(),
            Some("did you mean `lure`?")
        );
        assert_eq!(did_you_mean("contact", ["minor"]), None);
    }
}
