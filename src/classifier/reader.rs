//! [`Reader`]: a text as a model reads it: pieces, in windows that overlap.

use std::fmt::Display;
use std::path::Path;

use tokenizers::{Encoding, PostProcessor, Tokenizer, TruncationDirection};

use crate::detect::Silent;

/// Bytes of a tokenizer: a vocabulary of 250,000 pieces takes 17 MB.
const TOKENIZER_BYTES: u64 = 64 * 1024 * 1024;

/// Windows of one text: with 512 tokens each, some 25 pages.
const MAX_WINDOWS: usize = 32;

/// A window shares one part in so many with the one before it, so that no sentence is only seen cut.
const OVERLAP: usize = 8;

/// A tokenizer, and how much of what it gives a model reads at a time.
pub struct Reader {
    /// Cuts nothing: with a cut of its own it stops reading there, and the rest is in no window.
    tokenizer: Tokenizer,
    /// Pieces of a text in a window, without those that the tokenizer adds.
    window: usize,
    /// The piece that stands where a window is shorter than the longest.
    pub pad: i32,
}

impl Reader {
    /// Reads a `tokenizer.json`, for windows of at most so many pieces.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn load(file: &Path, max_tokens: usize) -> Result<Self, String> {
        let unread = |error: &dyn Display| format!("{}: {error}", file.display());
        let bytes = std::fs::metadata(file).map_err(|error| unread(&error))?;
        if bytes.len() > TOKENIZER_BYTES {
            return Err(unread(&format!("larger than {TOKENIZER_BYTES} bytes")));
        }
        let mut tokenizer = Tokenizer::from_file(file).map_err(|error| unread(&error))?;
        let added = tokenizer.get_post_processor();
        let added = added.map_or(0, |added| added.added_tokens(false));
        let window = max_tokens.saturating_sub(added);
        if window == 0 {
            return Err(unread(&format!("it adds {added} pieces to each window")));
        }
        let uncut = tokenizer.with_truncation(None);
        uncut.map_err(|error| unread(&error))?;
        let padding = tokenizer.get_padding().map(|padding| padding.pad_id);
        let named = ["[PAD]", "<pad>"].map(|name| tokenizer.token_to_id(name));
        let pad = padding.or(named[0]).or(named[1]).unwrap_or_default();
        tokenizer.with_padding(None);
        Ok(Self {
            tokenizer,
            window,
            pad: i32::try_from(pad).unwrap_or_default(),
        })
    }

    /// The windows of a text; at least one.
    ///
    /// # Errors
    /// [`Silent::TooMuch`], and [`Silent::Failed`] if the tokenizer cannot read it.
    pub fn windows(&self, text: &str) -> Result<Vec<Encoding>, Silent> {
        let read = self.tokenizer.encode(text, false);
        let mut read = read.map_err(|_| Silent::Failed)?;
        let overlap = self.window / OVERLAP;
        read.truncate(self.window, overlap, TruncationDirection::Right);
        if read.get_overflowing().len() >= MAX_WINDOWS {
            return Err(Silent::TooMuch);
        }
        let read = self.tokenizer.post_process(read, None, true);
        let mut first = read.map_err(|_| Silent::Failed)?;
        let rest = first.take_overflowing();
        Ok(std::iter::once(first).chain(rest).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Words of letters, each window between a beginning and an end; cut and padded as files of models are.
    fn reader(max_tokens: usize) -> Reader {
        let words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned);
        let letters = ('a'..='z').map(|letter| letter.to_string());
        let vocabulary: serde_json::Map<String, serde_json::Value> = (words.into_iter())
            .chain(letters)
            .zip(0..)
            .map(|(word, id)| (word, json!(id)))
            .collect();
        let special = |id: &str, number: u32| json!({"id": id, "ids": [number], "tokens": [id]});
        let piece = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
        let text = json!({"Sequence": {"id": "A", "type_id": 0}});
        let tokenizer = json!({
            "version": "1.0", "added_tokens": [], "normalizer": null, "decoder": null,
            "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
            "padding": {
                "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
                "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
            },
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [piece("[CLS]"), text, piece("[SEP]")],
                "pair": [piece("[CLS]"), text, piece("[SEP]")],
                "special_tokens": {"[CLS]": special("[CLS]", 2), "[SEP]": special("[SEP]", 3)},
            },
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        });
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), tokenizer.to_string()).expect("written");
        Reader::load(file.path(), max_tokens).expect("a tokenizer")
    }

    proptest! {
        /// What is in no window is read by nobody.
        #[test]
        fn every_piece_of_a_text_is_in_a_window(
            letters in prop::collection::vec(b'a'..=b'z', 0..150), max_tokens in 16_usize..40,
        ) {
            let text: Vec<String> = letters.iter().map(|&letter| (letter as char).to_string()).collect();
            let windows = reader(max_tokens).windows(&text.join(" ")).expect("read");
            let step = (max_tokens - 2) - (max_tokens - 2) / OVERLAP;
            let mut read = Vec::new();
            for (nth, window) in windows.iter().enumerate() {
                let ids = window.get_ids();
                prop_assert!(ids.len() <= max_tokens);
                let [2, inner @ .., 3] = ids else { panic!("no beginning or end: {ids:?}") };
                read.truncate(nth * step);
                read.extend(inner.iter().map(|id| (id - 4) as u8 + b'a'));
            }
            prop_assert_eq!(read, letters);
        }

        /// Whatever bytes a caller finds: an answer, and no window that is too long.
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let windows = reader(16).windows(&text).expect("few pieces");
            prop_assert!(!windows.is_empty());
            prop_assert!(windows.iter().all(|window| window.len() <= 16));
        }
    }

    #[test]
    fn a_book_is_too_much() {
        let reader = reader(16);
        // 14 pieces of a text, of which one was in the window before.
        let most = 14 + 13 * (MAX_WINDOWS - 1);
        assert_eq!(
            reader.windows(&"a ".repeat(most)).map(|all| all.len()),
            Ok(MAX_WINDOWS)
        );
        let more = reader.windows(&"a ".repeat(most + 1));
        assert_eq!(more.map(|all| all.len()), Err(Silent::TooMuch));
    }
}
