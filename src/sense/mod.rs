//! What a sentence means: a multilingual sentence encoder inside the binary, and heads on it that
//! say how probable each label is. No rule, no transport, no clock; text in, numbers out.
//!
//! [`Encoder`] turns a text into a vector; [`Heads`] turn the vector and the text's [`ngrams`] into
//! probabilities; [`shipped`] is the pair that comes with the binary. A [`Probe`] is a head that a
//! few examples make. A [`Gate`] says for which texts both can be spared.
//!
//! Laws (each has a test):
//! * Vectors agree with what the weights give in floats to a cosine of 0.999.
//! * A probe says of a left-out example what it says after learning from the others alone.
//! * Scores are the same on every machine to 0.0001: products are exact, sums have one order.
//! * Texts that are scored together have the numbers that each has alone.
//! * No input makes a number that is none, and none costs more than its first [`MAX_PIECES`] pieces.

mod double_array;
mod encoder;
mod gate;
mod heads;
mod layer;
mod ngrams;
mod packing;
mod pieces;
mod probe;
mod regression;
mod rows;
#[cfg(test)]
mod tests;
mod weights;

use std::sync::LazyLock;

pub use encoder::{DIMENSIONS, Encoder, INPUTS, MAX_BYTES, MAX_PIECES};
pub use gate::{Cut, Gate};
pub use heads::Heads;
pub use ngrams::ngrams;
pub use probe::{Example, Probe};
pub use weights::BadModel;

/// Made by `training/train.py` of what `training/finetune.py` learned; `build.rs` packs its rows.
/// A static, as the others: every use of a constant writes its bytes into the crate's metadata once more (200 MB).
static ENCODER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/encoder.safetensors"));

/// Made by `training/train.py`.
static HEADS: &[u8] = include_bytes!("../../models/sense/heads.safetensors");

/// Made by `training/gate.py`.
static GATE: &[u8] = include_bytes!("../../models/sense/gate.safetensors");

static SHIPPED: LazyLock<Encoder> = LazyLock::new(|| {
    Encoder::embedded(ENCODER).expect("the embedded model is whole: a test reads it")
});

static SHIPPED_HEADS: LazyLock<Heads> =
    LazyLock::new(|| Heads::load(HEADS).expect("the embedded heads are whole: a test reads them"));

/// None if it was taught by other heads: then every sentence is scored. A test reads it.
static SHIPPED_GATE: LazyLock<Option<Gate>> = LazyLock::new(|| Gate::load(GATE, HEADS).ok());

/// The encoder that comes with the binary; read when it is first asked for.
pub fn shipped() -> &'static Encoder {
    &SHIPPED
}

/// The heads that come with the binary; read when they are first asked for.
pub fn shipped_heads() -> &'static Heads {
    &SHIPPED_HEADS
}

/// The gate that comes with the binary; read when it is first asked for.
pub fn shipped_gate() -> Option<&'static Gate> {
    SHIPPED_GATE.as_ref()
}
