//! Answers whoever asks for a verdict: the exchange ends here, no model is asked.
//!
//! The texts are judged as the road would judge them, at the app's level and for its audience; a
//! caller's word makes the audience younger, never older.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;

use crate::app::App;
use crate::body::Body;
use crate::codec::check::{Check, Finding, Found, Question};
use crate::codec::{self, Ask, Reply, pictures};
use crate::config::OnFailure;
use crate::exchange::{self, Exchange};
use crate::guard::{self, Context, Inspector, Step};
use crate::hosts::Elsewhere;
use crate::message::{Audience, Direction, Language};
use crate::policy::{Action, Detection};
use crate::prompt::{self, Changes, Prompt};
use crate::reply::{self, Error};
use crate::sight::{self, Pictured};

/// Reads what is asked, judges it, says what was found.
///
/// # Errors
/// A body that cannot be read, and a text that holds more than can be followed.
pub async fn answer(
    exchange: &Arc<Exchange>,
    app: &App,
    check: &dyn Check,
    body: &Bytes,
    audience: Audience,
) -> Result<Response<Body>, Error> {
    let mut question = check.read(body, &exchange.live.config.limits.read())?;
    let pictures = look(exchange, app, check, &mut question, body).await?;
    let audience = audience.heard(question.audience);
    let mut scored_bytes = 0;
    let mut findings = Vec::with_capacity(question.asks.len());
    for (index, ask) in question.asks.iter().enumerate() {
        exchange.asks(ask);
        let began = Instant::now();
        let is_last = index + 1 == question.asks.len();
        let pictures = if is_last { &pictures[..] } else { &[] };
        let judged = judge(exchange, app, question.direction, audience, ask, pictures).await?;
        scored_bytes += judged.scored_bytes;
        prompt::within(exchange, scored_bytes)?;
        let (direction, took) = (question.direction, exchange::micros(began));
        exchange.judged(direction, &judged.detections, ask, took);
        findings.push(finding(exchange, app, direction, judged, ask));
    }
    let body = check.write(body, &question, &findings, &exchange.id)?;
    Ok(reply::said(Reply {
        status: 200,
        content_type: "application/json",
        body,
    }))
}

/// Looks at the pictures of a question, which stand beside its last words.
///
/// # Errors
/// As [`sight::beside_words`]; a picture that has to be seen and was not.
async fn look(
    exchange: &Exchange,
    app: &App,
    check: &dyn Check,
    question: &mut Question,
    body: &Bytes,
) -> Result<Vec<Pictured>, Error> {
    let words = question.asks.iter().flat_map(|ask| &ask.parts);
    let words: Vec<_> = words.map(|part| part.raw.clone()).collect();
    let places = check.pictures_in();
    let limits = exchange.live.config.limits.read();
    let mut found = pictures::in_members(body, places, &words, &limits)?;
    if found.is_empty() && question.pictures == 0 {
        exchange.leaves_unseen(question.unseen);
        return Ok(Vec::new());
    }
    let mut sight = exchange.sight(app);
    if question.pictures > 0 {
        sight.on_failure = OnFailure::Block;
    }
    if question.pictures > 0 && matches!(sight.elsewhere, Elsewhere::Unseen) {
        sight.elsewhere = Elsewhere::Refuse;
    }
    if question.asks.is_empty() {
        let none = Question::ask(Vec::new(), String::new());
        question.asks.push(none);
    }
    let direction = question.direction;
    if direction == Direction::Prompt {
        found = sight::fetched(exchange, &sight, found).await?;
    }
    let ask = question.asks.last_mut().expect("one was put in");
    let seen = sight::beside_words(exchange, &sight, direction, found, ask).await?;
    if seen.len() < question.pictures {
        let why = "A picture cannot be checked: send it in base64, as a data URL that says so: PNG, \
                   JPEG, WebP or GIF.";
        return Err(Error::client("unreadable_picture", why));
    }
    Ok(seen)
}

async fn judge(
    exchange: &Arc<Exchange>,
    app: &App,
    direction: Direction,
    audience: Audience,
    ask: &Ask,
    pictures: &[Pictured],
) -> Result<Prompt, Error> {
    match direction {
        Direction::Prompt => prompt::judge(exchange, app, audience, ask, pictures).await,
        Direction::Output => prompt::judge_answer(exchange, app, audience, ask, pictures).await,
    }
}

fn finding(
    exchange: &Exchange,
    app: &App,
    direction: Direction,
    judged: Prompt,
    ask: &Ask,
) -> Finding {
    let set = &exchange.live.set;
    let Changes {
        edits,
        cuts,
        guidance,
    } = judged.changes(exchange, app, ask);
    let refusal = judged.action.ends().then(|| judged.refusal(exchange, app));
    let action = judged.action.name();
    let found = judged
        .detections
        .iter()
        .map(|detection| found(exchange, app, detection))
        .collect();
    let nudges =
        |detection: &&Detection| guard::effective(set, app.config.mode, detection) == Action::Nudge;
    let nudge = judged.detections.iter().find(nudges);
    let nudge = nudge.map(|detection| judged.reply(exchange, app, detection));
    let undecided = match (direction, ask.parts.last()) {
        (Direction::Output, Some(part)) => undecided(
            Arc::new(judged.into_context(exchange, app, codec::CODECS[0], codec::Telling::Pieces)),
            &part.text,
        ),
        _ => 0,
    };
    Finding {
        action,
        found,
        edits,
        cuts,
        guidance,
        refusal,
        nudge,
        undecided,
    }
}

/// Characters at the end of an answer that more of it may still decide.
fn undecided(context: Arc<Context>, text: &str) -> usize {
    match Inspector::new(context).push(text) {
        Step::Show(to) => text
            .get(to as usize..)
            .map_or(0, |rest| rest.chars().count()),
        Step::End | Step::Overflow => text.chars().count(),
    }
}

fn found(exchange: &Exchange, app: &App, detection: &Detection) -> Found {
    let set = &exchange.live.set;
    let action = guard::effective(set, app.config.mode, detection);
    let rule = set.rule(detection.rule);
    Found {
        rule: rule.id.to_string(),
        row: rule.id.row().to_owned(),
        area: set.area(detection.rule, Language::En).to_owned(),
        action: action.name(),
        withholds: action.withholds(),
        part: detection.part,
        span: [detection.span.start, detection.span.end],
        view: detection.view.name(),
        score: detection.score,
    }
}
