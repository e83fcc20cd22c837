//! The boxes of an AVIF (ISO/IEC 23008-12 and AV1-ISOBMFF): which of its items is the picture that viewers
//! show, and what belongs to it.
//!
//! Limits: one still picture. Animations, tiles, layers, cropped pictures and whatever else is shown by some
//! viewers and not by others are refused by name, since nobody could say what was judged.

use std::borrow::Cow;

use super::boxes::{Read, Reader, boxes, only};
use super::decode::{MAX_BYTES, MAX_SIDE, Unreadable};

/// Pixels of one picture: half of what other formats may have, since each takes its decoder several times as
/// long.
pub(super) const MAX_PIXELS: u64 = 16 * 1024 * 1024;
/// Items of one file: pixels, transparency, a thumbnail and what is written beside them are a dozen.
const MAX_ITEMS: usize = 256;
/// What says that an item is the transparency of another.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:hevc:2015:auxid:1",
];
/// How C2PA names its box.
const CREDENTIALS: [u8; 16] = [
    0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4, 0x81,
];

/// A picture as it lies in the file.
#[derive(Debug)]
pub(super) struct Picture<'b> {
    /// What is shown.
    pub shown: Coded<'b>,
    /// How much of it is seen, and whether its colors are multiplied by that.
    pub alpha: Option<(Coded<'b>, Premultiplied)>,
    /// How viewers turn it, one after the other.
    pub turns: Vec<Turn>,
}

/// Whether colors are multiplied by how much of them is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Premultiplied {
    /// They are.
    Yes,
    /// They are not.
    No,
}

/// One turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A quarter against the clock, so often.
    Left(u8),
    /// Up becomes down.
    TopBottom,
    /// Left becomes right.
    LeftRight,
}

/// Pixels of AV1.
#[derive(Debug)]
pub(super) struct Coded<'b> {
    /// Sides.
    pub size: (u32, u32),
    /// The stream.
    pub stream: Cow<'b, [u8]>,
    /// What the file says of its colors, which counts for more than what the stream says.
    pub color: Option<Color>,
}

/// How colors are written (ITU-T H.273).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Color {
    /// Which red, green and blue.
    pub primaries: u16,
    /// How brightness and colors are told from those.
    pub matrix: u16,
    /// Whether the whole range of numbers is used.
    pub full: bool,
}

/// The picture that viewers show.
///
/// # Errors
/// Cut off or damaged, of a kind that is not read, or too large.
pub(super) fn picture(file: &[u8]) -> Read<Picture<'_>> {
    let meta = Meta::of(file)?;
    let shown = meta.coded(meta.primary)?;
    let alpha = match meta.alpha_of(meta.primary)? {
        Some((item, premultiplied)) => Some((meta.coded(item)?, premultiplied)),
        None => None,
    };
    if alpha
        .as_ref()
        .is_some_and(|(alpha, _)| alpha.size != shown.size)
    {
        return Err(Unreadable::Avif);
    }
    let turns = meta.turns(meta.primary)?;
    Ok(Picture {
        shown,
        alpha,
        turns,
    })
}

/// What is written beside the pixels: `Exif`, `mime` (XMP) and `C2PA`; what is damaged is passed over.
pub(super) fn blocks(file: &[u8], take: &mut dyn FnMut(&[u8], &[u8])) {
    for (kind, body) in boxes(file).flatten() {
        if &kind == b"uuid" && body.starts_with(&CREDENTIALS) {
            take(b"C2PA", body);
        }
    }
    let Ok(meta) = Meta::of(file) else { return };
    for item in &meta.items {
        if matches!(&item.kind, b"Exif" | b"mime")
            && let Ok(data) = meta.data(item.id)
        {
            take(&item.kind, &data);
        }
    }
}

/// One of the things that a file holds.
#[derive(Debug)]
struct Item {
    id: u32,
    kind: [u8; 4],
}

/// What a file says of its items.
struct Meta<'b> {
    file: &'b [u8],
    primary: u32,
    items: Vec<Item>,
    places: &'b [u8],
    inside: &'b [u8],
    links: Vec<Link>,
    properties: Vec<([u8; 4], &'b [u8])>,
    owned: Vec<(u32, usize)>,
}

/// One item belongs to others.
struct Link {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl<'b> Meta<'b> {
    fn of(file: &'b [u8]) -> Read<Self> {
        let mut meta = None;
        for one in boxes(file) {
            let (kind, body) = one?;
            match &kind {
                // Frames: some viewers play them, others show the picture.
                b"moov" => return Err(Unreadable::Avif),
                b"meta" if meta.is_some() => return Err(Unreadable::Damaged),
                b"meta" => meta = Some(body),
                _ => {}
            }
        }
        let mut meta = Reader::of(meta.ok_or(Unreadable::Damaged)?);
        meta.version()?;
        let parts = boxes(meta.rest).collect::<Read<Vec<_>>>()?;
        let (mut properties, mut owned) = (Vec::new(), Vec::new());
        if let Some(body) = only(&parts, *b"iprp")? {
            for part in boxes(body) {
                match part? {
                    (kind, body) if &kind == b"ipco" => {
                        properties.extend(boxes(body).collect::<Read<Vec<_>>>()?);
                    }
                    (kind, body) if &kind == b"ipma" => owners(body, &mut owned)?,
                    _ => {}
                }
            }
        }
        let need = |kind| only(&parts, kind)?.ok_or(Unreadable::Damaged);
        let mut primary = Reader::of(need(*b"pitm")?);
        let wide = primary.version()?.0 > 0;
        Ok(Self {
            file,
            primary: primary.id(wide)?,
            items: items(need(*b"iinf")?)?,
            places: need(*b"iloc")?,
            inside: only(&parts, *b"idat")?.unwrap_or_default(),
            links: only(&parts, *b"iref")?.map_or(Ok(Vec::new()), links)?,
            properties,
            owned,
        })
    }

    fn kind(&self, id: u32) -> Read<[u8; 4]> {
        let mut items = self.items.iter().filter(|item| item.id == id);
        match (items.next(), items.next()) {
            (Some(item), None) => Ok(item.kind),
            _ => Err(Unreadable::Damaged),
        }
    }

    /// What an item has, in order.
    fn properties(&self, id: u32) -> impl Iterator<Item = Read<([u8; 4], &'b [u8])>> {
        let owned = self.owned.iter().filter(move |(owner, _)| *owner == id);
        owned.map(|(_, at)| {
            let property = self.properties.get(*at).copied();
            property.ok_or(Unreadable::Damaged)
        })
    }

    /// An item's pixels, within bounds.
    fn coded(&self, id: u32) -> Read<Coded<'b>> {
        let size = self.size(id)?;
        let color = self.color(id)?;
        // Other codecs, and tiles.
        if &self.kind(id)? != b"av01" {
            return Err(Unreadable::Avif);
        }
        Ok(Coded {
            size,
            stream: self.data(id)?,
            color,
        })
    }

    /// The item that says how much of another is seen.
    fn alpha_of(&self, id: u32) -> Read<Option<(u32, Premultiplied)>> {
        let mut found = None;
        for link in self
            .links
            .iter()
            .filter(|link| &link.kind == b"auxl" && link.to.contains(&id))
        {
            if !self.is_alpha(link.from)? {
                continue;
            }
            if found.is_some() {
                return Err(Unreadable::Avif);
            }
            let multiplied = self
                .links
                .iter()
                .any(|one| &one.kind == b"prem" && one.from == id && one.to.contains(&link.from));
            let multiplied = if multiplied {
                Premultiplied::Yes
            } else {
                Premultiplied::No
            };
            found = Some((link.from, multiplied));
        }
        Ok(found)
    }

    fn is_alpha(&self, id: u32) -> Read<bool> {
        for property in self.properties(id) {
            let (kind, body) = property?;
            if &kind == b"auxC" {
                let name = body.get(4..).unwrap_or_default();
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                return Ok(ALPHA.contains(&name));
            }
        }
        Ok(false)
    }

    fn size(&self, id: u32) -> Read<(u32, u32)> {
        let mut size = None;
        for property in self.properties(id) {
            if let (kind, body) = property?
                && &kind == b"ispe"
            {
                let mut body = Reader::of(body);
                body.version()?;
                let said = (body.uint(4)? as u32, body.uint(4)? as u32);
                if size.replace(said).is_some() {
                    return Err(Unreadable::Damaged);
                }
            }
        }
        let (width, height) = size.ok_or(Unreadable::Damaged)?;
        let pixels = u64::from(width) * u64::from(height);
        if width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
            return Err(Unreadable::Pixels);
        }
        if pixels == 0 {
            return Err(Unreadable::Damaged);
        }
        Ok((width, height))
    }

    fn color(&self, id: u32) -> Read<Option<Color>> {
        for property in self.properties(id) {
            if let (kind, [b'n', b'c', b'l', b'x', body @ ..]) = property?
                && &kind == b"colr"
            {
                let mut body = Reader::of(body);
                let primaries = body.uint(2)? as u16;
                body.uint(2)?;
                let matrix = body.uint(2)? as u16;
                let full = body.uint(1)? & 0x80 != 0;
                return Ok(Some(Color {
                    primaries,
                    matrix,
                    full,
                }));
            }
        }
        Ok(None)
    }

    /// How viewers turn it; what else would change what they show is not read.
    fn turns(&self, id: u32) -> Read<Vec<Turn>> {
        let mut turns = Vec::new();
        for property in self.properties(id) {
            let (kind, body) = property?;
            let way = body.first().copied().unwrap_or_default();
            match &kind {
                b"irot" if way & 3 > 0 => turns.push(Turn::Left(way & 3)),
                b"imir" if way & 1 == 0 => turns.push(Turn::TopBottom),
                b"imir" => turns.push(Turn::LeftRight),
                b"clap" | b"lsel" | b"a1op" | b"iscl" => return Err(Unreadable::Avif),
                _ => {}
            }
        }
        Ok(turns)
    }

    /// An item's bytes.
    fn data(&self, id: u32) -> Read<Cow<'b, [u8]>> {
        let (within, parts) = place(self.places, id)?;
        let source = match within {
            Within::File => self.file,
            Within::Meta => self.inside,
        };
        let mut cut = Vec::with_capacity(parts.len());
        for (from, length) in parts {
            let rest = usize::try_from(from)
                .ok()
                .and_then(|from| source.get(from..));
            let rest = rest.ok_or(Unreadable::Damaged)?;
            let part = match usize::try_from(length) {
                Ok(0) => Some(rest),
                Ok(length) => rest.get(..length),
                Err(_) => None,
            };
            cut.push(part.ok_or(Unreadable::Damaged)?);
        }
        if let [whole] = cut[..] {
            return Ok(Cow::Borrowed(whole));
        }
        // Parts may lie over each other.
        match cut.iter().map(|part| part.len()).sum::<usize>() {
            0 => Err(Unreadable::Damaged),
            bytes if bytes > MAX_BYTES => Err(Unreadable::Bytes),
            _ => Ok(Cow::Owned(cut.concat())),
        }
    }
}

/// What an item's places are counted in.
enum Within {
    File,
    Meta,
}

/// Where an item lies: from, and how long; 0 is to the end.
fn place(places: &[u8], wanted: u32) -> Read<(Within, Vec<(u64, u64)>)> {
    let mut reader = Reader::of(places);
    let version = reader.version()?.0;
    let sizes = reader.uint(2)? as usize;
    let (of_offset, of_length, of_base, of_index) =
        (sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15);
    let of_index = if version == 0 { 0 } else { of_index };
    let count = reader.uint(if version < 2 { 2 } else { 4 })?;
    let mut found = None;
    for _ in 0..count {
        let id = reader.id(version == 2)?;
        let within = match version {
            0 => 0,
            _ => reader.uint(2)? & 15,
        };
        let elsewhere = reader.uint(2)?;
        let base = reader.uint(of_base)?;
        let parts = reader.uint(2)?;
        let mut places = Vec::new();
        for _ in 0..parts {
            reader.uint(of_index)?;
            let from = base.checked_add(reader.uint(of_offset)?);
            places.push((from.ok_or(Unreadable::Damaged)?, reader.uint(of_length)?));
        }
        if id != wanted {
            continue;
        }
        let within = match (within, elsewhere) {
            (0, 0) => Within::File,
            (1, 0) => Within::Meta,
            _ => return Err(Unreadable::Avif),
        };
        if found.replace((within, places)).is_some() {
            return Err(Unreadable::Damaged);
        }
    }
    found.ok_or(Unreadable::Damaged)
}

fn items(body: &[u8]) -> Read<Vec<Item>> {
    let mut reader = Reader::of(body);
    let wide = reader.version()?.0 > 0;
    reader.id(wide)?;
    let mut items = Vec::new();
    for one in boxes(reader.rest) {
        let (kind, body) = one?;
        if &kind != b"infe" {
            continue;
        }
        let mut body = Reader::of(body);
        let version = body.version()?.0;
        if !(2..=3).contains(&version) || items.len() == MAX_ITEMS {
            return Err(Unreadable::Avif);
        }
        let id = body.id(version == 3)?;
        let locked = body.uint(2)? != 0;
        let kind = *body.rest.first_chunk().ok_or(Unreadable::Damaged)?;
        if locked {
            return Err(Unreadable::Avif);
        }
        items.push(Item { id, kind });
    }
    Ok(items)
}

fn links(body: &[u8]) -> Read<Vec<Link>> {
    let mut reader = Reader::of(body);
    let wide = reader.version()?.0 > 0;
    let mut links = Vec::new();
    for one in boxes(reader.rest) {
        let (kind, body) = one?;
        let mut body = Reader::of(body);
        let from = body.id(wide)?;
        let count = body.uint(2)?;
        let to = (0..count).map(|_| body.id(wide)).collect::<Read<_>>()?;
        links.push(Link { kind, from, to });
    }
    Ok(links)
}

/// Which item has which properties, counted from 0.
fn owners(body: &[u8], owned: &mut Vec<(u32, usize)>) -> Read<()> {
    let mut reader = Reader::of(body);
    let (version, flags) = reader.version()?;
    for _ in 0..reader.uint(4)? {
        let id = reader.id(version > 0)?;
        for _ in 0..reader.uint(1)? {
            let at = match flags & 1 {
                0 => reader.uint(1)? & 0x7f,
                _ => reader.uint(2)? & 0x7fff,
            };
            // 0 is none.
            if let Some(at) = (at as usize).checked_sub(1) {
                owned.push((id, at));
            }
        }
    }
    Ok(())
}
