//! [`Graph`]: a network written down as ONNX, so that weights from elsewhere run on the one runtime.
//!
//! Knows as much of the format as such weights need: constants, nodes with whole-number attributes, one
//! input and one output of fixed shape.

/// Versions of the format and of its operators.
const FORMAT: u64 = 8;
const OPERATORS: u64 = 13;
/// Types of numbers and of attributes.
const FLOAT: u64 = 1;
const ONE_FLOAT: u64 = 1;
const WHOLE: u64 = 2;
const WHOLES: u64 = 7;

/// A network, node after node.
#[derive(Debug, Default)]
pub(super) struct Graph {
    body: Vec<u8>,
    count: usize,
}

/// What a node is told beside its inputs.
pub(super) enum Told<'t> {
    /// Some whole numbers.
    Wholes(&'t str, &'t [i64]),
    /// One.
    Whole(&'t str, i64),
    /// A number.
    Number(&'t str, f32),
}

impl Graph {
    /// Numbers that are part of the network; the name that nodes read them by.
    pub(super) fn constant(&mut self, shape: &[usize], numbers: &[f32]) -> String {
        let name = self.name();
        let mut tensor = Vec::new();
        for side in shape {
            whole(&mut tensor, 1, *side as u64);
        }
        whole(&mut tensor, 2, FLOAT);
        bytes(&mut tensor, 8, name.as_bytes());
        let numbers: Vec<u8> = numbers.iter().flat_map(|one| one.to_le_bytes()).collect();
        bytes(&mut tensor, 9, &numbers);
        bytes(&mut self.body, 5, &tensor);
        name
    }

    /// A step; the name of what it makes.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], told: &[Told<'_>]) -> String {
        let name = self.name();
        let mut node = Vec::new();
        for input in inputs {
            bytes(&mut node, 1, input.as_bytes());
        }
        bytes(&mut node, 2, name.as_bytes());
        bytes(&mut node, 4, operator.as_bytes());
        for one in told {
            bytes(&mut node, 5, &one.written());
        }
        bytes(&mut self.body, 1, &node);
        name
    }

    /// The file: `input` is read by that name, `output` was made by a node.
    pub(super) fn file(mut self, input: (&str, &[usize]), output: (&str, &[usize])) -> Vec<u8> {
        bytes(&mut self.body, 2, b"graph");
        bytes(&mut self.body, 11, &value(input));
        bytes(&mut self.body, 12, &value(output));
        let mut operators = Vec::new();
        whole(&mut operators, 2, OPERATORS);
        let mut file = Vec::new();
        whole(&mut file, 1, FORMAT);
        bytes(&mut file, 7, &self.body);
        bytes(&mut file, 8, &operators);
        file
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }
}

impl Told<'_> {
    fn written(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Wholes(name, numbers) => {
                bytes(&mut out, 1, name.as_bytes());
                for number in *numbers {
                    whole(&mut out, 8, number.cast_unsigned());
                }
                whole(&mut out, 20, WHOLES);
            }
            Self::Whole(name, number) => {
                bytes(&mut out, 1, name.as_bytes());
                whole(&mut out, 3, number.cast_unsigned());
                whole(&mut out, 20, WHOLE);
            }
            Self::Number(name, number) => {
                bytes(&mut out, 1, name.as_bytes());
                varint(&mut out, 2 << 3 | 5);
                out.extend(number.to_le_bytes());
                whole(&mut out, 20, ONE_FLOAT);
            }
        }
        out
    }
}

/// A name with the shape of what it stands for.
fn value((name, shape): (&str, &[usize])) -> Vec<u8> {
    let mut sides = Vec::new();
    for side in shape {
        let mut one = Vec::new();
        whole(&mut one, 1, *side as u64);
        bytes(&mut sides, 1, &one);
    }
    let (mut tensor, mut kind, mut out) = (Vec::new(), Vec::new(), Vec::new());
    whole(&mut tensor, 1, FLOAT);
    bytes(&mut tensor, 2, &sides);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut out, 1, name.as_bytes());
    bytes(&mut out, 2, &kind);
    out
}

fn bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn whole(out: &mut Vec<u8>, field: u64, number: u64) {
    varint(out, field << 3);
    varint(out, number);
}

/// Seven bits a byte, the lowest first.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Input, Network};

    #[test]
    fn what_is_written_runs() {
        let mut graph = Graph::default();
        let two = graph.constant(&[1], &[2.0]);
        let doubled = graph.node("Mul", &["x", &two], &[]);
        let leaky = graph.node("LeakyRelu", &[&doubled], &[Told::Number("alpha", 0.5)]);
        let flat = graph.node("Flatten", &[&leaky], &[Told::Whole("axis", 1)]);
        let file = graph.file(("x", &[1, 2]), (&flat, &[1, 2]));
        let network = Network::read(file).expect("a network");
        let run = network.run(vec![Input::Floats(vec![1, 2], vec![3.0, -300.0])]);
        assert_eq!(run, Ok(vec![6.0, -300.0]));
    }
}
