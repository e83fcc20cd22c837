//! The label of generated pictures: words in a corner, and the `AIGC` metadata of the Chinese labelling
//! measures (GB 45438-2025). What was written beside the pixels stays, labels of others first of all.
//!
//! Limits: of an animation every frame is labelled, and written whole. A picture's C2PA manifest is kept,
//! but no longer fits its pixels; 16 bits a channel become 8.

use std::fmt;
use std::io::Cursor;
use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage, ImageFormat};

use super::decode::{self, Format, Pixels};
use super::{Unreadable, blocks, moving};

/// Height of the letters, of a picture's shorter side: the standard asks for 5 %.
const SHARE: f64 = 0.055;
/// Height of the letters at least, where the picture is wide enough: below that nobody reads them.
const LEGIBLE: u32 = 12;
/// What JPEG loses: nothing that eyes see.
const QUALITY: u8 = 92;
/// How much of the picture shows through behind the words, of 256.
const BEHIND: u32 = 96;

/// Rows of a strip by which its letters are measured (`src/tables/label.py`).
const CAP: u32 = 64;
static ENGLISH: LazyLock<GrayImage> =
    LazyLock::new(|| strip(include_bytes!("../tables/label.en.png")));
static CHINESE: LazyLock<GrayImage> =
    LazyLock::new(|| strip(include_bytes!("../tables/label.zh.png")));

/// What a label says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The words in the corner.
    pub words: Words,
    /// The name or code of who is responsible for the service.
    pub producer: String,
    /// The number of the content.
    pub id: String,
}

/// The words in the corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Words {
    /// "AI-generated"
    English,
    /// "AI生成"
    Chinese,
}

/// Why a picture was not labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unlabelled {
    /// It cannot be read.
    Unreadable(Unreadable),
    /// It cannot be written in its format.
    Unwritable,
}

impl fmt::Display for Unlabelled {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(out),
            Self::Unwritable => out.write_str("its format cannot be written again"),
        }
    }
}

impl Label {
    /// The metadata (TC260's `AIGC`), as JSON. Names and numbers are plain characters, so that nothing
    /// has to be escaped in it or in XML.
    pub fn metadata(&self) -> String {
        let (producer, id) = (plain(&self.producer), plain(&self.id));
        format!(
            r#"{{"Label":"1","ContentProducer":"{producer}","ProduceID":"{id}","ReservedCode1":"","ContentPropagator":"","PropagateID":"","ReservedCode2":""}}"#
        )
    }
}

/// Whether a character may stand in a label's fields.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !"\"\\'<>&".contains(c)
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| is_plain(*c)).collect()
}

/// The picture with its label, in its own format. Takes as long as decoding and encoding it: never on
/// a thread that serves others.
///
/// # Errors
/// Where it cannot be read within bounds, or cannot be written, as no AVIF can.
pub fn labelled(bytes: &[u8], label: &Label) -> Result<Vec<u8>, Unlabelled> {
    let opened = decode::open(bytes).map_err(Unlabelled::Unreadable)?;
    let (format, colored) = (opened.format, opened.colored);
    let (file, size) = match opened.pixels {
        Pixels::Still(picture) => still(picture, format, label.words)?,
        Pixels::Moving(frames) => moving::again(bytes, format, frames, &mut |pixels| {
            let (width, height) = pixels.dimensions();
            draw::<4>(pixels, width, height, label.words);
        })?,
    };
    let kept = blocks::of(bytes, format, colored);
    let whole = blocks::with(&file, format, size, kept, &label.metadata());
    whole.ok_or(Unlabelled::Unwritable)
}

/// One picture with the words, in its format, and its size.
fn still(
    picture: DynamicImage,
    format: Format,
    words: Words,
) -> Result<(Vec<u8>, (u32, u32)), Unlabelled> {
    let drawn = match picture.color().has_alpha() {
        true => {
            let mut pixels = picture.into_rgba8();
            let (width, height) = pixels.dimensions();
            draw::<4>(&mut pixels, width, height, words);
            DynamicImage::ImageRgba8(pixels)
        }
        false => {
            let mut pixels = picture.into_rgb8();
            let (width, height) = pixels.dimensions();
            draw::<3>(&mut pixels, width, height, words);
            DynamicImage::ImageRgb8(pixels)
        }
    };
    let size = (drawn.width(), drawn.height());
    let file = encoded(&drawn, format).ok_or(Unlabelled::Unwritable)?;
    Ok((file, size))
}

fn encoded(picture: &DynamicImage, format: Format) -> Option<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let written = match format {
        Format::Jpeg => {
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY))
        }
        other => picture.write_to(&mut file, other.into()),
    };
    written.ok().map(|()| file.into_inner())
}

/// Draws the words, white on a dark ground, in the lower right corner.
fn draw<const CHANNELS: usize>(pixels: &mut [u8], width: u32, height: u32, words: Words) {
    let strip = match words {
        Words::English => &*ENGLISH,
        Words::Chinese => &*CHINESE,
    };
    let short = width.min(height);
    let least = (f64::from(short) * SHARE).ceil() as u32;
    // Wide words on a small picture shrink, but not below their share.
    let fits = width * CAP / (strip.width() + CAP);
    let cap = LEGIBLE.min(fits).max(least).max(1);
    let scaled = |length: u32| (length * cap).div_ceil(CAP).max(1);
    let words = resize(
        strip,
        scaled(strip.width()),
        scaled(strip.height()),
        FilterType::Triangle,
    );
    let pad = cap.div_ceil(4);
    let (right, bottom) = (width.saturating_sub(pad), height.saturating_sub(pad));
    let left = right.saturating_sub(words.width() + 2 * pad);
    let top = bottom.saturating_sub(words.height() + 2 * pad);
    for y in top..bottom {
        for x in left..right {
            let word = (x.checked_sub(left + pad)).zip(y.checked_sub(top + pad));
            let word = word.and_then(|(x, y)| words.get_pixel_checked(x, y));
            let ink = word.map_or(0, |pixel| u32::from(pixel.0[0]));
            let at = (y as usize * width as usize + x as usize) * CHANNELS;
            let Some(pixel) = pixels.get_mut(at..at + CHANNELS) else {
                continue;
            };
            for value in &mut pixel[..3] {
                let ground = u32::from(*value) * BEHIND / 256;
                *value = ((ground * (255 - ink) + 255 * ink) / 255) as u8;
            }
            if let Some(alpha) = pixel.get_mut(3) {
                *alpha = 255;
            }
        }
    }
}

fn strip(file: &[u8]) -> GrayImage {
    let strip = image::load_from_memory_with_format(file, ImageFormat::Png);
    strip.expect("a strip of our own").into_luma8()
}

#[cfg(test)]
mod tests {
    use image::codecs::gif::{GifEncoder, Repeat};
    use image::{Delay, Rgb, RgbImage, Rgba, RgbaImage};

    use super::super::blocks::WebPFrames;
    use super::super::metadata;
    use super::*;

    const FORMATS: [(Format, ImageFormat); 4] = [
        (Format::Png, ImageFormat::Png),
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::WebP, ImageFormat::WebP),
        (Format::Gif, ImageFormat::Gif),
    ];

    fn label(words: Words) -> Label {
        Label {
            words,
            producer: "garden-1".to_owned(),
            id: "7-0".to_owned(),
        }
    }

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).expect("memory");
        file.into_inner()
    }

    fn grey(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb([120, 130, 140])))
    }

    /// Rows and columns in which something is bright.
    fn bright(picture: &RgbImage) -> (u32, u32, u32, u32) {
        let at = picture.enumerate_pixels();
        let at = at.filter(|(_, _, pixel)| pixel.0.iter().all(|value| *value > 200));
        at.fold(
            (u32::MAX, 0, u32::MAX, 0),
            |(top, bottom, left, right), (x, y, _)| {
                (top.min(y), bottom.max(y), left.min(x), right.max(x))
            },
        )
    }

    #[test]
    fn the_words_stand_in_the_corner_and_are_high_enough() {
        for (format, kind) in FORMATS {
            for words in [Words::English, Words::Chinese] {
                for (width, height) in [(400, 300), (300, 700), (64, 64)] {
                    let before = file(&grey(width, height), kind);
                    let after = labelled(&before, &label(words)).expect("labelled");
                    assert_eq!(Format::of(&after), Some(format));
                    let shown = image::load_from_memory(&after)
                        .expect("a picture")
                        .into_rgb8();
                    assert_eq!(shown.dimensions(), (width, height));
                    let (top, bottom, left, right) = bright(&shown);
                    let high = f64::from(bottom + 1 - top) / f64::from(width.min(height));
                    assert!(
                        high >= 0.05,
                        "{format:?} {words:?} {width}x{height}: {high}"
                    );
                    assert!(top > height / 2 && bottom < height && right < width && left < right);
                    // The rest is as it was.
                    let away = shown.get_pixel(1, 1).0;
                    let near = |(one, other): (u8, u8)| one.abs_diff(other) < 4;
                    assert!(away.into_iter().zip([120, 130, 140]).all(near), "{away:?}");
                }
            }
        }
    }

    #[test]
    fn the_metadata_is_there_once_and_reads_back() {
        for (format, kind) in FORMATS {
            let before = file(&grey(80, 60), kind);
            assert!(!metadata::read(&before, format).generated);
            let after = labelled(&before, &label(Words::Chinese)).expect("labelled");
            assert!(metadata::read(&after, format).generated, "{format:?}");
            let id = b"\"ProduceID\":\"7-0\"";
            assert!(memchr::memmem::find(&after, id).is_some(), "{format:?}");
            // A label that is there stays; none of ours comes beside it.
            let other = Label {
                id: "8-0".to_owned(),
                ..label(Words::Chinese)
            };
            let again = labelled(&after, &other).expect("labelled");
            assert!(memchr::memmem::find(&again, id).is_some(), "{format:?}");
            assert!(memchr::memmem::find(&again, b"8-0").is_none(), "{format:?}");
        }
    }

    #[test]
    fn what_is_transparent_stays_so() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(90, 90, Rgba([9, 9, 9, 0])));
        for (_, kind) in [FORMATS[0], FORMATS[2]] {
            let after = labelled(&file(&clear, kind), &label(Words::English)).expect("labelled");
            let shown = image::load_from_memory(&after)
                .expect("a picture")
                .into_rgba8();
            assert_eq!(shown.get_pixel(1, 1).0[3], 0);
            assert_eq!(shown.get_pixel(80, 80).0[3], 255);
        }
    }

    #[test]
    fn hostile_pictures_are_refused_and_odd_sizes_are_not() {
        for (format, kind) in FORMATS {
            let whole = file(&grey(40, 40), kind);
            let cut = labelled(&whole[..whole.len() / 2], &label(Words::English));
            assert!(cut.is_err(), "{format:?}");
            for (width, height) in [(1, 1), (1, 300), (300, 1), (7, 5)] {
                let odd = file(&grey(width, height), kind);
                let odd = labelled(&odd, &label(Words::English)).expect("labelled");
                let read = decode::read(&odd, &mut |_| {});
                assert_eq!(read, Ok(format), "{width}x{height}");
            }
        }
        assert!(labelled(b"soup", &label(Words::English)).is_err());
        let spaced = Label {
            producer: "a \"b\\<c>".to_owned(),
            ..label(Words::English)
        };
        assert!(spaced.metadata().contains("\"ContentProducer\":\"abc\""));
    }

    const MOVING: [(Format, Option<u32>); 7] = [
        (Format::Gif, None),
        (Format::Gif, Some(0)),
        (Format::Gif, Some(3)),
        (Format::WebP, Some(0)),
        (Format::WebP, Some(3)),
        (Format::Png, Some(0)),
        (Format::Png, Some(3)),
    ];

    /// Three frames with a bar that moves, shown for 40, 80 and 120 ms.
    fn moving(format: Format, plays: Option<u32>) -> Vec<u8> {
        let frames = [0, 1, 2].map(|at| {
            RgbaImage::from_fn(120, 90, |x, y| match x / 40 == at && y < 20 {
                true => Rgba([10, 60, 10, 255]),
                false => Rgba([120, 130, 140, 255]),
            })
        });
        let mut file = Vec::new();
        match format {
            Format::Gif => {
                let mut encoder = GifEncoder::new(&mut file);
                let repeat = plays.map(|plays| match plays {
                    0 => Repeat::Infinite,
                    _ => Repeat::Finite(plays as u16),
                });
                if let Some(repeat) = repeat {
                    encoder.set_repeat(repeat).expect("memory");
                }
                for (frame, millis) in frames.into_iter().zip([40, 80, 120]) {
                    let delay = Delay::from_numer_denom_ms(millis, 1);
                    let frame = image::Frame::from_parts(frame, 0, 0, delay);
                    encoder.encode_frame(frame).expect("memory");
                }
            }
            Format::Png => {
                let mut encoder = png::Encoder::new(&mut file, 120, 90);
                encoder.set_color(png::ColorType::Rgba);
                encoder
                    .set_animated(3, plays.expect("said"))
                    .expect("three");
                let mut writer = encoder.write_header().expect("memory");
                for (frame, part) in frames.iter().zip([1, 2, 3]) {
                    writer.set_frame_delay(part, 25).expect("animated");
                    writer.write_image_data(frame).expect("memory");
                }
                writer.finish().expect("memory");
            }
            _ => {
                let mut writer = WebPFrames::new(plays.expect("said") as u16);
                for (frame, millis) in frames.into_iter().zip([40, 80, 120]) {
                    let still = super::tests::file(&frame.into(), ImageFormat::WebP);
                    writer.add(&still, (120, 90), millis).expect("a frame");
                }
                let file = writer.finish();
                return blocks::with(
                    &file,
                    format,
                    (120, 90),
                    vec![(b"EXIF".to_vec(), vec![0])],
                    "{}",
                )
                .expect("fits");
            }
        }
        file
    }

    fn frames(file: &[u8]) -> Vec<image::Frame> {
        match decode::open(file).expect("a picture").pixels {
            Pixels::Moving(frames) => frames.map(|frame| frame.expect("a frame")).collect(),
            Pixels::Still(_) => panic!("it stands still"),
        }
    }

    #[test]
    fn every_frame_of_an_animation_is_labelled_and_nothing_else_changes() {
        for (format, plays) in MOVING {
            let before = moving(format, plays);
            let after = labelled(&before, &label(Words::Chinese)).expect("labelled");
            assert_eq!(blocks::plays(&after, format), plays, "{format:?}");
            let generated = metadata::read(&after, format).generated;
            assert!(generated, "{format:?}");
            let (before, after) = (frames(&before), frames(&after));
            assert_eq!(after.len(), 3);
            for (before, after) in before.iter().zip(&after) {
                assert_eq!(before.delay(), after.delay(), "{format:?}");
                let (before, after) = (before.buffer(), after.buffer());
                let rgb = DynamicImage::ImageRgba8(after.clone()).into_rgb8();
                let (top, bottom, left, right) = bright(&rgb);
                assert!(
                    bottom + 1 - top >= 5 && top > 45 && bottom < 90 && right < 120 && left < right
                );
                let above = |picture: &RgbaImage| {
                    picture
                        .rows()
                        .take(40)
                        .flatten()
                        .copied()
                        .collect::<Vec<_>>()
                };
                assert_eq!(above(before), above(after), "{format:?}");
            }
        }
    }

    #[test]
    fn animations_that_are_cut_or_too_long_are_not_labelled() {
        for (format, plays) in MOVING {
            let whole = moving(format, plays);
            let cut = labelled(&whole[..whole.len() / 2], &label(Words::English));
            assert!(cut.is_err(), "{format:?}");
        }
        let mut file = Vec::new();
        let mut encoder = GifEncoder::new(&mut file);
        let frame = image::Frame::new(RgbaImage::new(2, 2));
        let frames = std::iter::repeat_n(frame, decode::MAX_FRAMES + 1);
        encoder.encode_frames(frames).expect("memory");
        drop(encoder);
        let long = Err(Unlabelled::Unreadable(Unreadable::Frames));
        assert_eq!(labelled(&file, &label(Words::English)), long);
    }
}
