//! `sense`: what the classifier says of texts, or what its heads are trained on.

use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rows;
use super::{Ended, Sense, Trouble};
use crate::sense::{self, Encoder, Heads, ngrams};

/// A row as written. Other keys are the caller's own.
#[derive(Debug, Deserialize)]
struct Row {
    id: Option<Value>,
    text: String,
}

/// What is asked about each text.
enum Question<'h> {
    /// The probability of each label.
    Scores(&'h Heads),
    /// Vector and n-grams, hashed into so many buckets.
    Features(u32),
}

pub(super) fn run(sense: &Sense) -> Ended {
    let read = match &sense.heads {
        Some(path) => {
            let place = path.display();
            let file =
                std::fs::read(path).map_err(|error| Trouble::new(format!("{place}: {error}")))?;
            Some(Heads::load(&file).map_err(|error| Trouble::new(format!("{place}: {error}")))?)
        }
        None => None,
    };
    let question = match sense.features {
        true => Question::Features(sense.buckets),
        false => Question::Scores(read.as_ref().unwrap_or_else(|| sense::shipped_heads())),
    };
    let encoder = sense::shipped();
    if sense.jsonl {
        let answer = |row: &[u8], line: usize| answer(encoder, &question, row, line);
        let mut output = io::BufWriter::new(io::stdout().lock());
        return rows::answer(&answer, &mut io::stdin().lock(), &mut output);
    }
    let mut shown = String::new();
    for text in &sense.texts {
        if let Question::Scores(heads) = question {
            shown.push_str(&table(heads, &heads.scores(text, &encoder.encode(text))));
        }
    }
    super::print(shown.as_bytes())
}

/// Labels with their probabilities, likeliest first.
fn table(heads: &Heads, scores: &[f32]) -> String {
    let mut rows: Vec<_> = heads.labels().iter().zip(scores).collect();
    rows.sort_by(|one, other| other.1.total_cmp(one.1));
    let lines = rows
        .iter()
        .map(|(label, score)| format!("{score:.3}  {label}\n"));
    lines.chain(["\n".to_owned()]).collect()
}

/// One row's answer and whether the row was good; none for a blank line.
fn answer(
    encoder: &Encoder,
    question: &Question<'_>,
    row: &[u8],
    line: usize,
) -> Option<(String, bool)> {
    if row.trim_ascii().is_empty() {
        return None;
    }
    let row: Row = match serde_json::from_slice(row) {
        Ok(row) => row,
        Err(error) => return Some((rows::refused(&Value::Null, line, &error.to_string()), false)),
    };
    let id = row.id.unwrap_or_else(|| line.into());
    let inputs = encoder.encode(&row.text);
    let answer = match question {
        Question::Scores(heads) => {
            let scores = heads.scores(&row.text, &inputs);
            let scores = heads
                .labels()
                .iter()
                .cloned()
                .zip(scores.into_iter().map(Value::from));
            json!({"id": id, "scores": scores.collect::<Map<_, _>>()})
        }
        Question::Features(buckets) => {
            let (vector, pooled) = inputs.split_at(sense::DIMENSIONS);
            let ngrams = ngrams(&row.text, *buckets);
            json!({"id": id, "vector": vector, "pooled": pooled, "ngrams": ngrams})
        }
    };
    Some((format!("{answer}\n"), true))
}
