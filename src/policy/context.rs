//! [`Contexts`]: what is known before any text is read, and the names that conditions have for it.

use crate::message::{Direction, Output, Role};

/// A set of scenes and speakers, one bit each: what is known before any text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Contexts(pub u64);

const OUTPUTS: [Output; 3] = [Output::Text, Output::Image, Output::ImageEdit];
const ROLES: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

impl Contexts {
    /// Every context.
    pub const ALL: Self = Self((1 << 48) - 1);

    /// The one context of these.
    pub fn one(direction: Direction, output: Output, role: Role, minor: Minor) -> Self {
        let place = ((direction as u32 * 3 + output as u32) * 4 + role as u32) * 2 + minor as u32;
        Self(1 << place)
    }

    /// Every context for which `wanted` holds.
    pub fn that(wanted: impl Fn(Direction, Output, Role, Minor) -> bool) -> Self {
        let mut bits = 0;
        for direction in [Direction::Prompt, Direction::Output] {
            for output in OUTPUTS {
                for role in ROLES {
                    for minor in [Minor::No, Minor::Yes] {
                        if wanted(direction, output, role, minor) {
                            bits |= Self::one(direction, output, role, minor).0;
                        }
                    }
                }
            }
        }
        Self(bits)
    }

    /// In both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Not in this.
    pub const fn complement(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }

    /// Whether both share a context.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The contexts of a meta name, if it is one.
    pub fn named(name: &str) -> Option<Self> {
        let (of, what) = name.split_once('.')?;
        if !META.contains(&of) {
            return None;
        }
        let (_, one) = METAS.iter().find(|(known, _)| *known == name)?;
        debug_assert!(!what.is_empty());
        Some(Self::that(one))
    }
}

/// Whether the audience is protected as a minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minor {
    /// Known to be an adult.
    No,
    /// A minor, or nobody knows.
    Yes,
}

/// What signal names may not begin with, because these describe the scene.
pub const META: [&str; 4] = ["audience", "direction", "output", "role"];

type Holds = fn(Direction, Output, Role, Minor) -> bool;

/// Names of the scene that conditions may use.
pub const METAS: [(&str, Holds); 11] = [
    ("audience.minor", |_, _, _, minor| minor == Minor::Yes),
    ("audience.adult", |_, _, _, minor| minor == Minor::No),
    ("direction.prompt", |direction, _, _, _| {
        direction == Direction::Prompt
    }),
    ("direction.output", |direction, _, _, _| {
        direction == Direction::Output
    }),
    ("output.text", |_, output, _, _| output == Output::Text),
    ("output.image", |_, output, _, _| output == Output::Image),
    ("output.image_edit", |_, output, _, _| {
        output == Output::ImageEdit
    }),
    ("role.system", |_, _, role, _| role == Role::System),
    ("role.user", |_, _, role, _| role == Role::User),
    ("role.assistant", |_, _, role, _| role == Role::Assistant),
    ("role.tool", |_, _, role, _| role == Role::Tool),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_split_the_world() {
        for (name, _) in METAS {
            let one = Contexts::named(name).expect("a meta");
            assert!(one.0 != 0 && one.complement().0 != 0, "{name}");
            assert_eq!(one.0 | one.complement().0, Contexts::ALL.0, "{name}");
        }
        assert_eq!(Contexts::named("audience.teen"), None);
    }
}
