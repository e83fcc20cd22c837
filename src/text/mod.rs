//! A text as a reader sees it. Views fold away disguise; every symbol keeps its original bytes.
//!
//! V0 and V1 are read here, character by character ([`fold`]); V7 and V8 are decoded here, and what
//! is written in columns or turned around (V9) is turned back ([`decode`], [`hidden`]).
//! V2 to V6 have no text of their own: the phrase threads of `detect` step over separators, and
//! [`class`] says what a separator is; what Han sound and look like is in [`readings`].
//! A further view that reads single characters is one more [`fold::Reading`]; one that rewrites
//! runs is one more lane of `detect::Scanner`.
//!
//! Knows nothing of rules, providers or transports.

mod announce;
mod base;
mod cipher;
pub mod class;
pub mod decode;
#[cfg(test)]
mod decode_tests;
mod escape;
pub mod fold;
pub mod hidden;
mod layer;
mod list;
pub mod readings;
mod sift;
pub mod span;
pub(crate) mod steps;
mod stretch;
#[cfg(test)]
mod turned_tests;
mod vertical;
pub mod view;

pub use class::Class;
pub use fold::{Reading, Symbol, skeleton, symbols};
pub use span::Span;
pub use view::{ViewKind, Views};
