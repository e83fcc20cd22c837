//! The config file one to one, as written.
