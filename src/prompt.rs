//! [`Prompt`]: a judged prompt, and what follows from it for the request and for the answer.

mod edits;
mod seen;
mod shown;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::app::App;
use crate::codec::cut::{self, Element};
use crate::codec::{Ask, Codec, Edit, ReadError, Refusal, Telling};
use crate::detect::{self, Hit, SignalId};
use crate::exchange::{Exchange, Said};
use crate::guard::{self, Closing, Context};
use crate::message::{Audience, Direction, Language, Media, Output, Part, Role};
use crate::opinion::{self, Heard};
use crate::policy::border::{self, Crossings};
use crate::policy::reply::Template;
use crate::policy::{self, Action, Detection, Mode, PolicySet, Scene, Selection, Talk};
use crate::reply::Error;
use crate::sight::Pictured;
use edits::{Changing, edits};
pub use seen::within;
use shown::Shown;

/// Bytes from which a text's language is told: a few sentences say it, and most texts never need it.
const LANGUAGE_SAMPLE_BYTES: usize = 512;

/// A judged prompt.
pub struct Prompt {
    /// The strongest action that is really taken.
    pub action: Action,
    /// Every detection, in order; `part` indexes [`Ask::parts`].
    pub detections: Vec<Detection>,
    /// Where the conversation stands after it.
    talk: Talk,
    /// Whether its answer is judged one level stricter.
    doubtful: bool,
    /// Parts that the model no longer sees: what was refused before stands in the history.
    withheld: Vec<u32>,
    /// Signals of the last thing the user said: they count when the answer is judged.
    carried: Vec<SignalId>,
    /// The conversation's language.
    language: Language,
    scene: Scene,
    /// Somebody whom rules want to hear said nothing, and the app lets that pass.
    pub incomplete: bool,
    /// By part of a picture: what stands in its place when it is withheld.
    stand_ins: BTreeMap<u32, StandIn>,
    /// Bytes of text whose sentences were scored, remembered or not.
    pub scored_bytes: usize,
}

/// What becomes of a picture that is withheld.
#[derive(Debug, Clone)]
struct StandIn {
    /// A grey one, as the literal's text.
    text: String,
    /// What goes with it where it is cut out instead.
    element: Option<Element>,
}

/// Judges everything said in a request.
///
/// # Errors
/// `too_many_matches` if a text holds more than can be followed, `too_much_text` if there is more than
/// can be scored: then nobody can say what it is.
pub async fn judge(
    exchange: &Exchange,
    app: &App,
    audience: Audience,
    ask: &Ask,
    pictures: &[Pictured],
) -> Result<Prompt, Error> {
    let set = &exchange.live.set;
    let mut hits = seen::words(exchange, &ask.parts, pictures).await?;
    let audience = audience.heard(set.cue(&ask.parts, &hits));
    exchange.heard(audience);
    let scene = Scene {
        direction: Direction::Prompt,
        output: ask.output,
        audience,
    };
    // Half a phrase is no cue of an age, so phrases across borders come after those.
    let mut crossings = Crossings::default();
    for joint in border::joints(&ask.parts) {
        let found = seen::words_of(exchange, &joint.text).await?;
        crossings.take(set, &ask.parts, &joint, &found);
    }
    crossings.insert(&mut hits);
    let shown = Shown::of(scene, &ask.parts, pictures);
    let judge = |hits: &[Arc<[Hit]>]| {
        let (verdict, talk) =
            policy::judge_conversation(set, &app.selection, scene, &ask.parts, hits);
        let mut detections = verdict.detections;
        if let Some(shown) = &shown {
            shown.judge(set, app, hits, &mut detections);
        }
        crossings.harden(&mut detections);
        (detections, talk)
    };
    let (mut detections, mut talk) = judge(&hits);
    let outlook = set.outlook(&app.selection, scene);
    let mut wanted = outlook.scored(&ask.parts, &hits, &detections);
    if let Some(shown) = &shown {
        shown.scored(set, app, &hits, &detections, &mut wanted);
    }
    let scored_bytes = seen::score(exchange, &ask.parts, &wanted, &mut hits).await?;
    if scored_bytes > 0 {
        (detections, talk) = judge(&hits);
    }
    let mut heard = Heard::default();
    let wanted = outlook.opinions(&ask.parts, &hits);
    if !wanted.is_empty()
        && let Some(told) = going_on(set, app, scene, &ask.parts, detections.clone())
    {
        heard = opinion::of(exchange, app, &ask.parts, (&told, &wanted)).await?;
    }
    if heard.is_something() {
        for (hits, heard) in hits.iter_mut().zip(&heard.hits) {
            *hits = detect::joined(hits, heard);
        }
        (detections, talk) = judge(&hits);
    }
    let stand_ins = stand_ins(&mut detections, pictures).await;
    let withheld = policy::withhold(set, scene, &ask.parts, &mut detections);
    let action = strongest(set, app, &detections);
    let out_of_reach = |at: &u32| ask.parts[*at as usize].raw.is_empty();
    let enforced = app.config.mode == Mode::Enforce && !action.ends();
    if enforced && withheld.iter().any(out_of_reach) {
        return Err(Error::client(
            "previous_response_not_found",
            "What was said before holds what the model must not see any more. Begin a new conversation.",
        ));
    }
    Ok(Prompt {
        action,
        doubtful: set.watches(&talk)
            || detections
                .iter()
                .any(|detection| raises_doubt(&app.selection, detection)),
        talk,
        withheld,
        carried: policy::carried(set, &ask.parts, &hits),
        language: language(&ask.parts),
        detections,
        scene,
        incomplete: heard.incomplete,
        stand_ins,
        scored_bytes,
    })
}

/// What stands in place of each picture that is withheld, by each of its parts. A picture in whose
/// place nothing can stand is not passed on in parts: the request is refused.
async fn stand_ins(detections: &mut [Detection], pictures: &[Pictured]) -> BTreeMap<u32, StandIn> {
    let mut stand_ins = BTreeMap::new();
    for picture in pictures {
        let touches = |one: &&mut Detection| {
            let places = [one.part, one.anchor.0].map(|part| part as usize);
            let withheld = one.action.withholds() && !one.action.ends();
            withheld && places.iter().any(|part| picture.parts.contains(part))
        };
        let mut touching = detections.iter_mut().filter(touches).peekable();
        if touching.peek().is_none() {
            continue;
        }
        let hidden = picture.clone();
        let drawn = tokio::task::spawn_blocking(move || hidden.stand_in()).await;
        match drawn.unwrap_or_default() {
            Some(text) => {
                let element = picture.picture.as_ref();
                let element = element.and_then(|one| one.element.clone());
                let stand_in = StandIn { text, element };
                let parts = picture
                    .parts
                    .clone()
                    .filter_map(|at| u32::try_from(at).ok());
                stand_ins.extend(parts.map(|part| (part, stand_in.clone())));
            }
            None => touching.for_each(|one| one.action = Action::Block),
        }
    }
    stand_ins
}

/// Each part as the model would have it if nobody else were asked: others are told no more. Nothing
/// if the prompt is refused anyway, which is nobody else's concern.
fn going_on<'p>(
    set: &PolicySet,
    app: &App,
    scene: Scene,
    parts: &'p [Part],
    mut detections: Vec<Detection>,
) -> Option<Vec<Cow<'p, str>>> {
    let withheld = policy::withhold(set, scene, parts, &mut detections);
    if strongest(set, app, &detections).ends() {
        return None;
    }
    let changing = Changing::new(set, app, language(parts), &detections, &withheld);
    let each = parts.iter().enumerate();
    let told = each.map(|(at, part)| match changing.part(at, part) {
        Some(changed) => Cow::Owned(changed),
        None => Cow::Borrowed(part.text.as_str()),
    });
    Some(told.collect())
}

/// Judges the last turn of what was said as an answer; what precedes it counts as its prompt.
///
/// # Errors
/// As [`judge`].
pub async fn judge_answer(
    exchange: &Exchange,
    app: &App,
    audience: Audience,
    ask: &Ask,
    pictures: &[Pictured],
) -> Result<Prompt, Error> {
    let set = &exchange.live.set;
    let mut hits = seen::words(exchange, &ask.parts, pictures).await?;
    let audience = audience.heard(set.cue(&ask.parts, &hits));
    exchange.heard(audience);
    let scene = Scene {
        direction: Direction::Output,
        output: ask.output,
        audience,
    };
    let outlook = set.outlook(&app.selection, scene);
    let wanted = outlook.scored_of_answer(&ask.parts, &hits);
    let scored_bytes = seen::score(exchange, &ask.parts, &wanted, &mut hits).await?;
    let mut detections = policy::judge_answer(set, &app.selection, scene, &ask.parts, &hits);
    let stand_ins = stand_ins(&mut detections, pictures).await;
    Ok(Prompt {
        action: strongest(set, app, &detections),
        detections,
        talk: Talk::default(),
        doubtful: false,
        withheld: Vec::new(),
        carried: Vec::new(),
        language: language(&ask.parts),
        scene,
        stand_ins,
        incomplete: false,
        scored_bytes,
    })
}

/// The strongest action that is really taken.
fn strongest(set: &PolicySet, app: &App, detections: &[Detection]) -> Action {
    detections
        .iter()
        .map(|detection| guard::effective(set, app.config.mode, detection))
        .max()
        .unwrap_or_default()
}

/// Whether a detection in a prompt that goes on makes its answer suspect. Redactions do not: they
/// protect the speaker's own data. What only observes changes nothing.
fn raises_doubt(selection: &Selection, detection: &Detection) -> bool {
    let doubts = [Action::Flag, Action::Nudge, Action::Rewrite];
    doubts.contains(&detection.action) && !selection.observes(detection.rule)
}

/// The language of the last thing the user said, or of everything if no user spoke.
fn language(parts: &[Part]) -> Language {
    let spoken = parts
        .iter()
        .rev()
        .find(|part| part.role == Role::User && part.media != Media::Image)
        .or(parts.last());
    spoken.map_or(Language::En, |part| {
        let sample = part.text.floor_char_boundary(LANGUAGE_SAMPLE_BYTES);
        detect::language(&part.text[..sample])
    })
}

/// A request, what was read of it, and what still has to be replaced in it.
pub type Left<'a> = (Bytes, Cow<'a, Ask>, Cow<'a, [Edit]>);

/// What a judged prompt changes of its request.
pub struct Changes {
    /// What has to be replaced in what was said.
    pub edits: Vec<Edit>,
    /// What goes with pictures that are cut out; where it cannot, their edits hold.
    pub cuts: Vec<Element>,
    /// What the model is told.
    pub guidance: Option<String>,
}

impl Changes {
    /// The request as the model may see it: the very same bytes if nothing is redacted or rewritten.
    ///
    /// # Errors
    /// [`ReadError`] if the dialect has no place for what has to be added.
    pub fn apply(
        &self,
        codec: &dyn Codec,
        content_type: &str,
        body: Bytes,
        ask: &Ask,
    ) -> Result<Bytes, ReadError> {
        let guidance = self.guidance.as_deref();
        if self.edits.is_empty() && guidance.is_none() {
            return Ok(body);
        }
        let (body, ask, edits) = self.cut(&body, ask)?;
        codec.write(content_type, &body, &ask, &edits, guidance)
    }

    /// The request without pictures that are cut out, what was read of it, and what has to be replaced in it.
    ///
    /// # Errors
    /// As [`cut::out_of`].
    pub fn cut<'a>(&'a self, body: &Bytes, ask: &'a Ask) -> Result<Left<'a>, ReadError> {
        if self.cuts.is_empty() {
            return Ok((body.clone(), Cow::Borrowed(ask), (&*self.edits).into()));
        }
        let (body, ask, edits) = cut::out_of(body, ask, &self.edits, &self.cuts)?;
        Ok((body, Cow::Owned(ask), edits.into()))
    }
}

impl Prompt {
    /// The detection that decides an ending: of the strongest the first whose rule says so itself. What
    /// refuses beside a child who tells has no words of its own for that.
    fn deciding(&self, app: &App, set: &PolicySet) -> Option<&Detection> {
        let strongest =
            |one: &&Detection| guard::effective(set, app.config.mode, one) == self.action;
        let own =
            |one: &&Detection| app.selection.action(one.rule, self.scene.audience) == self.action;
        let mut said = self.detections.iter().filter(strongest);
        said.clone().find(own).or_else(|| said.next())
    }

    /// What follows replies of ours in this app.
    fn closing(&self, app: &App) -> Closing {
        let said = |text: &Template| text.text(self.language).to_owned();
        Closing {
            support: (app.config.support.as_ref()).and_then(|one| one.text.as_ref().map(said)),
            appeal: app.config.appeal.as_ref().map(said),
            helplines: app.config.helplines.of(self.language).clone(),
        }
    }

    /// What wardgate says instead of the model.
    pub fn refusal(&self, exchange: &Exchange, app: &App) -> Refusal {
        let set = &exchange.live.set;
        let deciding = self
            .deciding(app, set)
            .expect("an ending action has a detection");
        let reply = set.reply_for(deciding.rule, self.language, self.scene.audience.band);
        let said = Said {
            text: self.closing(app).after(reply, self.action),
            language: self.language,
        };
        exchange.refusal(app, deciding.rule, self.action, said)
    }

    /// What has to be replaced in what was said, and what the model is told.
    pub fn changes(&self, exchange: &Exchange, app: &App, ask: &Ask) -> Changes {
        let set = &exchange.live.set;
        let (language, withheld) = (self.language, &self.withheld);
        let changing = Changing::new(set, app, language, &self.detections, withheld);
        let acting = &changing.acting;
        let mut guidance: Vec<&str> = Vec::new();
        for detection in acting {
            let text = set.guidance(detection.rule, self.language);
            guidance.extend(text.filter(|text| !guidance.contains(text)));
        }
        let words = edits(&changing, &ask.parts).into_iter();
        let edits = words.chain(self.hidden(acting, &ask.parts)).collect();
        let guidance = (!guidance.is_empty()).then(|| guidance.join("\n"));
        let draws = self.scene.output != Output::Text;
        let cuts = cut::of_prompt(self.stripped(acting), &ask.parts, draws);
        Changes {
            edits,
            cuts,
            guidance,
        }
    }

    /// What goes with pictures that a detection strips.
    fn stripped(&self, detections: &[&Detection]) -> Vec<Element> {
        let strips = detections.iter().filter(|one| one.action == Action::Strip);
        let places = strips.flat_map(|one| [one.part, one.anchor.0]);
        let elements = places.filter_map(|at| self.stand_ins.get(&at)?.element.clone());
        elements.collect()
    }

    /// The stand-ins of pictures that detections touch, each literal once.
    fn hidden(&self, detections: &[&Detection], parts: &[Part]) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        for place in detections.iter().flat_map(|one| [one.part, one.anchor.0]) {
            let (Some(part), Some(stand_in)) =
                (parts.get(place as usize), self.stand_ins.get(&place))
            else {
                continue;
            };
            if !edits.iter().any(|edit| edit.raw == part.raw) {
                edits.push(Edit {
                    raw: part.raw.clone(),
                    text: stand_in.text.clone(),
                });
            }
        }
        edits
    }

    /// What a reader is told for a detection.
    pub fn reply(&self, exchange: &Exchange, app: &App, detection: &Detection) -> String {
        let band = self.scene.audience.band;
        let set = &exchange.live.set;
        let reply = set.reply_for(detection.rule, self.language, band);
        app.config.helplines.of(self.language).fill(reply)
    }

    /// What judging the answer needs to know.
    pub fn into_context(
        self,
        exchange: &Exchange,
        app: &App,
        codec: &'static dyn Codec,
        telling: Telling,
    ) -> Context {
        let set = &exchange.live.set;
        let nudge = self
            .detections
            .iter()
            .find(|detection| guard::effective(set, app.config.mode, detection) == Action::Nudge)
            .map(|detection| self.reply(exchange, app, detection));
        let closing = self.closing(app);
        let limits = &exchange.live.config.limits;
        Context {
            selection: match self.doubtful {
                true => app.selection.stricter(),
                false => Arc::clone(&app.selection),
            },
            doubtful: self.doubtful,
            talk: self.talk,
            closing,
            set: Arc::clone(set),
            scene: Scene {
                direction: Direction::Output,
                ..self.scene
            },
            carried: self.carried,
            language: self.language,
            mode: app.config.mode,
            hold: app.config.hold,
            codec,
            telling,
            read: limits.read(),
            held_bytes: limits.held_bytes as usize,
            scored_bytes: limits.scored_bytes as usize,
            sight: exchange.sight(app),
            nudge,
            exchange: exchange.id.clone(),
        }
    }
}
