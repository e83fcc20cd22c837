//! What the three programs of the bench share: arguments and generated prompts.
#![forbid(unsafe_code)]

pub mod picture;

/// The value after `--name`, or the default; the bench's own programs need no argument parser.
///
/// # Panics
/// When the value does not parse: a bench that runs with other numbers than asked is worthless.
pub fn argument<T: std::str::FromStr>(name: &str, default: T) -> T {
    let wanted = format!("--{name}");
    let mut words = std::env::args();
    while let Some(word) = words.next() {
        if word == wanted {
            let value = words.next().unwrap_or_default();
            return value
                .parse()
                .unwrap_or_else(|_| panic!("{wanted} does not take {value:?}"));
        }
    }
    default
}

/// Neutral words; prompts built from them trip no policy.
const ENGLISH: [&str; 24] = [
    "river", "garden", "compile", "matrix", "window", "coffee", "theory", "engine", "pencil",
    "harvest", "bridge", "lantern", "quarter", "meadow", "server", "function", "timber", "village",
    "orbit", "kettle", "ladder", "canvas", "module", "summer",
];
const CHINESE: [&str; 24] = [
    "河流", "花园", "编译", "矩阵", "窗户", "咖啡", "理论", "引擎", "铅笔", "收获", "桥梁", "灯笼",
    "季度", "草地", "服务", "函数", "木材", "村庄", "轨道", "水壶", "梯子", "画布", "模块", "夏天",
];

/// Xorshift: the same prompts in every run of one seed.
pub struct Dice(u64);

impl Dice {
    /// A generator; equal seeds give equal rolls.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// About `bytes` bytes of words, half of the bytes Chinese.
    pub fn prose(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        let mut chinese = 0;
        while text.len() < bytes {
            let roll = self.roll() as usize;
            let (pick, stop) = (roll % 24, roll >> 32);
            if chinese * 2 <= text.len() {
                text.push_str(CHINESE[pick]);
                chinese += CHINESE[pick].len();
                if stop.is_multiple_of(9) {
                    text.push('，');
                    chinese += 3;
                }
            } else {
                text.push_str(ENGLISH[pick]);
                text.push_str(if stop.is_multiple_of(11) { ". " } else { " " });
            }
        }
        text
    }
}
