//! TLS towards callers and upstreams: PEM files to rustls, and a server identity that can be swapped.

use arc_swap::ArcSwap;
use std::sync::Arc;

use crate::config;

/// The server's TLS, swappable while connections are open: a new connection sees the new one.
#[derive(Debug)]
pub struct ServerTls {
    #[expect(dead_code, reason = "filled in next")]
    current: ArcSwap<rustls::ServerConfig>,
    #[expect(dead_code, reason = "filled in next")]
    files: config::Tls,
}

impl ServerTls {
    /// Reads the files.
    pub fn load(_files: &config::Tls) -> Result<Arc<Self>, String> {
        unimplemented!()
    }
    /// Reads the files again; on an error the old identity stays.
    pub fn reload(&self) -> Result<(), String> {
        unimplemented!()
    }
}
