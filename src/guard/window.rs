//! [`Window`]: the tail of a growing text that may still become part of a detection.

use crate::text::Span;

/// The part of a text that has not been shown yet, addressed by bytes of the whole text.
#[derive(Debug, Default)]
pub struct Window {
    /// Text from `base` on.
    tail: String,
    /// Byte of the whole text at which `tail` begins.
    base: u32,
}

impl Window {
    /// Adds what came.
    pub fn push(&mut self, piece: &str) {
        self.tail.push_str(piece);
    }

    /// Byte of the whole text at which the window begins.
    pub fn start(&self) -> u32 {
        self.base
    }

    /// Bytes of the whole text so far.
    pub fn end(&self) -> u32 {
        self.base + u32::try_from(self.tail.len()).expect("lanes are bounded far below 4 GiB")
    }

    /// Forgets everything before `to`, keeping the allocation.
    pub fn release(&mut self, to: u32) {
        let to = to.clamp(self.base, self.end());
        let cut = (to - self.base) as usize;
        if cut == self.tail.len() {
            self.tail.clear();
        } else {
            self.tail.drain(..cut);
        }
        self.base = to;
    }

    /// The text of a span, as far as it is still here.
    pub fn text(&self, span: Span) -> &str {
        let start = span.start.clamp(self.base, self.end()) - self.base;
        let end = span.end.clamp(self.base, self.end()) - self.base;
        self.tail.get(start as usize..end as usize).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_addresses_over_releases() {
        let mut window = Window::default();
        window.push("carrots and ");
        window.release(8);
        window.push("peas");
        assert_eq!(window.text(Span::new(12, 16)), "peas");
        assert_eq!(window.text(Span::new(0, 11)), "and");
        assert_eq!((window.start(), window.end()), (8, 16));
    }
}
