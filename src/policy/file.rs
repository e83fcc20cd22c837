//! Policy files and case files one to one: what may be written, before it is checked or compiled.
//!
//! [`super::compile`] is the only reader of these types; the JSON Schema for editors is made from
//! them, so a doc comment here is what an editor shows.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::actions::Actions;
use super::parts::{At, Each, Named, WordOrMap, word_or_map};
use super::rule::{Action, Status};
use crate::message::{Band, Direction, Output, Role};

/// A policy file, or a common file with signals or replies for others.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyFile {
    /// The policy's name; apps select by it. Needed where there are rules.
    pub policy: Option<At<String>>,
    /// The harm area in both languages; callers learn it with a refusal.
    pub title: Option<At<Localised>>,
    /// Where the rules come from: notice, year, row.
    pub reference: Option<String>,
    /// Files whose signals these rules may name, without `.yaml`: `common/minors`.
    #[serde(rename = "use")]
    pub uses: Vec<At<String>>,
    /// What rules look for, by name (`lure`, `frame.protect`).
    pub signals: Named<Signal>,
    /// Parts of conditions, by name: what many a `when` says, said once (`excused: near(quoted, 50) or frame.news`).
    pub conditions: Named<At<String>>,
    /// What is not allowed.
    pub rules: Each<Rule>,
    /// Reviewed texts, by name, in both languages.
    pub replies: Named<At<Reply>>,
    /// Acts over several messages; rules then read `conversation.watch` and `conversation.act`.
    pub conversation: Option<At<Conversation>>,
}

/// Acts of grooming over the messages of a conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// Which signals are which act.
    pub acts: Acts,
    /// Signals by which the other side refuses; an act that comes again after one weighs more.
    #[serde(default)]
    pub refusal: Vec<At<String>>,
    /// Signals of a kind secret (a surprise, a birthday): a message with one has no act of secrecy.
    #[serde(default)]
    pub excuse: Vec<At<String>>,
    /// Messages in which a score halves; 20 if not said.
    #[serde(default)]
    pub half_life: Option<At<u32>>,
    /// Score from which `conversation.watch` is seen.
    pub watch: At<f64>,
    /// Score from which `conversation.act` is seen.
    pub act: At<f64>,
}

/// Signals with their weights, by act, in the order in which acts usually come.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Acts {
    /// Asks for age, or whether somebody is alone.
    pub probe: Named<At<f64>>,
    /// Flattery, gifts, a special bond.
    pub trust: Named<At<f64>>,
    /// Secrets, another app, vanishing messages.
    pub secrecy: Named<At<f64>>,
    /// Who is near, who reads the phone.
    pub risk: Named<At<f64>>,
    /// Sexual talk, pictures, dares.
    pub sexual: Named<At<f64>>,
    /// Meeting, money, threats.
    pub meeting: Named<At<f64>>,
}

/// A signal; all its forms report the same signal.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signal {
    /// Words and phrases.
    pub words: Option<At<Each<At<String>>>>,
    /// A file of phrases, one a line, `#` for comments.
    pub list: Option<At<String>>,
    /// A regular expression of bounded width.
    pub pattern: Option<At<String>>,
    /// Several of them.
    pub patterns: Option<At<Each<At<String>>>>,
    /// Ages of a person, both ends included.
    pub age: Option<At<Ages>>,
    /// Ways to reach somebody: phone, email, link, handle.
    pub contact: Option<At<Vec<At<String>>>>,
    /// A label of the classifier: sentences for which it is probable.
    pub classifier: Option<At<String>>,
    /// A file of examples and counter-examples, one JSON object a line: `{"text": ..., "expect": true}`.
    /// Sentences that are probably what the examples have in common.
    pub examples: Option<At<String>>,
    /// An endpoint of the config's `remotes:` that is asked about each text of a prompt.
    pub remote: Option<At<String>>,
    /// A model of the config's `classifiers:` that is asked about each text of a prompt.
    pub model: Option<At<String>>,
    /// What the endpoint or the model is asked: one of its labels.
    pub label: Option<At<String>>,
    /// How probable at least, between 0 and 1.
    pub at_least: Option<At<f32>>,
    /// Ways of hiding text, whatever it says: invisible, mixed_script, variant, split, decoded,
    /// hidden, turned, crossing. Weak by itself.
    pub cloaking: Option<At<Vec<At<String>>>>,
    /// What is seen in a picture.
    pub image: Option<At<Image>>,
    /// Readings in which words are looked for; every one if not said.
    pub views: Option<Vec<At<String>>>,
    /// Signals whose hits near by are the second sign that a doubtful reading of these words needs
    /// (two Han that only sound like one of them). Contacts always are one.
    pub vouched_by: Vec<At<String>>,
}

/// What is looked for in a picture. Words in its QR codes and comments are read like any other text.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Image {
    /// A file of hashes of known pictures (PDQ, SHA-256, MD5), one a line or CSV.
    pub hash_list: Option<At<String>>,
    /// A QR code is in it.
    pub qr: bool,
    /// What is written beside its pixels: location, generated, credentials.
    pub metadata: Vec<At<String>>,
    /// It probably shows naked people; needs a model (`wardgate models fetch`).
    pub nudity: Option<At<Probably>>,
    /// It probably is pornographic, drawn or not, as another model finds; needs that model.
    pub drawn_nudity: Option<At<Probably>>,
    /// Words stand in its pixels. Where a rule asks for this, what they say is read like any other
    /// text; needs a model.
    pub text: bool,
    /// Somebody in it looks young; needs a model. Only to be more careful: no rule can negate it.
    pub apparent_age: Option<At<Younger>>,
}

/// An age that a model sees in a face.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Younger {
    /// Younger than so many years. Models are off by five on average: 25 catches most who are under 18.
    pub below: f32,
}

/// What a model says of something.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probably {
    /// How probable at least, between 0 and 1.
    pub at_least: f32,
}

/// A picture of a case: drawn, or described by what is seen of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Drawing {
    /// What its QR code says.
    pub qr: Option<At<String>>,
    /// Its PDQ hash.
    pub hash: Option<At<String>>,
    /// What is written beside its pixels: location, generated, credentials.
    pub metadata: Vec<At<String>>,
    /// How probable a model finds it that it shows naked people.
    pub nudity: Option<At<f32>>,
    /// How probable the other model finds it that it is pornographic.
    pub drawn_nudity: Option<At<f32>>,
    /// What a model reads in its pixels.
    pub text: Option<At<String>>,
    /// Years of whoever looks youngest to a model.
    pub apparent_age: Option<At<f32>>,
}

/// A range of years.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ages {
    /// Youngest.
    pub from: u8,
    /// Oldest.
    pub to: u8,
}

/// A rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `<row of the notice>-<number>`, never reused.
    pub id: At<String>,
    /// One line for people.
    pub title: String,
    /// experimental (observes only), stable or retired.
    pub status: Status,
    /// 1 hardly ever wrong .. 3 strict.
    pub level: At<u8>,
    /// 1 worst .. 4.
    pub severity: At<u8>,
    /// What the rule is about; everything if not said.
    #[serde(default)]
    pub applies: Applies,
    /// The condition over signals.
    pub when: At<String>,
    /// What is done; for minors (and unknown audiences) and adults alike, or for each.
    pub action: At<ActionForm>,
    /// Name of the reply that stands in place of the model's answer.
    #[serde(default)]
    pub reply: Option<At<String>>,
    /// Name of the reply that a `rewrite` appends for the model.
    #[serde(default)]
    pub guidance: Option<At<String>>,
    /// What stands in place of a redacted span.
    #[serde(default)]
    pub replace: Option<At<TextForm>>,
    /// `block`: the rule counts only where the same turn would else be refused, and answers instead.
    #[serde(default)]
    pub instead_of: Option<At<Action>>,
    /// What this rule may be wrong about. "None" is refused.
    pub false_positives: At<Vec<At<String>>>,
}

/// What a rule is about.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    /// Which way the text travels.
    pub direction: Option<Vec<Way>>,
    /// Whose words they are.
    pub role: Option<Vec<Speaker>>,
    /// What the model makes.
    pub output: Option<Vec<Kind>>,
}

/// A reviewed text in every language, for every age or with others for some.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// English, understandable at ten.
    pub en: String,
    /// Chinese, understandable at ten.
    pub zh: String,
    /// For children under 8: a sentence or two, and a grown-up.
    pub young: Option<Localised>,
    /// For 14 to 17.
    pub teen: Option<Localised>,
}

impl Reply {
    /// Every text of it: all ages, all languages.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let of_ages = [&self.young, &self.teen].into_iter().flatten();
        let of_ages = of_ages.flat_map(|text| [text.en.as_str(), text.zh.as_str()]);
        [self.en.as_str(), self.zh.as_str()]
            .into_iter()
            .chain(of_ages)
    }
}

/// A text in every language.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Localised {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// [`Direction`] as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Towards the model.
    Prompt,
    /// Back from it.
    Output,
}

/// [`Role`] as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The application.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool.
    Tool,
}

/// [`Output`] as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Text.
    Text,
    /// A picture from words.
    Image,
    /// A picture from a picture.
    ImageEdit,
}

/// Who speaks, in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Listener {
    /// Somebody under 18, or nobody knows.
    Minor,
    /// An adult.
    Adult,
    /// Under 3.
    #[serde(rename = "0-2")]
    Age0,
    /// 3 to 7.
    #[serde(rename = "3-7")]
    Age3,
    /// 8 to 11.
    #[serde(rename = "8-11")]
    Age8,
    /// 12 and 13.
    #[serde(rename = "12-13")]
    Age12,
    /// 14 and 15.
    #[serde(rename = "14-15")]
    Age14,
    /// 16 and 17.
    #[serde(rename = "16-17")]
    Age16,
}

impl From<Listener> for Band {
    fn from(listener: Listener) -> Self {
        match listener {
            Listener::Minor => Self::Unknown,
            Listener::Adult => Self::Adult,
            Listener::Age0 => Self::Age0,
            Listener::Age3 => Self::Age3,
            Listener::Age8 => Self::Age8,
            Listener::Age12 => Self::Age12,
            Listener::Age14 => Self::Age14,
            Listener::Age16 => Self::Age16,
        }
    }
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::Prompt => Self::Prompt,
            Way::Output => Self::Output,
        }
    }
}

impl From<Speaker> for Role {
    fn from(speaker: Speaker) -> Self {
        match speaker {
            Speaker::System => Self::System,
            Speaker::User => Self::User,
            Speaker::Assistant => Self::Assistant,
            Speaker::Tool => Self::Tool,
        }
    }
}

impl From<Kind> for Output {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Image => Self::Image,
            Kind::ImageEdit => Self::ImageEdit,
        }
    }
}

/// One action, or one per audience.
#[derive(Debug, Clone, Copy)]
pub struct ActionForm(pub Actions);

impl<'de> Deserialize<'de> for ActionForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let what = "an action, or {minor: action, adult: action, 16-17: action}";
        Ok(Self(
            match word_or_map::<Action, Actions, D>(deserializer, what)? {
                WordOrMap::Word(action) => Actions::all(action),
                WordOrMap::Map(each) => each,
            },
        ))
    }
}

/// One text for every language, or one each.
#[derive(Debug, Clone)]
pub struct TextForm(pub Localised);

impl<'de> Deserialize<'de> for TextForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let what = "a text, or {en: text, zh: text}";
        Ok(Self(
            match word_or_map::<String, Localised, D>(deserializer, what)? {
                WordOrMap::Word(text) => Localised {
                    en: text.clone(),
                    zh: text,
                },
                WordOrMap::Map(both) => both,
            },
        ))
    }
}

/// Cases beside a policy: `<name>.cases.yaml`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CasesFile {
    /// What must be found and what must not.
    pub cases: Each<At<Case>>,
    /// Conversations, and at which message they are watched and acted on.
    pub conversations: Each<At<Script>>,
}

/// A scripted conversation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What it shows.
    pub name: String,
    /// Who is protected; a minor if not said.
    #[serde(default)]
    pub audience: Option<Listener>,
    /// What is said.
    pub messages: Vec<Message>,
    /// The message, from 1, at which a rule over `conversation.watch` first detects; never if not said.
    #[serde(default)]
    pub watch: Option<usize>,
    /// The same for `conversation.act`. With neither, no rule may do more than record it.
    #[serde(default)]
    pub act: Option<usize>,
}

/// One case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rule it is about.
    pub rule: At<String>,
    /// What it shows.
    #[serde(default)]
    pub name: Option<String>,
    /// The text.
    #[serde(default)]
    pub text: Option<String>,
    /// A picture beside the text, or alone.
    #[serde(default)]
    pub image: Option<At<Drawing>>,
    /// What endpoints say of the text, or of the last message: name -> label -> probability.
    #[serde(default)]
    pub remote: BTreeMap<String, BTreeMap<String, f32>>,
    /// What models in files say of it.
    #[serde(default)]
    pub model: BTreeMap<String, BTreeMap<String, f32>>,
    /// Or a conversation: each message is one turn, judged as a prompt.
    #[serde(default)]
    pub messages: Option<Vec<Message>>,
    /// Which way it travels; prompt if not said.
    #[serde(default)]
    pub direction: Option<Way>,
    /// What the model makes; text if not said.
    #[serde(default)]
    pub output: Option<Kind>,
    /// Who speaks; a minor if not said.
    #[serde(default)]
    pub audience: Option<Listener>,
    /// An action: the rule detects, with that action. miss: it does not. pass: nothing does anything.
    pub expect: Expect,
    /// The declared false positive that this case shows avoided, or records.
    #[serde(default)]
    pub false_positive: Option<At<String>>,
}

/// One message of a case.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Whose words.
    pub role: Speaker,
    /// The words.
    pub text: String,
}

/// What a case expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Refused.
    Block,
    /// A helping text.
    Support,
    /// Spans replaced.
    Redact,
    /// Spans replaced, pictures cut out.
    Strip,
    /// Spans replaced and guidance added.
    Rewrite,
    /// One more sentence.
    Nudge,
    /// Recorded.
    Flag,
    /// Near miss: the rule does not detect.
    Miss,
    /// Near miss: no rule does anything.
    Pass,
}

impl Expect {
    /// The action that is expected, unless the case is a near miss.
    pub const fn action(self) -> Option<Action> {
        Some(match self {
            Self::Block => Action::Block,
            Self::Support => Action::Support,
            Self::Redact => Action::Redact,
            Self::Strip => Action::Strip,
            Self::Rewrite => Action::Rewrite,
            Self::Nudge => Action::Nudge,
            Self::Flag => Action::Flag,
            Self::Miss | Self::Pass => return None,
        })
    }
}

/// In a schema a place is invisible: the value alone.
macro_rules! schema_of {
    ($outer:ident<$t:ident> as $inner:ty) => {
        impl<$t: JsonSchema> JsonSchema for $outer<$t> {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$inner>::schema_name()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<$inner>()
            }
        }
    };
}
schema_of!(At<T> as T);
schema_of!(Each<T> as Vec<T>);
schema_of!(Named<T> as std::collections::BTreeMap<String, T>);

impl JsonSchema for ActionForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ActionForm".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<Action>();
        let each = generator.subschema_for::<Actions>();
        schemars::json_schema!({"anyOf": [one, each]})
    }
}

impl JsonSchema for TextForm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TextForm".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<String>();
        let each = generator.subschema_for::<Localised>();
        schemars::json_schema!({"anyOf": [one, each]})
    }
}
