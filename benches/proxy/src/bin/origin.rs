//! The model server of the bench. It reads the body and answers at once; the model's name says how:
//! `chat` (one JSON answer of about 630 bytes), `flood-100` (a stream of 100 chunks without a pause),
//! `paced-100-20` (100 chunks, 20 ms apart).
//!
//! Every chunk carries the microsecond at which it was made in `created`, so that the load client can
//! tell how long it was under way (one machine, one clock).
//!
//! usage: origin --listen 127.0.0.1:9000
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proxy_bench::argument;
use tokio::net::TcpListener;
use tokio::time::{Interval, MissedTickBehavior, interval};

type Answer = Either<Full<Bytes>, Chunks>;

fn main() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(serve());
}

async fn serve() {
    let listen: SocketAddr = argument("listen", ([127, 0, 0, 1], 9000).into());
    let listener = TcpListener::bind(listen).await.expect("the port is free");
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        tokio::spawn(async move {
            // A proxy that closes its pool ends the connection; there is nobody to tell.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service_fn(answer))
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let body = match request.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let (kind, chunks, pause) = model(&body);
    let response = Response::builder();
    let response = if kind == "chat" {
        response
            .header("content-type", "application/json")
            .body(Either::Left(Full::new(Bytes::from(document()))))
    } else {
        response
            .header("content-type", "text/event-stream")
            .body(Either::Right(Chunks::new(chunks, pause)))
    };
    Ok(response.expect("the headers are constants"))
}

/// What `"model":"paced-100-20"` asks for.
fn model(body: &[u8]) -> (String, u32, u64) {
    const KEY: &[u8] = b"\"model\":\"";
    let name = body
        .windows(KEY.len())
        .position(|window| window == KEY)
        .map(|at| &body[at + KEY.len()..])
        .and_then(|rest| rest.split(|byte| *byte == b'"').next())
        .map_or_else(String::new, |name| {
            String::from_utf8_lossy(name).into_owned()
        });
    let mut words = name.split('-');
    let kind = words.next().unwrap_or("chat").to_owned();
    let chunks = words
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(100);
    let pause = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    (kind, chunks, pause)
}

fn document() -> String {
    let text = "The river passes the garden, 然后流过村庄和桥梁。 ".repeat(6);
    format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1764000000,"model":"chat","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":900,"completion_tokens":120,"total_tokens":1020}}}}"#
    )
}

/// Words of the chunks; together an ordinary text.
const WORDS: [&str; 8] = [
    "the river runs ",
    "past a garden ",
    "流过村庄",
    "and the old bridge ",
    "的灯笼，",
    "where a kettle ",
    "在夏天",
    "keeps warm. ",
];

/// A stream of chunks, each its own frame.
struct Chunks {
    left: u32,
    total: u32,
    pause: Option<Interval>,
}

impl Chunks {
    fn new(total: u32, pause_ms: u64) -> Self {
        let pause = (pause_ms > 0).then(|| {
            let mut ticks = interval(Duration::from_millis(pause_ms));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        Self {
            left: total + 1,
            total,
            pause,
        }
    }

    fn chunk(&self) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        let (delta, reason) = match self.left {
            1 => (String::new(), "\"stop\""),
            left => {
                let word = WORDS[(self.total - left) as usize % WORDS.len()];
                (format!(r#""content":"{word}""#), "null")
            }
        };
        let end = if self.left == 1 {
            "data: [DONE]\n\n"
        } else {
            ""
        };
        format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":{now},\"model\":\"stream\",\"system_fingerprint\":\"fp_0123456789\",\"service_tier\":\"default\",\"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n{end}"
        )
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause
            && pause.poll_tick(context).is_pending()
        {
            return Poll::Pending;
        }
        let chunk = self.chunk();
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(chunk)))))
    }
}
