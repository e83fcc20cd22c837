//! What an app says about its callers, checked: whose requests are its, who speaks, what goes on
//! uninspected.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use serde_saphyr::Spanned;

use super::check::Check;
use super::{AudienceRule, Match, Passthrough, file};
use crate::message::{AudienceSource, Band};

impl Check<'_> {
    pub(super) fn passthrough(&mut self, line: &Spanned<String>) -> Option<Passthrough> {
        let parsed = line.value.split_once(' ').and_then(|(method, path)| {
            let method = method.parse::<http::Method>().ok()?;
            let path = path.trim();
            let star = path.find('*').is_none_or(|at| at == path.len() - 1);
            (path.starts_with('/') && star).then(|| Passthrough {
                method,
                path: path.to_owned(),
            })
        });
        if parsed.is_none() {
            let message = format!("`{}` is no route", line.value);
            let help = "write a method and a path, such as `GET /v1/models` or `GET /v1/files/*`";
            self.problems.add(line.referenced, message, help);
        }
        parsed
    }

    /// Who speaks; `otherwise` when the app does not say, `own` is how it is known when it does.
    pub(super) fn audience(
        &mut self,
        audience: Option<Spanned<file::Audience>>,
        otherwise: (Band, AudienceSource),
        own: AudienceSource,
    ) -> AudienceRule {
        let Some(audience) = audience else {
            return AudienceRule {
                default: otherwise.0,
                source: otherwise.1,
                header: None,
                trusted_peers: Vec::new(),
            };
        };
        let at = audience.referenced;
        let audience = audience.value;
        if audience.header.is_some() == audience.trusted_peers.is_empty() {
            let help = "write both: `header` says who speaks, `trusted_peers` whose word counts, such as [10.0.0.0/8]";
            self.problems.add(
                at,
                "audience has only one of `header` and `trusted_peers`",
                help,
            );
        }
        let source = match audience.default {
            Some(_) => own,
            None => otherwise.1,
        };
        let default = audience.default.map_or(otherwise.0, |name| {
            Band::named(&name.value).unwrap_or_else(|| {
                let names = Band::NAMES.map(|(_, name)| name).join(", ");
                let help = format!("write one of: minor, adult, {names}");
                self.problems.add(
                    name.referenced,
                    format!("`{}` is no audience", name.value),
                    &help,
                );
                Band::Unknown
            })
        });
        AudienceRule {
            default,
            source,
            header: audience.header.and_then(|name| self.header_name(&name)),
            trusted_peers: audience
                .trusted_peers
                .iter()
                .filter_map(|net| self.network(net))
                .collect(),
        }
    }

    pub(super) fn network(&mut self, text: &Spanned<String>) -> Option<IpNet> {
        let address = || text.value.parse::<IpAddr>().ok().map(IpNet::from);
        let net = text.value.parse().ok().or_else(address);
        if net.is_none() {
            let message = format!("`{}` is no address or network", text.value);
            self.problems.add(
                text.referenced,
                message,
                "write 10.0.0.0/8, fd00::/8 or 127.0.0.1",
            );
        }
        net
    }

    pub(super) fn header_name(&mut self, name: &Spanned<String>) -> Option<HeaderName> {
        let parsed = name.value.parse().ok();
        if parsed.is_none() {
            let message = format!("`{}` is no header name", name.value);
            self.problems
                .add(name.referenced, message, "write it like x-age-band");
        }
        parsed
    }

    pub(super) fn matches(&mut self, matches: file::Match) -> Match {
        let headers = matches.header.into_iter().filter_map(|(name, value)| {
            let at = value.referenced;
            let name = self.header_name(&Spanned::new(name, at, at))?;
            match HeaderValue::from_str(&value.value) {
                Ok(value) => Some((name, value)),
                Err(_) => {
                    let help = "write visible characters on one line";
                    self.problems
                        .add(at, "this value cannot stand in a header", help);
                    None
                }
            }
        });
        let headers = headers.collect();
        let bearer_sha256 = matches
            .bearer_sha256
            .iter()
            .filter_map(|hex| self.sha256(hex))
            .collect();
        Match {
            host: matches.host.map(|host| self.host(&host)),
            path_prefix: matches
                .path_prefix
                .and_then(|prefix| self.path_prefix(&prefix)),
            headers,
            bearer_sha256,
        }
    }

    fn host(&mut self, host: &Spanned<String>) -> String {
        let lower = host.value.to_ascii_lowercase();
        let authority = lower.parse::<http::uri::Authority>();
        if !authority.is_ok_and(|authority| authority.host() == lower && authority.port().is_none())
        {
            let message = format!("`{}` is no host", host.value);
            self.problems.add(
                host.referenced,
                message,
                "write a name without port, such as homework.example.org",
            );
        }
        lower
    }

    fn path_prefix(&mut self, prefix: &Spanned<String>) -> Option<String> {
        let trimmed = prefix.value.trim_end_matches('/');
        let fit = trimmed.starts_with('/') && !trimmed.contains(['?', '#', '%', ' ']);
        if !fit && !prefix.value.is_empty() && prefix.value != "/" {
            let message = format!("`{}` is no beginning of a path", prefix.value);
            self.problems
                .add(prefix.referenced, message, "write it like /homework");
        }
        (!trimmed.is_empty()).then(|| trimmed.to_owned())
    }

    fn sha256(&mut self, hex: &Spanned<String>) -> Option<[u8; 32]> {
        let parsed = blake3::Hash::from_hex(hex.value.trim())
            .ok()
            .map(|hash| *hash.as_bytes());
        if parsed.is_none() {
            let help = "write 64 hex digits: printf %s \"$KEY\" | sha256sum";
            self.problems
                .add(hex.referenced, "this is no SHA-256 in hex", help);
        }
        parsed
    }
}
