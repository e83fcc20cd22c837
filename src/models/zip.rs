//! One file out of a zip archive that was checked by its hash before: no directory is trusted for
//! more than its bytes say, and nothing is written.
//!
//! Limits: stored and deflated members, no encryption, no zip64: what packages are.

use std::io::Read;

/// Marks of the end of the directory, of an entry in it, and of a member.
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const MEMBER: &[u8] = b"PK\x03\x04";
/// Bytes of these before their variable parts.
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const MEMBER_BYTES: usize = 30;

/// The member of that name, if it has at most so many bytes.
pub(super) fn member(archive: &[u8], name: &str, most: u64) -> Option<Vec<u8>> {
    let end = memchr::memmem::rfind(archive, END)?;
    let end = archive.get(end..end + END_BYTES)?;
    let mut at = four(end, 16)?;
    for _ in 0..two(end, 10)? {
        let entry = archive.get(at..).filter(|rest| rest.starts_with(ENTRY))?;
        let lengths = [28, 30, 32].map(|at| two(entry, at));
        let [Some(name_bytes), Some(extra), Some(comment)] = lengths else {
            return None;
        };
        let names = entry.get(ENTRY_BYTES..ENTRY_BYTES + name_bytes)?;
        if names == name.as_bytes() {
            return unpacked(archive, entry, most);
        }
        at += ENTRY_BYTES + name_bytes + extra + comment;
    }
    None
}

fn unpacked(archive: &[u8], entry: &[u8], most: u64) -> Option<Vec<u8>> {
    let (method, packed, from) = (two(entry, 10)?, four(entry, 20)?, four(entry, 42)?);
    let member = archive
        .get(from..)
        .filter(|rest| rest.starts_with(MEMBER))?;
    let start = MEMBER_BYTES + two(member, 26)? + two(member, 28)?;
    let data = member.get(start..start.checked_add(packed)?)?;
    let mut bytes = Vec::new();
    let read = match method {
        0 => data.take(most + 1).read_to_end(&mut bytes),
        8 => flate2::read::DeflateDecoder::new(data)
            .take(most + 1)
            .read_to_end(&mut bytes),
        _ => return None,
    };
    read.ok().filter(|read| *read as u64 <= most)?;
    Some(bytes)
}

fn two(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(two)))
}

fn four(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive of two members, the second deflated.
    pub(in crate::models) fn archive(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut deflated = Vec::new();
        let level = flate2::Compression::fast();
        let mut encoder = flate2::read::DeflateEncoder::new(bytes, level);
        encoder.read_to_end(&mut deflated).expect("memory");
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, method, data) in [("first", 0_u16, b"soup".to_vec()), (name, 8, deflated)] {
            let from = out.len() as u32;
            let length = (data.len() as u32).to_le_bytes();
            let names = (name.len() as u16).to_le_bytes();
            let mut member = [MEMBER, &[0; 26]].concat();
            member[26..28].copy_from_slice(&names);
            let mut entry = [ENTRY, &[0; 42]].concat();
            entry[10..12].copy_from_slice(&method.to_le_bytes());
            entry[20..24].copy_from_slice(&length);
            entry[28..30].copy_from_slice(&names);
            entry[42..46].copy_from_slice(&from.to_le_bytes());
            out.extend([member, name.as_bytes().to_vec(), data].concat());
            directory.extend([entry, name.as_bytes().to_vec()].concat());
        }
        let mut end = [END, &[0; 18]].concat();
        end[10..12].copy_from_slice(&2_u16.to_le_bytes());
        end[16..20].copy_from_slice(&(out.len() as u32).to_le_bytes());
        [out, directory, end].concat()
    }

    #[test]
    fn a_member_comes_out_whole_and_bounded() {
        let bytes = b"turnip ".repeat(500);
        let packed = archive("a/b.onnx", &bytes);
        let read = |name, most| member(&packed, name, most);
        assert_eq!(read("a/b.onnx", 3500).as_deref(), Some(&bytes[..]));
        assert_eq!(read("first", 4).as_deref(), Some(&b"soup"[..]));
        assert_eq!((read("a/b.onnx", 3499), read("absent", 9)), (None, None));
        for cut in 0..packed.len() {
            assert_eq!(member(&packed[..cut], "a/b.onnx", 3500), None, "{cut}");
        }
    }
}
