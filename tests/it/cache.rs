//! The answer cache: one upstream call for identical prompts, and nothing stored that did not end well.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;
use wardgate::cache::{Answer, AnswerCache, AnswerKey, Begin, Lead, Permission, Scope, Wait};
use wardgate::config::CacheBounds;
use wardgate::message::Band;

fn cache(max_bytes: u64) -> AnswerCache {
    AnswerCache::new(CacheBounds {
        ttl_secs: 60,
        max_bytes,
    })
}

fn key(body: &str) -> AnswerKey {
    let scope = Scope {
        app: "a",
        upstream: "http://u",
        credential: [0; 32],
        band: Band::Unknown,
        set: [0; 32],
        dialect: "openai.chat",
        path: "/v1/chat/completions",
        streams: true,
    };
    AnswerKey::of_json(&scope, body.as_bytes(), 64).expect("JSON")
}

fn lead(begin: Begin) -> Lead {
    match begin {
        Begin::Lead(lead) => lead,
        other => panic!("not the leader: {other:?}"),
    }
}

fn wait(begin: Begin) -> Wait {
    match begin {
        Begin::Wait(wait) => wait,
        other => panic!("does not wait: {other:?}"),
    }
}

fn hit(begin: Begin) -> Arc<Answer> {
    match begin {
        Begin::Hit(answer) => answer,
        other => panic!("no hit: {other:?}"),
    }
}

fn store(mut lead: Lead, pieces: &[&'static str]) {
    for piece in pieces {
        lead.push(&Bytes::from_static(piece.as_bytes()));
    }
    lead.store(
        StatusCode::OK,
        HeaderValue::from_static("text/event-stream"),
    );
}

#[tokio::test]
async fn those_who_wait_get_what_the_leader_stored_and_later_ones_too() {
    let cache = cache(1 << 20);
    let leader = lead(cache.begin(key(r#"{"a":1,"b":2}"#), Permission::Use));
    // The same request, spelled otherwise.
    let waiters: Vec<Wait> = (0..3)
        .map(|_| wait(cache.begin(key("{\"b\": 2,\n\"a\": 1}"), Permission::Use)))
        .collect();
    let waiting: Vec<_> = waiters
        .into_iter()
        .map(|wait| tokio::spawn(wait.answer()))
        .collect();
    tokio::task::yield_now().await;
    store(leader, &["data: tur", "nip\n\n"]);
    for waiter in waiting {
        let answer = hit(waiter.await.expect("no panic"));
        assert_eq!(answer.body, "data: turnip\n\n");
        assert_eq!(answer.content_type, "text/event-stream");
    }
    hit(cache.begin(key(r#"{"a":1,"b":2}"#), Permission::Use));
    lead(cache.begin(key(r#"{"a":1,"b":2.0}"#), Permission::Use));
}

#[tokio::test]
async fn a_leader_that_fails_hands_over_to_one_of_those_who_wait() {
    let cache = cache(1 << 20);
    let leader = lead(cache.begin(key("1"), Permission::Use));
    let waiting = (0..3).map(|_| {
        let wait = wait(cache.begin(key("1"), Permission::Use));
        tokio::spawn(wait.answer())
    });
    let waiting: Vec<_> = waiting.collect();
    tokio::task::yield_now().await;
    drop(leader);
    let (begun, _, others) = futures_util::future::select_all(waiting).await;
    let next = lead(begun.expect("no panic"));
    wait(cache.begin(key("1"), Permission::Use));
    store(next, &["turnip"]);
    for other in others {
        assert_eq!(hit(other.await.expect("no panic")).body, "turnip");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_for_others_sets_everybody_free_at_once() {
    let cache = cache(8 * 100);
    let declined = lead(cache.begin(key("1"), Permission::Use));
    let waiting = wait(cache.begin(key("1"), Permission::Use));
    declined.decline();
    assert!(matches!(waiting.answer().await, Begin::Alone));

    // Larger than an eighth of the cache: those who wait need not wait for its end.
    let mut large = lead(cache.begin(key("1"), Permission::Use));
    let waiting = wait(cache.begin(key("1"), Permission::Use));
    large.push(&Bytes::from(vec![0; 90]));
    large.push(&Bytes::from(vec![0; 90]));
    assert!(matches!(waiting.answer().await, Begin::Alone));
    // A new flight began meanwhile; the end of the old one must not disturb it.
    let next = lead(cache.begin(key("1"), Permission::Use));
    store(large, &["turnip"]);
    wait(cache.begin(key("1"), Permission::Use));
    drop(next);
    lead(cache.begin(key("1"), Permission::Use));
}

#[tokio::test]
async fn permissions_are_honoured() {
    let cache = cache(1 << 20);
    assert!(matches!(
        cache.begin(key("1"), Permission::Bypass),
        Begin::Alone
    ));
    store(lead(cache.begin(key("1"), Permission::Use)), &["old"]);
    assert!(matches!(
        cache.begin(key("1"), Permission::Bypass),
        Begin::Alone
    ));
    store(lead(cache.begin(key("1"), Permission::Refresh)), &["new"]);
    assert_eq!(hit(cache.begin(key("1"), Permission::Use)).body, "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_make_one_call() {
    let cache = cache(1 << 20);
    for round in 0..50 {
        let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let asking: Vec<_> = (0..32)
            .map(|_| {
                let (cache, calls) = (cache.clone(), Arc::clone(&calls));
                tokio::spawn(async move {
                    let mut begun = cache.begin(key(&round.to_string()), Permission::Use);
                    if let Begin::Wait(wait) = begun {
                        begun = wait.answer().await;
                    }
                    match begun {
                        Begin::Hit(answer) => answer.body.clone(),
                        Begin::Lead(leader) => {
                            calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            store(leader, &["turnip"]);
                            Bytes::from("turnip")
                        }
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        for asked in asking {
            assert_eq!(asked.await.expect("no panic"), "turnip");
        }
        assert_eq!(
            calls.load(std::sync::atomic::Ordering::SeqCst),
            1,
            "round {round}"
        );
    }
}

/// What can happen to a cache.
#[derive(Debug, Clone, Copy)]
enum Event {
    Begin(u8, Permission),
    Push(usize),
    Store(usize),
    Decline(usize),
    Fail(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let permission = prop::sample::select(vec![
        Permission::Use,
        Permission::Refresh,
        Permission::Bypass,
    ]);
    prop_oneof![
        3 => (0..3_u8, permission).prop_map(|(key, permission)| Event::Begin(key, permission)),
        1 => (0..8_usize).prop_map(Event::Push),
        1 => (0..8_usize).prop_map(Event::Store),
        1 => (0..8_usize).prop_map(Event::Decline),
        1 => (0..8_usize).prop_map(Event::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// In any order of events nobody waits for nobody: with no leader of a key left, a request for
    /// it leads or hits, and at most one leader of a key is joined.
    #[test]
    fn nobody_waits_for_nobody(events in prop::collection::vec(event(), 0..40)) {
        let cache = cache(8 * 100);
        let mut leaders: Vec<(u8, Lead)> = Vec::new();
        let mut waiters: Vec<Wait> = Vec::new();
        for event in events {
            match event {
                Event::Begin(number, permission) => match cache.begin(key(&number.to_string()), permission) {
                    Begin::Lead(lead) => leaders.push((number, lead)),
                    Begin::Wait(wait) => {
                        prop_assert!(leaders.iter().any(|(led, _)| *led == number));
                        waiters.push(wait);
                    }
                    Begin::Hit(answer) => prop_assert!(answer.body.len() <= 100),
                    Begin::Alone => prop_assert_eq!(permission, Permission::Bypass),
                },
                Event::Push(at) if at < leaders.len() => leaders[at].1.push(&Bytes::from_static(&[0; 60])),
                Event::Store(at) if at < leaders.len() => store(leaders.remove(at).1, &[]),
                Event::Decline(at) if at < leaders.len() => leaders.remove(at).1.decline(),
                Event::Fail(at) if at < leaders.len() => drop(leaders.remove(at)),
                _ => {}
            }
        }
        leaders.clear();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for wait in waiters {
            // Each leads in turn at worst, because a leader is dropped as soon as it has begun.
            drop(runtime.block_on(wait.answer()));
        }
    }
}
