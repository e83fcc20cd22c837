//! Pixels of hostile files, within bounds: sizes are read and judged before anything is decoded.
//!
//! A picture is what a viewer would show: transparent pixels lie on white, an animation is all its
//! frames.

use std::fmt;
use std::io::Cursor;
use std::sync::LazyLock;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{
    AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageError, ImageFormat, Limits,
    RgbaImage,
};

use super::avif;

/// Bytes of one file: twice the largest that model APIs take.
pub const MAX_BYTES: usize = 40 * 1024 * 1024;
/// Pixels of one frame: a camera's 24 megapixels, and room.
pub const MAX_PIXELS: u64 = 32 * 1024 * 1024;
/// The longest side: a long screenshot.
pub const MAX_SIDE: u32 = 32_768;
/// Frames of one animation: half a minute at 15 a second.
pub const MAX_FRAMES: usize = 480;
/// Pixels of all frames together: about two seconds of decoding.
pub const MAX_ALL_PIXELS: u64 = 96 * 1024 * 1024;
/// Memory of the decoder itself, beside the frame: four bytes a pixel, twice.
const DECODER_BYTES: u64 = MAX_PIXELS * 8;

/// File formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// Portable Network Graphics, animated or not.
    #[default]
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, animated or not.
    WebP,
    /// GIF.
    Gif,
    /// AVIF; one still picture.
    Avif,
}

impl From<Format> for ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => Self::Png,
            Format::Jpeg => Self::Jpeg,
            Format::WebP => Self::WebP,
            Format::Gif => Self::Gif,
            Format::Avif => Self::Avif,
        }
    }
}

impl Format {
    /// The format that the first bytes say, whatever a label says.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // By its own names, and by those that pictures in such boxes share.
            [_, _, _, _, names @ ..] => match names.first_chunk() {
                Some(b"ftypavif" | b"ftypavis" | b"ftypmif1" | b"ftypmsf1") => Some(Self::Avif),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same.
    ///
    /// # Errors
    /// None of the formats.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        Self::of(bytes).ok_or(Unreadable::Format)
    }

    /// Its media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The format in which a picture can be written that stands in place of one of this.
    pub const fn written(self) -> Self {
        match self {
            Self::Avif => Self::Png,
            other => other,
        }
    }
}

/// Why a picture was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// None of the formats that are read.
    Format,
    /// An AVIF that is no plain still, or a HEIC.
    Avif,
    /// Labelled as another format than its bytes are.
    Mislabelled,
    /// More bytes than [`MAX_BYTES`].
    Bytes,
    /// A side longer than [`MAX_SIDE`] or more pixels than [`MAX_PIXELS`].
    Pixels,
    /// More frames than [`MAX_FRAMES`], or too many pixels in all of them.
    Frames,
    /// Cut off or damaged.
    Damaged,
    /// Nobody came to look at it in time.
    Late,
    /// A model could say nothing of it.
    Unscored,
    /// It holds more words than are read in time.
    Words,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => out.write_str("it is no PNG, JPEG, WebP, GIF or AVIF"),
            Self::Avif => out.write_str(
                "it is an AVIF that is animated, in tiles, in layers or cropped, or a HEIC",
            ),
            Self::Mislabelled => out.write_str("its label names another format than its bytes"),
            Self::Bytes => write!(out, "it has more than {MAX_BYTES} bytes"),
            Self::Pixels => write!(
                out,
                "it has more than {MAX_PIXELS} pixels or a side of more than {MAX_SIDE}"
            ),
            Self::Frames => write!(
                out,
                "it has more than {MAX_FRAMES} frames or {MAX_ALL_PIXELS} pixels in all"
            ),
            Self::Damaged => out.write_str("it is cut off or damaged"),
            Self::Late => out.write_str("it took too long"),
            Self::Words => out.write_str("it holds more words than can be read in time"),
            Self::Unscored => out.write_str("a model could say nothing of it"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// By colour: what each of its values adds to the brightness, in the weights of PDQ's reference.
static WEIGHED: LazyLock<[[f64; 256]; 3]> = LazyLock::new(|| {
    let weighed = |weight: f64| std::array::from_fn(|value| value as f64 * weight);
    [0.299, 0.587, 0.114].map(weighed)
});

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue, row by row.
    pub rgb: Vec<u8>,
}

impl Frame {
    /// Brightness from 0 to 255, row by row, in the weights that PDQ's reference has.
    pub fn luma(&self) -> Vec<f32> {
        let [red, green, blue] = &*WEIGHED;
        let pixels = self.rgb.chunks_exact(3);
        let luma = |pixel: &[u8]| {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(usize::from);
            (red[r] + green[g] + blue[b]) as f32
        };
        pixels.map(luma).collect()
    }

    fn of(picture: DynamicImage) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let rgb = match picture {
            DynamicImage::ImageRgb8(rgb) => rgb.into_raw(),
            other if !other.color().has_alpha() => other.into_rgb8().into_raw(),
            other => on_white(&other.into_rgba8()),
        };
        Self { width, height, rgb }
    }
}

/// What a viewer shows of transparent pixels.
fn on_white(picture: &RgbaImage) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(picture.as_raw().len() / 4 * 3);
    for pixel in picture.as_raw().chunks_exact(4) {
        let alpha = u32::from(pixel[3]);
        let shown = |value: u8| ((u32::from(value) * alpha + 255 * (255 - alpha)) / 255) as u8;
        rgb.extend([shown(pixel[0]), shown(pixel[1]), shown(pixel[2])]);
    }
    rgb
}

/// A file that is one of the formats, within bounds.
pub struct Opened<'b> {
    /// Which.
    pub format: Format,
    /// Whether its pixels have colors.
    pub colored: bool,
    /// What it shows.
    pub pixels: Pixels<'b>,
}

/// What a file shows.
pub enum Pixels<'b> {
    /// One picture, as transparent as it is.
    Still(DynamicImage),
    /// Frames; a GIF with one, too.
    Moving(Moving<'b>),
}

/// The frames of an animation, each as a viewer would show it, decoded as they are asked for; ends behind
/// the first that cannot be had.
pub struct Moving<'b> {
    frames: Frames<'b>,
    count: usize,
    pixels: u64,
}

impl Iterator for Moving<'_> {
    type Item = Result<image::Frame, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(frame) = self.frames.next() else {
            let nothing = self.count == 0;
            self.count = 1;
            return nothing.then_some(Err(Unreadable::Damaged));
        };
        let frame = frame.map_err(damaged).and_then(|frame| {
            let (width, height) = frame.buffer().dimensions();
            self.count += 1;
            self.pixels += u64::from(width) * u64::from(height);
            match self.count > MAX_FRAMES || self.pixels > MAX_ALL_PIXELS {
                true => Err(Unreadable::Frames),
                false => Ok(frame),
            }
        });
        if frame.is_err() {
            self.frames = Frames::new(Box::new(std::iter::empty()));
            self.count = 1;
        }
        Some(frame)
    }
}

/// Hands over every frame of a picture.
///
/// # Errors
/// See [`Unreadable`]; frames may have been handed over before.
pub fn read(bytes: &[u8], take: &mut dyn FnMut(&Frame)) -> Result<Format, Unreadable> {
    let opened = open(bytes)?;
    match opened.pixels {
        Pixels::Still(picture) => take(&Frame::of(picture)),
        Pixels::Moving(frames) => {
            for frame in frames {
                let picture = frame?.into_buffer();
                take(&Frame {
                    width: picture.width(),
                    height: picture.height(),
                    rgb: on_white(&picture),
                });
            }
        }
    }
    Ok(opened.format)
}

/// Opens a file; its pixels are decoded if they are one picture.
///
/// # Errors
/// See [`Unreadable`].
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, Unreadable> {
    if bytes.len() > MAX_BYTES {
        return Err(Unreadable::Bytes);
    }
    let format = Format::read(bytes)?;
    let file = Cursor::new(bytes);
    let (colored, pixels) = match format {
        Format::Jpeg => still(JpegDecoder::new(file).map_err(damaged)?)?,
        Format::Gif => moving(GifDecoder::new(file).map_err(damaged)?)?,
        Format::Avif => {
            let (colored, picture) = avif::read(bytes)?;
            (colored, Pixels::Still(picture))
        }
        Format::WebP => {
            let decoder = WebPDecoder::new(file).map_err(damaged)?;
            match decoder.has_animation() {
                true => moving(decoder)?,
                false => still(decoder)?,
            }
        }
        Format::Png => {
            let decoder = PngDecoder::with_limits(file, limits()).map_err(damaged)?;
            match decoder.is_apng().map_err(damaged)? {
                true => {
                    let colored = measured(&decoder)?;
                    let decoder = decoder.apng().map_err(damaged)?;
                    (colored, framed(decoder.into_frames()))
                }
                false => still(decoder)?,
            }
        }
    };
    Ok(Opened {
        format,
        colored,
        pixels,
    })
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    limits
}

/// Whether its pixels have colors, if there are not too many of them.
fn measured(decoder: &impl ImageDecoder) -> Result<bool, Unreadable> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(Unreadable::Pixels);
    }
    Ok(decoder.color_type().has_color())
}

fn still<'b>(mut decoder: impl ImageDecoder) -> Result<(bool, Pixels<'b>), Unreadable> {
    let colored = measured(&decoder)?;
    decoder.set_limits(limits()).map_err(damaged)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok((colored, Pixels::Still(picture)))
}

fn moving<'b>(
    mut decoder: impl ImageDecoder + AnimationDecoder<'b>,
) -> Result<(bool, Pixels<'b>), Unreadable> {
    let colored = measured(&decoder)?;
    decoder.set_limits(limits()).map_err(damaged)?;
    Ok((colored, framed(decoder.into_frames())))
}

fn framed(frames: Frames<'_>) -> Pixels<'_> {
    Pixels::Moving(Moving {
        frames,
        count: 0,
        pixels: 0,
    })
}

fn damaged(error: ImageError) -> Unreadable {
    match error {
        ImageError::Limits(_) => Unreadable::Pixels,
        _ => Unreadable::Damaged,
    }
}
