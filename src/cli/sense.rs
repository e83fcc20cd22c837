//! `sense`: what the classifier says of texts, or what its heads are trained on.

use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::rows;
use super::{Ended, Sense, Trouble};
use crate::detect;
use crate::sense::{self, BadModel, Encoder, Heads, ngrams};

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
    /// Each window's pieces and its scores, in the order of the heads' labels.
    Windows(&'h Heads),
}

pub(super) fn run(sense: &Sense) -> Ended {
    let own_heads = read(sense.heads.as_deref(), Heads::load)?;
    let own_encoder = read(sense.encoder.as_deref(), Encoder::load)?;
    let heads = || own_heads.as_ref().unwrap_or_else(|| sense::shipped_heads());
    let question = match (sense.features, sense.windows) {
        (true, _) => Question::Features(sense.buckets),
        (false, true) => Question::Windows(heads()),
        (false, false) => Question::Scores(heads()),
    };
    let encoder = own_encoder.as_ref().unwrap_or_else(|| sense::shipped());
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

/// A model in a file, if one is named.
fn read<M>(
    path: Option<&Path>,
    load: impl Fn(&[u8]) -> Result<M, BadModel>,
) -> Result<Option<M>, Trouble> {
    let Some(path) = path else { return Ok(None) };
    let place = path.display();
    let file = std::fs::read(path).map_err(|error| Trouble::new(format!("{place}: {error}")))?;
    let model = load(&file).map_err(|error| Trouble::new(format!("{place}: {error}")))?;
    Ok(Some(model))
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
    let answer = match question {
        Question::Scores(heads) => {
            let inputs = encoder.encode(&row.text);
            let scores = heads.scores(&row.text, &inputs);
            let scores = heads
                .labels()
                .iter()
                .cloned()
                .zip(scores.into_iter().map(Value::from));
            json!({"id": id, "scores": scores.collect::<Map<_, _>>()})
        }
        Question::Features(buckets) => {
            let inputs = encoder.encode(&row.text);
            let (vector, pooled) = inputs.split_at(sense::DIMENSIONS);
            let ngrams = ngrams(&row.text, *buckets);
            json!({"id": id, "vector": vector, "pooled": pooled, "ngrams": ngrams})
        }
        Question::Windows(heads) => {
            let windows = detect::windows(&row.text);
            let texts: Vec<&str> = windows.iter().map(String::as_str).collect();
            let inputs = encoder.encode_all(&texts);
            let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
            let scores = heads.scores_all(&texts, &inputs);
            let window = |(text, scores): (&&str, Vec<f32>)| json!({"text": text, "pieces": encoder.pieces(text), "scores": scores});
            let windows: Vec<Value> = texts.iter().zip(scores).map(window).collect();
            json!({"id": id, "windows": windows})
        }
    };
    Some((format!("{answer}\n"), true))
}
