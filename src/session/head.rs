//! [`Head`]: what an event of a session says about itself, its words aside.

use serde::Deserialize;

/// The names and numbers of an event.
#[derive(Debug, Default, Deserialize)]
pub struct Head {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub event_id: Option<String>,
    response_id: Option<String>,
    item_id: Option<String>,
    pub content_index: Option<u64>,
    response: Option<Named>,
    item: Option<Named>,
    error: Option<Cause>,
}

#[derive(Debug, Deserialize)]
struct Named {
    id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cause {
    event_id: Option<String>,
}

impl Head {
    /// Reads an event's; nothing where it is no event.
    pub fn read(event: &str) -> Option<Self> {
        serde_json::from_str(event).ok()
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or_default()
    }

    /// The response that it is about.
    pub fn response(&self) -> Option<&str> {
        let named = self.response.as_ref().and_then(|one| one.id.as_deref());
        self.response_id.as_deref().or(named)
    }

    /// The item that it is about.
    pub fn item(&self) -> Option<&str> {
        let named = self.item.as_ref().and_then(|one| one.id.as_deref());
        self.item_id.as_deref().or(named)
    }

    /// The event of the caller's that an error answers.
    pub fn answers(&self) -> Option<&str> {
        self.error.as_ref()?.event_id.as_deref()
    }
}
