//! wardgate: a guardrail proxy that protects minors from what generative AI can do to them.
//!
//! The road of one exchange is [`proxy::handle`]; read it first. Then, in reading order:
//!
//! 1. [`message`]: what was said, by whom, in no provider's words.
//! 2. [`text`]: a text as a reader sees it: views, and spans back to the original.
//! 3. [`sense`]: what a sentence means, as numbers: the encoder inside the binary and its heads.
//!    [`picture`]: what can be seen of a picture: hashes, codes, metadata. [`network`] runs models in files.
//! 4. [`detect`]: what can be seen in a view. Knows nothing of good or bad.
//! 5. [`policy`]: the policy file, its compilation, and the one pure place that decides.
//! 6. [`codec`]: one file per API dialect; nobody else touches a provider's JSON.
//! 7. [`guard`]: the streaming promise: nothing forbidden leaves, nothing allowed waits.
//!    [`gallery`] looks at pictures beside the road, [`sight`] puts what they show beside the words.
//! 8. [`exchange`], [`reply`], [`upstream`], [`cache`], [`audit`], [`metrics`]: what one exchange needs.
//!    [`socket`], [`session`], [`realtime`]: the same for a conversation over a WebSocket.
//!    [`remembered`], [`earlier`]: what was said before, where a server keeps it.
//! 9. [`models`], [`config`], [`eyes`], [`app`], [`server`], [`cli`]: what is set up once.
//! 10. [`cloak`]: writes phrases as people disguise them, to measure the views and the policies.
//! 11. [`mock`]: a model server that says what it is told, for tests and first steps.
//!
//! ARCHITECTURE.md holds the invariants, each with the test that keeps it.
#![forbid(unsafe_code)]

pub mod admin;
pub mod app;
pub mod audit;
pub mod awaited;
pub mod body;
pub mod cache;
pub mod caller_io;
pub mod classifier;
pub mod cli;
pub mod cloak;
pub mod codec;
pub mod config;
pub mod detect;
pub mod earlier;
pub mod exchange;
pub mod eyes;
pub mod gallery;
pub mod guard;
pub mod hosts;
pub mod inflate;
pub mod limits;
pub mod message;
pub mod metrics;
pub mod mock;
pub mod models;
pub mod network;
pub mod opinion;
pub mod picture;
pub mod policy;
pub mod prompt;
pub mod proxy;
pub mod realtime;
pub mod recorded;
pub mod reload;
pub mod remembered;
pub mod remote;
pub mod reply;
pub mod sense;
pub mod server;
pub mod session;
pub mod sight;
pub mod socket;
pub mod text;
pub mod tls;
pub mod turns;
pub mod upstream;
pub mod verdict;
mod wide;
