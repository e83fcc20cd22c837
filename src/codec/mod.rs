//! One file per API dialect; nobody else touches a provider's JSON.
