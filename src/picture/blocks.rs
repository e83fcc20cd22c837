//! What a file holds beside its pixels, block by block: taken out of one file and put into another of
//! the same format, with a label of ours where none is.

use super::decode::Format;
use super::metadata::{self, GIF_COMMENT};

/// A block: its name as its format writes it, and what is in it.
pub(super) type Block = (Vec<u8>, Vec<u8>);

/// The key of the label, and the namespace in which XMP knows it.
const KEY: &[u8] = b"AIGC";
const NAMESPACE: &str = "http://www.tc260.org.cn/ns/AIGC/1.0/";
/// How XMP is named in each format.
const PNG_XMP: &[u8] = b"XML:com.adobe.xmp\0";
const JPEG_XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Bytes of one segment of a JPEG, its length not counted.
const SEGMENT: usize = 65_533;
/// Bytes before the pixels of a frame of a WebP: corner, sides, time, flags (RFC 9649, section 2.7.1.1).
const FRAME_HEAD: usize = 16;
/// Bytes of one part of a GIF's block.
const GIF_PART: usize = 255;
/// How the block begins, as a part, that says how often a GIF is played.
const GIF_PLAYS: &[u8] = b"\x0bNETSCAPE2.0";

/// Chunks of a PNG that say how its pixels are written: those of a new file are other ones.
const PNG_PIXELS: [&[u8; 4]; 10] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"bKGD", b"sBIT", b"hIST", b"acTL", b"cICP",
];
const PNG_PROFILES: [&[u8; 4]; 4] = [b"iCCP", b"gAMA", b"cHRM", b"sRGB"];

/// What a file holds beside its pixels. A profile of grey pixels does not fit the colored ones that a
/// label has.
pub(super) fn of(bytes: &[u8], format: Format, colored: bool) -> Vec<Block> {
    let mut kept = Vec::new();
    let mut take = |name: &[u8], data: &[u8]| {
        let keep = match format {
            Format::Png => {
                let is = |names: &[&[u8; 4]]| names.iter().any(|one| one.as_slice() == name);
                let animates = name.starts_with(b"fc") || name.starts_with(b"fd");
                !is(&PNG_PIXELS) && !animates && (colored || !is(&PNG_PROFILES))
            }
            // Markers of applications and comments, without those that say how pixels are coded.
            Format::Jpeg => match name {
                [0xe0 | 0xee] => false,
                [0xe2] => colored,
                [marker] => (0xe1..=0xef).contains(marker) || *marker == 0xfe,
                _ => false,
            },
            Format::WebP => {
                let pixels: [&[u8]; 6] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"];
                !pixels.contains(&name)
            }
            // How often it is played, its own encoder says.
            Format::Gif => !data.starts_with(GIF_PLAYS),
            Format::Avif => false,
        };
        if keep {
            kept.push((name.to_vec(), data.to_vec()));
        }
    };
    metadata::blocks(bytes, format, &mut take);
    kept
}

/// How often an animation is played, in its format's own count; 0 is for ever. Nothing where it does not
/// say so.
pub(super) fn plays(bytes: &[u8], format: Format) -> Option<u32> {
    let mut plays = None;
    metadata::blocks(bytes, format, &mut |name, data| {
        let number = |at: usize| {
            data.get(at..at + 2)?
                .try_into()
                .ok()
                .map(u16::from_le_bytes)
        };
        let said = match (format, name) {
            (Format::Png, b"acTL") => {
                let number = data.get(4..8).and_then(|number| number.try_into().ok());
                number.map(u32::from_be_bytes)
            }
            (Format::WebP, b"ANIM") => number(4).map(u32::from),
            // Behind a length and a one.
            (Format::Gif, _) if data.starts_with(GIF_PLAYS) => {
                number(GIF_PLAYS.len() + 2).map(u32::from)
            }
            _ => None,
        };
        plays = plays.or(said);
    });
    plays
}

/// How many frames an animated PNG says that it has.
pub(super) fn frames(bytes: &[u8]) -> u32 {
    let mut frames = 0;
    metadata::blocks(bytes, Format::Png, &mut |name, data| {
        if frames == 0
            && name == b"acTL"
            && let Some(number) = data.first_chunk()
        {
            frames = u32::from_be_bytes(*number);
        }
    });
    frames
}

/// A file just written, of `size`, with those blocks and a label of its own unless they have one.
pub(super) fn with(
    file: &[u8],
    format: Format,
    size: (u32, u32),
    mut kept: Vec<Block>,
    label: &str,
) -> Option<Vec<u8>> {
    if !kept
        .iter()
        .any(|(name, data)| holds(name, KEY) || holds(data, KEY))
    {
        add(&mut kept, format, label);
    }
    match format {
        Format::Png => png(file, &kept),
        Format::Jpeg => jpeg(file, &kept),
        Format::WebP => webp(file, size, &kept),
        Format::Gif => gif(file, &kept),
        Format::Avif => None,
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// Adds the label as its format has it: in XMP, and as a text of its own in PNG.
fn add(kept: &mut Vec<Block>, format: Format, label: &str) {
    match format {
        Format::Png => {
            // Not compressed, no language, no translated key.
            let text = |head: &[u8], text: &str| [head, b"\0\0\0\0", text.as_bytes()].concat();
            kept.push((b"iTXt".to_vec(), text(b"AIGC\0", label)));
            if !kept.iter().any(|(_, data)| data.starts_with(PNG_XMP)) {
                kept.push((b"iTXt".to_vec(), text(PNG_XMP, &packet(label))));
            }
        }
        Format::Jpeg => {
            let known = kept
                .iter_mut()
                .find(|(name, data)| name == &[0xe1] && data.starts_with(JPEG_XMP));
            let Some((_, xmp)) = known else {
                let xmp = [JPEG_XMP, packet(label).as_bytes()].concat();
                return kept.push((vec![0xe1], xmp));
            };
            match told_in(xmp, label).filter(|xmp| xmp.len() <= SEGMENT) {
                Some(told) => *xmp = told,
                None => kept.push((vec![0xfe], format!("AIGC {label}").into_bytes())),
            }
        }
        Format::WebP => match kept.iter_mut().find(|(name, _)| name == b"XMP ") {
            Some((_, xmp)) => {
                *xmp = told_in(xmp, label).unwrap_or_else(|| packet(label).into_bytes());
            }
            None => kept.push((b"XMP ".to_vec(), packet(label).into_bytes())),
        },
        // Nobody writes one.
        Format::Avif => {}
        Format::Gif => kept.push((
            vec![GIF_COMMENT],
            parted(format!("AIGC {label}").as_bytes()),
        )),
    }
}

/// What XMP says of a label.
fn description(label: &str) -> String {
    format!("<rdf:Description rdf:about=\"\" xmlns:TC260=\"{NAMESPACE}\" TC260:AIGC='{label}'/>")
}

fn packet(label: &str) -> String {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
         <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">{}</rdf:RDF></x:xmpmeta>\
         <?xpacket end=\"w\"?>",
        description(label)
    )
}

/// XMP of somebody else that says it, too.
fn told_in(xmp: &[u8], label: &str) -> Option<Vec<u8>> {
    let end = memchr::memmem::rfind(xmp, b"</rdf:RDF>")?;
    Some([&xmp[..end], description(label).as_bytes(), &xmp[end..]].concat())
}

/// Behind the header, where colors have to stand, too.
fn png(file: &[u8], kept: &[Block]) -> Option<Vec<u8>> {
    let (head, rest) = file.split_at_checked(33)?;
    let mut out = head.to_vec();
    for (name, data) in kept {
        out.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
        out.extend_from_slice(name);
        out.extend_from_slice(data);
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(data);
        out.extend(sum.sum().to_be_bytes());
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// Behind the start and the encoder's own first segment.
fn jpeg(file: &[u8], kept: &[Block]) -> Option<Vec<u8>> {
    let own = match file.get(2..4)? {
        [0xff, 0xe0] => usize::from(u16::from_be_bytes(file.get(4..6)?.try_into().ok()?)) + 2,
        _ => 0,
    };
    let (head, rest) = file.split_at_checked(2 + own)?;
    let mut out = head.to_vec();
    for (name, data) in kept {
        out.push(0xff);
        out.extend_from_slice(name);
        out.extend(u16::try_from(data.len() + 2).ok()?.to_be_bytes());
        out.extend_from_slice(data);
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// A simple file, or frames alone, as an extended one.
fn webp(file: &[u8], (width, height): (u32, u32), kept: &[Block]) -> Option<Vec<u8>> {
    let mut pixels = Vec::new();
    let mut alpha = false;
    metadata::blocks(file, Format::WebP, &mut |name, data| {
        // The bit behind two sizes of 14 bits (RFC 9649, section 3.4).
        let has_alpha = |at: usize| data.get(at).is_some_and(|byte| byte & 0x10 != 0);
        alpha |= match name {
            b"ALPH" => true,
            b"VP8L" => has_alpha(4),
            // Ours hold one such chunk each.
            b"ANMF" => has_alpha(FRAME_HEAD + 8 + 4),
            _ => false,
        };
        if [&b"VP8 "[..], b"VP8L", b"ALPH", b"ANIM", b"ANMF"].contains(&name) {
            pixels.push((name.to_vec(), data.to_vec()));
        }
    });
    let moves = pixels.first().is_some_and(|(name, _)| name == b"ANIM");
    let named = |wanted: &[u8]| kept.iter().any(|(name, _)| name == wanted);
    let flags = [
        (named(b"ICCP"), 0x20),
        (alpha, 0x10),
        (named(b"EXIF"), 8),
        (named(b"XMP "), 4),
        (moves, 2),
    ];
    let flags: u8 = flags.iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum();
    let mut head = vec![flags, 0, 0, 0];
    head.extend(side(width));
    head.extend(side(height));
    let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
    let head = [(b"VP8X".to_vec(), head)];
    let profile = kept.iter().filter(|(name, _)| name == b"ICCP");
    let rest = kept.iter().filter(|(name, _)| name != b"ICCP");
    for (name, data) in head.iter().chain(profile).chain(&pixels).chain(rest) {
        riff(&mut out, name, &[data])?;
    }
    let length = u32::try_from(out.len() - 8).ok()?;
    out.get_mut(4..8)?.copy_from_slice(&length.to_le_bytes());
    (!pixels.is_empty()).then_some(out)
}

/// A side as WebP has it.
fn side(length: u32) -> [u8; 3] {
    let [a, b, c, _] = length.saturating_sub(1).to_le_bytes();
    [a, b, c]
}

/// Adds a chunk, in pieces.
fn riff(out: &mut Vec<u8>, name: &[u8], pieces: &[&[u8]]) -> Option<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend_from_slice(name);
    out.extend(u32::try_from(length).ok()?.to_le_bytes());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.resize(out.len() + length % 2, 0);
    Some(())
}

/// A WebP of frames, each a file of its own and how many milliseconds it is shown, without the head
/// that [`with`] gives it.
pub(super) struct WebPFrames(Vec<u8>);

impl WebPFrames {
    pub(super) fn new(plays: u16) -> Self {
        let mut out = b"RIFF\0\0\0\0WEBP".to_vec();
        // Nothing lies behind the frames.
        let nothing = [0; 4];
        riff(&mut out, b"ANIM", &[&nothing, &plays.to_le_bytes()]);
        Self(out)
    }

    /// Adds a frame of that size, in place of what was shown before.
    pub(super) fn add(&mut self, file: &[u8], size: (u32, u32), millis: u32) -> Option<()> {
        let mut pixels = Vec::new();
        metadata::blocks(file, Format::WebP, &mut |name, data| {
            if name == b"VP8L" {
                riff(&mut pixels, name, &[data]);
            }
        });
        let [a, b, c, _] = millis.min(0xff_ffff).to_le_bytes();
        let ((width, height), millis) = ((side(size.0), side(size.1)), [a, b, c]);
        let (corner, replaces) = ([0; 6], [2]);
        let pieces: [&[u8]; 6] = [&corner, &width, &height, &millis, &replaces, &pixels];
        (!pixels.is_empty()).then(|| riff(&mut self.0, b"ANMF", &pieces))?
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Behind the header and its colors.
fn gif(file: &[u8], kept: &[Block]) -> Option<Vec<u8>> {
    let (head, rest) = file.split_at_checked(metadata::gif_start(file)?)?;
    let mut out = head.to_vec();
    for (name, data) in kept {
        out.push(0x21);
        out.extend_from_slice(name);
        out.extend_from_slice(data);
    }
    out.extend_from_slice(rest);
    // Extensions of this kind are of the newer version.
    out.get_mut(..6)?.copy_from_slice(b"GIF89a");
    Some(out)
}

/// Text as parts of an extension, with their end.
fn parted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / GIF_PART + 2);
    for part in text.chunks(GIF_PART) {
        out.push(part.len() as u8);
        out.extend_from_slice(part);
    }
    out.push(0);
    out
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, RgbImage};

    use super::super::{decode, look};
    use super::*;

    /// A file with blocks of somebody else comes out of a label with all of them.
    #[test]
    fn blocks_of_others_stay() {
        let xmp = "<x:xmpmeta><rdf:RDF><a exif:GPSLatitude='1'/></rdf:RDF></x:xmpmeta>";
        for (format, kind, blocks) in [
            (
                Format::Png,
                ImageFormat::Png,
                vec![
                    (b"tEXt".to_vec(), b"Comment\0soup".to_vec()),
                    (b"caBX".to_vec(), b"manifest".to_vec()),
                    (
                        b"iTXt".to_vec(),
                        [PNG_XMP, b"\0\0\0\0", xmp.as_bytes()].concat(),
                    ),
                ],
            ),
            (
                Format::Jpeg,
                ImageFormat::Jpeg,
                vec![
                    (vec![0xe1], [JPEG_XMP, xmp.as_bytes()].concat()),
                    (vec![0xeb], b"JP c2pa".to_vec()),
                    (vec![0xfe], b"soup".to_vec()),
                ],
            ),
            (
                Format::WebP,
                ImageFormat::WebP,
                vec![
                    (b"XMP ".to_vec(), xmp.as_bytes().to_vec()),
                    (b"C2PA".to_vec(), b"odd".to_vec()),
                ],
            ),
            (
                Format::Gif,
                ImageFormat::Gif,
                vec![(vec![0xfe], parted("soup".repeat(100).as_bytes()))],
            ),
        ] {
            let mut file = Cursor::new(Vec::new());
            let picture = DynamicImage::ImageRgb8(RgbImage::new(30, 20));
            picture.write_to(&mut file, kind).expect("memory");
            let file = file.into_inner();
            let plain = look(&file).expect("a picture").metadata;
            let told = with(&file, format, (30, 20), blocks.clone(), "{}").expect("fits");
            // Read by somebody else, and by ourselves.
            image::load_from_memory(&told).expect("a picture");
            assert_eq!(decode::read(&told, &mut |_| {}), Ok(format));
            let found = look(&told).expect("a picture").metadata;
            assert!(!plain.generated && found.generated, "{format:?}");
            assert_eq!(found.location, format != Format::Gif, "{format:?}");
            assert_eq!(found.credentials, format != Format::Gif, "{format:?}");
            let kept = of(&told, format, true);
            for (name, data) in &blocks {
                let stays = |(other, whole): &Block| {
                    name == other && (data == whole || holds(whole, b"GPSLatitude"))
                };
                assert!(kept.iter().any(stays), "{format:?} {name:?}");
            }
            // Once is enough.
            let again = with(&file, format, (30, 20), kept.clone(), "{}").expect("fits");
            assert_eq!(of(&again, format, true), kept, "{format:?}");
        }
    }

    #[test]
    fn damaged_files_end_nowhere() {
        for format in [Format::Png, Format::Jpeg, Format::WebP, Format::Gif] {
            for length in 0..40 {
                let bytes = vec![0xff; length];
                let blocks = of(&bytes, format, true);
                // Nothing to say of what comes out: only that it does.
                let _ = with(&bytes, format, (1, 1), blocks, "{}");
            }
        }
    }
}
