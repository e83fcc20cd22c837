//! The network of drawings and photographs as the package `nsfwjs` has it: MobileNetV2 and three
//! layers that tell drawings, hentai, harmless, porn and sexy pictures apart.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::onnx::{Graph, Told};
use super::script;
use super::tfjs::{Group, Weights};

/// Side of what it sees, and kinds that it tells apart.
const SIDE: usize = 224;
const KINDS: usize = 5;
/// Blocks, and those that make the picture half as wide.
const BLOCKS: usize = 17;
const HALVES: [usize; 4] = [1, 3, 6, 13];
/// Blocks whose result stands beside what they read: as many channels, as wide.
const BESIDE: [usize; 10] = [2, 4, 5, 7, 8, 9, 11, 12, 14, 15];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    weights_manifest: Vec<Group>,
}

/// Its weights, out of the package's two scripts.
pub(super) fn weights(model: &[u8], shard: &[u8]) -> Option<Weights> {
    let model: Model = script::object(model, "modelTopology")?;
    let bytes = STANDARD.decode(script::string(shard)?).ok()?;
    Weights::of(model.weights_manifest, &bytes)
}

/// The network: red, green and blue from 0 to 1, to how probable each kind is.
pub(super) fn network(weights: &Weights) -> Option<Vec<u8>> {
    let mut graph = Graph::default();
    let bounds = [graph.constant(&[], &[0.0]), graph.constant(&[], &[6.0])];
    let bounded =
        |graph: &mut Graph, from: &str| graph.node("Clip", &[from, &bounds[0], &bounds[1]], &[]);
    let half = |is_half: bool| match is_half {
        true => (2, [0, 0, 1, 1]),
        false => (1, [1, 1, 1, 1]),
    };
    let first = weights.normalised(&mut graph, ["Conv1", "bn_Conv1", "x"], 2, [0, 0, 1, 1])?;
    let mut out = bounded(&mut graph, &first);
    for block in 0..BLOCKS {
        let name = match block {
            0 => "expanded_conv".to_owned(),
            block => format!("block_{block}"),
        };
        let step = |graph: &mut Graph, part: &str, from: &str, stride, ends| {
            let name = format!("{name}_{part}");
            weights.normalised(graph, [&name, &format!("{name}_BN"), from], stride, ends)
        };
        let mut inner = out.clone();
        if block > 0 {
            inner = step(&mut graph, "expand", &inner, 1, [0; 4])?;
            inner = bounded(&mut graph, &inner);
        }
        let (stride, ends) = half(HALVES.contains(&block));
        inner = step(&mut graph, "depthwise", &inner, stride, ends)?;
        inner = bounded(&mut graph, &inner);
        inner = step(&mut graph, "project", &inner, 1, [0; 4])?;
        out = match BESIDE.contains(&block) {
            true => graph.node("Add", &[&out, &inner], &[]),
            false => inner,
        };
    }
    out = weights.normalised(&mut graph, ["Conv_1", "Conv_1_bn", &out], 1, [0; 4])?;
    out = bounded(&mut graph, &out);
    out = graph.node("GlobalAveragePool", &[&out], &[]);
    out = graph.node("Flatten", &[&out], &[Told::Whole("axis", 1)]);
    for name in ["dense_1", "dense_2"] {
        out = weights.connected(&mut graph, (name, &out))?;
        out = graph.node("Relu", &[&out], &[]);
    }
    out = weights.connected(&mut graph, ("dense_3", &out))?;
    out = graph.node("Softmax", &[&out], &[Told::Whole("axis", 1)]);
    Some(graph.file(("x", &[1, 3, SIDE, SIDE]), (&out, &[1, KINDS])))
}
