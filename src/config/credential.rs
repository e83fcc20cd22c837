//! [`Credential`]: what the upstream is shown, and [`Secret`], which is never printed.

use std::fmt;

use http::{HeaderName, HeaderValue};

/// Which credential the upstream sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The caller's own.
    Pass,
    /// Ours; every credential of the caller is taken off.
    Replace {
        /// The header that carries it.
        header: HeaderName,
        /// Its value, already with `Bearer ` where the header is `authorization`.
        value: Secret,
    },
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// A value for a header, marked sensitive so that hyper does not index or print it either.
    pub fn new(value: &str) -> Result<Self, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}
