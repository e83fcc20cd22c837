//! Which views exist, and sets of them.

/// One way of reading a text. `reference` names follow DESIGN section 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewKind {
    /// V0: the characters as they came.
    Surface,
    /// V1: width, case, invisible characters, traditional forms, look-alikes and leet folded away.
    Skeleton,
    /// V2: separators between single letters or Han gone.
    Squeezed,
    /// V8: text smuggled in tag characters or variation selectors.
    Hidden,
}

impl ViewKind {
    /// Every view, in the order of how far it is from the surface.
    pub const ALL: [Self; 4] = [Self::Surface, Self::Skeleton, Self::Squeezed, Self::Hidden];

    /// The name that policy files, `scan` and the audit line use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surface => "surface",
            Self::Skeleton => "skeleton",
            Self::Squeezed => "squeezed",
            Self::Hidden => "hidden",
        }
    }

    /// The view of that name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// A set of views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Views(u16);

impl Views {
    /// What a signal is looked for in when its policy does not say: every view there is.
    pub const DEFAULT: Self = Self::of(&ViewKind::ALL);

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
}
