//! One file out of a gzipped tar archive that was checked by its hash before; nothing is written.
//!
//! Limits: plain names of at most a hundred bytes, which is how packages of Node are packed.

use std::io::{self, Read};

use flate2::read::GzDecoder;

/// Bytes of a block: heads are one, files fill whole ones.
const BLOCK: usize = 512;
/// Bytes of an unpacked archive that are read: twice the largest package.
const MOST: u64 = 512 * 1024 * 1024;

/// The file of that name, if it has at most so many bytes.
pub(super) fn member(archive: &[u8], name: &str, most: u64) -> Option<Vec<u8>> {
    let mut unpacked = GzDecoder::new(archive).take(MOST);
    let mut head = [0; BLOCK];
    loop {
        unpacked.read_exact(&mut head).ok()?;
        let called = head[..100].split(|byte| *byte == 0).next()?;
        let size = number(&head[124..136])?;
        if called == name.as_bytes() {
            let mut bytes = Vec::new();
            let read =
                (size <= most).then(|| (&mut unpacked).take(size).read_to_end(&mut bytes))?;
            return read.is_ok_and(|read| read as u64 == size).then_some(bytes);
        }
        let padded = size.checked_next_multiple_of(BLOCK as u64)?;
        let passed = io::copy(&mut (&mut unpacked).take(padded), &mut io::sink()).ok()?;
        if passed != padded || called.is_empty() {
            return None;
        }
    }
}

/// Octal digits up to a blank or a zero.
fn number(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut plain = Vec::new();
        for (name, bytes) in files {
            let mut head = [0; BLOCK];
            head[..name.len()].copy_from_slice(name.as_bytes());
            head[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
            plain.extend(head);
            plain.extend(*bytes);
            plain.resize(plain.len().next_multiple_of(BLOCK), 0);
        }
        plain.resize(plain.len() + 2 * BLOCK, 0);
        let mut packed = Vec::new();
        let level = flate2::Compression::fast();
        let mut encoder = flate2::read::GzEncoder::new(&plain[..], level);
        encoder.read_to_end(&mut packed).expect("memory");
        packed
    }

    #[test]
    fn a_member_comes_out_whole_and_bounded() {
        let long = b"turnip ".repeat(200);
        let packed = archive(&[("package/soup", b"leek"), ("package/garden", &long)]);
        let read = |name, most| member(&packed, name, most);
        assert_eq!(read("package/soup", 4).as_deref(), Some(&b"leek"[..]));
        assert_eq!(read("package/garden", 1400), Some(long));
        assert_eq!(
            (read("package/garden", 1399), read("absent", 9)),
            (None, None)
        );
        for cut in 0..packed.len() - 12 {
            assert_eq!(member(&packed[..cut], "absent", 9), None, "{cut}");
        }
    }
}
