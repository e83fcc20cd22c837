//! Boxes of ISO media files (ISO/IEC 14496-12): names and lengths, one beside the other.

use super::decode::Unreadable;

/// What was read, or why not.
pub(super) type Read<T> = Result<T, Unreadable>;

/// The box of that kind, of which there may be one.
pub(super) fn only<'b>(parts: &[([u8; 4], &'b [u8])], wanted: [u8; 4]) -> Read<Option<&'b [u8]>> {
    let mut of = parts.iter().filter(|(kind, _)| *kind == wanted);
    match (of.next(), of.next()) {
        (_, Some(_)) => Err(Unreadable::Damaged),
        (one, None) => Ok(one.map(|(_, body)| *body)),
    }
}

/// The boxes that lie side by side, up to the first that is damaged.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Read<([u8; 4], &[u8])>> {
    let mut rest = Reader::of(bytes);
    std::iter::from_fn(move || {
        if rest.rest.is_empty() {
            return None;
        }
        let one = rest.boxed();
        if one.is_err() {
            rest.rest = &[];
        }
        Some(one)
    })
}

/// Bytes that are read from the front.
pub(super) struct Reader<'b> {
    /// What was not read yet.
    pub rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn of(rest: &'b [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, length: usize) -> Read<&'b [u8]> {
        let (head, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Unreadable::Damaged)?;
        self.rest = rest;
        Ok(head)
    }

    /// A number of up to eight bytes.
    pub fn uint(&mut self, bytes: usize) -> Read<u64> {
        if bytes > 8 {
            return Err(Unreadable::Damaged);
        }
        let number = self.take(bytes)?.iter();
        Ok(number.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub fn id(&mut self, wide: bool) -> Read<u32> {
        Ok(self.uint(if wide { 4 } else { 2 })? as u32)
    }

    /// Version and flags of a box.
    pub fn version(&mut self) -> Read<(u8, u32)> {
        let word = self.uint(4)? as u32;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    fn boxed(&mut self) -> Read<([u8; 4], &'b [u8])> {
        let whole = self.rest.len() as u64;
        let (short, mut head) = (self.uint(4)?, 8);
        let kind = *self.take(4)?.first_chunk().ok_or(Unreadable::Damaged)?;
        let length = match short {
            0 => whole,
            1 => {
                head = 16;
                self.uint(8)?
            }
            length => length,
        };
        let body = length
            .checked_sub(head)
            .and_then(|body| usize::try_from(body).ok());
        Ok((kind, self.take(body.ok_or(Unreadable::Damaged)?)?))
    }
}
