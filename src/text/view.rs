//! Which views exist, and sets of them.

/// One way of reading a text. Names and numbers follow DESIGN section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewKind {
    /// V0: the characters as they came.
    Surface,
    /// V1: width, case, invisible characters, traditional forms, look-alikes and leet folded away.
    Skeleton,
    /// V2: separators between single letters or Han gone.
    Squeezed,
    /// V3: emoji for what they are called, or for what their name sounds like.
    Emoji,
    /// V4: Han by their sound, tones ignored; pinyin in Latin letters.
    Pinyin,
    /// V5: sounds that dialects merge, and Cantonese; only where a policy names it.
    Fuzzy,
    /// V6: Han that look alike, and Han written as their parts.
    Shape,
    /// V7: base64, hex, URL, entity and other codes undone.
    Decoded,
    /// V8: text smuggled in tag characters or variation selectors.
    Hidden,
    /// V9: backwards, in columns, or with the alphabet rotated.
    Reversed,
}

impl ViewKind {
    /// Every view, in the order of how far it is from the surface.
    pub const ALL: [Self; 10] = [
        Self::Surface,
        Self::Skeleton,
        Self::Squeezed,
        Self::Emoji,
        Self::Pinyin,
        Self::Fuzzy,
        Self::Shape,
        Self::Decoded,
        Self::Hidden,
        Self::Reversed,
    ];

    /// The name that policy files, `scan` and the audit line use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surface => "surface",
            Self::Skeleton => "skeleton",
            Self::Squeezed => "squeezed",
            Self::Emoji => "emoji",
            Self::Pinyin => "pinyin",
            Self::Fuzzy => "fuzzy",
            Self::Shape => "shape",
            Self::Decoded => "decoded",
            Self::Hidden => "hidden",
            Self::Reversed => "reversed",
        }
    }

    /// The view of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// A set of views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Views(u16);

impl Views {
    /// None.
    pub const NONE: Self = Self(0);

    /// The views that lose nothing: what words that excuse are looked for in, since nobody
    /// disguises an excuse.
    pub const PLAIN: Self = Self::of(&[ViewKind::Surface, ViewKind::Skeleton, ViewKind::Squeezed]);

    /// What a signal is looked for in when its policy does not say: every view but the fuzzy one.
    pub const DEFAULT: Self = Self(Self::of(&ViewKind::ALL).0 & !(1 << ViewKind::Fuzzy as u16));

    /// The set of exactly these.
    pub const fn of(kinds: &[ViewKind]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < kinds.len() {
            bits |= 1 << kinds[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `kind` is in the set.
    pub const fn has(self, kind: ViewKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// The set with `kind` in it.
    #[must_use]
    pub const fn with(self, kind: ViewKind) -> Self {
        Self(self.0 | 1 << kind as u16)
    }

    /// Whether every view of `other` is in this set.
    pub const fn has_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether both have a view in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no view is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The view of the set that is farthest from the surface.
    pub fn farthest(self) -> Option<ViewKind> {
        let mut kinds = ViewKind::ALL.into_iter().rev();
        kinds.find(|&kind| self.has(kind))
    }
}

impl std::ops::BitAnd for Views {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl std::ops::BitOr for Views {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
