//! [`Classifier`]: a sequence classifier in a file (ONNX, with the `tokenizer.json` of Hugging Face), asked
//! what it says of a text. Beside the threads that serve, within a time.
//!
//! A text longer than the model reads is read in windows that overlap; each label's highest score counts.

mod reader;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokenizers::Encoding;
use tokio::time::timeout;

use crate::config::{self, Squash};
use crate::detect::{Scores, Silent};
use crate::network::{Input, Network};
use crate::turns;
use reader::Reader;

/// Pieces that are read in one run: four windows of 512, which a base-sized model reads in half a
/// second with 100 MB. Then others have their turn, and a text that is late ends.
const BATCH_PIECES: usize = 2_048;

/// Two texts of different length, to see at the start that a model reads such.
const TRIAL: [&str; 2] = ["A carrot.", "A carrot and three green pears."];

/// A model with what it needs.
pub struct Classifier {
    written: config::Classifier,
    stamps: [Option<Stamp>; 2],
    network: Network,
    /// What each of its inputs is, in the file's order.
    inputs: Vec<Wants>,
    reader: Reader,
}

/// What tells that a file is another one: its bytes and when it was written.
type Stamp = (u64, SystemTime);

impl std::fmt::Debug for Classifier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Classifier({})", self.written.labels.join(", "))
    }
}

/// What an input of a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Pieces,
    Mask,
    Kinds,
}

impl Classifier {
    /// Reads the files.
    ///
    /// # Errors
    /// One line for the operator.
    pub fn load(written: &config::Classifier) -> Result<Self, String> {
        // Before they are read: what is written meanwhile is read the next time.
        let stamps = stamps(written);
        let network = Network::load(&written.file).map_err(|error| error.to_string())?;
        let inputs = network.input_names().into_iter().map(|name| match name {
            "input_ids" => Ok(Wants::Pieces),
            "attention_mask" => Ok(Wants::Mask),
            "token_type_ids" => Ok(Wants::Kinds),
            other => Err(format!(
                "its input `{other}` is none of input_ids, attention_mask and token_type_ids"
            )),
        });
        let inputs: Vec<Wants> = inputs.collect::<Result<_, String>>()?;
        let classifier = Self {
            reader: Reader::load(&written.tokenizer, written.max_tokens as usize)?,
            written: written.clone(),
            stamps,
            network,
            inputs,
        };
        classifier.tried().map_err(|_| {
            format!(
                "{}: it does not give {} numbers for each of two texts: export it for any number of \
                 texts of any length, and name a label for each of its outputs",
                written.file.display(),
                written.labels.len()
            )
        })?;
        Ok(classifier)
    }

    fn tried(&self) -> Result<(), Silent> {
        let mut windows = Vec::new();
        for text in TRIAL {
            windows.extend(self.reader.windows(text)?);
        }
        self.highest(&windows).map(drop)
    }

    /// Whether it is what a config says, of the same files.
    pub fn is(&self, written: &config::Classifier) -> bool {
        self.written == *written && self.stamps == stamps(written)
    }

    /// Whether it has a label.
    pub fn knows(&self, label: &str) -> bool {
        self.written.labels.iter().any(|known| known == label)
    }

    /// How long it has for one text, waiting for its turn included.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.written.timeout_ms.into())
    }

    /// What it says of a text.
    ///
    /// # Errors
    /// [`Silent`].
    pub async fn ask(self: &Arc<Self>, text: &str) -> Result<Scores, Silent> {
        let said = timeout(self.deadline(), self.scores(text)).await;
        said.unwrap_or(Err(Silent::Late))
    }

    /// A run at a time, each when it is its turn.
    async fn scores(self: &Arc<Self>, text: &str) -> Result<Scores, Silent> {
        let bytes = text.len();
        let (own, text) = (Arc::clone(self), text.to_owned());
        let windows = turns::take(bytes, move || own.reader.windows(&text)).await;
        let mut windows = windows.unwrap_or(Err(Silent::Failed))?;
        let together = (BATCH_PIECES / self.written.max_tokens as usize).max(1);
        let mut highest = vec![0.0_f32; self.written.labels.len()];
        while !windows.is_empty() {
            let rest = windows.split_off(windows.len().min(together));
            let (own, batch) = (Arc::clone(self), std::mem::replace(&mut windows, rest));
            let scores = turns::take(bytes, move || own.highest(&batch)).await;
            for (highest, score) in highest
                .iter_mut()
                .zip(scores.unwrap_or(Err(Silent::Failed))?)
            {
                *highest = highest.max(score);
            }
        }
        let given = self.written.labels.iter().cloned().zip(highest);
        Scores::new(given.collect(), None).ok_or(Silent::Garbled)
    }

    /// Each label's highest score in some windows. Keeps the thread for as long as it takes.
    fn highest(&self, windows: &[Encoding]) -> Result<Vec<f32>, Silent> {
        let longest = windows.iter().map(Encoding::len).max();
        let longest = longest.unwrap_or(0).max(1);
        let batch = |pad: i32, of: fn(&Encoding) -> &[u32]| {
            let mut numbers = Vec::with_capacity(windows.len() * longest);
            for window in windows {
                let row = of(window).iter();
                let row = row.map(|&number| i32::try_from(number).unwrap_or(0));
                numbers.extend(row.chain(std::iter::repeat(pad)).take(longest));
            }
            Input::Integers(vec![windows.len(), longest], numbers)
        };
        let inputs = self.inputs.iter().map(|wants| match wants {
            Wants::Pieces => batch(self.reader.pad, Encoding::get_ids),
            Wants::Mask => batch(0, Encoding::get_attention_mask),
            Wants::Kinds => batch(0, Encoding::get_type_ids),
        });
        let answer = self.network.run(inputs.collect());
        let answer = answer.map_err(|_| Silent::Failed)?;
        let labels = self.written.labels.len();
        if answer.len() != labels * windows.len() {
            return Err(Silent::Garbled);
        }
        let mut highest = vec![0.0_f32; labels];
        for logits in answer.chunks_exact(labels) {
            for (highest, score) in highest.iter_mut().zip(self.written.squash.of(logits)) {
                *highest = highest.max(score);
            }
        }
        Ok(highest)
    }
}

fn stamps(written: &config::Classifier) -> [Option<Stamp>; 2] {
    let stamp = |file: &Path| {
        let meta = std::fs::metadata(file).ok()?;
        Some((meta.len(), meta.modified().ok()?))
    };
    [stamp(&written.file), stamp(&written.tokenizer)]
}

impl Squash {
    /// Logits as probabilities.
    fn of(self, logits: &[f32]) -> Vec<f32> {
        match self {
            Self::Sigmoid => logits
                .iter()
                .map(|logit| 1.0 / (1.0 + (-logit).exp()))
                .collect(),
            Self::Softmax => {
                let highest = logits.iter().copied().fold(f32::MIN, f32::max);
                let powers = logits.iter().map(|logit| (logit - highest).exp());
                let powers: Vec<f32> = powers.collect();
                let sum: f32 = powers.iter().sum();
                powers.iter().map(|power| power / sum).collect()
            }
        }
    }
}
