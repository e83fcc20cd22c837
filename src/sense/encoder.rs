//! [`Encoder`]: a sentence as 512 numbers in which meanings that are near lie near, whatever the
//! language: universal-sentence-encoder-multilingual v3 (Yang et al. 2019, convolutional form).
//!
//! Every step before the pooling looks at a token and at most four neighbours; the pooling is a
//! sum. What each tensor is, is said where `training/convert.py` writes it.

use super::layer::{Layer, Numbers};
use super::pieces::Pieces;
use super::weights::{BadModel, Weights};

/// Numbers of a sentence's vector, and of a piece's row.
pub const DIMENSIONS: usize = 512;

/// Pieces of a text that are read; what follows is not. A window has at most 256 symbols.
pub const MAX_PIECES: usize = 512;

/// Bytes of a text that are read. A piece is at most 16 characters, most are four.
pub const MAX_BYTES: usize = 16 * 1024;

/// Width of a branch.
const BRANCH: usize = 256;

/// The branches: how many neighbouring tokens one looks at, and how many of them come before it.
const BRANCHES: [(usize, usize); 3] = [(2, 0), (3, 1), (5, 2)];

/// Width of a token's features: its row and the three branches.
const FEATURES: usize = DIMENSIONS + 3 * BRANCH;

/// What heads may look at: the vector, and after it the pooled features under it.
pub const INPUTS: usize = DIMENSIONS + FEATURES;

/// Keeps layer norms and the last norm finite.
const EPSILON: f32 = 1e-12;

/// The weights.
pub struct Encoder {
    pieces: Pieces,
    /// [`DIMENSIONS`] six-bit numbers a row.
    rows: Vec<u8>,
    /// Which scale a row has.
    chunk: Vec<u8>,
    scale: Vec<f32>,
    low: Vec<f32>,
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
        write!(out, "Encoder({} pieces)", self.chunk.len())
    }
}

impl Encoder {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`BadModel`] if a tensor is missing, of another shape, or holds what is no number.
    pub fn load(file: &[u8]) -> Result<Self, BadModel> {
        // Sentences are far too small to be shared among threads, and the threads are the proxy's:
        // whoever was first to say how many there are is right.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build_global();
        let weights = &Weights::read(file)?;
        let chunk = weights.bytes("rows.chunk")?.to_vec();
        let scale = weights.floats("rows.scale", &weights.shape("rows.scale")?)?;
        let low = weights.floats("rows.low", &[scale.len()])?;
        if chunk.len() < 3 || chunk.iter().any(|&chunk| usize::from(chunk) >= scale.len()) {
            return Err(BadModel::new("rows.chunk names a scale that is not there"));
        }
        let layer = |name: &str, inputs, outputs| Layer::load(weights, name, inputs, outputs);
        let wide = BRANCHES.len() * BRANCH;
        let project = layer("project", DIMENSIONS, wide)?;
        let columns = project.sums.iter().zip(&project.scale);
        let window = |order: usize, half: usize| {
            let name = format!("window{order}.{half}");
            Ok(Window {
                layer: layer(&name, BRANCH, order * BRANCH)?,
                bias: weights.floats(&format!("{name}.bias"), &[BRANCH])?,
            })
        };
        let windows = BRANCHES.map(|(order, _)| Ok([window(order, 0)?, window(order, 1)?]));
        Ok(Self {
            pieces: Pieces::load(weights, chunk.len())?,
            rows: unpacked(weights.bytes("rows.zstd")?, chunk.len() * DIMENSIONS)?,
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
            chunk,
            scale,
            low,
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

    /// A text's vector, whose length is one, and after it the features of its pieces, summed over the
    /// square root of their count: [`INPUTS`] numbers.
    pub fn encode(&self, text: &str) -> Vec<f32> {
        let rows = self.pieces(text);
        let features = self.features(&rows);
        let count = rows.len() as f32;
        let mut pooled = vec![0.0; FEATURES];
        for token in features.chunks_exact(FEATURES) {
            self.feature_norm.add(token, &mut pooled);
        }
        let mut mean: Vec<f32> = self.pool_bias.iter().map(|bias| bias * count).collect();
        self.pool.add(&pooled, &mut mean);
        let share = 1.0 / count.sqrt();
        mean.iter_mut().for_each(|value| *value *= share);
        let mut inputs = self.top.apply(&mean);
        inputs.extend(pooled.iter().map(|value| value * share));
        inputs
    }

    /// The features of each token, not yet normed.
    fn features(&self, rows: &[u32]) -> Vec<f32> {
        let (mut numbers, mut product) = (Numbers::default(), Vec::new());
        let mut features = vec![0.0; rows.len() * FEATURES];
        for (&row, feature) in rows.iter().zip(features.chunks_exact_mut(FEATURES)) {
            let row = row as usize;
            let numbers_of = &self.rows[row * DIMENSIONS..][..DIMENSIONS];
            let (scale, low) = self.row_scale(row);
            for (value, &number) in feature.iter_mut().zip(numbers_of) {
                *value = f32::from(number) * scale + low;
            }
            numbers.values.extend_from_slice(numbers_of);
            numbers.zero.push(0);
        }
        self.project.multiply(&numbers, &mut product);
        let wide = self.bias.len();
        let mut projected = vec![0.0; rows.len() * wide];
        let mut normed = vec![0.0; rows.len() * wide];
        let tokens = projected
            .chunks_exact_mut(wide)
            .zip(normed.chunks_exact_mut(wide));
        for ((&row, product), (token, normed)) in
            rows.iter().zip(product.chunks_exact(wide)).zip(tokens)
        {
            let (scale, low) = self.row_scale(row as usize);
            let columns = self.project.scale.iter().zip(&self.shift).zip(&self.bias);
            for ((value, &product), ((&column, shift), bias)) in
                token.iter_mut().zip(product).zip(columns)
            {
                *value = product as f32 * (scale * column) + (low * shift + bias);
            }
            self.norm.add(token, normed);
        }
        let branches = BRANCHES.iter().zip(&self.windows).enumerate();
        for (at, (&(order, before), windows)) in branches {
            let mut branch: Vec<f32> = normed
                .chunks_exact(wide)
                .flat_map(|token| token[at * BRANCH..][..BRANCH].iter().copied())
                .collect();
            for window in windows {
                window.apply(order, before, &mut branch, &mut numbers, &mut product);
            }
            let start = DIMENSIONS + at * BRANCH;
            let tokens = features.chunks_exact_mut(FEATURES);
            for (feature, branch) in tokens.zip(branch.chunks_exact(BRANCH)) {
                feature[start..][..BRANCH].copy_from_slice(branch);
            }
        }
        features
    }

    /// Scale and low of a row that the vocabulary has.
    fn row_scale(&self, row: usize) -> (f32, f32) {
        let chunk = usize::from(self.chunk[row]);
        (self.scale[chunk], self.low[chunk])
    }
}

/// Width of the layers in the middle of the top.
const NARROW: usize = 320;

/// What a zstd frame holds: exactly so many bytes.
fn unpacked(frame: &[u8], length: usize) -> Result<Vec<u8>, BadModel> {
    let bad = |said: String| BadModel::new(format!("rows.zstd: {said}"));
    let bytes = zstd::bulk::decompress(frame, length).map_err(|error| bad(error.to_string()))?;
    if bytes.len() != length {
        return Err(bad(format!("{} bytes, not {length}", bytes.len())));
    }
    if bytes.iter().any(|&byte| byte > 127) {
        return Err(bad("a number of more than seven bits".to_owned()));
    }
    Ok(bytes)
}

impl Norm {
    fn load(weights: &Weights<'_>, name: &str, width: usize) -> Result<Self, BadModel> {
        Ok(Self {
            gamma: weights.floats(&format!("{name}.gamma"), &[width])?,
            beta: weights.floats(&format!("{name}.beta"), &[width])?,
        })
    }

    /// The norm of a token, added to `out`.
    fn add(&self, token: &[f32], out: &mut [f32]) {
        let count = token.len() as f32;
        let mean = sum(token, |value| value) / count;
        let variance = sum(token, |value| (value - mean) * (value - mean)) / count;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        let learned = self.gamma.iter().zip(&self.beta);
        for ((out, value), (gamma, beta)) in out.iter_mut().zip(token).zip(learned) {
            *out += (value - mean) * scale * gamma + beta;
        }
    }
}

/// A sum of what becomes of the values, in eight strands: in an order that does not depend on the
/// machine.
#[inline]
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
    /// `branch = branch + relu(convolution of branch)`.
    fn apply(
        &self,
        order: usize,
        before: usize,
        branch: &mut [f32],
        numbers: &mut Numbers,
        product: &mut Vec<i32>,
    ) {
        numbers.clear();
        branch
            .chunks_exact(BRANCH)
            .for_each(|token| numbers.push(token));
        self.layer.multiply(numbers, product);
        let count = numbers.zero.len();
        let mut sum = [0.0; BRANCH];
        for (at, token) in branch.chunks_exact_mut(BRANCH).enumerate() {
            sum.copy_from_slice(&self.bias);
            for place in 0..order {
                let from = at + place;
                if from < before || from - before >= count {
                    continue;
                }
                let from = from - before;
                let start = from * order * BRANCH + place * BRANCH;
                let given = &product[start..][..BRANCH];
                let sums = &self.layer.sums[place * BRANCH..][..BRANCH];
                let zero = i32::from(numbers.zero[from]);
                // One scale for the matrix: every column has the same.
                let scale = numbers.scale[from] * self.layer.scale[place * BRANCH];
                for ((sum, &given), &column) in sum.iter_mut().zip(given).zip(sums) {
                    *sum += (given - zero * column) as f32 * scale;
                }
            }
            for (value, sum) in token.iter_mut().zip(&sum) {
                *value += sum.max(0.0);
            }
        }
    }
}

impl Top {
    fn apply(&self, mean: &[f32]) -> Vec<f32> {
        let mut first = vec![0.0; NARROW];
        self.d0.add(mean, &mut first);
        rectify(&mut first);
        let mut second = vec![0.0; NARROW];
        self.p1.add(mean, &mut second);
        self.d1.add(&first, &mut second);
        rectify(&mut second);
        let mut third = vec![0.0; DIMENSIONS];
        self.d2.add(&second, &mut third);
        rectify(&mut third);
        let mut last = vec![0.0; DIMENSIONS];
        self.p3.add(&second, &mut last);
        self.d3.add(&third, &mut last);
        last.iter_mut().for_each(|value| *value = value.tanh());
        let length = sum(&last, |value| value * value);
        let scale = 1.0 / length.max(EPSILON).sqrt();
        last.iter_mut().for_each(|value| *value *= scale);
        last
    }
}

fn rectify(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.max(0.0));
}
