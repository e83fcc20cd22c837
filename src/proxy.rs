//! The road of one exchange. Read [`handle`], then `road`: they are the whole life of it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::app::{App, Gate};
use crate::audit::CacheState;
use crate::body::{self, Blame, Body};
use crate::cache::{self, Answer, AnswerKey, Begin, Lead, Scope};
use crate::codec::check::{self, Check};
use crate::codec::pictures::{Found, in_file, may_hold};
use crate::codec::{self, AnswerKind, Ask, Codec, Framing, ReadError, Refusal, Telling};
use crate::earlier::{self, Joined, Turn};
use crate::exchange::{self, Exchange, Said};
use crate::guard::{Context, GuardedBody, Record, document, pictures};
use crate::message::{Audience, Direction, Output};
use crate::picture::Format;
use crate::prompt;
use crate::realtime;
use crate::recorded::Recorded;
use crate::reply::{self, Error};
use crate::server::{Handler, Peer};
use crate::sight;
use crate::upstream::{Forward, Upstream};
use crate::verdict;

/// The proxy as a server's handler.
pub struct Proxy(pub Arc<Gate>);

impl Handler for Proxy {
    async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        handle(&self.0, request, peer).await
    }
}

/// Answers one request. Whatever happens, the caller gets a reply and the audit a line.
pub async fn handle(gate: &Arc<Gate>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let exchange = Exchange::begin(gate, &peer);
    let mut response = match road(&exchange, request, peer).await {
        Ok(response) => response,
        Err(error) => {
            exchange.failed_with(&error);
            reply::error(exchange.dialect(), &exchange.id, &error)
        }
    };
    exchange.answered(&mut response);
    response
}

/// route -> read -> cache -> judge the prompt -> act -> forward -> judge the answer. Who asks for a
/// verdict gets it after reading.
async fn road(
    exchange: &Arc<Exchange>,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Response<Body>, Error> {
    let (mut head, body) = request.into_parts();
    let limits = &exchange.live.config.limits;
    let (app, path) = exchange.live.route(&head)?;
    exchange.routed(&app);
    let bare = path.split('?').next().unwrap_or(&path);
    let route = route(&app, &head.method, bare)?;
    match route {
        Route::Judged(codec) | Route::Talked(codec) => exchange.speaks(codec),
        Route::Listing(codec) => exchange.lists(codec),
        Route::Asked(check) => exchange.consults(check.name()),
        Route::Unseen => {}
    }
    if let Route::Talked(_) = route {
        let audience = app.config.audience.of(&head.headers, peer.addr.ip());
        return realtime::open(exchange, &app, &mut head, &path, peer, audience).await;
    }
    let body = body::read_request(&head.headers, body, limits).await?;
    exchange.received(body.len());
    let asked = Asked {
        exchange,
        app: &app,
        head: &head,
        path: &path,
        peer,
    };
    let audience = app.config.audience.of(&head.headers, peer.addr.ip());
    let codec = match route {
        Route::Judged(codec) if !codec.polls() || body.is_empty() => codec,
        Route::Asked(check) => {
            exchange.heard(audience);
            return verdict::answer(exchange, &app, check, &body, audience).await;
        }
        Route::Judged(_) | Route::Talked(_) | Route::Listing(_) if !body.is_empty() => {
            let message = "This route takes no body: nobody would read it.";
            return Err(Error::client("unexpected_body", message));
        }
        Route::Listing(codec) => {
            exchange.heard(audience);
            return asked.listed(codec, audience, body).await;
        }
        Route::Judged(_) | Route::Talked(_) | Route::Unseen => {
            exchange.not_inspected();
            return asked.forward(body).await;
        }
    };
    exchange.heard(audience);

    let cached = match codec.polls() {
        true => Cached::Nothing, // What is polled changes.
        false => asked.cached(codec, &body, audience).await,
    };
    let lead = match cached {
        Cached::Answer(answer) => return Ok(replay(&answer)),
        Cached::Lead(lead) => Some(lead),
        Cached::Nothing => None,
    };

    let content_type = asked.content_type();
    let (body, mut ask) = sight::read(exchange, &app, codec, content_type, body).await?;
    let named = codec::named(codec, bare).filter(|name| !name.is_empty());
    if let Some(model) = named.filter(|_| !codec.polls()) {
        model.clone_into(&mut ask.model);
    }
    let Joined { pictures, mut turn } = asked.join(codec, &body, &mut ask)?;
    ask.stream &= codec.streams(asked.query(), &head.headers);
    exchange.asks(&ask);
    let began = Instant::now();
    let shown = sight::of_prompt(exchange, &app, codec, content_type, &body, &mut ask).await?;
    let pictures: Vec<_> = pictures.into_iter().chain(shown).collect();
    let prompt = prompt::judge(exchange, &app, audience, &ask, &pictures).await?;
    let took = exchange::micros(began);
    exchange.judged(Direction::Prompt, &prompt.detections, &ask, took);
    if prompt.action.ends() {
        return Ok(reply::said(
            codec.refuse(&ask, &prompt.refusal(exchange, &app)),
        ));
    }
    // An answer to what was not judged whole is no answer for others.
    let lead = lead.filter(|_| !prompt.incomplete);
    let changes = prompt.changes(exchange, &app, &ask);
    if let Some(turn) = &mut turn {
        turn.ask(&ask, &pictures, &changes.edits);
    }
    let telling = codec.telling(&body);
    let body = changes.apply(codec, content_type, body, &ask)?;
    let body = sight::asking_for_files(exchange, &app, codec, content_type, body)?;
    let mut context = prompt.into_context(exchange, &app, codec, telling);
    if let Some(task) = named.filter(|_| codec.polls()) {
        asked.made_from(task, &mut context);
    }
    let context = Arc::new(context);

    exchange.leaves_unseen(codec.unseen());
    let answer = asked.forward(body).await?;
    judge_answer(&asked, context, &ask, answer, lead, turn).await
}

/// What is done on a route.
#[derive(Clone, Copy)]
enum Route {
    /// A dialect reads and judges it.
    Judged(&'static dyn Codec),
    /// A dialect that is spoken over a socket.
    Talked(&'static dyn Codec),
    /// Asks for a verdict, not for an answer of a model's.
    Asked(&'static dyn Check),
    /// A dialect says that nobody's words are on it.
    Listing(&'static dyn Codec),
    /// The app says that it goes on unseen.
    Unseen,
}

/// The route of a path without its query.
fn route(app: &App, method: &Method, path: &str) -> Result<Route, Error> {
    if app.config.passes(method, path) {
        return Ok(Route::Unseen);
    }
    if let Some(check) = check::for_path(path) {
        return match *method {
            Method::POST => Ok(Route::Asked(check)),
            _ => Err(Error::client(
                "method_not_allowed",
                "This route takes POST.",
            )),
        };
    }
    let takes = match (codec::for_path(path), codec::for_listing(path)) {
        (Some(codec), _) if codec.talks() && method == Method::GET => {
            return Ok(Route::Talked(codec));
        }
        (Some(codec), _) if codec.polls() && method == Method::GET => {
            return Ok(Route::Judged(codec));
        }
        (Some(codec), _) if !codec.polls() && !codec.talks() && method == Method::POST => {
            return Ok(Route::Judged(codec));
        }
        (_, Some(codec)) if method == Method::GET => return Ok(Route::Listing(codec)),
        (Some(codec), _) if !codec.polls() && !codec.talks() => "This route takes POST.",
        (Some(_), _) => "This route takes GET.",
        (_, Some(_)) => "This route takes GET.",
        (None, None) => {
            return Err(Error::client(
                "unknown_route",
                "No dialect of this gateway knows this route, so nothing on it could be checked. \
                 An operator can list it under the app's `passthrough`.",
            ));
        }
    };
    Err(Error::client("method_not_allowed", takes))
}

/// A request and where it goes.
struct Asked<'a> {
    exchange: &'a Arc<Exchange>,
    app: &'a App,
    head: &'a Parts,
    /// Within the app, with its query.
    path: &'a str,
    peer: Peer,
}

/// What the answer cache says to a request.
enum Cached {
    Answer(Arc<Answer>),
    /// Ask, and share the answer.
    Lead(Lead),
    /// Ask for yourself.
    Nothing,
}

impl Asked<'_> {
    fn query(&self) -> &str {
        self.path.split_once('?').map_or("", |(_, query)| query)
    }

    fn content_type(&self) -> &str {
        let value = self.head.headers.get(CONTENT_TYPE);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/json")
    }

    /// Asks the model server.
    async fn forward(&self, body: Bytes) -> Result<Response<Body>, Error> {
        let asked = Instant::now();
        let answer = self
            .app
            .upstream
            .send(Forward {
                worker: self.peer.worker,
                method: self.head.method.clone(),
                path: self.path,
                headers: &self.head.headers,
                body,
            })
            .await;
        self.exchange.first_byte(asked);
        Ok(answer?)
    }

    /// Lets pictures that are fetched by a name be judged beside what they were made from.
    fn made_from(&self, name: &str, context: &mut Context) {
        self.app.awaited.join(name, context);
        self.exchange.heard(context.scene.audience);
    }

    /// Lets the request begin with what was said before it.
    fn join(
        &self,
        codec: &'static dyn Codec,
        body: &[u8],
        ask: &mut Ask,
    ) -> Result<Joined, ReadError> {
        let limits = self.exchange.live.config.limits.read();
        let caller = Upstream::caller_scope(&self.head.headers);
        earlier::join(self.app.earlier.as_ref(), caller, codec, body, ask, limits)
    }

    /// The answer with what may be shown of its pictures; or what is said instead of it.
    async fn pictures(
        &self,
        context: &Arc<Context>,
        record: &Arc<dyn Record>,
        kind: AnswerKind,
        body: Bytes,
    ) -> Result<Result<Bytes, Refusal>, Error> {
        if kind != AnswerKind::Document || !may_hold(&body) {
            return Ok(Ok(body));
        }
        // What the dialect cannot read is refused behind this.
        let Ok(words) = kind.read(context.codec, &body, &context.read) else {
            return Ok(Ok(body));
        };
        let words: Vec<_> = words.into_iter().map(|piece| piece.raw).collect();
        let found = pictures::find(context, &body, &words);
        self.shown(context, record, found, body).await
    }

    /// A list goes back as it came. A picture among what a dialect lists (ComfyUI's `/view`) is judged
    /// first, beside its prompt if its name was told before.
    async fn listed(
        &self,
        codec: &'static dyn Codec,
        audience: Audience,
        body: Bytes,
    ) -> Result<Response<Body>, Error> {
        let answer = self.forward(body).await?;
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.trim().to_ascii_lowercase();
        if kind.starts_with("application/json") || kind.starts_with("text/") {
            self.exchange.not_inspected();
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let limit = self.exchange.live.config.limits.answer_body_bytes;
        let body = body::read_whole(body, limit, Blame::Upstream).await?;
        head.headers.remove(CONTENT_LENGTH);
        let pictured = kind.starts_with("image/") || Format::of(&body).is_some();
        if !pictured || body.is_empty() {
            self.exchange.not_inspected();
            return Ok(Response::from_parts(head, body::full(body)));
        }
        let ask = Ask {
            output: Output::Image,
            ..Ask::of(Vec::new())
        };
        let prompt = prompt::judge(self.exchange, self.app, audience, &ask, &[]).await?;
        let mut context = prompt.into_context(self.exchange, self.app, codec, Telling::Pieces);
        if let Some(name) = file_name(self.query()) {
            self.made_from(&name, &mut context);
        }
        let context = Arc::new(context);
        let record: Arc<dyn Record> = Arc::<Exchange>::clone(self.exchange);
        let found = in_file(&body);
        match self.shown(&context, &record, found, body).await? {
            Ok(body) => Ok(Response::from_parts(head, body::full(body))),
            Err(refusal) => Ok(reply::said(codec.refuse(&ask, &refusal))),
        }
    }

    /// A body with what may be shown of its pictures; or what is said instead of it.
    async fn shown(
        &self,
        context: &Arc<Context>,
        record: &Arc<dyn Record>,
        found: Found,
        body: Bytes,
    ) -> Result<Result<Bytes, Refusal>, Error> {
        let judged = pictures::judge(Arc::clone(context), Arc::clone(record), found).await;
        let verdict = judged.map_err(|why| {
            let (code, message) = (why.code(), format!("a picture in it: {why}"));
            Error::unreadable_answer(ReadError { code, message })
        })?;
        let Some(withheld) = &verdict.withheld else {
            let edited = match &verdict.whole {
                Some(file) => Ok(Bytes::clone(file)),
                None if verdict.is_clean() => Ok(body),
                None => verdict.written(&body),
            };
            return Ok(Ok(edited.map_err(Error::unreadable_answer)?));
        };
        let (rule, action) = (withheld.detection.rule, withheld.action);
        record.ended(action, &context.set.rule(rule).id.0);
        let said = Said {
            text: context.closing.after(context.reply(rule), action),
            language: context.language,
        };
        Ok(Err(self.exchange.refusal(self.app, rule, action, said)))
    }

    /// Looks the request up among the answers for repeat prompts; waits if somebody just asks it.
    async fn cached(&self, codec: &dyn Codec, body: &Bytes, audience: Audience) -> Cached {
        let Some(answers) = &self.app.answers else {
            return Cached::Nothing;
        };
        let scope = Scope {
            app: &self.app.config.name,
            upstream: &self.app.url,
            credential: self.app.upstream.credential_scope(&self.head.headers),
            band: audience.band,
            set: self.exchange.live.set.hash,
            dialect: codec.name(),
            path: self.path,
            streams: codec.streams(self.query(), &self.head.headers),
        };
        let depth = self.exchange.live.config.limits.read().depth;
        let key = if self.content_type().starts_with("application/json") {
            AnswerKey::of_json(&scope, body, depth)
        } else {
            Some(AnswerKey::of_bytes(&scope, body))
        };
        let Some(key) = key else {
            self.exchange.cached(CacheState::Bypass);
            return Cached::Nothing;
        };
        let (mut state, mut begin) = (
            CacheState::Hit,
            answers.begin(key, cache::permission(&self.head.headers)),
        );
        if let Begin::Wait(wait) = begin {
            (state, begin) = (CacheState::Shared, wait.answer().await);
        }
        let (state, cached) = match begin {
            Begin::Hit(answer) => (state, Cached::Answer(answer)),
            Begin::Lead(lead) => (CacheState::Miss, Cached::Lead(lead)),
            Begin::Alone | Begin::Wait(_) => (CacheState::Bypass, Cached::Nothing),
        };
        self.exchange.cached(state);
        cached
    }
}

/// Of which file a query asks.
fn file_name(query: &str) -> Option<String> {
    let mut members = form_urlencoded::parse(query.as_bytes());
    let named = members.find(|(name, _)| name == "filename");
    named.map(|(_, name)| name.into_owned())
}

/// An answer that passed the guard before, under the same policies.
fn replay(answer: &Answer) -> Response<Body> {
    let mut response = Response::new(body::full(answer.body.clone()));
    *response.status_mut() = answer.status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, answer.content_type.clone());
    response
}

/// Guards the model's answer, whichever way it is framed.
async fn judge_answer(
    asked: &Asked<'_>,
    context: Arc<Context>,
    ask: &Ask,
    answer: Response<Body>,
    lead: Option<Lead>,
    turn: Option<Turn>,
) -> Result<Response<Body>, Error> {
    let exchange = asked.exchange;
    let (mut head, body) = answer.into_parts();
    // Every framing may change the length.
    head.headers.remove(CONTENT_LENGTH);
    let content_type = head.headers.get(CONTENT_TYPE).cloned();
    let content_type = content_type.unwrap_or(HeaderValue::from_static("application/json"));
    let lead = lead.filter(|_| head.status == StatusCode::OK && cache::storable(&head.headers));
    let record: Arc<dyn Record> = Arc::<Exchange>::clone(exchange);

    let media_type = content_type.to_str().unwrap_or("");
    let framing = context.codec.framing(media_type);
    // A failure is one document, whatever an answer would have been.
    let whole = |framing: &Framing| *framing == Framing::Array && !head.status.is_success();
    if let Some(framing) = framing.filter(|framing| !whole(framing)) {
        exchange.streams();
        let guarded = GuardedBody::new(body, framing, context, record);
        let body = if lead.is_some() || turn.is_some() {
            let turn = turn.map(|turn| (turn, framing));
            Recorded::new(guarded, lead, turn, Arc::clone(exchange), content_type)
                .map_err(|never| match never {})
                .boxed_unsync()
        } else {
            guarded.map_err(|never| match never {}).boxed_unsync()
        };
        return Ok(Response::from_parts(head, body));
    }

    let kind = context.codec.answer_kind(media_type);
    if kind == AnswerKind::Unseen {
        return Ok(Response::from_parts(head, body));
    }
    let limit = exchange.live.config.limits.answer_body_bytes;
    let body = body::read_whole(body, limit, Blame::Upstream).await?;
    let body = match asked.pictures(&context, &record, kind, body).await? {
        Ok(body) => body,
        Err(refusal) => return Ok(reply::said(context.codec.refuse(ask, &refusal))),
    };
    let guarded = match document(&context, &record, kind, body).await {
        Ok(guarded) => guarded,
        Err(error) if head.status.is_success() => return Err(Error::unreadable_answer(error)),
        // A failure of the model server in no known shape: its status and its retry headers stand,
        // its words, which nobody could judge, do not.
        Err(error) => {
            let error = Error::unreadable_answer(error);
            exchange.failed_with(&error);
            head.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            reply::fault(exchange.dialect(), &exchange.id, &error, head.status).body
        }
    };
    record.sent(guarded.len());
    if head.status.is_success() {
        let names = context.codec.awaited(&guarded, &context.read);
        asked.app.awaited.keep(&names, &context);
    }
    if let Some(mut turn) = turn.filter(|_| exchange.is_clean() && head.status.is_success()) {
        turn.push(&guarded);
        turn.store(None);
    }
    if let Some(mut lead) = lead.filter(|_| exchange.is_clean()) {
        lead.push(&guarded);
        lead.store(head.status, content_type);
    }
    Ok(Response::from_parts(head, body::full(guarded)))
}
