//! What is left of a picture after a passage through JPEG at quality 75 with halved colours, as
//! libjpeg writes and reads it. No file is made: only what rounding takes away is taken away.

/// Side of a block.
const SIDE: usize = 8;

/// Quantisers of brightness and of colour at quality 75: half of the standard's tables.
const BRIGHTNESS: [u8; 64] = [
    8, 6, 5, 8, 12, 20, 26, 31, 6, 6, 7, 10, 13, 29, 30, 28, 7, 7, 8, 12, 20, 29, 35, 28, 7, 9, 11,
    15, 26, 44, 40, 31, 9, 11, 19, 28, 34, 55, 52, 39, 12, 18, 28, 32, 41, 52, 57, 46, 25, 32, 39,
    44, 52, 61, 60, 51, 36, 46, 48, 49, 56, 50, 52, 50,
];
const COLOR: [u8; 64] = [
    9, 9, 12, 24, 50, 50, 50, 50, 9, 11, 13, 33, 50, 50, 50, 50, 12, 13, 28, 50, 50, 50, 50, 50,
    24, 33, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
    50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 50,
];

/// Bits behind the point of a factor, and of what the first pass hands to the second.
const BITS: i32 = 13;
const PASS: i32 = 2;

/// A square picture of red, green and blue; its side is a multiple of 16.
pub fn soften(rgb: &[u8], side: usize) -> Vec<u8> {
    let mut planes = [0, 1, 2].map(|_| Vec::with_capacity(side * side));
    for pixel in rgb.chunks_exact(3) {
        for (plane, value) in planes
            .iter_mut()
            .zip(to_brightness([pixel[0], pixel[1], pixel[2]]))
        {
            plane.push(value);
        }
    }
    let [mut y, blue, red] = planes;
    quantise(&mut y, side, &BRIGHTNESS);
    let colors = [blue, red].map(|plane| {
        let mut half = halve(&plane, side);
        quantise(&mut half, side / 2, &COLOR);
        double(&half, side / 2)
    });
    let pixels = y.iter().zip(colors[0].iter().zip(&colors[1]));
    pixels
        .flat_map(|(y, (blue, red))| from_brightness(*y, *blue, *red))
        .collect()
}

/// A factor, told in thousand-millionths, in colours: 16 bits behind the point.
const fn fixed(billionths: i64) -> i32 {
    ((billionths * 65_536 + 500_000_000) / 1_000_000_000) as i32
}

/// A factor of the transform.
const fn fixed_to(billionths: i64) -> i32 {
    (((billionths << BITS) + 500_000_000) / 1_000_000_000) as i32
}

fn to_brightness(rgb: [u8; 3]) -> [u8; 3] {
    let [red, green, blue] = rgb.map(i32::from);
    let half = 1 << 15;
    let offset = (128 << 16) + half - 1;
    let y =
        fixed(299_000_000) * red + fixed(587_000_000) * green + fixed(114_000_000) * blue + half;
    let cb =
        -fixed(168_735_892) * red - fixed(331_264_108) * green + fixed(500_000_000) * blue + offset;
    let cr =
        fixed(500_000_000) * red - fixed(418_687_589) * green - fixed(81_312_411) * blue + offset;
    [y, cb, cr].map(|value| (value >> 16) as u8)
}

fn from_brightness(y: u8, blue: u8, red: u8) -> [u8; 3] {
    let [y, blue, red] = [i32::from(y), i32::from(blue) - 128, i32::from(red) - 128];
    let half = 1 << 15;
    let r = y + ((fixed(1_402_000_000) * red + half) >> 16);
    let g = y + ((-fixed(344_136_286) * blue - fixed(714_136_286) * red + half) >> 16);
    let b = y + ((fixed(1_772_000_000) * blue + half) >> 16);
    [r, g, b].map(|value| value.clamp(0, 255) as u8)
}

/// Four values become one; halves go down and up in turn.
fn halve(plane: &[u8], side: usize) -> Vec<u8> {
    let value = |x: usize, y: usize| u16::from(plane[y * side + x]);
    let at = |x: usize, y: usize| {
        let sum = value(2 * x, 2 * y)
            + value(2 * x + 1, 2 * y)
            + value(2 * x, 2 * y + 1)
            + value(2 * x + 1, 2 * y + 1);
        ((sum + 1 + (x % 2) as u16) >> 2) as u8
    };
    let half = side / 2;
    (0..half * half)
        .map(|place| at(place % half, place / half))
        .collect()
}

/// One value becomes four, three quarters of it and one of its neighbour, each way.
fn double(plane: &[u8], side: usize) -> Vec<u8> {
    let mut doubled = Vec::with_capacity(side * side * 4);
    for y in 0..side * 2 {
        let near = y / 2;
        let far = match y % 2 {
            0 => near.saturating_sub(1),
            _ => (near + 1).min(side - 1),
        };
        let mixed =
            |x: usize| 3 * u16::from(plane[near * side + x]) + u16::from(plane[far * side + x]);
        for x in 0..side {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(side - 1));
            doubled.push(((3 * mixed(x) + mixed(left) + 8) >> 4) as u8);
            doubled.push(((3 * mixed(x) + mixed(right) + 7) >> 4) as u8);
        }
    }
    doubled
}

/// Block by block: transformed, rounded to multiples of the table, and back.
fn quantise(plane: &mut [u8], side: usize, table: &[u8; 64]) {
    for block in 0..(side / SIDE) * (side / SIDE) {
        let (left, top) = (block % (side / SIDE) * SIDE, block / (side / SIDE) * SIDE);
        let place = |at: usize| (top + at / SIDE) * side + left + at % SIDE;
        let mut values: Block = std::array::from_fn(|at| i32::from(plane[place(at)]) - 128);
        values = pass(&values, |row| forward(row, PASS, BITS - PASS));
        values = pass(&values, |row| forward(row, -PASS, BITS + PASS));
        for (value, step) in values.iter_mut().zip(table) {
            // The transform's values are eight times too large.
            let step = i32::from(*step);
            let times = (value.abs() + step * 4) / (step * 8);
            *value = value.signum() * times * step;
        }
        values = pass(&flipped(&values), |row| backward(row, BITS - PASS));
        values = flipped(&pass(&values, |row| backward(row, BITS + PASS + 3)));
        for (at, value) in values.iter().enumerate() {
            plane[place(at)] = (value + 128).clamp(0, 255) as u8;
        }
    }
}

/// Values of a block, row by row.
type Block = [i32; 64];

/// Transforms every row and writes it as a column: twice is rows, then columns.
fn pass(values: &Block, transform: impl Fn(&[i32; SIDE]) -> [i32; SIDE]) -> Block {
    let mut turned = [0; 64];
    for (at, row) in values.as_chunks().0.iter().enumerate() {
        for (to, value) in transform(row).into_iter().enumerate() {
            turned[to * SIDE + at] = value;
        }
    }
    turned
}

fn flipped(values: &Block) -> Block {
    std::array::from_fn(|at| values[at % SIDE * SIDE + at / SIDE])
}

/// Half up, as libjpeg does it.
const fn descale(value: i32, bits: i32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// Waves of eight values, by Loeffler, Ligtenberg and Moschytz (`jfdctint`).
fn forward(row: &[i32; SIDE], scale: i32, bits: i32) -> [i32; SIDE] {
    let [a, b, c, d, e, f, g, h] = *row;
    let (outer, inner) = ([a + h, d + e], [b + g, c + f]);
    let (sums, differences) = (
        [outer[0] + outer[1], inner[0] + inner[1]],
        [outer[0] - outer[1], inner[0] - inner[1]],
    );
    let whole = |value: i32| match scale {
        1.. => value << scale,
        _ => descale(value, -scale),
    };
    let [second, sixth] = turn(differences[0], differences[1]);
    let [seventh, fifth, third, first] = odd([d - e, c - f, b - g, a - h]);
    [
        whole(sums[0] + sums[1]),
        descale(first, bits),
        descale(second, bits),
        descale(third, bits),
        whole(sums[0] - sums[1]),
        descale(fifth, bits),
        descale(sixth, bits),
        descale(seventh, bits),
    ]
}

/// Values of eight waves (`jidctint`).
fn backward(row: &[i32; SIDE], bits: i32) -> [i32; SIDE] {
    let [whole, first, second, third, fourth, fifth, sixth, seventh] = *row;
    let [high, low] = turn(second, sixth);
    let (sum, difference) = ((whole + fourth) << BITS, (whole - fourth) << BITS);
    let even = [sum + high, difference + low, difference - low, sum - high];
    let odd = odd([seventh, fifth, third, first]);
    std::array::from_fn(|at| match at {
        0..4 => descale(even[at] + odd[3 - at], bits),
        _ => descale(even[7 - at] - odd[at - 4], bits),
    })
}

/// A turn by three eighths of a right angle, times the root of two.
fn turn(x: i32, y: i32) -> [i32; 2] {
    let both = (x + y) * fixed_to(541_196_100);
    [
        both + x * fixed_to(765_366_865),
        both - y * fixed_to(1_847_759_065),
    ]
}

/// The odd half of the transform, the same both ways.
fn odd([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let all = (a + b + c + d) * fixed_to(1_175_875_602);
    let ad = -(a + d) * fixed_to(899_976_223);
    let bc = -(b + c) * fixed_to(2_562_915_447);
    let ac = all - (a + c) * fixed_to(1_961_570_560);
    let bd = all - (b + d) * fixed_to(390_180_644);
    [
        a * fixed_to(298_631_336) + ad + ac,
        b * fixed_to(2_053_119_869) + bc + bd,
        c * fixed_to(3_072_711_026) + bc + ac,
        d * fixed_to(1_501_321_110) + ad + bd,
    ]
}
