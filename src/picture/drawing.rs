//! Pictures that wardgate draws itself: codes for cases, and a plain one that stands in place of
//! another.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use qrcode::{Color, QrCode};

use super::Seen;

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

/// A grey picture of the same size, and format where that can be written; nothing where a format has no such size.
pub fn in_place_of(seen: &Seen) -> Option<Vec<u8>> {
    let grey = RgbImage::from_pixel(seen.width, seen.height, Rgb([128; 3]));
    let mut file = Cursor::new(Vec::new());
    let written = DynamicImage::ImageRgb8(grey).write_to(&mut file, seen.format.written().into());
    written.ok().map(|()| file.into_inner())
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
