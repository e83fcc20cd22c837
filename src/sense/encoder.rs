//! [`Encoder`]: a sentence as 512 numbers in which meanings that are near lie near, whatever the
//! language: universal-sentence-encoder-multilingual v3 (Yang et al. 2019, convolutional form).
//!
//! Every step before the pooling looks at a token and at most four neighbours; the pooling is a
//! sum. What each tensor is, is said where `training/convert.py` writes it.

use super::layer::{Layer, Numbers};
use super::packing;
use super::pieces::Pieces;
use super::rows::{Rows, Steps};
use super::weights::{BadModel, Weights};
use crate::wide::wide;

/// Numbers of a sentence's vector, and of a piece's row.
pub const DIMENSIONS: usize = packing::NUMBERS;

/// Pieces of a text that are read; what follows is not. A window has at most 256 symbols.
pub const MAX_PIECES: usize = 512;

/// Bytes of a text that are read. A piece is at most 16 characters, most are four.
pub const MAX_BYTES: usize = 16 * 1024;

/// Width of a branch.
const BRANCH: usize = 256;

/// Columns of a branch that are summed at a time: they stay in registers.
const BLOCK: usize = 64;

/// The branches: how many neighbouring tokens one looks at, and how many of them come before it.
const BRANCHES: [(usize, usize); 3] = [(2, 0), (3, 1), (5, 2)];

/// Width of a token's features: its row and the three branches.
const FEATURES: usize = DIMENSIONS + 3 * BRANCH;

/// What heads may look at: the vector, and after it the pooled features under it.
pub const INPUTS: usize = DIMENSIONS + FEATURES;

/// How many tokens away a token is that still shows in one's features: two convolutions of five.
const REACH: usize = 4;

/// Tokens whose features are made at a time: weights are read once for all of them, and what is written
/// for so many stays in a core's own cache.
const TOGETHER: usize = 64;

/// Keeps layer norms and the last norm finite.
const EPSILON: f32 = 1e-12;

/// The weights.
pub struct Encoder {
    pieces: Pieces,
    rows: Rows,
    project: Layer,
    /// What the lows of rows add to a projection: column sums times column scale.
    shift: Vec<f32>,
    bias: Vec<f32>,
    norm: Norm,
    windows: Vec<[Window; 2]>,
    feature_norm: Norm,
    pool: Layer,
    pool_bias: Vec<f32>,
    top: Top,
}

/// Layer norm.
struct Norm {
    gamma: Vec<f32>,
    beta: Vec<f32>,
}

/// One convolution of a branch: what a token gives to each place of the window, side by side.
struct Window {
    layer: Layer,
    /// The layer's sums as floats: exact, and so are their products with a zero, below 2^24.
    sums: Vec<f32>,
    bias: Vec<f32>,
}

/// The residual layers after the pooling.
struct Top {
    d0: Layer,
    d1: Layer,
    d2: Layer,
    d3: Layer,
    p1: Layer,
    p3: Layer,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Encoder({} pieces)", self.rows.count())
    }
}

impl Encoder {
    /// Reads a model file, as training writes it.
    ///
    /// # Errors
    /// [`BadModel`] if a tensor is missing, of another shape, or holds what is no number.
    pub fn load(file: &[u8]) -> Result<Self, BadModel> {
        let weights = Weights::read(file)?;
        Self::new(&weights, Rows::compressed(&weights)?)
    }

    /// Reads the model in the binary, where its rows stay.
    ///
    /// # Errors
    /// As [`Encoder::load`].
    pub(super) fn embedded(file: &'static [u8]) -> Result<Self, BadModel> {
        let weights = Weights::read(file)?;
        Self::new(&weights, Rows::embedded(&weights)?)
    }

    fn new(weights: &Weights<'_>, rows: Rows) -> Result<Self, BadModel> {
        // Sentences are far too small to be shared among threads, and the threads are the proxy's:
        // whoever was first to say how many there are is right.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build_global();
        let layer = |name: &str, inputs, outputs| Layer::load(weights, name, inputs, outputs);
        let wide = BRANCHES.len() * BRANCH;
        let project = layer("project", DIMENSIONS, wide)?;
        let columns = project.sums.iter().zip(&project.scale);
        let window = |order: usize, half: usize| {
            let name = format!("window{order}.{half}");
            let layer = layer(&name, BRANCH, order * BRANCH)?;
            Ok(Window {
                sums: layer.sums.iter().map(|&sum| sum as f32).collect(),
                layer,
                bias: weights.floats(&format!("{name}.bias"), &[BRANCH])?,
            })
        };
        let windows = BRANCHES.map(|(order, _)| Ok([window(order, 0)?, window(order, 1)?]));
        Ok(Self {
            pieces: Pieces::load(weights, rows.count())?,
            rows,
            shift: columns.map(|(&sum, scale)| sum as f32 * scale).collect(),
            bias: weights.floats("project.bias", &[wide])?,
            norm: Norm::load(weights, "project", wide)?,
            windows: windows.into_iter().collect::<Result<_, BadModel>>()?,
            feature_norm: Norm::load(weights, "feature", FEATURES)?,
            pool: layer("pool", FEATURES, DIMENSIONS)?,
            pool_bias: weights.floats("pool.bias", &[DIMENSIONS])?,
            top: Top {
                d0: layer("top.d0", DIMENSIONS, NARROW)?,
                d1: layer("top.d1", NARROW, NARROW)?,
                d2: layer("top.d2", NARROW, DIMENSIONS)?,
                d3: layer("top.d3", DIMENSIONS, DIMENSIONS)?,
                p1: layer("top.p1", DIMENSIONS, NARROW)?,
                p3: layer("top.p3", NARROW, DIMENSIONS)?,
            },
            project,
        })
    }

    /// The rows of a text's pieces, at most [`MAX_PIECES`].
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        let end = text.floor_char_boundary(MAX_BYTES);
        let mut rows = self.pieces.rows(&text[..end]);
        rows.truncate(MAX_PIECES);
        rows
    }

    /// The rows of those pieces, summed over the square root of their count.
    pub(super) fn rows_sum(&self, pieces: &[u32]) -> Vec<f32> {
        sum_of_rows(&self.rows, pieces)
    }

    /// A text's vector, whose length is one, and after it the features of its pieces, summed over the
    /// square root of their count: [`INPUTS`] numbers.
    pub fn encode(&self, text: &str) -> Vec<f32> {
        self.encode_all(&[text]).remove(0)
    }

    /// [`Encoder::encode`] of each text, number for number; together they cost less. A text that begins
    /// as the one before it costs what is new of it.
    pub fn encode_all(&self, texts: &[&str]) -> Vec<Vec<f32>> {
        let texts: Vec<Text> = Text::in_order(texts.iter().map(|text| self.pieces(text)));
        let mut pooled = vec![0.0; texts.len() * FEATURES];
        let mut work = Work::default();
        // What the next text begins with.
        let mut begun = vec![0.0; FEATURES];
        let mut from = 0;
        while from < texts.len() {
            let mut tokens = 0;
            let fits = |text: &&Text| {
                tokens += text.stretch().len();
                tokens <= TOGETHER
            };
            let count = texts[from..].iter().take_while(fits).count().max(1);
            let to = from + count;
            self.features(&texts[from..to], &mut work);
            let mut features = &work.features[..];
            for at in from..to {
                let text = &texts[at];
                let sum = &mut pooled[at * FEATURES..][..FEATURES];
                if text.kept > 0 {
                    sum.copy_from_slice(&begun);
                }
                let stretch;
                (stretch, features) = features.split_at(text.stretch().len() * FEATURES);
                let new = &stretch[(text.kept - text.from) * FEATURES..];
                // What comes before the token from which the next text differs is what that begins with.
                let next = texts.get(at + 1).map_or(usize::MAX, |next| next.kept);
                let same = new
                    .len()
                    .min(next.saturating_sub(text.kept).saturating_mul(FEATURES));
                let (same, other) = new.split_at(same);
                let norm = &self.feature_norm;
                add_normed(norm, same, sum);
                if (text.kept..text.rows.len()).contains(&next) {
                    begun.copy_from_slice(sum);
                }
                add_normed(norm, other, sum);
            }
            from = to;
        }
        self.vectors(&texts, pooled)
    }

    /// What becomes of the sums of texts' features.
    fn vectors(&self, texts: &[Text], mut pooled: Vec<f32>) -> Vec<Vec<f32>> {
        let mut work = (Numbers::default(), Vec::new());
        let count = |text: &Text| text.rows.len() as f32;
        let biases = texts.iter().map(count);
        let biases = biases.flat_map(|count| self.pool_bias.iter().map(move |bias| bias * count));
        let mut means: Vec<f32> = biases.collect();
        self.pool.add(&pooled, &mut means, &mut work);
        let shares = texts.iter().map(|text| 1.0 / count(text).sqrt());
        for (at, share) in shares.enumerate() {
            let scale = |value: &mut f32| *value *= share;
            means[at * DIMENSIONS..][..DIMENSIONS]
                .iter_mut()
                .for_each(scale);
            pooled[at * FEATURES..][..FEATURES]
                .iter_mut()
                .for_each(scale);
        }
        let vectors = self.top.apply(&means, &mut work);
        let vectors = vectors.chunks_exact(DIMENSIONS);
        let parts = vectors.zip(pooled.chunks_exact(FEATURES));
        parts
            .map(|(vector, pooled)| [vector, pooled].concat())
            .collect()
    }

    /// The features of each token of the texts' stretches, not yet normed: its row, and what becomes of that
    /// in the branches.
    fn features(&self, texts: &[Text], work: &mut Work) {
        let rows = texts.iter().flat_map(|text| text.stretch()).copied();
        let rows: Vec<u32> = rows.collect();
        work.features.resize(rows.len() * FEATURES, 0.0);
        work.numbers.clear();
        work.steps.clear();
        read_rows(&self.rows, &rows, work);
        let product = self.project.multiply(&work.numbers, &mut work.product);
        begin_branches(self, &work.steps, product, &mut work.features);
        for (at, (&(order, before), windows)) in BRANCHES.iter().zip(&self.windows).enumerate() {
            let branch = DIMENSIONS + at * BRANCH;
            for window in windows {
                window.apply((branch, order, before), texts, work);
            }
        }
    }
}

/// A text whose features are made after another's.
struct Text {
    rows: Vec<u32>,
    /// Tokens at its beginning whose features are those of the text before it.
    kept: usize,
    /// Where the tokens begin that have to be read for the others.
    from: usize,
}

impl Text {
    /// Texts of those rows.
    fn in_order(rows: impl Iterator<Item = Vec<u32>>) -> Vec<Self> {
        let mut texts: Vec<Self> = Vec::new();
        for rows in rows {
            let kept = texts.last().map_or(0, |before| {
                let pairs = before.rows.iter().zip(&rows);
                let same = pairs.take_while(|(one, other)| one == other).count();
                let kept = same.saturating_sub(REACH);
                // What is before the other's own stretch was never summed apart.
                if kept < before.kept { 0 } else { kept }
            });
            let from = kept.saturating_sub(REACH);
            texts.push(Self { rows, kept, from });
        }
        texts
    }

    /// What is read of it.
    fn stretch(&self) -> &[u32] {
        &self.rows[self.from..]
    }
}

/// What is written on the way, kept from batch to batch.
#[derive(Default)]
struct Work {
    numbers: Numbers,
    steps: Vec<Steps>,
    product: Vec<i32>,
    features: Vec<f32>,
}

/// Width of the layers in the middle of the top.
const NARROW: usize = 320;

impl Norm {
    fn load(weights: &Weights<'_>, name: &str, width: usize) -> Result<Self, BadModel> {
        Ok(Self {
            gamma: weights.floats(&format!("{name}.gamma"), &[width])?,
            beta: weights.floats(&format!("{name}.beta"), &[width])?,
        })
    }

    /// The norm of a token, added to `out`.
    #[inline(always)]
    fn add(&self, token: &[f32], out: &mut [f32]) {
        self.each(token, out, |out, value| *out += value);
    }

    /// The norm of a token.
    #[inline(always)]
    fn write(&self, token: &[f32], out: &mut [f32]) {
        self.each(token, out, |out, value| *out = value);
    }

    #[inline(always)]
    fn each(&self, token: &[f32], out: &mut [f32], put: impl Fn(&mut f32, f32)) {
        let count = token.len() as f32;
        let mean = sum(token, |value| value) / count;
        let variance = sum(token, |value| (value - mean) * (value - mean)) / count;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        let learned = self.gamma.iter().zip(&self.beta);
        for ((out, value), (gamma, beta)) in out.iter_mut().zip(token).zip(learned) {
            put(out, (value - mean) * scale * gamma + beta);
        }
    }
}

/// A sum of what becomes of the values, in eight strands: in an order that does not depend on the
/// machine.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut strands = [0.0; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (strand, &value) in strands.iter_mut().zip(eight) {
            *strand += of(value);
        }
    }
    for (strand, &value) in strands.iter_mut().zip(rest) {
        *strand += of(value);
    }
    strands.iter().sum()
}

impl Window {
    /// `branch = branch + relu(convolution of branch)`, within each text, where that begins in a token's features.
    fn apply(
        &self,
        (branch, order, before): (usize, usize, usize),
        texts: &[Text],
        work: &mut Work,
    ) {
        work.numbers.clear();
        quantize(&work.features, branch, &mut work.numbers);
        let product = self.layer.multiply(&work.numbers, &mut work.product);
        let mut features = &mut work.features[..];
        let mut given = &*product;
        let mut start = 0;
        for text in texts {
            let tokens = text.stretch().len();
            let (own, product);
            (own, features) = features.split_at_mut(tokens * FEATURES);
            (product, given) = given.split_at(tokens * order * BRANCH);
            let stretch = start..start + tokens;
            let (scales, zeros) = (&work.numbers.scale, &work.numbers.zero);
            let steps = (&scales[stretch.clone()], &zeros[stretch]);
            convolve(self, (branch, before), product, steps, own);
            start += tokens;
        }
    }
}

impl Top {
    /// The vectors of texts whose means are given.
    fn apply(&self, means: &[f32], work: &mut (Numbers, Vec<i32>)) -> Vec<f32> {
        let count = means.len() / DIMENSIONS;
        let mut first = vec![0.0; count * NARROW];
        self.d0.add(means, &mut first, work);
        rectify(&mut first);
        let mut second = vec![0.0; count * NARROW];
        self.p1.add(means, &mut second, work);
        self.d1.add(&first, &mut second, work);
        rectify(&mut second);
        let mut third = vec![0.0; means.len()];
        self.d2.add(&second, &mut third, work);
        rectify(&mut third);
        let mut last = vec![0.0; means.len()];
        self.p3.add(&second, &mut last, work);
        self.d3.add(&third, &mut last, work);
        for vector in last.chunks_exact_mut(DIMENSIONS) {
            vector.iter_mut().for_each(|value| *value = value.tanh());
            let length = sum(vector, |value| value * value);
            let scale = 1.0 / length.max(EPSILON).sqrt();
            vector.iter_mut().for_each(|value| *value *= scale);
        }
        last
    }
}

fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}

wide! {
    /// [`Encoder::rows_sum`].
    fn sum_of_rows<'w>(rows: &'w Rows, pieces: &'w [u32]) -> Vec<f32> {
        let mut sum = vec![0.0; DIMENSIONS];
        let mut numbers = [0; DIMENSIONS];
        for &row in pieces {
            let steps = rows.unpack(row, &mut numbers);
            for (sum, &number) in sum.iter_mut().zip(&numbers) {
                *sum += f32::from(number) * steps.scale + steps.low;
            }
        }
        let share = 1.0 / (pieces.len().max(1) as f32).sqrt();
        sum.iter_mut().for_each(|sum| *sum *= share);
        sum
    }

    /// The pieces' rows, as numbers and as the beginnings of their features.
    fn read_rows<'w>(rows: &'w Rows, pieces: &'w [u32], work: &'w mut Work) {
        let mut numbers = [0; DIMENSIONS];
        let features = work.features.chunks_exact_mut(FEATURES);
        for (&piece, feature) in pieces.iter().zip(features) {
            let steps = rows.unpack(piece, &mut numbers);
            for (value, &number) in feature.iter_mut().zip(&numbers) {
                *value = f32::from(number) * steps.scale + steps.low;
            }
            work.numbers.values.extend_from_slice(&numbers);
            work.numbers.zero.push(0);
            work.steps.push(steps);
        }
    }

    /// What the branches begin with: the projected rows, normed, behind the row of each token.
    fn begin_branches<'w>(encoder: &'w Encoder, steps: &'w [Steps], product: &'w [i32], features: &'w mut [f32]) {
        let mut token = [0.0; FEATURES - DIMENSIONS];
        let tokens = product.chunks_exact(token.len());
        let tokens = tokens.zip(features.chunks_exact_mut(FEATURES));
        for (&Steps { scale, low }, (product, feature)) in steps.iter().zip(tokens) {
            let columns = encoder.project.scale.iter();
            let columns = columns.zip(&encoder.shift).zip(&encoder.bias);
            for ((value, &product), ((&column, shift), bias)) in
                token.iter_mut().zip(product).zip(columns)
            {
                *value = product as f32 * (scale * column) + (low * shift + bias);
            }
            encoder.norm.write(&token, &mut feature[DIMENSIONS..]);
        }
    }

    /// The norm of each token, added to a sum.
    fn add_normed<'w>(norm: &'w Norm, tokens: &'w [f32], sum: &'w mut [f32]) {
        for token in tokens.chunks_exact(FEATURES) {
            norm.add(token, sum);
        }
    }

    /// A branch of every token, in small numbers.
    fn quantize<'w>(features: &'w [f32], branch: usize, numbers: &'w mut Numbers) {
        for token in features.chunks_exact(FEATURES) {
            numbers.push(&token[branch..][..BRANCH]);
        }
    }

    /// Adds to a branch of each token of a text what its neighbours and itself give, whose numbers have these scales
    /// and zeros.
    fn convolve<'w>(
        window: &'w Window,
        places: (usize, usize),
        product: &'w [i32],
        steps: (&'w [f32], &'w [u8]),
        features: &'w mut [f32],
    ) {
        let ((branch, before), (scales, zeros)) = (places, steps);
        let order = window.layer.outputs() / BRANCH;
        let tokens = scales.len();
        for (at, token) in features.chunks_exact_mut(FEATURES).enumerate() {
            let places = before.saturating_sub(at)..order.min(tokens + before - at);
            let blocks = token[branch..][..BRANCH].as_chunks_mut::<BLOCK>().0;
            for (block, values) in blocks.iter_mut().enumerate() {
                let column = block * BLOCK;
                let mut sum = [0.0; BLOCK];
                sum.copy_from_slice(&window.bias[column..][..BLOCK]);
                for place in places.clone() {
                    let from = at + place - before;
                    let given = &product[(from * order + place) * BRANCH + column..][..BLOCK];
                    let sums = &window.sums[place * BRANCH + column..][..BLOCK];
                    let zero = f32::from(zeros[from]);
                    // One scale for the matrix: every column has the same.
                    let scale = scales[from] * window.layer.scale[place * BRANCH];
                    for ((sum, &given), of) in sum.iter_mut().zip(given).zip(sums) {
                        *sum += (given as f32 - zero * of) * scale;
                    }
                }
                for (value, sum) in values.iter_mut().zip(&sum) {
                    *value += sum.max(0.0);
                }
            }
        }
    }
}
