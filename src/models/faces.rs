//! The two networks of faces as the package `@vladmandic/face-api` builds them around its weights:
//! where faces are (TinyYolov2 with separable convolutions), and how old one looks (TinyXception).

use super::onnx::{Graph, Told};
use super::tfjs::Weights;

/// Side of what the detector sees, and cells of a side of what it says.
const SEEN: usize = 416;
const CELLS: usize = 13;
/// Numbers of a cell: five for each of five anchors.
const SAID: usize = 25;
/// Side of a face.
const FACE: usize = 112;

/// The detector: red, green and blue less their mean, as parts of one, to what each cell says.
pub(super) fn detector(weights: &Weights) -> Option<Vec<u8>> {
    let mut graph = Graph::default();
    let first = weights.convolution(&mut graph, ("conv0", "x"), 1, [0; 4])?;
    let mut out = leaky(&mut graph, &first);
    // 414, 207, 104, 52, 26: an odd side has one more pixel of padding at its end.
    for (name, end) in [
        ("conv1", 0),
        ("conv2", 1),
        ("conv3", 0),
        ("conv4", 0),
        ("conv5", 0),
    ] {
        out = pool(&mut graph, &out, [2, 2], end);
        out = weights.separable(&mut graph, (name, &out))?;
        out = leaky(&mut graph, &out);
    }
    out = pool(&mut graph, &out, [2, 1], 1);
    out = weights.convolution(&mut graph, ("conv8", &out), 1, [0; 4])?;
    Some(graph.file(("x", &[1, 3, SEEN, SEEN]), (&out, &[1, SAID, CELLS, CELLS])))
}

/// The age head: red, green and blue of a face less their mean, as parts of one, to years.
pub(super) fn age(weights: &Weights) -> Option<Vec<u8>> {
    let mut graph = Graph::default();
    let first = weights.convolution(&mut graph, ("entry_flow/conv_in", "x"), 2, [0, 0, 1, 1])?;
    let mut out = relu(&mut graph, &first);
    for (name, is_active) in [
        ("entry_flow/reduction_block_0", false),
        ("entry_flow/reduction_block_1", true),
        ("middle_flow/main_block_0", true),
        ("middle_flow/main_block_1", true),
        ("exit_flow/reduction_block", true),
    ] {
        let mut inner = out.clone();
        let is_main = name.starts_with("middle");
        for at in 0..if is_main { 3 } else { 2 } {
            if at > 0 || is_active {
                inner = relu(&mut graph, &inner);
            }
            let name = format!("{name}/separable_conv{at}");
            inner = weights.separable(&mut graph, (&name, &inner))?;
        }
        let mut beside = out;
        if !is_main {
            inner = pool(&mut graph, &inner, [3, 2], 1);
            let name = format!("{name}/expansion_conv");
            beside = weights.convolution(&mut graph, (&name, &beside), 2, [0; 4])?;
        }
        out = graph.node("Add", &[&inner, &beside], &[]);
    }
    out = weights.separable(&mut graph, ("exit_flow/separable_conv", &out))?;
    out = relu(&mut graph, &out);
    out = graph.node("GlobalAveragePool", &[&out], &[]);
    out = graph.node("Flatten", &[&out], &[Told::Whole("axis", 1)]);
    out = weights.connected(&mut graph, ("fc/age", &out))?;
    Some(graph.file(("x", &[1, 3, FACE, FACE]), (&out, &[1, 1])))
}

fn relu(graph: &mut Graph, from: &str) -> String {
    graph.node("Relu", &[from], &[])
}

fn leaky(graph: &mut Graph, from: &str) -> String {
    graph.node("LeakyRelu", &[from], &[Told::Number("alpha", 0.1)])
}

/// The largest of each window; `end` pixels that count for nothing stand at foot and right.
fn pool(graph: &mut Graph, from: &str, [side, stride]: [i64; 2], end: i64) -> String {
    let told = [
        Told::Wholes("kernel_shape", &[side, side]),
        Told::Wholes("strides", &[stride, stride]),
        Told::Wholes("pads", &[0, 0, end, end]),
        Told::Wholes("dilations", &[1, 1]),
    ];
    graph.node("MaxPool", &[from], &told)
}
