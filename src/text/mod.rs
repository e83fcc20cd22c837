//! A text as a reader sees it. Views fold away disguise; every symbol keeps its original bytes.
//!
//! Knows nothing of rules, providers or transports.

pub mod span;
pub mod view;

pub use span::Span;
pub use view::{ViewKind, Views};
