//! [`Weights`]: numbers of a trained network as TensorFlow.js keeps them: a list of names, shapes and
//! scales (JSON) and one file of bytes, of which most stand for a number each.
//!
//! Both files were checked by their hashes before; even so, nothing is read that is not there.

use std::collections::HashMap;

use serde::Deserialize;

use super::onnx::{Graph, Told};

/// What Keras adds to a variance before it divides by its root.
const BATCH_EPSILON: f64 = 0.001;

/// Named numbers.
#[derive(Debug)]
pub(super) struct Weights(HashMap<String, (Vec<usize>, Vec<f32>)>);

/// What is said of one file of bytes.
#[derive(Deserialize)]
pub(super) struct Group {
    weights: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    scale: f64,
    min: f64,
}

impl Weights {
    /// Reads both files; nothing where they do not fit each other.
    pub(super) fn read(manifest: &[u8], bytes: &[u8]) -> Option<Self> {
        Self::of(serde_json::from_slice(manifest).ok()?, bytes)
    }

    /// Numbers of these groups; nothing where the bytes do not fit them.
    pub(super) fn of(groups: Vec<Group>, bytes: &[u8]) -> Option<Self> {
        let (mut all, mut rest) = (HashMap::new(), bytes);
        for entry in groups.into_iter().flat_map(|group| group.weights) {
            let count = entry
                .shape
                .iter()
                .try_fold(1_usize, |all, side| all.checked_mul(*side))?;
            let numbers: Vec<f32> = match &entry.quantization {
                Some(one) => {
                    let number = |byte: &u8| (f64::from(*byte) * one.scale + one.min) as f32;
                    rest.get(..count)?.iter().map(number).collect()
                }
                None => {
                    let (numbers, _) = rest.get(..count.checked_mul(4)?)?.as_chunks();
                    numbers
                        .iter()
                        .map(|four| f32::from_le_bytes(*four))
                        .collect()
                }
            };
            let size = if entry.quantization.is_some() { 1 } else { 4 };
            rest = &rest[count * size..];
            all.insert(entry.name, (entry.shape, numbers));
        }
        rest.is_empty().then_some(Self(all))
    }

    /// A convolution of `from` with the filters `name/filters` and `name/bias`. `ends` are zeros around
    /// it: top, left, foot, right.
    pub(super) fn convolution(
        &self,
        graph: &mut Graph,
        (name, from): (&str, &str),
        stride: i64,
        ends: [i64; 4],
    ) -> Option<String> {
        let filters = self.filters(graph, &format!("{name}/filters"))?;
        let bias = self.constant(graph, &format!("{name}/bias"))?;
        let told = [
            Told::Wholes("strides", &[stride, stride]),
            Told::Wholes("pads", &ends),
            Told::Wholes("dilations", &[1, 1]),
        ];
        Some(graph.node("Conv", &[from, &filters, &bias], &told))
    }

    /// A convolution of each channel by itself, then one of each pixel by itself.
    pub(super) fn separable(
        &self,
        graph: &mut Graph,
        (name, from): (&str, &str),
    ) -> Option<String> {
        let (shape, numbers) = self.0.get(&format!("{name}/depthwise_filter"))?;
        let &[high, wide, channels, 1] = &shape[..] else {
            return None;
        };
        let own = transposed(numbers, &[high, wide, channels, 1], [2, 3, 0, 1]);
        let own = graph.constant(&[channels, 1, high, wide], &own);
        let told = [
            Told::Whole("group", i64::try_from(channels).ok()?),
            Told::Wholes("strides", &[1, 1]),
            Told::Wholes("pads", &[1, 1, 1, 1]),
            Told::Wholes("dilations", &[1, 1]),
        ];
        let each = graph.node("Conv", &[from, &own], &told);
        let mixed = self.filters(graph, &format!("{name}/pointwise_filter"))?;
        let bias = self.constant(graph, &format!("{name}/bias"))?;
        let told = [
            Told::Wholes("strides", &[1, 1]),
            Told::Wholes("pads", &[0, 0, 0, 0]),
            Told::Wholes("dilations", &[1, 1]),
        ];
        Some(graph.node("Conv", &[&each, &mixed, &bias], &told))
    }

    /// A convolution without bias whose results are normalised by the batch `norm`, as one; of each
    /// channel by itself where `name/depthwise_kernel` is there.
    pub(super) fn normalised(
        &self,
        graph: &mut Graph,
        [name, norm, from]: [&str; 3],
        stride: i64,
        ends: [i64; 4],
    ) -> Option<String> {
        let own = self.0.get(&format!("{name}/depthwise_kernel"));
        let (shape, numbers) = match own {
            Some(own) => own,
            None => self.0.get(&format!("{name}/kernel"))?,
        };
        let &[high, wide, inner, outer] = &shape[..] else {
            return None;
        };
        let part = |part: &str| Some(&self.0.get(&format!("{norm}/{part}"))?.1);
        let (gamma, beta) = (part("gamma")?, part("beta")?);
        let (mean, variance) = (part("moving_mean")?, part("moving_variance")?);
        let channels = if own.is_some() { inner } else { outer };
        if [gamma, beta, mean, variance]
            .iter()
            .any(|one| one.len() != channels)
        {
            return None;
        }
        let factor =
            |at: usize| f64::from(gamma[at]) / (f64::from(variance[at]) + BATCH_EPSILON).sqrt();
        let bias = |at: usize| (f64::from(beta[at]) - f64::from(mean[at]) * factor(at)) as f32;
        let bias: Vec<f32> = (0..channels).map(bias).collect();
        let order = if own.is_some() {
            [2, 3, 0, 1]
        } else {
            [3, 2, 0, 1]
        };
        let mut kernel = transposed(numbers, &[high, wide, inner, outer], order);
        let size = kernel.len() / channels.max(1);
        for (at, filter) in kernel.chunks_exact_mut(size.max(1)).enumerate() {
            let factor = factor(at);
            filter
                .iter_mut()
                .for_each(|one| *one = (f64::from(*one) * factor) as f32);
        }
        let depth = if own.is_some() { 1 } else { inner };
        let kernel = graph.constant(&[channels, depth, high, wide], &kernel);
        let bias = graph.constant(&[channels], &bias);
        let groups = if own.is_some() { channels } else { 1 };
        let told = [
            Told::Wholes("strides", &[stride, stride]),
            Told::Wholes("pads", &ends),
            Told::Wholes("dilations", &[1, 1]),
            Told::Whole("group", i64::try_from(groups).ok()?),
        ];
        Some(graph.node("Conv", &[from, &kernel, &bias], &told))
    }

    /// Every number of `from` (one row), weighed by `name/weights` or `name/kernel`, and `name/bias`.
    pub(super) fn connected(
        &self,
        graph: &mut Graph,
        (name, from): (&str, &str),
    ) -> Option<String> {
        let weights = self.constant(graph, &format!("{name}/weights"));
        let weights = weights.or_else(|| self.constant(graph, &format!("{name}/kernel")))?;
        let bias = self.constant(graph, &format!("{name}/bias"))?;
        Some(graph.node("Gemm", &[from, &weights, &bias], &[]))
    }

    /// Filters, whose last dimension comes first here.
    fn filters(&self, graph: &mut Graph, name: &str) -> Option<String> {
        let (shape, numbers) = self.0.get(name)?;
        let &[high, wide, from, to] = &shape[..] else {
            return None;
        };
        let numbers = transposed(numbers, &[high, wide, from, to], [3, 2, 0, 1]);
        Some(graph.constant(&[to, from, high, wide], &numbers))
    }

    fn constant(&self, graph: &mut Graph, name: &str) -> Option<String> {
        let (shape, numbers) = self.0.get(name)?;
        Some(graph.constant(shape, numbers))
    }
}

/// Numbers with their dimensions in another order.
fn transposed(numbers: &[f32], shape: &[usize; 4], order: [usize; 4]) -> Vec<f32> {
    let sides = order.map(|from| shape[from]);
    let steps: [usize; 4] = std::array::from_fn(|at| shape[at + 1..].iter().product());
    let steps = order.map(|from| steps[from]);
    let mut out = Vec::with_capacity(numbers.len());
    for a in 0..sides[0] {
        for b in 0..sides[1] {
            for c in 0..sides[2] {
                let row = a * steps[0] + b * steps[1] + c * steps[2];
                out.extend((0..sides[3]).map(|d| numbers[row + d * steps[3]]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_whole_or_not_at_all() {
        let manifest = br#"[{"weights": [
            {"name": "a", "shape": [2], "dtype": "float32", "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
            {"name": "b", "shape": [1], "dtype": "float32"}]}]"#;
        let bytes = [&[0, 4][..], &1.5_f32.to_le_bytes()].concat();
        let weights = Weights::read(manifest, &bytes).expect("weights");
        assert_eq!(weights.0["a"].1, [-1.0, 1.0]);
        assert_eq!(weights.0["b"].1, [1.5]);
        assert!(Weights::read(manifest, &bytes[..5]).is_none());
        assert!(Weights::read(manifest, &[&bytes[..], b"x"].concat()).is_none());
        assert!(Weights::read(b"[", b"").is_none());
        let huge = br#"[{"weights": [{"name": "a", "shape": [9999999999, 9999999999]}]}]"#;
        assert!(Weights::read(huge, b"").is_none());
    }

    #[test]
    fn dimensions_change_places() {
        let numbers: Vec<f32> = (0..24_u8).map(f32::from).collect();
        let out = transposed(&numbers, &[2, 3, 1, 4], [3, 2, 0, 1]);
        assert_eq!(&out[..6], [0.0, 4.0, 8.0, 12.0, 16.0, 20.0]);
        assert_eq!(out[6], 1.0);
    }
}
