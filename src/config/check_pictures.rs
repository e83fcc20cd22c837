//! What an app says about pictures that lie elsewhere, checked.

use http::Uri;
use ipnet::IpNet;
use serde_saphyr::Spanned;

use super::check::Check;
use super::{ImageUrls, PictureHost, PictureHosts, ShownAs, file};
use crate::picture::label::{Label, Words, is_plain};

/// Networks that nothing may open: who answers there tells a machine's own secrets.
const NEVER: [&str; 2] = ["169.254.0.0/16", "fe80::/10"];

/// Longest name or code of a producer: a unified social credit code has 18, some prefixes come before.
const PRODUCER_BYTES: usize = 64;

impl Check<'_> {
    pub(super) fn image_urls(&mut self, urls: Spanned<file::ImageUrls>) -> ImageUrls {
        let fetch = match urls.value {
            file::ImageUrls::Unseen => return ImageUrls::Unseen,
            file::ImageUrls::Refuse => return ImageUrls::Refuse,
            file::ImageUrls::Base64 => return ImageUrls::Base64,
            file::ImageUrls::Fetch(fetch) => fetch,
        };
        if fetch.hosts.is_empty() {
            let help =
                "write where pictures lie, such as [images.example.com, \"*.cdn.example.com\"]";
            self.problems
                .add(urls.referenced, "`fetch` names no host", help);
        }
        ImageUrls::Fetch(PictureHosts {
            hosts: fetch
                .hosts
                .iter()
                .filter_map(|host| self.picture_host(host))
                .collect(),
            private: fetch
                .private
                .iter()
                .filter_map(|network| self.private(network))
                .collect(),
            ca_file: fetch.ca_file.map(|file| self.file(&file)),
            answers: match fetch.answers {
                file::ShownAs::Address => ShownAs::Address,
                file::ShownAs::Inline => ShownAs::Inline,
            },
        })
    }

    /// What pictures of answers are labelled with. What passes unseen could not be.
    pub(super) fn label(
        &mut self,
        label: Option<&Spanned<file::Label>>,
        urls: Option<&Spanned<file::ImageUrls>>,
    ) -> Option<Label> {
        let label = label?;
        let producer = &label.value.producer;
        let fits = (1..=PRODUCER_BYTES).contains(&producer.value.len());
        if !fits || !producer.value.chars().all(is_plain) {
            let help = "1 to 64 printable ASCII characters without blanks, quotes, < > & and \\, such as a registered code";
            let message = format!("`{}` cannot stand in a label", producer.value);
            self.problems.add(producer.referenced, message, help);
        }
        if let Some(urls) = urls.filter(|urls| matches!(urls.value, file::ImageUrls::Unseen)) {
            let help = "write `image_urls: refuse`, `base64` or `{fetch: ...}`";
            let message = "pictures that pass unseen cannot be labelled";
            self.problems.add(urls.referenced, message, help);
        }
        Some(Label {
            words: match label.value.words {
                file::Words::En => Words::English,
                file::Words::Zh => Words::Chinese,
            },
            producer: producer.value.clone(),
            id: String::new(),
        })
    }

    fn picture_host(&mut self, host: &Spanned<String>) -> Option<PictureHost> {
        let parsed = parsed(&host.value);
        if parsed.is_none() {
            let message = format!("`{}` is no host of pictures", host.value);
            let help = "write images.example.com, \"*.example.com\" for every name below it, with :port or http:// where need be";
            self.problems.add(host.referenced, message, help);
        }
        parsed
    }

    fn private(&mut self, text: &Spanned<String>) -> Option<IpNet> {
        let network = self.network(text)?;
        let never = NEVER.map(|never| never.parse::<IpNet>().expect("a network"));
        let meets = |never: &IpNet| never.contains(&network) || network.contains(never);
        if never.iter().any(meets) {
            let help = "name the networks in which your picture hosts are, such as 10.1.2.0/24";
            let message = format!(
                "`{}` opens the servers that tell a machine about itself",
                text.value
            );
            self.problems.add(text.referenced, message, help);
            return None;
        }
        Some(network)
    }
}

/// "[http[s]://][*.]host[:port]".
fn parsed(text: &str) -> Option<PictureHost> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let secure = match scheme {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let below = rest.starts_with("*.");
    let authority = rest.strip_prefix("*.").unwrap_or(rest);
    // A whole address, so that nothing but a host and a port is left.
    let uri: Uri = format!("{scheme}://{authority}/").parse().ok()?;
    let named = uri.authority()?;
    let (host, port) = PictureHost::of(named, secure);
    let plain = named.as_str() == authority && !authority.contains(['@', '*']);
    let ends_well = !authority.ends_with(':') && !host.ends_with('.');
    // A name below a top-level domain at least: "*.com" is everybody.
    let own = !below || host.contains('.');
    (plain && ends_well && own && !host.is_empty()).then_some(PictureHost {
        name: host,
        below,
        secure,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::parsed;

    #[test]
    fn hosts_are_names_and_ports() {
        let told = |text: &str| {
            let host = parsed(text)?;
            Some((host.name, host.below, host.secure, host.port))
        };
        let is = |name: &str, below, secure, port| Some((name.to_owned(), below, secure, port));
        assert_eq!(told("A.example.com"), is("a.example.com", false, true, 443));
        assert_eq!(told("*.example.com"), is("example.com", true, true, 443));
        assert_eq!(
            told("http://127.0.0.1:81"),
            is("127.0.0.1", false, false, 81)
        );
        assert_eq!(told("[::1]:8443"), is("::1", false, true, 8443));
        for wrong in [
            "",
            "*",
            "*.",
            "*.com",
            "a.*.com",
            "ftp://a.com",
            "a.com/x",
            "a.com?x",
            "u@a.com",
            "a.com:",
            "a.com.",
            "a com",
            "http://",
        ] {
            assert_eq!(told(wrong), None, "{wrong}");
        }
    }
}
