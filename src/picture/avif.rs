//! AVIF: the pixels that viewers make of planes of AV1, eight bits a channel.
//!
//! Decoding is `re_rav1d`'s, on the thread that asks. Limits: stills of one frame ([`super::heif`]); more than
//! eight bits are shown as eight, and what a profile says of colors is passed over, as in other formats.

use std::panic::{self, AssertUnwindSafe};

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use re_rav1d::dav1d::{self, Decoder, PixelLayout, PlanarImageComponent, Settings, pixel};

use super::decode::Unreadable;
use super::heif::{self, Coded, Color, MAX_PIXELS, Premultiplied, Turn};

/// The picture of a file, and whether it has colors.
///
/// # Errors
/// As [`heif::picture`]; damaged where its pixels cannot be decoded or are more than it says.
pub(super) fn read(file: &[u8]) -> Result<(bool, DynamicImage), Unreadable> {
    let picture = heif::picture(file)?;
    let (colored, rgb) = {
        let frame = frame(&picture.shown)?;
        let color = picture.shown.color.unwrap_or(frame.color);
        (frame.planes.len() > 1, painted(&frame, color)?)
    };
    let shown = match &picture.alpha {
        None => sized(picture.shown.size, rgb, RgbImage::from_raw)?.into(),
        Some((alpha, premultiplied)) => {
            let seen = grey(alpha)?;
            let rgba = seen_through(&rgb, seen.as_raw(), *premultiplied);
            sized(picture.shown.size, rgba, RgbaImage::from_raw)?.into()
        }
    };
    Ok((colored, picture.turns.iter().fold(shown, turned)))
}

fn turned(picture: DynamicImage, turn: &Turn) -> DynamicImage {
    match turn {
        Turn::Left(1) => picture.rotate270(),
        Turn::Left(2) => picture.rotate180(),
        Turn::Left(_) => picture.rotate90(),
        Turn::TopBottom => picture.flipv(),
        Turn::LeftRight => picture.fliph(),
    }
}

fn sized<P>(
    (width, height): (u32, u32),
    pixels: Vec<u8>,
    of: impl Fn(u32, u32, Vec<u8>) -> Option<P>,
) -> Result<P, Unreadable> {
    of(width, height, pixels).ok_or(Unreadable::Damaged)
}

/// How much is seen of each pixel.
fn grey(coded: &Coded) -> Result<GrayImage, Unreadable> {
    let frame = frame(coded)?;
    let range = Range::of(frame.depth, coded.color.unwrap_or(frame.color).full);
    let luma = frame.planes.first().ok_or(Unreadable::Damaged)?;
    let pixels = luma.samples.iter().map(|one| eight(range.luma(*one)));
    sized(coded.size, pixels.collect(), GrayImage::from_raw)
}

/// Colors with how much of them is seen, not multiplied by it.
fn seen_through(rgb: &[u8], alpha: &[u8], premultiplied: Premultiplied) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(alpha.len() * 4);
    for (pixel, alpha) in rgb.chunks_exact(3).zip(alpha) {
        let whole = |value: u8| match (premultiplied, alpha) {
            (Premultiplied::No, _) | (Premultiplied::Yes, 0) => value,
            (Premultiplied::Yes, _) => (u32::from(value) * 255 / u32::from(*alpha)).min(255) as u8,
        };
        pixels.extend([whole(pixel[0]), whole(pixel[1]), whole(pixel[2]), *alpha]);
    }
    pixels
}

/// Brightness, or one of the two colors.
struct Plane {
    width: usize,
    height: usize,
    samples: Vec<u16>,
}

/// What was decoded.
struct Frame {
    /// Brightness, and two of colors where there are any.
    planes: Vec<Plane>,
    /// Bits of a sample.
    depth: u8,
    /// What the stream says of colors.
    color: Color,
}

/// Decodes a stream of one frame of the size that its file says.
fn frame(coded: &Coded) -> Result<Frame, Unreadable> {
    if frames(&coded.stream)? != 1 {
        return Err(Unreadable::Avif);
    }
    let mut settings = Settings::new();
    // A look has one core, and a still nothing to wait for.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_frame_size_limit(MAX_PIXELS as u32);
    let mut decoder = Decoder::with_settings(&settings).map_err(|_| Unreadable::Damaged)?;
    let sent = decoder.send_data(coded.stream.to_vec(), None, None, None);
    if sent.is_err_and(|why| !why.is_again()) {
        return Err(Unreadable::Damaged);
    }
    let picture = decoder.get_picture().map_err(|_| Unreadable::Damaged)?;
    if (picture.width(), picture.height()) != coded.size {
        return Err(Unreadable::Damaged);
    }
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let colors = match picture.pixel_layout() {
        PixelLayout::I400 => None,
        PixelLayout::I420 => Some((width.div_ceil(2), height.div_ceil(2))),
        PixelLayout::I422 => Some((width.div_ceil(2), height)),
        PixelLayout::I444 => Some((width, height)),
    };
    let plane = |component, (width, height): (usize, usize)| {
        let data = picture.plane(component);
        let rows = data.chunks(picture.stride(component) as usize).take(height);
        let mut samples = Vec::with_capacity(width * height);
        for row in rows {
            match picture.bit_depth() {
                8 => samples.extend(row.iter().take(width).map(|one| u16::from(*one))),
                _ => {
                    let pairs = row.chunks_exact(2).take(width);
                    samples.extend(pairs.map(|pair| u16::from_ne_bytes([pair[0], pair[1]])));
                }
            }
        }
        match samples.len() == width * height {
            true => Ok(Plane {
                width,
                height,
                samples,
            }),
            false => Err(Unreadable::Damaged),
        }
    };
    let mut planes = vec![plane(PlanarImageComponent::Y, (width, height))?];
    if let Some(size) = colors {
        planes.push(plane(PlanarImageComponent::U, size)?);
        planes.push(plane(PlanarImageComponent::V, size)?);
    }
    let depth = picture.bits_per_component().ok_or(Unreadable::Damaged)?;
    Ok(Frame {
        planes,
        depth: depth.0 as u8,
        color: said(&picture)?,
    })
}

/// What a stream says of its colors. The decoder's names for them panic at numbers that nobody gave a name yet.
fn said(picture: &dav1d::Picture) -> Result<Color, Unreadable> {
    let named = || {
        let primaries = picture.color_primaries() as u16;
        (primaries, picture.matrix_coefficients() as u16)
    };
    let named = panic::catch_unwind(AssertUnwindSafe(named));
    let (primaries, matrix) = named.map_err(|_| Unreadable::Avif)?;
    Ok(Color {
        primaries,
        matrix,
        full: picture.color_range() == pixel::YUVRange::Full,
    })
}

/// Frames in a stream: each costs as much as the first, shown or not.
fn frames(mut stream: &[u8]) -> Result<usize, Unreadable> {
    let mut frames = 0;
    while let [head, rest @ ..] = stream {
        // A frame, or the head of one.
        frames += usize::from(matches!(head >> 3 & 15, 3 | 6));
        let rest = rest.get(usize::from(head >> 2 & 1)..);
        let rest = rest.ok_or(Unreadable::Damaged)?;
        if head & 2 == 0 {
            return Ok(frames);
        }
        let digits = rest.iter().take(8).take_while(|byte| **byte > 127).count() + 1;
        let number = rest.get(..digits).ok_or(Unreadable::Damaged)?.iter().rev();
        let length = number.fold(0_u64, |number, byte| number << 7 | u64::from(byte & 127));
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(digits));
        stream = end
            .and_then(|end| rest.get(end..))
            .ok_or(Unreadable::Damaged)?;
    }
    Ok(frames)
}

/// What numbers stand for: black, and how far from it white and the strongest colors are.
struct Range {
    black: f32,
    luma: f32,
    middle: f32,
    chroma: f32,
}

impl Range {
    fn of(depth: u8, full: bool) -> Self {
        let unit = f32::from(1_u16 << (depth - 8));
        let most = f32::from(u16::MAX >> (16 - depth));
        match full {
            true => Self {
                black: 0.0,
                luma: most,
                middle: 128.0 * unit,
                chroma: most,
            },
            false => Self {
                black: 16.0 * unit,
                luma: 219.0 * unit,
                middle: 128.0 * unit,
                chroma: 224.0 * unit,
            },
        }
    }

    fn luma(&self, sample: u16) -> f32 {
        self.bright(f32::from(sample))
    }

    fn bright(&self, sample: f32) -> f32 {
        (sample - self.black) / self.luma
    }

    fn chroma(&self, sample: f32) -> f32 {
        (sample - self.middle) / self.chroma
    }
}

fn eight(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

/// How three planes become red, green and blue (ITU-T H.273, table 4).
#[derive(Clone, Copy)]
enum Matrix {
    /// They are green, blue and red.
    Identity,
    /// Brightness in which red and blue weigh so much, and their distances from it.
    Weighed { red: f32, blue: f32 },
    /// Brightness, green and orange.
    Orange,
}

impl Matrix {
    fn of(color: Color) -> Result<Self, Unreadable> {
        let (red, blue) = match (color.matrix, color.primaries) {
            (0, _) => return Ok(Self::Identity),
            (8, _) => return Ok(Self::Orange),
            (1, _) | (12, 1) => (0.2126, 0.0722),
            // Nothing said: as viewers take it.
            (2 | 5 | 6, _) | (12, 5 | 6) => (0.299, 0.114),
            (4, _) => (0.30, 0.11),
            (7, _) => (0.212, 0.087),
            (9, _) | (12, 9) => (0.2627, 0.0593),
            _ => return Err(Unreadable::Avif),
        };
        Ok(Self::Weighed { red, blue })
    }

    fn rgb(self, range: &Range, luma: u16, first: f32, second: f32) -> [f32; 3] {
        let y = range.luma(luma);
        match self {
            Self::Identity => [range.bright(second), y, range.bright(first)],
            Self::Weighed { red, blue } => {
                let b = 2.0 * (1.0 - blue) * range.chroma(first);
                let r = 2.0 * (1.0 - red) * range.chroma(second);
                [y + r, y - (red * r + blue * b) / (1.0 - red - blue), y + b]
            }
            Self::Orange => {
                let (green, orange) = (range.chroma(first), range.chroma(second));
                [y - green + orange, y + green, y - green - orange]
            }
        }
    }
}

/// Red, green and blue, row by row.
fn painted(frame: &Frame, color: Color) -> Result<Vec<u8>, Unreadable> {
    let range = Range::of(frame.depth, color.full);
    let (luma, colors) = match &frame.planes[..] {
        [luma] => {
            let grey = luma.samples.iter().map(|one| eight(range.luma(*one)));
            return Ok(grey.flat_map(|grey| [grey; 3]).collect());
        }
        [luma, first, second] => (luma, [first, second]),
        _ => return Err(Unreadable::Damaged),
    };
    let matrix = Matrix::of(color)?;
    let mut rgb = Vec::with_capacity(luma.samples.len() * 3);
    let mut rows = [vec![0.0; luma.width], vec![0.0; luma.width]];
    for (y, samples) in luma.samples.chunks_exact(luma.width).enumerate() {
        for (color, row) in colors.iter().zip(&mut rows) {
            stretch(color, luma, y, row);
        }
        for ((sample, first), second) in samples.iter().zip(&rows[0]).zip(&rows[1]) {
            rgb.extend(matrix.rgb(&range, *sample, *first, *second).map(eight));
        }
    }
    Ok(rgb)
}

/// A row of a color, as wide as brightness is: each sample lies in the middle of the pixels that it stands for.
fn stretch(color: &Plane, luma: &Plane, y: usize, row: &mut [f32]) {
    let line = |y: usize| &color.samples[y * color.width..][..color.width];
    let (near, far) = match color.height == luma.height {
        true => (line(y), line(y)),
        false => (line(y / 2), line(beside(y, color.height))),
    };
    let mixed = |x: usize| 0.75 * f32::from(near[x]) + 0.25 * f32::from(far[x]);
    for (x, value) in row.iter_mut().enumerate() {
        *value = match color.width == luma.width {
            true => mixed(x),
            false => 0.75 * mixed(x / 2) + 0.25 * mixed(beside(x, color.width)),
        };
    }
}

/// The other sample that a pixel lies beside.
fn beside(at: usize, count: usize) -> usize {
    match at % 2 {
        0 => (at / 2).saturating_sub(1),
        _ => (at / 2 + 1).min(count - 1),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use image::Rgba;
    use proptest::prelude::*;

    use super::super::look;
    use super::*;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/pictures/avif")
    }

    fn file(name: &str) -> Vec<u8> {
        fs::read(folder().join(format!("{name}.avif"))).expect("readable")
    }

    /// The same file with other bytes in place of those behind a name.
    fn changed(name: &str, mark: &[u8], skip: usize, put: &[u8]) -> Vec<u8> {
        let mut file = file(name);
        let at = memchr::memmem::find(&file, mark).expect("there") + skip;
        file[at..at + put.len()].copy_from_slice(put);
        file
    }

    /// Odd sides, every layout, 8, 10 and 12 bits, half the range, transparency, a turn (`avif.py`).
    #[test]
    fn pixels_are_those_that_libavif_reads() {
        for name in [
            "420",
            "422",
            "444",
            "limited",
            "grey",
            "alpha",
            "premultiplied",
            "ten",
            "twelve",
            "turned",
            "turnip",
            "pear",
        ] {
            let png = fs::read(folder().join(format!("{name}.png"))).expect("readable");
            let theirs = image::load_from_memory(&png).expect("a PNG").into_rgba8();
            let (colored, ours) = read(&file(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
            let ours = ours.into_rgba8();
            assert_eq!(colored, name != "grey", "{name}");
            assert_eq!(ours.dimensions(), theirs.dimensions(), "{name}");
            // As viewers show them: what is hardly seen has hardly a color.
            let on_white = |pixel: &Rgba<u8>| {
                let [red, green, blue, alpha] = pixel.0.map(u32::from);
                [red, green, blue].map(|value| ((value * alpha + 255 * (255 - alpha)) / 255) as u8)
            };
            let both = ours.pixels().zip(theirs.pixels());
            let values = both.flat_map(|(one, two)| on_white(one).into_iter().zip(on_white(two)));
            let apart: Vec<u8> = values.map(|(one, two)| one.abs_diff(two)).collect();
            let off = apart.iter().filter(|apart| **apart > 3).count() as f64;
            // Of an odd side, viewers make up the last colors each in their way.
            assert!(
                off / apart.len() as f64 <= 0.02,
                "{name}: {off} of {}",
                apart.len()
            );
        }
    }

    #[test]
    fn codes_and_what_stands_beside_pixels_are_seen() {
        assert_eq!(look(&file("turnip")).expect("readable").codes, ["turnip"]);
        let seen = look(&file("turned")).expect("readable");
        assert_eq!((seen.width, seen.height), (45, 61));
        assert!(seen.metadata.location && seen.metadata.generated);
        assert!(!look(&file("420")).expect("readable").metadata.location);
    }

    #[test]
    fn what_some_viewers_show_otherwise_is_refused() {
        assert_eq!(look(&file("moving")), Err(Unreadable::Avif));
        for other in [
            changed("turned", b"imir", 0, b"clap"),
            changed("turned", b"irot", 0, b"lsel"),
            changed("420", b"av01", 0, b"grid"),
            changed("420", b"av01", 0, b"hvc1"),
            // Found by fuzzing: colors that the standard keeps for later.
            changed("alpha", b"\x7c\xb1\xa2", 3, b"\x28"),
        ] {
            assert_eq!(look(&other), Err(Unreadable::Avif));
        }
    }

    #[test]
    fn bombs_and_cut_files_are_refused() {
        let sized = |width: u32, height: u32| {
            let put = [width.to_be_bytes(), height.to_be_bytes()].concat();
            look(&changed("420", b"ispe", 8, &put))
        };
        assert_eq!(sized(30_000, 30_000), Err(Unreadable::Pixels));
        assert_eq!(sized(1, 1 << 20), Err(Unreadable::Pixels));
        assert_eq!(sized(4096, 4097), Err(Unreadable::Pixels));
        assert_eq!(sized(0, 45), Err(Unreadable::Damaged));
        // More or less than its stream says.
        assert_eq!(sized(60, 45), Err(Unreadable::Damaged));
        assert_eq!(sized(4096, 4096), Err(Unreadable::Damaged));
        assert!(sized(61, 45).is_ok());
        let whole = file("alpha");
        for cut in 0..whole.len() {
            assert!(look(&whole[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn every_frame_of_a_stream_counts() {
        assert_eq!(frames(&[0x12, 0, 0x0a, 1, 9, 0x32, 2, 1, 1]), Ok(1));
        assert_eq!(frames(&[0x32, 1, 0, 0x1a, 1, 0]), Ok(2));
        // With layers; without a length it is the rest.
        assert_eq!(frames(&[0x36, 0, 0x80, 0, 0x30, 1, 1]), Ok(2));
        assert_eq!(frames(&[0x32, 9, 1]), Err(Unreadable::Damaged));
        assert_eq!(frames(&[0x32, 0xff]), Err(Unreadable::Damaged));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hostile_bytes_never_panic(
            name in prop::sample::select(vec!["420", "444", "alpha", "turned", "ten", "grey"]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = file(name);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = look(&bytes);
            heif::blocks(&bytes, &mut |_, _| {});
        }
    }
}
