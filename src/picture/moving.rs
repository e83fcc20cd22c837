//! Animations written again, frame by frame, each drawn upon and each whole: as many frames, for as long,
//! as often played.
//!
//! Limit: frames of a WebP are written without loss, so that the file grows; those of a GIF that has more
//! than 256 colors in a frame are reduced to as many.

use std::collections::HashMap;
use std::io::{self, Write};

use color_quant::NeuQuant;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, Frame, RgbaImage};

use super::blocks::{self, WebPFrames};
use super::decode::{Format, MAX_BYTES, Moving};
use super::label::Unlabelled;

/// Pixels of a GIF's frame that are looked at where its colors are reduced: some 50 ms.
const GIF_SAMPLES: usize = 100_000;
/// Milliseconds of the unit in which a GIF counts.
const GIF_MILLIS: u32 = 10;
/// Parts of a second in which a PNG's frame is timed where its own do not fit.
const MILLIS: u16 = 1000;

/// A file and its size in pixels.
type Written = (Vec<u8>, (u32, u32));

/// The animation of a file, with every frame drawn upon.
///
/// # Errors
/// A frame that cannot be read, more frames or bytes than are written.
pub(super) fn again(
    bytes: &[u8],
    format: Format,
    frames: Moving<'_>,
    draw: &mut dyn FnMut(&mut RgbaImage),
) -> Result<Written, Unlabelled> {
    let plays = blocks::plays(bytes, format);
    let mut size = (0, 0);
    let mut drawn = frames.map(|frame| {
        let frame = frame.map_err(Unlabelled::Unreadable)?;
        let delay = frame.delay();
        let mut pixels = frame.into_buffer();
        draw(&mut pixels);
        size = pixels.dimensions();
        Ok(Frame::from_parts(pixels, 0, 0, delay))
    });
    let file = match format {
        Format::Gif => gif(&mut drawn, plays)?,
        Format::WebP => webp(&mut drawn, plays)?,
        Format::Png => png(&mut drawn, blocks::frames(bytes), plays)?,
        Format::Jpeg | Format::Avif => return Err(Unlabelled::Unwritable),
    };
    Ok((file, size))
}

/// Frames that were drawn upon.
type Drawn<'d> = &'d mut dyn Iterator<Item = Result<Frame, Unlabelled>>;

fn unwritable<E>(_: E) -> Unlabelled {
    Unlabelled::Unwritable
}

/// What is written, as long as somebody would read it.
#[derive(Default)]
struct File(Vec<u8>);

impl Write for &mut File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.len() + bytes.len() > MAX_BYTES {
            true => Err(io::ErrorKind::FileTooLarge.into()),
            false => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gif(frames: Drawn<'_>, plays: Option<u32>) -> Result<Vec<u8>, Unlabelled> {
    let mut file = File::default();
    let mut place = Some(&mut file);
    let mut writer: Option<gif::Encoder<_>> = None;
    for frame in frames {
        let frame = indexed(&frame?)?;
        if let Some(file) = place.take() {
            let mut encoder = gif::Encoder::new(file, frame.width, frame.height, &[]);
            if let (Some(plays), Ok(encoder)) = (plays, &mut encoder) {
                let repeat = match u16::try_from(plays) {
                    Ok(plays @ 1..) => gif::Repeat::Finite(plays),
                    _ => gif::Repeat::Infinite,
                };
                encoder.set_repeat(repeat).map_err(unwritable)?;
            }
            writer = Some(encoder.map_err(unwritable)?);
        }
        let writer = writer.as_mut().ok_or(Unlabelled::Unwritable)?;
        writer.write_frame(&frame).map_err(unwritable)?;
    }
    // Writes the end.
    drop(writer.ok_or(Unlabelled::Unwritable)?);
    Ok(file.0)
}

/// A frame in at most 256 colors: its own, or the nearest of as many that stand for them.
fn indexed(frame: &Frame) -> Result<gif::Frame<'static>, Unlabelled> {
    let side = |length: u32| u16::try_from(length).map_err(unwritable);
    let (width, height) = frame.buffer().dimensions();
    let (width, height) = (side(width)?, side(height)?);
    let pixels = frame.buffer().as_raw();
    let (palette, indices, clear) = own_colors(pixels).unwrap_or_else(|| nearest_colors(pixels));
    let (count, parts) = frame.delay().numer_denom_ms();
    let mut indexed = gif::Frame::from_palette_pixels(width, height, indices, palette, clear);
    indexed.delay = u16::try_from(count / parts.max(1) / GIF_MILLIS).unwrap_or(u16::MAX);
    // What is transparent would show the frame before.
    indexed.dispose = gif::DisposalMethod::Background;
    Ok(indexed)
}

/// Colors, which of them each pixel has, and which is none.
type Indexed = (Vec<u8>, Vec<u8>, Option<u8>);

fn is_clear(pixel: &[u8]) -> bool {
    pixel[3] == 0
}

/// Nothing where there are too many.
fn own_colors(pixels: &[u8]) -> Option<Indexed> {
    let (mut known, mut palette, mut clear) = (HashMap::new(), Vec::new(), None);
    let mut indices = Vec::with_capacity(pixels.len() / 4);
    let mut last = ([0; 4], None);
    for pixel in pixels.as_chunks::<4>().0 {
        let pixel = match is_clear(pixel) {
            true => [0; 4],
            false => [pixel[0], pixel[1], pixel[2], 255],
        };
        let index = match last {
            (same, Some(index)) if same == pixel => index,
            _ => match known.get(&pixel) {
                Some(index) => *index,
                None => {
                    let index = u8::try_from(known.len()).ok()?;
                    known.insert(pixel, index);
                    palette.extend_from_slice(&pixel[..3]);
                    clear = clear.or(is_clear(&pixel).then_some(index));
                    index
                }
            },
        };
        last = (pixel, Some(index));
        indices.push(index);
    }
    Some((palette, indices, clear))
}

/// 255 colors that stand for more, found from a few of the pixels; what is nearest is looked up once for
/// colors that are told apart by five bits each.
fn nearest_colors(pixels: &[u8]) -> Indexed {
    // One of so many, 30 at most.
    let one_of = (pixels.len() / 4 / GIF_SAMPLES).clamp(1, 30) as i32;
    let found = NeuQuant::new(one_of, 255, pixels);
    let mut palette = found.color_map_rgb();
    palette.truncate(255 * 3);
    palette.resize(256 * 3, 0);
    let clear = pixels.chunks_exact(4).any(is_clear).then_some(255);
    let mut nearest = vec![None; 1 << 15];
    let index = |pixel: &[u8]| match is_clear(pixel) {
        true => 255,
        false => {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|value| usize::from(value >> 3));
            let known = &mut nearest[r << 10 | g << 5 | b];
            let find = || {
                found
                    .index_of(&[pixel[0], pixel[1], pixel[2], 255])
                    .min(254) as u8
            };
            *known.get_or_insert_with(find)
        }
    };
    (palette, pixels.chunks_exact(4).map(index).collect(), clear)
}

fn webp(frames: Drawn<'_>, plays: Option<u32>) -> Result<Vec<u8>, Unlabelled> {
    let plays = plays.and_then(|plays| u16::try_from(plays).ok());
    let mut file = WebPFrames::new(plays.unwrap_or_default());
    for frame in frames {
        let frame = frame?;
        let (count, parts) = frame.delay().numer_denom_ms();
        let pixels = frame.buffer();
        let (width, height) = pixels.dimensions();
        let mut still = Vec::new();
        let encoder = WebPEncoder::new_lossless(&mut still);
        let written = encoder.encode(pixels, width, height, ExtendedColorType::Rgba8);
        written.map_err(unwritable)?;
        let added = file.add(&still, (width, height), count / parts.max(1));
        added
            .filter(|()| file.len() <= MAX_BYTES)
            .ok_or(Unlabelled::Unwritable)?;
    }
    Ok(file.finish())
}

fn png(frames: Drawn<'_>, count: u32, plays: Option<u32>) -> Result<Vec<u8>, Unlabelled> {
    let mut file = File::default();
    let mut writer: Option<png::Writer<_>> = None;
    let mut place = Some(&mut file);
    for frame in frames {
        let frame = frame?;
        let (width, height) = frame.buffer().dimensions();
        if let Some(file) = place.take() {
            let mut encoder = png::Encoder::new(file, width, height);
            encoder.set_color(png::ColorType::Rgba);
            encoder.set_compression(png::Compression::Fast);
            let plays = plays.unwrap_or_default();
            encoder.set_animated(count, plays).map_err(unwritable)?;
            writer = Some(encoder.write_header().map_err(unwritable)?);
        }
        let writer = writer.as_mut().ok_or(Unlabelled::Unwritable)?;
        let (parts, second) = timed(&frame);
        writer.set_frame_delay(parts, second).map_err(unwritable)?;
        writer
            .write_image_data(frame.buffer())
            .map_err(unwritable)?;
    }
    let writer = writer.ok_or(Unlabelled::Unwritable)?;
    writer.finish().map_err(unwritable)?;
    Ok(file.0)
}

/// How long a frame is shown: parts, and how many of them a second has.
fn timed(frame: &Frame) -> (u16, u16) {
    let (count, parts) = frame.delay().numer_denom_ms();
    let second = parts.checked_mul(u32::from(MILLIS));
    let whole = u16::try_from(count)
        .ok()
        .zip(second.and_then(|second| u16::try_from(second).ok()));
    let rounded = u16::try_from(count / parts.max(1)).unwrap_or(u16::MAX);
    whole.unwrap_or((rounded, MILLIS))
}

#[cfg(test)]
mod tests {
    use image::{Delay, Rgba};

    use super::*;

    #[test]
    fn frames_with_too_many_colors_are_reduced_to_like_ones_and_others_are_not() {
        let many = RgbaImage::from_fn(128, 100, |x, y| {
            Rgba([2 * x as u8, y as u8, (x + y) as u8, 255])
        });
        let mut clear = many.clone();
        clear.put_pixel(3, 4, Rgba([9, 9, 9, 0]));
        let few = RgbaImage::from_fn(16, 16, |x, y| Rgba([x as u8, y as u8, 7, 255]));
        for (picture, near) in [(many, 48), (clear, 48), (few, 0)] {
            let delay = Delay::from_numer_denom_ms(40, 1);
            let frame = Frame::from_parts(picture.clone(), 0, 0, delay);
            let indexed = indexed(&frame).expect("small");
            assert_eq!(indexed.delay, 4);
            let palette = indexed.palette.expect("its own");
            for (pixel, index) in picture.pixels().zip(indexed.buffer.iter()) {
                assert_eq!(indexed.transparent == Some(*index), pixel.0[3] == 0);
                let color = &palette[usize::from(*index) * 3..][..3];
                let pairs = color.iter().zip(pixel.0);
                let far = pairs.map(|(one, other)| one.abs_diff(other)).max();
                assert!(pixel.0[3] == 0 || far <= Some(near), "{color:?} {pixel:?}");
            }
        }
    }
}
