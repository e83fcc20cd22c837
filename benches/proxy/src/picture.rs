//! A picture of 1024 x 1024 grey pixels, as a data URL: blocks and noise, written without compression, so
//! that making it costs the load client little.

use crate::Dice;

const SIDE: usize = 1024;
/// Bytes of one stored block of zlib.
const STORED: usize = 65_535;

/// A picture that nobody has seen before.
pub fn data_url(dice: &mut Dice) -> String {
    let mut rows = Vec::with_capacity(SIDE * (SIDE + 1));
    let seed = dice.roll();
    for y in 0..SIDE {
        rows.push(0); // no filter
        let mut noise = seed ^ (y as u64);
        for x in 0..SIDE {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let block = ((x / 90) * 7 + (y / 70) * 13 + seed as usize % 97) * 37 % 200;
            rows.push((block as u8) + ((noise >> 60) as u8));
        }
    }
    let side = (SIDE as u32).to_be_bytes();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(
        &mut file,
        b"IHDR",
        &[&side[..], &side, &[8, 0, 0, 0, 0]].concat(),
    );
    chunk(&mut file, b"IDAT", &stored(&rows));
    chunk(&mut file, b"IEND", &[]);
    format!("data:image/png;base64,{}", base64(&file))
}

fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let from = file.len();
    file.extend_from_slice(name);
    file.extend_from_slice(data);
    let sum = crc(&file[from..]);
    file.extend(sum.to_be_bytes());
}

/// CRC-32 as PNG has it, by half bytes.
fn crc(bytes: &[u8]) -> u32 {
    let table: [u32; 16] = std::array::from_fn(|at| {
        (0..4).fold(at as u32, |sum, _| match sum & 1 {
            1 => 0xedb8_8320 ^ (sum >> 1),
            _ => sum >> 1,
        })
    });
    let step = |sum: u32| table[(sum & 15) as usize] ^ (sum >> 4);
    !bytes
        .iter()
        .fold(!0, |sum, byte| step(step(sum ^ u32::from(*byte))))
}

/// A zlib stream of stored blocks.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(STORED).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut one, mut two) = (1_u32, 0_u32);
    for byte in bytes {
        one = (one + u32::from(*byte)) % 65_521;
        two = (two + one) % 65_521;
    }
    out.extend(((two << 16) | one).to_be_bytes());
    out
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 4);
    for three in bytes.chunks(3) {
        let word = three.iter().enumerate().fold(0_u32, |word, (at, byte)| {
            word | (u32::from(*byte) << (16 - 8 * at))
        });
        for at in 0..4 {
            match at <= three.len() {
                true => out.push(char::from(LETTERS[(word >> (18 - 6 * at)) as usize & 63])),
                false => out.push('='),
            }
        }
    }
    out
}
