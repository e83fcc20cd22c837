//! Pictures that wardgate draws itself: codes for cases, and a plain one that stands in place of
//! another.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use qrcode::{Color, QrCode};

use super::{Format, Seen};

/// Pixels of one module of a code, and modules of white around it.
const MODULE: u32 = 4;
const MARGIN: u32 = 4;

/// A PNG with a QR code; nothing where a text is too long for one.
pub fn qr(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::new(text).ok()?;
    let (modules, colors) = (code.width() as u32, code.to_colors());
    let side = (modules + 2 * MARGIN) * MODULE;
    let module = |at: u32| (at / MODULE).checked_sub(MARGIN).filter(|at| *at < modules);
    let picture = GrayImage::from_fn(side, side, |x, y| {
        let color = module(x)
            .zip(module(y))
            .map(|(x, y)| colors[(y * modules + x) as usize]);
        Luma([if color == Some(Color::Dark) { 0 } else { 255 }])
    });
    Some(png(&DynamicImage::ImageLuma8(picture)))
}

/// A grey PNG of that size.
pub fn plain(width: u32, height: u32) -> Vec<u8> {
    png(&DynamicImage::ImageLuma8(GrayImage::from_pixel(
        width,
        height,
        Luma([128]),
    )))
}

/// A grey picture of the same size, of the same format or a PNG where that cannot be written or has no such
/// size; nothing where that has none either.
pub fn in_place_of(seen: &Seen) -> Option<Vec<u8>> {
    let grey = RgbImage::from_pixel(seen.width, seen.height, Rgb([128; 3]));
    let grey = DynamicImage::ImageRgb8(grey);
    let written = |format: Format| {
        let mut file = Cursor::new(Vec::new());
        let written = grey.write_to(&mut file, format.into());
        written.ok().map(|()| file.into_inner())
    };
    // An animated WebP may be wider than a still one.
    written(seen.format.written()).or_else(|| written(Format::Png))
}

/// A PNG of red, green and blue, row by row; nothing where they are not `width * height`.
pub fn colored(width: u32, height: u32, rgb: Vec<u8>) -> Option<Vec<u8>> {
    RgbImage::from_raw(width, height, rgb).map(|picture| png(&DynamicImage::ImageRgb8(picture)))
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let written = picture.write_to(&mut file, ImageFormat::Png);
    written.expect("memory takes every byte");
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by fuzzing: frames of a WebP may lie on a canvas that no still can be as wide as.
    #[test]
    fn what_its_format_cannot_hold_is_a_png() {
        for (format, width, wanted) in [
            (Format::WebP, 16_383, Format::WebP),
            (Format::WebP, 24_607, Format::Png),
            (Format::Avif, 20, Format::Png),
            (Format::Jpeg, 20, Format::Jpeg),
            (Format::Gif, 20, Format::Gif),
        ] {
            let seen = Seen {
                format,
                width,
                height: 2,
                ..Seen::default()
            };
            let file = in_place_of(&seen).expect("drawn");
            assert_eq!(Format::of(&file), Some(wanted));
            let again = super::super::look(&file).expect("readable");
            assert_eq!((again.width, again.height), (width, 2));
        }
    }
}
