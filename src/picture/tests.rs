//! The laws of this module, on drawings made here.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::{Delay, DynamicImage, Frame as Shown, ImageFormat, RgbImage};
use proptest::prelude::*;

use super::decode::{MAX_FRAMES, read};
use super::*;

/// As `tests/data/pictures/generate.py` draws it.
pub(crate) fn draw(seed: u32, width: u32, height: u32) -> RgbImage {
    let mut state = seed;
    let mut pick = |below: u32| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        (state >> 8) % below
    };
    let mut picture = RgbImage::from_fn(width, height, |x, y| {
        let values = [
            x * 255 / width,
            y * 255 / height,
            (x + y) * 255 / (width + height),
        ];
        image::Rgb(values.map(|value| value as u8))
    });
    for _ in 0..14 {
        let (disc, left, top) = (pick(2) == 1, pick(width), pick(height));
        let size = pick(width.min(height) / 2) + 4;
        let color = image::Rgb([pick(256) as u8, pick(256) as u8, pick(256) as u8]);
        let radius = size / 2;
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let inside = match disc {
                true => {
                    let (dx, dy) = (x.abs_diff(left), y.abs_diff(top));
                    dx * dx + dy * dy < radius * radius
                }
                false => (left..left + size).contains(&x) && (top..top + radius + 1).contains(&y),
            };
            if inside {
                *pixel = color;
            }
        }
    }
    picture
}

pub(crate) fn file(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(picture.clone())
        .write_to(&mut file, format)
        .expect("memory takes every byte");
    file.into_inner()
}

fn hash_of(file: &[u8]) -> Pdq {
    look(file).expect("readable").pdq[0][0]
}

#[test]
fn pdq_agrees_with_the_reference_bit_for_bit() {
    let reference = include_str!("../../tests/data/pictures/pdq.txt");
    assert!(reference.lines().count() > 40);
    for line in reference.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [seed, width, height, quality] =
            [0, 1, 2, 3].map(|at| words[at].parse::<u32>().expect("a number"));
        let frame = Frame {
            width,
            height,
            rgb: draw(seed, width, height).into_raw(),
        };
        let luma = frame.luma();
        let (hash, own) = pdq::hash(&luma, width as usize, height as usize);
        assert_eq!(
            (own, hash.to_string().as_str()),
            (quality, words[4]),
            "{seed}"
        );
        let turns = pdq::turns(&luma, width as usize, height as usize).expect("detailed");
        assert_eq!(
            turns.map(|turn| turn.to_string()).as_slice(),
            &words[4..],
            "{seed}"
        );
    }
}

#[test]
fn copies_hash_alike_and_other_pictures_do_not() {
    let drawn = draw(5, 200, 150);
    let original = hash_of(&file(&drawn, ImageFormat::Png));
    for format in [ImageFormat::Jpeg, ImageFormat::WebP] {
        let distance = hash_of(&file(&drawn, format)).distance(original);
        assert!(distance <= 2, "{format:?}: {distance}");
    }
    let other = hash_of(&file(&draw(6, 200, 150), ImageFormat::Png));
    assert!(other.distance(original) > 60);
    let list = HashList::of(vec![original]);
    let turned = image::imageops::rotate90(&drawn);
    let seen = look(&file(&turned, ImageFormat::Jpeg)).expect("readable");
    assert!(
        list.find(&seen)
            .is_some_and(|distance| distance <= pdq::MAX_DISTANCE)
    );
}

#[test]
fn a_plain_picture_has_no_hash() {
    let seen = look(&drawing::plain(100, 80)).expect("readable");
    assert!(seen.pdq.is_empty());
    assert_eq!((seen.width, seen.height), (100, 80));
}

#[test]
fn codes_are_read_in_every_format_and_size() {
    let text = "https://example.com/turnip 萝卜";
    let drawn = drawing::qr(text).expect("short");
    let code = image::load_from_memory(&drawn).expect("drawn").into_rgb8();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        assert_eq!(
            look(&file(&code, format)).expect("readable").codes,
            [text],
            "{format:?}"
        );
    }
    // Among other things, and turned.
    let mut busy = draw(3, 512, 400);
    image::imageops::replace(&mut busy, &image::imageops::rotate180(&code), 200, 100);
    assert_eq!(
        look(&file(&busy, ImageFormat::Png))
            .expect("readable")
            .codes,
        [text]
    );
    let side = 1500;
    let large = image::imageops::resize(&code, side, side, image::imageops::FilterType::Nearest);
    assert_eq!(
        look(&file(&large, ImageFormat::Jpeg))
            .expect("readable")
            .codes,
        [text]
    );
    assert!(
        look(&file(&draw(3, 128, 100), ImageFormat::Png))
            .expect("readable")
            .codes
            .is_empty()
    );
}

#[test]
fn a_code_that_is_only_transparent_or_in_a_late_frame_is_seen() {
    let drawn = drawing::qr("turnip").expect("short");
    let code = image::load_from_memory(&drawn).expect("drawn").into_luma8();
    // Black everywhere; only its alpha spells the code.
    let veiled = image::RgbaImage::from_fn(code.width(), code.height(), |x, y| {
        image::Rgba([0, 0, 0, 255 - code.get_pixel(x, y).0[0]])
    });
    let mut bytes = Cursor::new(Vec::new());
    veiled
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("memory");
    assert_eq!(look(bytes.get_ref()).expect("readable").codes, ["turnip"]);
    let blank = image::RgbaImage::from_pixel(code.width(), code.height(), image::Rgba([255; 4]));
    let last = DynamicImage::ImageLuma8(code).into_rgba8();
    let shown = animation([blank.clone(), blank, last]);
    assert_eq!(look(&shown).expect("readable").codes, ["turnip"]);
}

pub(crate) fn animation(pictures: impl IntoIterator<Item = image::RgbaImage>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, 30);
    for picture in pictures {
        let shown = Shown::from_parts(picture, 0, 0, Delay::from_numer_denom_ms(100, 1));
        encoder.encode_frame(shown).expect("memory");
    }
    drop(encoder);
    bytes
}

/// A PNG that says it is that large.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = drawing::plain(8, 8);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

#[test]
fn bombs_are_refused_before_they_are_decoded() {
    assert_eq!(look(&claims(30_000, 30_000)), Err(Unreadable::Pixels));
    assert_eq!(look(&claims(1, 1 << 20)), Err(Unreadable::Pixels));
    let dot = || image::RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 255]));
    let many = animation((0..1000.max(MAX_FRAMES + 1)).map(|_| dot()));
    assert_eq!(look(&many), Err(Unreadable::Frames));
    assert_eq!(
        look(&vec![0; decode::MAX_BYTES + 1]),
        Err(Unreadable::Bytes)
    );
}

#[test]
fn bombs_of_every_format_are_refused_before_they_are_decoded() {
    let drawn = |format| file(&draw(2, 48, 40), format);
    let large = 30_000_u16;
    let mut jpeg = drawn(ImageFormat::Jpeg);
    let start = memchr::memmem::find(&jpeg, &[0xff, 0xc0]).expect("a frame");
    jpeg[start + 5..start + 7].copy_from_slice(&large.to_be_bytes());
    jpeg[start + 7..start + 9].copy_from_slice(&large.to_be_bytes());
    let mut gif = drawn(ImageFormat::Gif);
    gif[6..8].copy_from_slice(&large.to_le_bytes());
    gif[8..10].copy_from_slice(&large.to_le_bytes());
    let mut webp = drawn(ImageFormat::WebP);
    let start = memchr::memmem::find(&webp, b"VP8L").expect("lossless") + 9;
    webp[start..start + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0x0f]);
    // Some decoders have bounds of their own and call it damaged.
    for bomb in [jpeg, gif, webp] {
        let seen = look(&bomb);
        assert!(
            matches!(seen, Err(Unreadable::Pixels | Unreadable::Damaged)),
            "{seen:?}"
        );
    }
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
    ] {
        let whole = file(&draw(2, 48, 40), format);
        assert!(look(&whole).is_ok(), "{format:?}");
        for cut in [12, 40] {
            assert!(look(&whole[..cut]).is_err(), "{format:?} {cut}");
        }
    }
    for foreign in [&b""[..], b"BM....", b"<svg xmlns='x'/>", b"....ftypheic"] {
        assert_eq!(look(foreign), Err(Unreadable::Format));
    }
    for avif in [&b"....ftypavif"[..], b"....ftypavis...."] {
        assert_eq!(look(avif), Err(Unreadable::Damaged));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_bytes_never_panic(
        format in prop::sample::select(vec![ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = file(&draw(4, 24, 20), format);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = look(&bytes);
        let _ = read(&bytes, &mut |_| {});
    }

    #[test]
    fn the_index_finds_what_a_search_of_the_whole_list_finds(
        hashes in prop::collection::vec(prop::array::uniform4(any::<u64>()), 1..20),
        flips in prop::collection::btree_set(0_usize..256, 0..40),
    ) {
        let hashes: Vec<Pdq> = hashes.into_iter().map(Pdq).collect();
        let mut wanted = hashes[0];
        for bit in &flips {
            wanted.0[bit / 64] ^= 1 << (bit % 64);
        }
        let nearest = hashes.iter().map(|hash| hash.distance(wanted)).min();
        let nearest = nearest.filter(|distance| *distance <= pdq::MAX_DISTANCE);
        prop_assert_eq!(HashList::of(hashes).nearest(wanted), nearest);
    }
}

#[test]
fn lists_are_read_as_text_and_as_the_csv_of_other_tools() {
    let hex = "f8f8f0cce0f4a84f0e370a22028f67f0b36e2ed596623e1d33e6339c4e9c9b22";
    let pdq = Pdq::parse(hex).expect("a hash");
    let file = drawing::qr("turnip").expect("short");
    let seen = look(&file).expect("readable");
    let sha256: String = seen
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let md5: String = seen.md5.iter().map(|byte| format!("{byte:02X}")).collect();
    for text in [
        format!("# by agreement\n{hex}\n\n"),
        format!("hash,name\n{hex},one\n"),
        format!("id,hash\n7,\"{hex}\"\n"),
        format!("pdq:{hex}"),
        format!("indicator,type\n{hex},HASH_PDQ\n"),
    ] {
        let list = HashList::parse(&text).expect("a list");
        assert_eq!((list.len(), list.nearest(pdq)), (1, Some(0)), "{text}");
        assert_eq!(list.find(&seen), None);
    }
    for text in [
        format!("sha256:{sha256}"),
        md5,
        format!("hash,type\n{sha256},HASH_SHA256"),
    ] {
        let list = HashList::parse(&text).expect("a list");
        assert_eq!(list.find(&seen), Some(0), "{text}");
    }
    assert_eq!(
        HashList::parse("# none\n\nturnip\n").unwrap_err(),
        BadLine(3)
    );
    assert!(HashList::parse("hash\n").expect("a header").is_empty());
}

/// A PNG with one more chunk before its pixels.
fn with_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = drawing::plain(8, 8);
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    let mut crc = flate2::Crc::new();
    crc.update(&chunk[4..]);
    chunk.extend(crc.sum().to_be_bytes());
    bytes.splice(33..33, chunk);
    bytes
}

/// A JPEG with one more segment at its front.
fn with_segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = file(&draw(1, 16, 16), ImageFormat::Jpeg);
    let mut segment = vec![0xff, marker];
    segment.extend((data.len() as u16 + 2).to_be_bytes());
    segment.extend(data);
    bytes.splice(2..2, segment);
    bytes
}

#[test]
fn what_is_written_beside_the_pixels_is_seen() {
    let of = |file: &[u8]| look(file).expect("readable").metadata;
    let text = of(&with_chunk(b"tEXt", b"parameters\0a turnip"));
    assert_eq!(text.texts, ["a turnip"]);
    assert!(!text.generated && !text.location && !text.credentials);
    assert!(of(&with_chunk(b"tEXt", b"AIGC\0{\"Label\":\"1\"}")).generated);
    let mut packed = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::ZlibEncoder::new(&b"a turnip"[..], flate2::Compression::fast()),
        &mut packed,
    )
    .expect("memory");
    let packed = [b"note\0\0".as_slice(), &packed].concat();
    assert_eq!(of(&with_chunk(b"zTXt", &packed)).texts, ["a turnip"]);
    let wide = "note\0\0\0zh\0\0萝卜".as_bytes();
    assert_eq!(of(&with_chunk(b"iTXt", wide)).texts, ["萝卜"]);
    let xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x exif:GPSLatitude='1'/>";
    assert!(of(&with_chunk(b"iTXt", xmp)).location);
    assert!(of(&with_chunk(b"caBX", b"jumb")).credentials);
    assert_eq!(of(&with_segment(0xfe, b"a turnip")).texts, ["a turnip"]);
    assert!(of(&with_segment(0xeb, b"JP..jumbc2pa")).credentials);
    // EXIF with a GPS block that holds a latitude's reference and a latitude.
    let mut exif =
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0".to_vec();
    exif.extend(b"\0\x01\0\x02\0\x05\0\0\0\x03\0\0\0\x2c\0\0\0\0");
    exif.extend([0, 0, 0, 1].repeat(6));
    assert!(of(&with_segment(0xe1, &exif)).location);
    assert_eq!(
        of(&with_segment(0xe1, b"Exif\0\0MM\0*")),
        metadata::Metadata::default()
    );
}
