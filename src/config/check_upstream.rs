//! What an app says about its upstream, checked: its address, its certificates, its credential.

use std::path::Path;

use http::uri::Scheme;
use http::{HeaderName, Uri};
use serde_saphyr::Spanned;

use super::check::Check;
use super::{Credential, Http2, Secret, Upstream, UpstreamServer, file};

/// Largest credential file; a key with a certificate chain stays below.
const CREDENTIAL_BYTES: u64 = 16 * 1024;

impl Check<'_> {
    pub(super) fn upstream(&mut self, upstream: Spanned<file::Upstream>) -> Upstream {
        let at = upstream.referenced;
        let upstream = upstream.value;
        let client_certificate = match (upstream.client_certificate, upstream.client_key) {
            (Some(certificate), Some(key)) => Some((self.file(&certificate), self.file(&key))),
            (None, None) => None,
            _ => {
                let message = "upstream has only one of client_certificate and client_key";
                self.problems.add(at, message, "write both, or neither");
                None
            }
        };
        let header = upstream
            .credential_header
            .and_then(|name| self.header_name(&name));
        let credential = self.credential(upstream.credential, header);
        let ca_file = upstream.ca_file.map(|file| self.file(&file));
        if upstream.url.value == "mock" {
            return Upstream::Mock;
        }
        let Some(url) = self.url(&upstream.url) else {
            return Upstream::Mock; // Never runs: the problem is recorded.
        };
        Upstream::Server(Box::new(UpstreamServer {
            url,
            ca_file,
            client_certificate,
            http2: match upstream.http2 {
                file::Http2::Auto => Http2::Auto,
                file::Http2::Only => Http2::Only,
                file::Http2::Never => Http2::Never,
            },
            credential,
        }))
    }

    fn url(&mut self, url: &Spanned<String>) -> Option<Uri> {
        let parsed = url.value.parse::<Uri>().ok().filter(|uri| {
            let web = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
            let bare = uri.query().is_none()
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'));
            web && bare
        });
        if parsed.is_none() {
            let message = format!("`{}` is no upstream", url.value);
            let help = "write https://host[:port][/base] without query or password, or `mock`";
            self.problems.add(url.referenced, message, help);
        }
        parsed
    }

    fn credential(
        &mut self,
        credential: Option<Spanned<file::Credential>>,
        header: Option<HeaderName>,
    ) -> Credential {
        let Some(credential) = credential else {
            return Credential::Pass;
        };
        let at = credential.referenced;
        let text = match credential.value {
            file::Credential::Pass => return Credential::Pass,
            file::Credential::Env(name) => {
                let help = format!("set it before starting: export {name}=...");
                let read = (self.environment)(&name);
                read.ok_or_else(|| (format!("the environment has no `{name}`"), help))
            }
            file::Credential::File(path) => {
                let path = self.folder.join(path);
                self.watched.push(path.clone());
                read_secret(&path)
                    .map_err(|error| (error, "it holds the key and nothing else".to_owned()))
            }
        };
        let header = header.unwrap_or(http::header::AUTHORIZATION);
        let value = text.and_then(|text| {
            let text = text.trim();
            let bearer = header == http::header::AUTHORIZATION && !text.contains(' ');
            let text = if bearer {
                format!("Bearer {text}")
            } else {
                text.to_owned()
            };
            let fit = Secret::new(&text)
                .ok()
                .filter(|_| !text.is_empty() && text != "Bearer ");
            fit.ok_or_else(|| {
                let help = "it must be one line of visible characters".to_owned();
                (
                    "this credential is empty or cannot stand in a header".to_owned(),
                    help,
                )
            })
        });
        match value {
            Ok(value) => Credential::Replace { header, value },
            Err((message, help)) => {
                self.problems.add(at, message, &help);
                Credential::Pass // Never runs: the problem is recorded.
            }
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let size = std::fs::metadata(path)
        .map_err(|error| named(&error))?
        .len();
    if size > CREDENTIAL_BYTES {
        return Err(named(&format!("{size} bytes are no credential")));
    }
    std::fs::read_to_string(path).map_err(|error| named(&error))
}
