//! Streams: hold what may still become a detection, show the rest at once.
