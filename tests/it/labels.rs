//! Labels of generated pictures over real sockets: words in the corner and `AIGC` metadata, in every
//! way that an answer carries a picture.

use std::io::Cursor;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Response};
use image::codecs::gif::{GifDecoder, GifEncoder};
use image::{AnimationDecoder, DynamicImage, Frame, Rgba, RgbaImage};
use serde_json::{Value, json};
use wardgate::body::full;
use wardgate::config::Config;
use wardgate::limits::Limits;
use wardgate::picture::{drawing, look};

use crate::gateway::{Gateway, Reply, percent};
use crate::shown::avif;
use crate::wire::serve;

const IMAGES: &str = "/v1/images/generations";
const LABEL: &str = "    label: {producer: garden-1, words: zh}\n";
const SIDE: u32 = 160;

fn plain() -> Vec<u8> {
    drawing::plain(SIDE, SIDE)
}

fn exchange(reply: &Reply) -> &str {
    reply.headers["x-wardgate-exchange"].to_str().expect("text")
}

/// A picture that has its label: in the corner, beside the pixels, and nowhere else.
#[track_caller]
fn check_labelled(file: &[u8], exchange: &str) {
    let seen = look(file).expect("a picture");
    assert_eq!((seen.width, seen.height), (SIDE, SIDE));
    assert!(seen.metadata.generated);
    let told = String::from_utf8_lossy(file);
    assert!(told.contains("\"ContentProducer\":\"garden-1\""), "{told}");
    assert!(
        told.contains(&format!("\"ProduceID\":\"{exchange}-")),
        "{told}"
    );
    let pixels = image::load_from_memory(file)
        .expect("a picture")
        .into_luma8();
    let bright = pixels
        .enumerate_pixels()
        .filter(|(_, _, pixel)| pixel.0[0] > 230);
    let rows: Vec<u32> = bright.map(|(_, y, _)| y).collect();
    let high = rows.iter().max().expect("words") - rows.iter().min().expect("words") + 1;
    assert!(f64::from(high) >= 0.05 * f64::from(SIDE), "{high}");
    assert!(rows.iter().all(|row| *row > SIDE / 2));
    assert_eq!(pixels.get_pixel(2, 2).0[0], 128);
}

fn decoded(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a string");
    let encoded = text.strip_prefix("data:image/png;base64,").unwrap_or(text);
    STANDARD.decode(encoded).expect("base64")
}

#[tokio::test]
async fn pictures_of_answers_are_labelled_in_every_form() {
    let shelf = serve(Limits::default(), None, |_, _| async {
        let answer = Response::builder().header("content-type", "image/png");
        answer.body(full(plain())).expect("an answer")
    });
    let address = shelf.address;
    let urls = format!(
        "    image_urls: {{fetch: {{hosts: [\"http://{address}\"], private: [127.0.0.1]}}}}\n"
    );
    let gateway = Gateway::start(&format!("{LABEL}{urls}")).await;
    let encoded = STANDARD.encode(plain());
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": encoded}});
    let draw = json!({"model": "m", "prompt": "a pear"});
    for (route, body, answer, place) in [
        (
            IMAGES,
            draw.clone(),
            json!({"created": 1, "data": [{"b64_json": encoded}]}),
            "/data/0/b64_json",
        ),
        (
            IMAGES,
            draw.clone(),
            json!({"created": 1, "data": [{"url": format!("http://{address}/a")}]}),
            "/data/0/url",
        ),
        (
            "/sdapi/v1/txt2img",
            json!({"prompt": "a pear"}),
            json!({"images": [encoded], "parameters": {}, "info": "{}"}),
            "/images/0",
        ),
        (
            "/v1beta/models/g:generateContent",
            json!({"contents": [{"role": "user", "parts": [{"text": "a pear"}]}]}),
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
                "parts": [{"text": "here"}, inline]}}]}),
            "/candidates/0/content/parts/1/inlineData/data",
        ),
    ] {
        let raw = percent(&answer.to_string());
        let reply = gateway.post(route, &[("x-mock-raw", &raw)], &body).await;
        let shown = reply.json();
        check_labelled(
            &decoded(shown.pointer(place).expect(route)),
            exchange(&reply),
        );
        // Nothing else changed.
        let mut rest = shown.clone();
        *rest.pointer_mut(place).expect(route) = answer.pointer(place).expect(route).clone();
        assert_eq!(rest, answer);
    }
    let event = |kind: &str| {
        let data = json!({"type": kind, "b64_json": encoded});
        format!("event: {kind}\ndata: {data}\n\n")
    };
    let stream = event("image_generation.partial_image") + &event("image_generation.completed");
    let raw = percent(&stream);
    let draw = json!({"model": "m", "prompt": "a pear", "stream": true, "partial_images": 1});
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    let told = String::from_utf8_lossy(&reply.body).into_owned();
    let events = told.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = events
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    assert_eq!(events.len(), 2);
    for event in &events {
        check_labelled(&decoded(&event["b64_json"]), exchange(&reply));
    }
    let raw: String = plain().iter().map(|byte| format!("%{byte:02X}")).collect();
    let headers = [("x-mock-raw", &*raw)];
    let path = "/view?filename=a.png";
    let view = gateway.send(Method::GET, path, &headers, "").await;
    check_labelled(&view.body, exchange(&view));
    // What goes in is the caller's own.
    let edit = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{encoded}")}}]}]});
    gateway.post("/v1/chat/completions", &[], &edit).await;
    assert_eq!(gateway.forwarded(), edit);
}

#[tokio::test]
async fn what_cannot_be_labelled_is_not_shown() {
    let gateway = Gateway::start(LABEL).await;
    let draw = json!({"model": "m", "prompt": "a pear"});
    let answer = json!({"created": 1, "data": [{"url": "https://example.com/a.png"}]});
    let raw = percent(&answer.to_string());
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.error_code(), "picture_url");
}

/// Words in the corner of each frame, not of the first alone.
#[tokio::test]
async fn animations_are_labelled_frame_by_frame() {
    let gateway = Gateway::start(LABEL).await;
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    let frames = [90, 128].map(|shade| RgbaImage::from_pixel(SIDE, SIDE, Rgba([shade; 4])));
    encoder
        .encode_frames(frames.map(Frame::new))
        .expect("memory");
    drop(encoder);
    let answer = json!({"created": 1, "data": [{"b64_json": STANDARD.encode(file)}]});
    let raw = percent(&answer.to_string());
    let draw = json!({"model": "m", "prompt": "a pear"});
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    let shown = decoded(&reply.json()["data"][0]["b64_json"]);
    assert!(look(&shown).expect("a picture").metadata.generated);
    let frames = GifDecoder::new(Cursor::new(&shown))
        .expect("a GIF")
        .into_frames();
    let frames = frames.collect_frames().expect("whole");
    assert_eq!(frames.len(), 2);
    for frame in frames {
        let pixels = DynamicImage::from(frame.into_buffer()).into_luma8();
        let words = pixels
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel.0[0] > 230);
        let rows: Vec<u32> = words.map(|(_, y, _)| y).collect();
        let high = rows.iter().max().expect("words") - rows.iter().min().expect("words") + 1;
        assert!(f64::from(high) >= 0.05 * f64::from(SIDE), "{high}");
        assert!(rows.iter().all(|row| *row > SIDE / 2));
    }
}

#[test]
fn a_config_says_what_a_label_holds() {
    let problems = |lines: &str| {
        let yaml =
            format!("apps: [{{name: a, upstream: {{url: mock}}, on_failure: block, {lines}}}]");
        let config = Config::parse(&yaml, "test.yaml", Path::new("/"));
        config
            .err()
            .map_or(String::new(), |problems| problems.problems.join("\n"))
    };
    assert_eq!(problems("label: {producer: 91110000AB, words: en}"), "");
    assert!(problems("label: {producer: \"a b\", words: en}").contains("cannot stand in a label"));
    assert!(problems("label: {words: en}").contains("`producer` is missing"));
    assert!(problems("label: {producer: a, words: fr}").contains("none of the choices"));
    let unseen = problems("label: {producer: a, words: en}, image_urls: unseen");
    assert!(unseen.contains("cannot be labelled"), "{unseen}");
}

#[tokio::test]
async fn avif_is_not_shown_where_labels_are_asked_for() {
    let gateway = Gateway::start(LABEL).await;
    let draw = json!({"model": "m", "prompt": "a pear"});
    // Nobody writes AVIF.
    let answer = json!({"created": 1, "data": [{"b64_json": avif("pear")}]});
    let raw = percent(&answer.to_string());
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    assert_eq!(reply.error_code(), "unlabelled_picture", "{reply:?}");
    assert!(!String::from_utf8_lossy(&reply.body).contains(&avif("pear")[..60]));
    let data = json!({"type": "image_generation.completed", "b64_json": avif("pear")});
    let events = format!("event: image_generation.completed\ndata: {data}\n\n");
    let raw = percent(&events);
    let reply = gateway.post(IMAGES, &[("x-mock-raw", &raw)], &draw).await;
    let told = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(!told.contains(&avif("pear")[..60]), "{told}");
    assert!(told.contains("unlabelled_picture"), "{told}");
    // Prompts are not labelled.
    let url = format!("data:image/avif;base64,{}", avif("pear"));
    let look = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url}}]}]});
    let reply = gateway.post("/v1/chat/completions", &[], &look).await;
    assert!(reply.status.is_success(), "{reply:?}");
}
