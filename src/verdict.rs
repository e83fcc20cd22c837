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
use crate::codec::{self, Ask, Reply};
use crate::exchange::{self, Exchange};
use crate::guard::{self, Context, Inspector, Step};
use crate::message::{Audience, Direction, Language};
use crate::policy::{Action, Detection};
use crate::prompt::{self, Changes, Prompt};
use crate::reply::{self, Error};

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
    let question = check.read(body, &exchange.live.config.limits.read())?;
    exchange.leaves_unseen(question.unseen);
    let audience = audience.heard(question.audience);
    let mut findings = Vec::with_capacity(question.asks.len());
    for ask in &question.asks {
        exchange.asks(ask);
        let began = Instant::now();
        let judged = judge(exchange, app, &question, audience, ask).await?;
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

async fn judge(
    exchange: &Arc<Exchange>,
    app: &App,
    question: &Question,
    audience: Audience,
    ask: &Ask,
) -> Result<Prompt, Error> {
    match question.direction {
        Direction::Prompt => prompt::judge(exchange, app, audience, ask, &[]).await,
        Direction::Output => prompt::judge_answer(exchange, app, audience, ask).await,
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
    let Changes { edits, guidance } = judged.changes(exchange, app, ask);
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
    let nudge = nudge.map(|detection| judged.reply(exchange, detection).to_owned());
    let undecided = match (direction, ask.parts.last()) {
        (Direction::Output, Some(part)) => undecided(
            judged.into_context(exchange, app, codec::CODECS[0], codec::Telling::Pieces),
            &part.text,
        ),
        _ => 0,
    };
    Finding {
        action,
        found,
        edits,
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
