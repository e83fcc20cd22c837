//! TLS towards callers and upstreams: PEM files to rustls, and a server identity that can be swapped.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};

use crate::config::{self, UpstreamServer};

/// The protocols that we offer callers, best first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The server's TLS, swappable while connections are open: a new connection sees the new one.
/// The whole configuration is swapped, so a new client authority counts at once too.
pub struct ServerTls {
    current: ArcSwap<ServerConfig>,
    files: config::Tls,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServerTls")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files. The error names the file and what to do.
    pub fn load(files: &config::Tls) -> Result<Arc<Self>, String> {
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(server_config(files)?),
            files: files.clone(),
        }))
    }

    /// Reads the files again; on an error the old identity stays.
    pub fn reload(&self) -> Result<(), String> {
        self.current.store(Arc::new(server_config(&self.files)?));
        Ok(())
    }

    /// What a connection that begins now uses.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

/// The one implementation of cryptography: ring, named here so that no global default is needed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_config(files: &config::Tls) -> Result<ServerConfig, String> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(authorities(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| format!("{}: {error}", file.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| {
        format!(
            "{} and {}: {error}; does the key belong to the first certificate?",
            files.certificate.display(),
            files.key.display()
        )
    })?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// TLS towards servers that get no certificate of ours.
pub fn plain_client(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    Ok(client_builder(ca_file)?.with_no_client_auth())
}

fn client_builder(
    ca_file: Option<&Path>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let roots = match ca_file {
        Some(file) => authorities(file)?,
        None => RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        },
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(builder.with_root_certificates(roots))
}

/// TLS towards an upstream: its authorities and our client certificate.
pub fn client_config(server: &UpstreamServer) -> Result<ClientConfig, String> {
    let builder = client_builder(server.ca_file.as_deref())?;
    match &server.client_certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
            .map_err(|error| format!("{}: {error}", certificate.display())),
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(chain) if chain.is_empty() => Err(format!(
            "{}: no certificate; it must hold PEM blocks that begin with -----BEGIN CERTIFICATE-----",
            file.display()
        )),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| format!("{}: {error}", file.display()))
}
