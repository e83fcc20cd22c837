//! The words that make a number an age, or something else.

use crate::detect::endings::Endings;

/// Units of age, after at most one space or hyphen on each side of the number.
pub(super) const YEARS: [&str; 26] = [
    "years old",
    "year old",
    "years-old",
    "year-old",
    "year olds",
    "year-olds",
    "years of age",
    "year of age",
    "yrs old",
    "yr old",
    "yrs-old",
    "yr-old",
    "yr. old",
    "yr olds",
    "yo",
    "yos",
    "y/o",
    "y.o.",
    "y.o",
    "y o",
    "yrs of age",
    "years young",
    "yr-olds",
    "yearold",
    "years  old",
    "years\nold",
];

/// Units of an infant's age.
pub(super) const MONTHS: [&str; 8] = [
    "months old",
    "month old",
    "months-old",
    "month-old",
    "mos old",
    "mo old",
    "month-olds",
    "months of age",
];

/// Years that are an age only after "under" and the like.
pub(super) const YEARS_BARE: [&str; 3] = ["years", "yrs", "year"];

/// Chinese units of age.
pub(super) const YEARS_HAN: [&str; 6] = ["岁", "周岁", "多岁", "来岁", "几岁", "个月大"];

/// What joins the two ends of a range.
pub(super) const SPANS: [&str; 9] = ["-", " - ", "~", "到", "至", " to ", " or ", "或", "、"];

/// The age meant is below the number.
pub(super) static UNDER: Endings = Endings::of(&[
    "under ",
    "below ",
    "less than ",
    "younger than ",
    "not yet ",
    "under the age of ",
]);
pub(super) static UNDER_HAN: Endings =
    Endings::of(&["未满", "不满", "不到", "小于", "低于", "未及"]);

/// What binds a plain number to a person from the left, after [`SOFTENERS`] are taken away.
pub(super) static BINDING: Endings = Endings::of(&[
    "age ",
    "aged ",
    "age: ",
    "age:",
    "age is ",
    "age of ",
    "ages ",
    "i'm ",
    "i am ",
    "im ",
    "she is ",
    "she's ",
    "he is ",
    "he's ",
    "they are ",
    "they're ",
    "you are ",
    "you're ",
    "i turned ",
    "she turned ",
    "he turned ",
    "she was ",
    "he was ",
    "i was ",
    "just turned ",
    "when i was ",
    "turning ",
]);
pub(super) static BINDING_HAN: Endings = Endings::of(&[
    "今年", "年龄", "芳龄", "刚满", "年满", "年方", "年仅", "才满", "岁数", "年纪", "虚岁", "周岁",
    "实岁",
]);

/// Adverbs between the binding and the number.
pub(super) static SOFTENERS: Endings = Endings::of(&[
    "only ", "just ", "almost ", "nearly ", "about ", "still ", "now ", "already ", "barely ",
]);
pub(super) static SOFTENERS_HAN: Endings = Endings::of(&[
    "才", "刚", "只有", "只", "是", "为", "约", "大约", ":", " ", "已经", "都", "也", "快", "就",
]);

/// Words that bind weakly: only with one of [`WEAK_AFTER`] behind the number.
pub(super) static WEAK_HAN: Endings = Endings::of(&["才", "刚", "只有"]);
pub(super) const WEAK_AFTER: [char; 18] = [
    ',', '。', '!', '?', ';', '\n', '的', '就', '还', '呢', '吧', '啊', '呀', '而', '不', '了',
    '…', ')',
];

/// People, as the nearest noun or pronoun of an age.
pub(super) const PERSONS: [&str; 48] = [
    "i",
    "he",
    "she",
    "they",
    "you",
    "who",
    "we",
    "girl",
    "girls",
    "boy",
    "boys",
    "son",
    "daughter",
    "kid",
    "kids",
    "child",
    "children",
    "sister",
    "brother",
    "student",
    "students",
    "pupil",
    "person",
    "people",
    "teen",
    "teens",
    "teenager",
    "minor",
    "minors",
    "friend",
    "cousin",
    "niece",
    "nephew",
    "patient",
    "baby",
    "infant",
    "toddler",
    "woman",
    "man",
    "grandson",
    "granddaughter",
    "classmate",
    "youth",
    "user",
    "character",
    "schoolgirl",
    "schoolboy",
    "victim",
];
pub(super) const PERSONS_HAN: [char; 14] = [
    '孩', '女', '男', '妹', '弟', '生', '人', '我', '她', '他', '你', '童', '娃', '儿',
];

/// Words at which another noun begins or the clause turns: what stands before them is not aged.
pub(super) const TURNS: [&str; 14] = [
    "my", "our", "his", "her", "their", "your", "a", "an", "the", "and", "but", "or", "with", "for",
];

/// Things and animals that have ages too.
pub(super) const THINGS: [&str; 54] = [
    "whisky",
    "whiskey",
    "scotch",
    "bourbon",
    "rum",
    "wine",
    "port",
    "brandy",
    "cognac",
    "malt",
    "cheese",
    "building",
    "house",
    "apartment",
    "car",
    "truck",
    "bike",
    "dog",
    "puppy",
    "cat",
    "kitten",
    "horse",
    "pony",
    "pet",
    "parrot",
    "tortoise",
    "turtle",
    "rabbit",
    "tree",
    "company",
    "business",
    "firm",
    "startup",
    "laptop",
    "computer",
    "phone",
    "bridge",
    "church",
    "law",
    "tradition",
    "mystery",
    "record",
    "ship",
    "boat",
    "plane",
    "aircraft",
    "engine",
    "roof",
    "fridge",
    "castle",
    "temple",
    "website",
    "tea",
    "vinegar",
];
pub(super) const THINGS_HAN: [&str; 26] = [
    "狗",
    "犬",
    "猫",
    "马",
    "车",
    "房",
    "楼",
    "树",
    "酒",
    "老酒",
    "红酒",
    "威士忌",
    "公司",
    "企业",
    "大楼",
    "建筑",
    "宠物",
    "龟",
    "鹦鹉",
    "电脑",
    "手机",
    "老狗",
    "小狗",
    "小猫",
    "桥",
    "金毛",
];

/// Words after a plain number that make it a measure, a time or a part.
pub(super) const MEASURES: [&str; 36] = [
    "week", "day", "hour", "hr", "min", "minute", "second", "sec", "month", "year", "yrs", "hrs",
    "mins", "kg", "g", "lb", "cm", "mm", "km", "m", "ft", "feet", "foot", "inch", "mile",
    "percent", "am", "pm", "of", "out", "o'clock", "million", "billion", "thousand", "hundred",
    "dollar",
];
pub(super) const MEASURES_HAN: [char; 34] = [
    '元', '块', '个', '名', '位', '年', '月', '日', '号', '点', '分', '次', '章', '页', '天', '周',
    '楼', '层', '集', '度', '米', '斤', '公', '万', '千', '百', '级', '班', '届', '亿', '倍', '家',
    '项', '条',
];

/// Words in -s that count nothing.
pub(super) const PLAIN_S: [&str; 10] = [
    "always",
    "perhaps",
    "besides",
    "sometimes",
    "does",
    "this",
    "plus",
    "unless",
    "likes",
    "lives",
];

/// After "under 14 years": a duration, no age.
pub(super) const DURATION: [&str; 10] = [
    "of",
    "ago",
    "in",
    "later",
    "after",
    "since",
    "experience",
    "imprisonment",
    "prison",
    "jail",
];

/// A person at the end of a text.
pub(super) static PERSON_ENDS: Endings = Endings::of(&PERSONS);

/// A verb between a person and an age.
pub(super) static VERBS: Endings = Endings::of(&[" is ", " was ", " turned ", " turns ", "'s "]);
