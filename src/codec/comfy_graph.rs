//! ComfyUI's graph: nodes with a kind and inputs, links between them, and which text is its prompt.
//!
//! Limit: the prompt is found along links to an input named as samplers and guiders name theirs; the
//! graph of a node that names it otherwise falls back on its first words.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::ReadError;
use super::json::{Kind, Value};
use super::members::{refuse, wrong_type};

/// What a node's kind begins with if a picture goes into the graph.
const LOADS: &str = "LoadImage";

/// Inputs that lead to the prompt, the surest first: a sampler's, a guider's.
const LEADS: [&str; 2] = ["positive", "conditioning"];

/// Inputs that hold a prompt's words, or the words that another node joins to it.
const WORDS: [&str; 9] = [
    "text", "text_g", "prompt", "t5xxl", "clip_l", "string", "string_a", "value", "text_1",
];

/// Inputs that lead away from the prompt.
const ASIDE: [&str; 5] = ["negative", "model", "clip", "vae", "control_net"];

/// What a graph is made of, by the numbers of its nodes.
pub struct Graph<'d> {
    nodes: Vec<Value<'d>>,
    places: HashMap<Cow<'d, str>, usize>,
    /// Whether a node loads a picture.
    pub shows: bool,
}

impl<'d> Graph<'d> {
    /// The graph of a request.
    ///
    /// # Errors
    /// There is none, or a node without a kind, or with inputs that are no object.
    pub fn read(root: Value<'d>) -> Result<Self, ReadError> {
        let graph = root
            .get("prompt")
            .ok_or_else(|| refuse("missing_field", "/prompt is missing"))?;
        if graph.kind() != Kind::Object {
            return Err(wrong_type("/prompt", "an object of nodes"));
        }
        let (mut nodes, mut places) = (Vec::new(), HashMap::new());
        let mut shows = false;
        for node in graph.children() {
            shows |= check_node(node)?;
            places.insert(node.key()?, nodes.len());
            nodes.push(node);
        }
        Ok(Self {
            nodes,
            places,
            shows,
        })
    }

    /// The literal of the positive prompt's words. Each node is looked at once, so that links in a
    /// circle end.
    pub fn prompt(&self) -> Option<Range<usize>> {
        LEADS.iter().find_map(|lead| {
            let mut seen = HashSet::new();
            let links = self.nodes.iter().filter_map(|node| input(*node, lead));
            let mut links = links.filter_map(|link| self.linked(link));
            links.find_map(|node| self.words_behind(node, &mut seen))
        })
    }

    /// The words of a node, or of those that feed it; the nearest first.
    fn words_behind(&self, from: usize, seen: &mut HashSet<usize>) -> Option<Range<usize>> {
        let mut waiting = vec![from];
        while let Some(at) = waiting.pop() {
            if !seen.insert(at) {
                continue;
            }
            let node = self.nodes[at];
            let words = WORDS.iter().filter_map(|name| input(node, name));
            let mut words = words.filter(|words| words.kind() == Kind::Text);
            if let Some(words) = words.next() {
                return Some(words.raw());
            }
            let inputs = node.get("inputs");
            let inputs = inputs.iter().flat_map(|inputs| inputs.children());
            let leads = |input: &Value<'_>| !input.key().is_ok_and(|key| ASIDE.contains(&&*key));
            let fed: Vec<_> = (inputs.filter(leads))
                .filter_map(|input| self.linked(input))
                .collect();
            waiting.extend(fed.into_iter().rev());
        }
        None
    }

    /// The node at the other end of a link, which is its number and that of one of its outputs.
    fn linked(&self, link: Value<'d>) -> Option<usize> {
        if link.kind() != Kind::Array {
            return None;
        }
        let name = link.children().next()?.text().ok()??;
        self.places.get(&name).copied()
    }
}

fn input<'d>(node: Value<'d>, name: &str) -> Option<Value<'d>> {
    node.get("inputs")?.get(name)
}

/// A node has a kind and, if any, inputs by name; whether it loads a picture.
fn check_node(node: Value<'_>) -> Result<bool, ReadError> {
    let kind = node.get("class_type").map(|kind| kind.text()).transpose()?;
    let Some(kind) = kind.flatten() else {
        return Err(refuse(
            "unknown_part",
            "/prompt/*: a node has no class_type",
        ));
    };
    let inputs = node.get("inputs");
    if inputs.is_some_and(|inputs| inputs.kind() != Kind::Object) {
        return Err(wrong_type("/prompt/*/inputs", "an object"));
    }
    Ok(kind.starts_with(LOADS))
}
