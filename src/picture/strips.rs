//! Where words stand in a picture: the detector's map of them, cut into strips.
//!
//! After the package's own steps (threshold, the smallest rectangle around each spot, its mean, and
//! growth, since the map holds only the core of each line), with flood and calipers of our own.

/// A spot's pixels are at least so probably part of a word.
const PIXEL: f32 = 0.3;
/// The mean of a rectangle that is one.
const WHOLE: f32 = 0.5;
/// How far a rectangle grows: that many times area over circumference.
const GROWTH: f32 = 1.6;
/// Sides of the map below which nothing is readable, before a rectangle grows and after.
const CORE: f32 = 3.0;
const SIDE: f32 = 5.0;
/// Spots that are looked at, the rest of a map of noise is passed over: as many as the package takes.
const MAX_SPOTS: usize = 1000;

/// A place or a way, across and down.
pub type Point = [f32; 2];

/// A rectangle, turned as its words are: a corner, the way along the line and the way down it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strip {
    /// Where the first letter begins, at its top.
    pub origin: Point,
    /// From there to the end of the line.
    pub right: Point,
    /// From there to its foot.
    pub down: Point,
}

impl Strip {
    /// The same strip of a picture that is so many times as large.
    pub fn scaled(self, (across, down): (f32, f32)) -> Self {
        let scale = |[x, y]: Point| [x * across, y * down];
        Self {
            origin: scale(self.origin),
            right: scale(self.right),
            down: scale(self.down),
        }
    }

    /// A line that runs down the page, laid across; others as they are.
    pub fn laid_across(self) -> Self {
        if length(self.down) < 1.5 * length(self.right) {
            return self;
        }
        Self {
            origin: sum(self.origin, self.right, 1.0),
            right: self.down,
            down: self.right.map(|way| -way),
        }
    }

    /// The strip as somebody reads it who stands on the other side.
    pub fn turned(self) -> Self {
        Self {
            origin: sum(sum(self.origin, self.right, 1.0), self.down, 1.0),
            right: self.right.map(|way| -way),
            down: self.down.map(|way| -way),
        }
    }

    /// How many times as long as high.
    pub fn ratio(self) -> f32 {
        length(self.right) / length(self.down).max(1.0)
    }

    /// Its middle.
    pub fn middle(self) -> Point {
        sum(sum(self.origin, self.right, 0.5), self.down, 0.5)
    }
}

/// Length of a way.
pub fn length([x, y]: Point) -> f32 {
    x.hypot(y)
}

/// A place so many times a way further on.
pub fn sum([x, y]: Point, [across, down]: Point, times: f32) -> Point {
    [x + across * times, y + down * times]
}

/// The strips of a map of probabilities, row by row, in no order.
pub fn find(map: &[f32], width: usize) -> Vec<Strip> {
    let mut seen: Vec<bool> = map.iter().map(|value| *value <= PIXEL).collect();
    let mut strips = Vec::new();
    let mut spots = 0;
    for at in 0..map.len() {
        if seen[at] || spots == MAX_SPOTS {
            continue;
        }
        spots += 1;
        let spot = flood(&mut seen, width, at);
        strips.extend(strip(map, width, &hull(corners(&spot))));
    }
    strips
}

/// The rows of a spot, each with its first and its last pixel; `seen` learns all of its pixels.
fn flood(seen: &mut [bool], width: usize, start: usize) -> Vec<(usize, usize, usize)> {
    let height = seen.len() / width;
    let mut rows: Vec<(usize, usize, usize)> = Vec::new();
    let first = start / width;
    let mut open = vec![start];
    seen[start] = true;
    while let Some(at) = open.pop() {
        let (x, y) = (at % width, at / width);
        // Pixels are met row by row, so none of a spot lies above its first.
        let row = y - first;
        if row >= rows.len() {
            rows.resize(row + 1, (0, usize::MAX, 0));
        }
        rows[row] = (y, rows[row].1.min(x), rows[row].2.max(x));
        for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
            for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let next = y * width + x;
                if !std::mem::replace(&mut seen[next], true) {
                    open.push(next);
                }
            }
        }
    }
    rows
}

/// The corners of the outermost pixels.
fn corners(rows: &[(usize, usize, usize)]) -> Vec<Point> {
    let corners = rows.iter().flat_map(|&(y, first, last)| {
        let [y, first, last] = [y, first, last].map(|at| at as f32);
        [
            [first, y],
            [first, y + 1.0],
            [last + 1.0, y],
            [last + 1.0, y + 1.0],
        ]
    });
    corners.collect()
}

/// The points that a string around all of them touches, in its order.
fn hull(mut points: Vec<Point>) -> Vec<Point> {
    points.sort_by(|one, other| {
        one[0]
            .total_cmp(&other[0])
            .then(one[1].total_cmp(&other[1]))
    });
    points.dedup();
    let side = |points: &mut dyn Iterator<Item = &Point>| {
        let mut kept: Vec<Point> = Vec::new();
        for point in points {
            while let [.., before, last] = kept[..] {
                let [one, other] = [last, *point].map(|[x, y]| [x - before[0], y - before[1]]);
                if one[0] * other[1] - one[1] * other[0] > 0.0 {
                    break;
                }
                kept.pop();
            }
            kept.push(*point);
        }
        kept.pop();
        kept
    };
    let mut around = side(&mut points.iter());
    around.extend(side(&mut points.iter().rev()));
    around
}

/// The grown rectangle around a hull; nothing where it is too small or too doubtful to be a word.
fn strip(map: &[f32], width: usize, hull: &[Point]) -> Option<Strip> {
    let core = smallest(hull)?;
    let (long, high) = (length(core.right), length(core.down));
    if long.min(high) < CORE || mean(map, width, core) < WHOLE {
        return None;
    }
    let by = long * high * GROWTH / (2.0 * (long + high));
    let grown = Strip {
        origin: sum(
            sum(core.origin, core.right, -by / long),
            core.down,
            -by / high,
        ),
        right: core.right.map(|way| way * (1.0 + 2.0 * by / long)),
        down: core.down.map(|way| way * (1.0 + 2.0 * by / high)),
    };
    (long.min(high) + 2.0 * by >= SIDE).then_some(grown)
}

/// The smallest rectangle around a hull: one of its sides lies along one of the hull's.
fn smallest(hull: &[Point]) -> Option<Strip> {
    let mut best: Option<(f32, Strip)> = None;
    for (at, from) in hull.iter().enumerate() {
        let to = hull[(at + 1) % hull.len()];
        let edge = sum(to, *from, -1.0);
        let size = length(edge);
        if size == 0.0 {
            continue;
        }
        // The line runs along the flatter of the two directions, left to right.
        let mut along = edge.map(|way| way / size);
        if along[0].abs() < along[1].abs() {
            along = [along[1], -along[0]];
        }
        if along[0] < 0.0 {
            along = along.map(|way| -way);
        }
        let down = [-along[1], along[0]];
        let extent = |way: Point| {
            let reach = hull.iter().map(|[x, y]| x * way[0] + y * way[1]);
            let most = |(low, high): (f32, f32), at: f32| (low.min(at), high.max(at));
            reach.fold((f32::MAX, f32::MIN), most)
        };
        let ((left, right), (top, foot)) = (extent(along), extent(down));
        let area = (right - left) * (foot - top);
        if best.as_ref().is_none_or(|(least, _)| area < *least) {
            let strip = Strip {
                origin: sum(along.map(|way| way * left), down, top),
                right: along.map(|way| way * (right - left)),
                down: down.map(|way| way * (foot - top)),
            };
            best = Some((area, strip));
        }
    }
    best.map(|(_, strip)| strip)
}

/// The mean of the map within a strip.
fn mean(map: &[f32], width: usize, strip: Strip) -> f32 {
    let height = map.len() / width;
    let steps = [strip.right, strip.down].map(|way| length(way).ceil().max(1.0) as usize);
    let pixel = |at: f32, most: usize| (at.max(0.0) as usize).min(most - 1);
    let mut total = 0.0_f64;
    for down in 0..steps[1] {
        let row = sum(
            strip.origin,
            strip.down,
            (down as f32 + 0.5) / steps[1] as f32,
        );
        for right in 0..steps[0] {
            let [x, y] = sum(row, strip.right, (right as f32 + 0.5) / steps[0] as f32);
            total += f64::from(map[pixel(y, height) * width + pixel(x, width)]);
        }
    }
    (total / (steps[0] * steps[1]) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with what lies within the strip set.
    fn map(width: usize, height: usize, inside: &[Strip]) -> Vec<f32> {
        let within = |x: usize, y: usize, strip: &Strip| {
            let way = [
                x as f32 + 0.5 - strip.origin[0],
                y as f32 + 0.5 - strip.origin[1],
            ];
            [strip.right, strip.down].iter().all(|side| {
                let along = (way[0] * side[0] + way[1] * side[1]) / length(*side).powi(2);
                (0.0..1.0).contains(&along)
            })
        };
        let value = |at: usize| inside.iter().any(|one| within(at % width, at / width, one));
        (0..width * height)
            .map(|at| if value(at) { 0.9 } else { 0.01 })
            .collect()
    }

    #[test]
    fn a_strip_is_found_where_it_lies_however_it_is_turned() {
        for angle in [-40.0_f32, -10.0, 0.0, 3.0, 30.0] {
            let (sin, cos) = angle.to_radians().sin_cos();
            let drawn = Strip {
                origin: [60.0, 90.0],
                right: [100.0 * cos, 100.0 * sin],
                down: [-12.0 * sin, 12.0 * cos],
            };
            let found = find(&map(220, 200, &[drawn]), 220);
            assert_eq!(found.len(), 1, "{angle}");
            let near = |one: Point, other: Point| length(sum(one, other, -1.0)) < 2.5;
            assert!(near(found[0].middle(), drawn.middle()), "{angle} {found:?}");
            let by = 100.0 * 12.0 * GROWTH / 224.0;
            assert!(
                (length(found[0].right) - 100.0 - 2.0 * by).abs() < 4.0,
                "{found:?}"
            );
            assert!(
                (length(found[0].down) - 12.0 - 2.0 * by).abs() < 4.0,
                "{found:?}"
            );
        }
    }

    #[test]
    fn specks_and_empty_maps_hold_nothing_and_noise_is_bounded() {
        assert_eq!(find(&[], 1), []);
        assert_eq!(find(&vec![0.0; 400], 20), []);
        let mut speck = vec![0.0; 400];
        speck[210] = 1.0;
        assert_eq!(find(&speck, 20), []);
        let dots: Vec<f32> = (0..512 * 512)
            .map(|at| f32::from(u8::from(at % 8 < 4 && at / 512 % 8 < 4)))
            .collect();
        assert!(find(&dots, 512).len() <= MAX_SPOTS);
        let full = find(&vec![1.0; 64 * 32], 64);
        assert_eq!(full.len(), 1);
    }

    #[test]
    fn a_line_that_runs_down_is_laid_across() {
        let upright = Strip {
            origin: [0.0, 0.0],
            right: [10.0, 0.0],
            down: [0.0, 100.0],
        };
        let across = upright.laid_across();
        assert_eq!((across.origin, across.right), ([10.0, 0.0], [0.0, 100.0]));
        assert_eq!(across.down, [-10.0, 0.0]);
        assert_eq!(across.laid_across(), across);
        assert_eq!(across.turned().turned(), across);
        assert_eq!(across.middle(), upright.middle());
    }
}
