//! The load client: closed loop, keep-alive, `--connections` connections for `--seconds` seconds.
//!
//! usage: load --to 127.0.0.1:8080 --kind chat|talk|repeat|big|seen|flood|paced [--path PREFIX]
//!             [--connections 16] [--seconds 5] [--seed 1]
//!
//! kinds: `chat` a 2 KB prompt, never the same twice; `talk` a 2 KB conversation of which only the last
//! message is new; `repeat` one 2 KB request again and again; `big` a 100 KB prompt; `seen` a
//! picture of 1024 x 1024, never the same twice; `flood` and `paced`
//! streams of 100 chunks. Prints one JSON object. Times are in microseconds.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use proxy_bench::{Dice, argument, picture};
use tokio::net::TcpStream;

/// Latencies and counts of one connection, later of all.
#[derive(Default)]
struct Tally {
    latency: Vec<u32>,
    first_chunk: Vec<u32>,
    transit: Vec<u32>,
    chunks: u64,
    bytes: u64,
    errors: u64,
}

#[derive(Clone)]
struct Plan {
    to: SocketAddr,
    path: String,
    kind: String,
    until: Instant,
    seed: u64,
}

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(run());
}

async fn run() {
    let connections: u64 = argument("connections", 16);
    let seconds: f64 = argument("seconds", 5.0);
    let prefix: String = argument("path", String::new());
    let started = Instant::now();
    let plan = Plan {
        to: argument("to", ([127, 0, 0, 1], 8080).into()),
        path: format!("{prefix}/v1/chat/completions"),
        kind: argument("kind", "chat".to_owned()),
        until: started + Duration::from_secs_f64(seconds),
        seed: argument("seed", 1),
    };
    let tasks: Vec<_> = (0..connections)
        .map(|number| tokio::spawn(connection(plan.clone(), number)))
        .collect();
    let mut all = Tally::default();
    for task in tasks {
        let one = task.await.expect("a connection's task does not panic");
        all.latency.extend(one.latency);
        all.first_chunk.extend(one.first_chunk);
        all.transit.extend(one.transit);
        all.chunks += one.chunks;
        all.bytes += one.bytes;
        all.errors += one.errors;
    }
    print(&mut all, started.elapsed());
}

fn print(all: &mut Tally, elapsed: Duration) {
    let requests = all.latency.len();
    let seconds = elapsed.as_secs_f64();
    let mut shares = |name: &str, of: fn(&mut Tally) -> &mut Vec<u32>| {
        let times = of(all);
        times.sort_unstable();
        let share = |share: f64| {
            let last = times.len().saturating_sub(1) as f64;
            times.get((last * share) as usize).copied().unwrap_or(0)
        };
        format!(
            "\"{name}_p50\":{},\"{name}_p99\":{}",
            share(0.5),
            share(0.99)
        )
    };
    let latency = shares("latency", |tally| &mut tally.latency);
    let first = shares("first_chunk", |tally| &mut tally.first_chunk);
    let transit = shares("transit", |tally| &mut tally.transit);
    println!(
        "{{\"requests\":{requests},\"seconds\":{seconds:.3},\"per_second\":{:.1},\"chunks\":{},\"bytes\":{},\"errors\":{},{latency},{first},{transit}}}",
        requests as f64 / seconds,
        all.chunks,
        all.bytes,
        all.errors
    );
}

async fn connection(plan: Plan, number: u64) -> Tally {
    let mut tally = Tally::default();
    let mut prompts = Prompts::new(&plan.kind, plan.seed * 1_000_003 + number);
    while Instant::now() < plan.until {
        let Ok(mut sender) = open(plan.to).await else {
            tally.errors += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while Instant::now() < plan.until {
            if exchange(&plan, &mut sender, prompts.next(), &mut tally)
                .await
                .is_err()
            {
                tally.errors += 1;
                break;
            }
        }
    }
    tally
}

async fn open(to: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error>> {
    let socket = TcpStream::connect(to).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    sender.ready().await?;
    Ok(sender)
}

async fn exchange(
    plan: &Plan,
    sender: &mut SendRequest<Full<Bytes>>,
    body: Bytes,
    tally: &mut Tally,
) -> Result<(), Box<dyn std::error::Error>> {
    let request = Request::post(&plan.path)
        .header("host", plan.to.to_string())
        .header("content-type", "application/json")
        .header("authorization", "Bearer sk-bench")
        .body(Full::new(body))?;
    let started = Instant::now();
    sender.ready().await?;
    let mut response = sender.send_request(request).await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()).into());
    }
    let streamed = plan.kind == "flood" || plan.kind == "paced";
    let mut rest = Vec::new();
    while let Some(frame) = response.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        tally.bytes += data.len() as u64;
        if streamed {
            if rest.is_empty() && tally.first_chunk.len() <= tally.latency.len() {
                tally.first_chunk.push(micros(started.elapsed()));
            }
            rest.extend_from_slice(&data);
            events(&mut rest, tally);
        }
    }
    tally.latency.push(micros(started.elapsed()));
    Ok(())
}

/// Takes whole events off the front and notes how long each was under way.
fn events(rest: &mut Vec<u8>, tally: &mut Tally) {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros());
    let mut done = 0;
    while let Some(end) = rest[done..].windows(2).position(|pair| pair == b"\n\n") {
        let event = &rest[done..done + end];
        if let Some(made) = stamp(event) {
            tally.chunks += 1;
            tally
                .transit
                .push(u32::try_from(now.saturating_sub(made)).unwrap_or(u32::MAX));
        }
        done += end + 2;
    }
    rest.drain(..done);
}

/// The microsecond in an event's `created`.
fn stamp(event: &[u8]) -> Option<u128> {
    const KEY: &str = "\"created\":";
    let text = std::str::from_utf8(event).ok()?;
    let digits = &text[text.find(KEY)? + KEY.len()..];
    digits[..digits.find(',')?].parse().ok()
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// The bodies that one connection sends.
struct Prompts {
    kind: String,
    dice: Dice,
    history: String,
    fixed: Option<Bytes>,
}

impl Prompts {
    fn new(kind: &str, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let history = (0..6)
            .map(|turn| {
                let role = if turn % 2 == 0 { "user" } else { "assistant" };
                format!(r#"{{"role":"{role}","content":"{}"}},"#, dice.prose(300))
            })
            .collect();
        // Every connection repeats the same request: it is in the cache once.
        let fixed = (kind == "repeat").then(|| body("chat", "", &Dice::new(7).prose(2000)));
        Self {
            kind: kind.to_owned(),
            dice,
            history,
            fixed,
        }
    }

    fn next(&mut self) -> Bytes {
        match self.kind.as_str() {
            "repeat" => self.fixed.clone().unwrap_or_default(),
            "talk" => body("chat", &self.history, &self.dice.prose(200)),
            "big" => body("chat", "", &self.dice.prose(100_000)),
            "seen" => seen(&mut self.dice),
            "flood" => body("flood-100", "", &self.dice.prose(200)),
            "paced" => body("paced-100-20", "", &self.dice.prose(200)),
            _ => body("chat", "", &self.dice.prose(2000)),
        }
    }
}

/// A question about a picture.
fn seen(dice: &mut Dice) -> Bytes {
    let (words, picture) = (dice.prose(200), picture::data_url(dice));
    Bytes::from(format!(
        r#"{{"model":"chat","messages":[{{"role":"user","content":[{{"type":"text","text":"{words}"}},{{"type":"image_url","image_url":{{"url":"{picture}"}}}}]}}]}}"#
    ))
}

fn body(model: &str, history: &str, last: &str) -> Bytes {
    let stream = model != "chat";
    Bytes::from(format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"system","content":"You are a helpful assistant."}},{history}{{"role":"user","content":"{last}"}}]}}"#
    ))
}
