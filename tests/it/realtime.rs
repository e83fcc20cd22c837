//! Sessions of OpenAI's realtime API over real sockets: what is said is judged before the model hears
//! it, what is answered before the caller does, written or spoken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::caller::{Caller, all, connect, heard, sent, shown, was_sent};
use crate::gateway::{Gateway, percent};
use crate::pictures::{code, url, with_chunk};

const CANARIES: &str = "    policies: [canary]\n";
const HELD: &str = "    policies: [canary]\n    realtime: {audio: held}\n";

/// Compiling the policies takes longer than all sessions together, so they share a gateway.
#[tokio::test]
async fn sessions_of_words() {
    let gateway = Gateway::start(CANARIES).await;
    a_clean_session_is_what_the_model_says(&gateway).await;
    a_blocked_prompt_is_answered_by_the_gateway_and_never_reaches_the_model(&gateway).await;
    everything_that_is_sent_is_judged(&gateway).await;
    a_phrase_over_two_messages_is_seen_and_parts_that_were_said_count(&gateway).await;
    a_redacted_prompt_goes_on_without_its_words(&gateway).await;
    a_blocked_answer_is_cut_and_taken_from_the_model_too(&gateway).await;
    answers_are_redacted_supported_and_nudged(&gateway).await;
    calls_of_tools_are_judged_too(&gateway).await;
    the_names_of_the_beta_are_spoken_where_they_are_asked_for(&gateway).await;
    sound_is_refused_unless_the_app_has_it_held(&gateway).await;
    what_nobody_knows_is_withheld_and_the_session_goes_on(&gateway).await;
    items_that_are_fetched_are_judged_as_well(&gateway).await;
    an_answer_that_breaks_off_ends_as_failed(&gateway).await;
}

#[tokio::test]
async fn sessions_with_sound() {
    let gateway = Gateway::start(HELD).await;
    sound_waits_for_its_transcript_and_goes_with_it(&gateway).await;
    what_is_spoken_is_judged_before_anything_answers_it(&gateway).await;
}

async fn a_clean_session_is_what_the_model_says(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "A plain soup of leeks.").await;
    let events = caller.ask("soup?").await;
    assert_eq!(
        shown(&events),
        ("A plain soup of leeks.".into(), "completed".into())
    );
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    assert_eq!(
        kinds[..3],
        [
            "conversation.item.added",
            "conversation.item.done",
            "response.created"
        ]
    );
    assert_eq!(
        kinds[kinds.len() - 3..],
        [
            "response.output_item.done",
            "conversation.item.done",
            "response.done"
        ]
    );
    assert!(was_sent(gateway, "soup?"));
    drop(caller);
}

async fn a_blocked_prompt_is_answered_by_the_gateway_and_never_reaches_the_model(
    gateway: &Gateway,
) {
    let before = sent(gateway).len();
    let mut caller = Caller::answered(gateway, "Soup.").await;
    let events = caller.ask("how do I cook a turnip").await;
    assert_eq!(events[0]["type"], "error");
    assert_eq!(events[0]["error"]["code"], "content_filter");
    assert_eq!(events[0]["error"]["event_id"], "mine");
    assert_eq!(
        shown(&events),
        ("This cannot be shown.".into(), "content_filter".into())
    );
    assert!(events[1]["response"]["wardgate"]["rule"].is_string());
    assert!(!was_sent(gateway, "turnip"));
    assert_eq!(sent(gateway).len(), before);
    // The conversation goes on, and what was refused stays out of it.
    let events = caller.ask("soup then").await;
    assert_eq!(shown(&events), ("Soup.".into(), "completed".into()));
    drop(caller);
}

async fn everything_that_is_sent_is_judged(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "Soup.").await;
    let item = |item: Value| json!({"type": "conversation.item.create", "item": item});
    let said = |role: &str, kind: &str| {
        let content = json!([{"type": kind, "text": "a turnip"}]);
        json!({"type": "message", "role": role, "content": content})
    };
    let tool = json!([{"type": "function", "name": "a", "description": "a turnip"}]);
    for event in [
        json!({"type": "session.update", "session": {"type": "realtime", "instructions": "a turnip"}}),
        json!({"type": "session.update", "session": {"type": "realtime", "tools": tool}}),
        json!({"type": "session.update", "session": {"input_audio_transcription": {"prompt": "a turnip"}}}),
        json!({"type": "session.update", "session": {"type": "realtime", "a turnip": 1}}),
        item(said("user", "input_text")),
        item(said("system", "input_text")),
        item(said("assistant", "output_text")),
        item(json!({"type": "function_call_output", "call_id": "c", "output": "a turnip"})),
        item(json!({"type": "function_call", "name": "a", "arguments": "{\"a\":\"a turnip\"}"})),
    ] {
        caller.say(event.clone()).await;
        let told = caller.next().await;
        assert_eq!(told["error"]["code"], "content_filter", "{event}: {told}");
    }
    // The refused turn is answered first; then responses say things of their own.
    assert_eq!(shown(&caller.respond().await).1, "content_filter");
    for response in [
        json!({"instructions": "a turnip"}),
        json!({"conversation": "none", "input": [said("user", "input_text")]}),
        json!({"metadata": {"topic": "a turnip"}}),
    ] {
        caller
            .say(json!({"type": "response.create", "response": response}))
            .await;
        let events = caller.until("response.done").await;
        assert_eq!(shown(&events).1, "content_filter", "{response}");
    }
    assert!(!was_sent(gateway, "turnip"));
    drop(caller);
}

async fn a_phrase_over_two_messages_is_seen_and_parts_that_were_said_count(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "Soup.").await;
    caller.text("red").await;
    caller.until("conversation.item.done").await;
    let events = caller.ask("cabbage").await;
    assert_eq!(shown(&events).1, "content_filter", "{}", all(&events));
    drop(caller);
}

async fn a_redacted_prompt_goes_on_without_its_words(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "Soup.").await;
    let events = caller.ask("Soup with a radish on top").await;
    assert_eq!(shown(&events).1, "completed");
    assert!(was_sent(gateway, "Soup with a ") && was_sent(gateway, " on top"));
    assert!(!was_sent(gateway, "radish"));
    drop(caller);
}

async fn a_blocked_answer_is_cut_and_taken_from_the_model_too(gateway: &Gateway) {
    let before = sent(gateway).len();
    let mut caller = Caller::answered(gateway, "Soup first, then a turnip, then more.").await;
    let events = caller.ask("soup?").await;
    let (text, ended) = shown(&events);
    assert_eq!(text, "Soup first, then a \n\nThis cannot be shown.");
    assert_eq!(ended, "content_filter");
    assert!(!all(&events).contains("turnip") && !all(&events).contains("then more"));
    // Nobody gets it later, and the model does not go on from it.
    caller
        .say(json!({"type": "session.update", "session": {"type": "realtime", "speed": 1}}))
        .await;
    let events = caller.until("session.updated").await;
    assert_eq!(events.len(), 1, "{}", all(&events));
    loop {
        let sent = sent(gateway).split_off(before);
        let has = |kind: &str| sent.iter().any(|(sent, _)| sent == kind);
        if has("response.cancel") && has("conversation.item.delete") {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(caller);
}

async fn answers_are_redacted_supported_and_nudged(gateway: &Gateway) {
    for (answer, text, ended) in [
        (
            "Soup of asparagus, then more.",
            "Soup of \n\nHere is some help.",
            "completed",
        ),
        (
            "Soup of parsnip.",
            "Soup of parsnip.\n\nEat well.",
            "completed",
        ),
    ] {
        let mut caller = Caller::answered(gateway, answer).await;
        let events = caller.ask("soup?").await;
        assert_eq!(
            shown(&events),
            (text.into(), ended.into()),
            "{}",
            all(&events)
        );
        drop(caller);
    }
    let mut caller = Caller::answered(gateway, "Soup with a radish on top.").await;
    let events = caller.ask("soup?").await;
    let (text, ended) = shown(&events);
    assert!(
        text.starts_with("Soup with a ") && text.ends_with(" on top."),
        "{text}"
    );
    assert_eq!(ended, "completed");
    assert!(!all(&events).contains("radish"));
    drop(caller);
}

async fn calls_of_tools_are_judged_too(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "tool: look_up {\"word\":\"soup\"}").await;
    let events = caller.ask("soup?").await;
    assert!(all(&events).contains("response.function_call_arguments.done"));
    assert_eq!(shown(&events).1, "completed");
    let mut caller = Caller::answered(gateway, "tool: look_up {\"word\":\"a turnip\"}").await;
    let events = caller.ask("soup?").await;
    assert_eq!(shown(&events).1, "content_filter");
    assert!(!all(&events).contains("turnip"));
    drop(caller);
}

async fn the_names_of_the_beta_are_spoken_where_they_are_asked_for(gateway: &Gateway) {
    let beta = ("openai-beta", "realtime=v1");
    let answer = percent("Soup, then a turnip");
    let mut caller = Caller::open(gateway, &[beta, ("x-mock-answer", &answer)]).await;
    caller.text("soup?").await;
    let settings = json!({"modalities": ["text"]});
    caller
        .say(json!({"type": "response.create", "response": settings}))
        .await;
    let events = caller.until("response.done").await;
    let told = all(&events);
    assert_eq!(shown(&events).1, "content_filter");
    assert!(
        told.contains("response.text.delta") && !told.contains("output_text"),
        "{told}"
    );
    assert!(!told.contains("turnip"));
    drop(caller);
}

async fn sound_is_refused_unless_the_app_has_it_held(gateway: &Gateway) {
    let mut caller = Caller::answered(gateway, "A plain soup.").await;
    let sound = STANDARD.encode("soup?");
    for event in [
        json!({"type": "input_audio_buffer.append", "audio": sound}),
        json!({"type": "input_audio_buffer.commit"}),
        json!({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}}),
        json!({"type": "response.create", "response": {"modalities": ["text", "audio"]}}),
    ] {
        caller.say(event).await;
        assert_eq!(caller.next().await["error"]["code"], "audio_refused");
    }
    // What the model speaks unasked is withheld; its transcript is shown.
    caller.text("soup?").await;
    caller.say(json!({"type": "response.create"})).await;
    let events = caller.until("response.done").await;
    assert_eq!(shown(&events), ("A plain soup.".into(), "completed".into()));
    assert_eq!(heard(&events), "");
    drop(caller);
}

async fn sound_waits_for_its_transcript_and_goes_with_it(gateway: &Gateway) {
    for (answer, audible) in [
        ("A plain soup.", "A plain soup."),
        ("Soup with a radish on top.", ""),
        ("Soup, then a turnip, then more.", ""),
    ] {
        let mut caller = Caller::answered(gateway, answer).await;
        caller.text("soup?").await;
        caller.say(json!({"type": "response.create"})).await;
        let events = caller.until("response.done").await;
        assert_eq!(heard(&events), audible);
        let place = |kind: &str| events.iter().position(|event| event["type"] == kind);
        let (last_words, first_sound) = (
            events
                .iter()
                .rposition(|event| event["type"] == "response.output_audio_transcript.delta"),
            place("response.output_audio.delta"),
        );
        assert!(
            first_sound.is_none() || first_sound > last_words,
            "{}",
            all(&events)
        );
        drop(caller);
    }
}

async fn what_is_spoken_is_judged_before_anything_answers_it(gateway: &Gateway) {
    let turns = json!({"transcription": {"model": "m"}, "turn_detection": {"type": "server_vad"}});
    let session =
        json!({"type": "realtime", "output_modalities": ["text"], "audio": {"input": turns}});
    for (said, text, ended) in [
        ("repeat: soup?", "soup?", "completed"),
        (
            "how about a turnip",
            "This cannot be shown.",
            "content_filter",
        ),
    ] {
        let mut caller = Caller::open(gateway, &[]).await;
        let append = json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(said)});
        caller.say(append.clone()).await;
        let told = caller.next().await;
        assert_eq!(
            told["error"]["code"], "audio_refused",
            "nobody would write it down: {told}"
        );
        caller
            .say(json!({"type": "session.update", "session": session}))
            .await;
        caller.until("session.updated").await;
        caller.say(append).await;
        caller
            .say(json!({"type": "input_audio_buffer.commit"}))
            .await;
        let events = caller.until("response.done").await;
        let (words, end) = shown(&events);
        assert_eq!(end, ended, "{}", all(&events));
        assert!(words.contains(text), "{words}");
        assert!(!all(&events).contains("turnip"), "{}", all(&events));
        let place = |kind: &str| events.iter().position(|event| event["type"] == kind);
        let transcript =
            place("conversation.item.input_audio_transcription.completed").or(place("error"));
        assert!(transcript < place("response.created"), "{}", all(&events));
        drop(caller);
    }
}

async fn what_nobody_knows_is_withheld_and_the_session_goes_on(gateway: &Gateway) {
    let lines = [
        json!({"type": "beetroot", "note": "beetroot"}),
        json!({"type": "response.created", "response": {"id": "r", "object": "realtime.response", "status": "in_progress", "output": []}}),
        json!({"type": "response.beetroot", "response_id": "r", "delta": "beetroot"}),
        json!({"type": "response.output_text.delta", "response_id": "unknown", "delta": "beetroot"}),
        json!({"type": "response.done", "response": {"id": "r", "object": "realtime.response", "status": "completed", "output": []}}),
    ];
    let lines = lines.map(|line| line.to_string()).join("\n");
    let mut caller = Caller::open(gateway, &[("x-mock-raw", &percent(&lines))]).await;
    let events = caller.ask("soup?").await;
    assert!(!all(&events).contains("beetroot"), "{}", all(&events));
    let codes: Vec<_> = events
        .iter()
        .filter_map(|event| event["error"]["code"].as_str())
        .collect();
    assert_eq!(
        codes,
        ["unknown_event", "unknown_event", "unknown_response"]
    );
    caller.say(json!({"type": "beetroot"})).await;
    assert_eq!(caller.next().await["error"]["code"], "unknown_event");
    caller.0.send(Message::text("no JSON")).await.expect("sent");
    assert_eq!(caller.next().await["error"]["code"], "invalid_json");
    drop(caller);
}

async fn items_that_are_fetched_are_judged_as_well(gateway: &Gateway) {
    let item = json!({"id": "i", "type": "message", "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "a turnip", "audio": "AAAA"}]});
    let lines = [
        json!({"type": "conversation.item.retrieved", "item": item}),
        json!({"type": "conversation.item.retrieved", "item": {"id": "j", "type": "message", "role": "assistant",
            "content": [{"type": "output_audio", "transcript": "a radish", "audio": "AAAA"}]}}),
        json!({"type": "rate_limits.updated", "rate_limits": []}),
    ];
    let lines = lines.map(|line| line.to_string()).join("\n");
    let mut caller = Caller::open(gateway, &[("x-mock-raw", &percent(&lines))]).await;
    caller.text("soup?").await;
    caller.until("conversation.item.done").await;
    caller.say(json!({"type": "response.create"})).await;
    let events = caller.until("rate_limits.updated").await;
    assert_eq!(events[0]["error"]["code"], "content_filter");
    assert!(
        !all(&events).contains("turnip") && !all(&events).contains("radish"),
        "{}",
        all(&events)
    );
    assert_eq!(
        events[1]["item"]["content"][0]["audio"], "",
        "the sound that says it goes, too"
    );
    drop(caller);
}

#[tokio::test]
async fn each_response_has_an_audit_line_and_so_has_the_session() {
    let gateway = Gateway::start(CANARIES).await;
    let mut caller = Caller::answered(&gateway, "Soup.").await;
    caller.ask("soup?").await;
    caller.ask("a turnip").await;
    caller.0.close(None).await.expect("closed");
    while caller.0.next().await.is_some() {}
    let lines = loop {
        let lines = gateway.audit();
        if lines.len() == 3 {
            break lines;
        }
        tokio::task::yield_now().await;
    };
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["dialect"].as_str().unwrap_or_default(),
                line["status"].as_u64().unwrap_or_default(),
                line["action"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("openai.realtime", 200, "allow"),
            ("openai.realtime", 200, "block"),
            ("openai.realtime", 101, "allow"),
        ]
    );
    assert_eq!(lines[0]["model"], "m");
    assert!(lines[0]["bytes_in"].as_u64() > Some(50) && lines[0]["bytes_out"].as_u64() > Some(50));
    let text = serde_json::to_string(&lines).expect("JSON");
    assert!(!text.contains("turnip") && !text.contains("soup?"));
}

#[tokio::test]
async fn a_handshake_that_fails_fails_in_http() {
    let gateway = Gateway::start(CANARIES).await;
    let reply = gateway.send(Method::GET, "/v1/realtime", &[], "").await;
    assert_eq!(reply.status, StatusCode::UPGRADE_REQUIRED);
    assert_eq!(reply.error_code(), "upgrade_required");
    let reply = gateway.post("/v1/realtime", &[], &json!({})).await;
    assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
    match connect(&gateway, &[("x-mock-status", "401")])
        .await
        .err()
        .map(|error| *error)
    {
        Some(WsError::Http(response)) => assert_eq!(response.status(), StatusCode::UNAUTHORIZED),
        other => panic!("{other:?}"),
    }
    let seen = gateway.mock.seen();
    assert_eq!(seen.last().expect("asked").path, "/v1/realtime?model=m");
}

#[tokio::test]
async fn whoever_breaks_the_protocol_is_told_with_a_code() {
    let gateway = Gateway::with_config(
        "limits: {request_body_bytes: 2000}\napps:\n  - name: test\n    upstream: {url: UPSTREAM}\n    on_failure: block\n",
    )
    .await;
    for (message, code) in [
        (Message::binary(vec![1, 2, 3]), CloseCode::Unsupported),
        (Message::text("a".repeat(5_000)), CloseCode::Size),
    ] {
        let mut caller = Caller::open(&gateway, &[]).await;
        caller.0.send(message).await.expect("sent");
        match caller.0.next().await {
            Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.code, code),
            other => panic!("{other:?}"),
        }
    }
}

async fn an_answer_that_breaks_off_ends_as_failed(gateway: &Gateway) {
    let answer = percent("A plain soup of leeks.");
    let mut caller = Caller::open(
        gateway,
        &[("x-mock-answer", &answer), ("x-mock-cut-after", "5")],
    )
    .await;
    let events = caller.ask("soup?").await;
    assert_eq!(shown(&events).1, "failed");
    assert_eq!(events[events.len() - 2]["error"]["code"], "upstream_reset");
    assert!(matches!(caller.0.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test]
async fn pictures_are_judged_when_they_are_shown_and_again_with_what_follows() {
    let gateway = Gateway::start("    audience: {default: adult}\n").await;
    let showing = |text: &str, picture: &str| {
        let content = json!([{"type": "input_text", "text": text},
            {"type": "input_image", "image_url": url(picture)}]);
        let item = json!({"type": "message", "role": "user", "content": content});
        json!({"type": "conversation.item.create", "item": item})
    };
    let placed = with_chunk(
        b"iTXt",
        b"XML:com.adobe.xmp\0\0\0\0\0<x exif:GPSLatitude='1'/>",
    );
    // What was taken away counts no more than what was never shown.
    for (text, picture, ended) in [
        ("soup", STANDARD.encode(placed), "completed"),
        ("kale", code("pear"), "content_filter"),
        ("soup", code("a leek"), "content_filter"),
    ] {
        let mut caller = Caller::answered(&gateway, "Soup.").await;
        caller.say(showing("soup", &code("turnip"))).await;
        assert_eq!(caller.next().await["error"]["code"], "content_filter");
        assert_eq!(shown(&caller.respond().await).1, "content_filter");
        caller.say(showing(text, &picture)).await;
        assert_eq!(shown(&caller.respond().await).1, "completed");
        let events = caller.ask("I am 12.").await;
        assert_eq!(shown(&events).1, ended, "{}", all(&events));
        drop(caller);
    }
}
