//! What is written in a file beside its pixels: where it was taken, what made it, comments.

use std::io::{Cursor, Read};

use super::MAX_TEXT_BYTES;
use super::decode::Format;
use super::heif;

/// Blocks of one file that are looked at; a camera writes a few dozen.
pub(super) const MAX_BLOCKS: usize = 4096;

/// Bytes of a GIF's header.
const GIF_HEADER: usize = 13;
/// Names of a GIF's blocks: a comment, and what an application put there.
pub(super) const GIF_COMMENT: u8 = 0xfe;
pub(super) const GIF_APPLICATION: u8 = 0xff;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// It says where it was taken (EXIF or XMP).
    pub location: bool,
    /// It says that a model made it: the AIGC label of the Chinese measures, or the source type of
    /// IPTC.
    pub generated: bool,
    /// It has a C2PA manifest (content credentials).
    pub credentials: bool,
    /// Comments and captions, as text.
    pub texts: Vec<String>,
}

/// Reads what is there; what is damaged is passed over, for pixels were read before.
pub fn read(bytes: &[u8], format: Format) -> Metadata {
    let mut found = Metadata {
        location: located(bytes),
        ..Metadata::default()
    };
    let mut take = |name: &[u8], data: &[u8]| block(format, name, data, &mut found);
    blocks(bytes, format, &mut take);
    found
}

/// The named blocks of a file, pixels among them: chunks, or a JPEG's segments. Of a GIF its comments and
/// what applications put there, parts and all; of an AVIF what is no pixels.
pub(super) fn blocks(bytes: &[u8], format: Format, take: &mut dyn FnMut(&[u8], &[u8])) {
    match format {
        Format::Png => chunks(bytes.get(8..).unwrap_or(&[]), png, take),
        Format::WebP => chunks(bytes.get(12..).unwrap_or(&[]), riff, take),
        Format::Jpeg => chunks(bytes.get(2..).unwrap_or(&[]), jpeg, take),
        Format::Gif => gif(bytes, take),
        Format::Avif => heif::blocks(bytes, take),
    }
}

/// EXIF's place.
fn located(bytes: &[u8]) -> bool {
    let exif = exif::Reader::new().read_from_container(&mut Cursor::new(bytes));
    exif.is_ok_and(|exif| {
        exif.fields()
            .any(|field| field.tag == exif::Tag::GPSLatitude)
    })
}

/// Name, data and length of the first block.
type Block<'b> = (&'b [u8], &'b [u8], usize);

fn chunks<'b>(
    mut bytes: &'b [u8],
    next: impl Fn(&'b [u8]) -> Option<Block<'b>>,
    take: &mut dyn FnMut(&[u8], &[u8]),
) {
    for _ in 0..MAX_BLOCKS {
        let Some((name, data, length)) = next(bytes) else {
            return;
        };
        take(name, data);
        bytes = bytes.get(length..).unwrap_or(&[]);
    }
}

fn png(bytes: &[u8]) -> Option<Block<'_>> {
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let end = length.checked_add(8)?;
    Some((bytes.get(4..8)?, bytes.get(8..end)?, end.checked_add(4)?))
}

fn riff(bytes: &[u8]) -> Option<Block<'_>> {
    let length = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let end = length.checked_add(8)?;
    Some((bytes.get(..4)?, bytes.get(8..end)?, end + length % 2))
}

/// Segments up to the pixels.
fn jpeg(bytes: &[u8]) -> Option<Block<'_>> {
    let fill = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let marker = bytes.get(fill..=fill)?;
    if fill == 0 || marker == [0xda] || marker == [0xd9] {
        return None;
    }
    let rest = bytes.get(fill + 1..)?;
    let length = usize::from(u16::from_be_bytes(rest.get(..2)?.try_into().ok()?));
    Some((marker, rest.get(2..length)?, fill + 1 + length))
}

/// Where a GIF's first block begins.
pub(super) fn gif_start(file: &[u8]) -> Option<usize> {
    let packed = file.get(10)?;
    Some(GIF_HEADER + color_table(*packed))
}

/// Bytes of a table of colors whose size is packed so.
fn color_table(packed: u8) -> usize {
    match packed & 0x80 {
        0 => 0,
        _ => 3 << ((packed & 7) + 1),
    }
}

fn gif(bytes: &[u8], take: &mut dyn FnMut(&[u8], &[u8])) {
    let mut at = gif_start(bytes).unwrap_or(bytes.len());
    for _ in 0..MAX_BLOCKS {
        let parts = match bytes.get(at..) {
            Some([0x21, _, ..]) => at + 2,
            // A frame: where it lies, its colors, one byte, its parts.
            Some([0x2c, rest @ ..]) => {
                at + 11 + rest.get(8).map_or(0, |packed| color_table(*packed))
            }
            _ => return,
        };
        let mut end = parts;
        while let Some(&length) = bytes.get(end).filter(|length| **length > 0) {
            end += 1 + usize::from(length);
        }
        end += 1;
        if let [0x21, name @ (GIF_COMMENT | GIF_APPLICATION)] = bytes[at..at + 2]
            && let Some(data) = bytes.get(parts..end)
        {
            take(&[name], data);
        }
        at = end;
    }
}

/// The parts of a GIF's block as one.
fn joined(mut parts: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let [length, rest @ ..] = parts
        && let Some((part, more)) = rest.split_at_checked(usize::from(*length))
        && whole.len() <= MAX_TEXT_BYTES
    {
        whole.extend_from_slice(part);
        parts = more;
    }
    whole
}

fn block(format: Format, name: &[u8], data: &[u8], found: &mut Metadata) {
    match (format, name) {
        (Format::Png, b"tEXt") => keyed(data, &|rest| Some(latin(rest)), found),
        (Format::Png, b"zTXt") => keyed(
            data,
            &|rest| inflate(rest.get(1..)?).map(|text| latin(&text)),
            found,
        ),
        (Format::Png, b"iTXt") => keyed(data, &international, found),
        (Format::Png, b"caBX") | (Format::WebP | Format::Avif, b"C2PA") => found.credentials = true,
        (Format::WebP, b"XMP ") | (Format::Avif, b"mime") => labels(data, found),
        (Format::Jpeg, [0xe1]) => labels(data, found),
        (Format::Jpeg, [0xeb]) => found.credentials |= holds(data, b"c2pa"),
        (Format::Jpeg, [0xfe]) => comment(data, found),
        (Format::Gif, [GIF_COMMENT]) => comment(&joined(data), found),
        // XMP stands there in one piece.
        (Format::Gif, [GIF_APPLICATION]) => labels(data, found),
        _ => {}
    }
}

fn comment(data: &[u8], found: &mut Metadata) {
    found.generated |= data.starts_with(b"AIGC");
    text(String::from_utf8_lossy(data).into_owned(), found);
}

/// A PNG text: a key, a zero, and what `read` makes of the rest.
fn keyed(data: &[u8], read: &dyn Fn(&[u8]) -> Option<String>, found: &mut Metadata) {
    let Some(zero) = memchr::memchr(0, data) else {
        return;
    };
    let (key, rest) = (&data[..zero], &data[zero + 1..]);
    let Some(value) = read(rest) else { return };
    if key == b"XML:com.adobe.xmp" {
        return labels(value.as_bytes(), found);
    }
    found.generated |= key.eq_ignore_ascii_case(b"AIGC");
    text(value, found);
}

/// iTXt: flags, language and translated key, then UTF-8, perhaps compressed.
fn international(rest: &[u8]) -> Option<String> {
    let compressed = *rest.first()? == 1;
    let after_language = memchr::memchr(0, rest.get(2..)?)? + 3;
    let after_key = memchr::memchr(0, rest.get(after_language..)?)? + after_language + 1;
    let value = rest.get(after_key..)?;
    let bytes = match compressed {
        true => inflate(value)?,
        false => value.to_vec(),
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn latin(bytes: &[u8]) -> String {
    // Written as Latin-1 by the standard, as UTF-8 by most programs.
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let most = MAX_TEXT_BYTES as u64;
    let read = flate2::read::ZlibDecoder::new(bytes)
        .take(most)
        .read_to_end(&mut out);
    read.ok().map(|_| out)
}

/// What XMP says of place and maker. It is XML; the names suffice.
fn labels(xmp: &[u8], found: &mut Metadata) {
    found.location |= holds(xmp, b"GPSLatitude");
    found.generated |= holds(xmp, b"AIGC") || holds(xmp, b"trainedAlgorithmicMedia");
}

fn holds(bytes: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find(bytes, name).is_some()
}

fn text(text: String, found: &mut Metadata) {
    let kept: usize = found.texts.iter().map(String::len).sum();
    if !text.trim().is_empty() && kept + text.len() <= MAX_TEXT_BYTES {
        found.texts.push(text);
    }
}
