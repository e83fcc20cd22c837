//! The shipped pack, embedded in the binary: every policy, case and list file under `policies/`.

use super::Source;

macro_rules! shipped {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/", $path)),
        )
    };
}

/// Path and text. A test proves that no file is missing; `UPDATE=1` rewrites the list.
#[rustfmt::skip]
static FILES: &[(&str, &str)] = &[
    shipped!("1-concealment.cases.yaml"),
    shipped!("1-concealment.yaml"),
    shipped!("2-bullying.cases.yaml"),
    shipped!("2-bullying.yaml"),
    shipped!("3-conversation.cases.yaml"),
    shipped!("3-conversation.yaml"),
    shipped!("3-grooming.cases.yaml"),
    shipped!("3-grooming.yaml"),
    shipped!("4-scams.cases.yaml"),
    shipped!("4-scams.yaml"),
    shipped!("5-habits.cases.yaml"),
    shipped!("5-habits.yaml"),
    shipped!("6-addiction.cases.yaml"),
    shipped!("6-addiction.yaml"),
    shipped!("7-synthetic.cases.yaml"),
    shipped!("7-synthetic.yaml"),
    shipped!("8-self-harm.cases.yaml"),
    shipped!("8-self-harm.yaml"),
    shipped!("9-own-data.cases.yaml"),
    shipped!("9-own-data.yaml"),
    shipped!("common/acts.yaml"),
    shipped!("common/audience.yaml"),
    shipped!("common/contact.yaml"),
    shipped!("common/frames.yaml"),
    shipped!("common/levels.yaml"),
    shipped!("common/media.yaml"),
    shipped!("common/minors.yaml"),
    shipped!("common/replies.yaml"),
    shipped!("common/sense.yaml"),
    shipped!("common/speech.yaml"),
    shipped!("profiles/child.yaml"),
    shipped!("profiles/device.yaml"),
    shipped!("profiles/general.yaml"),
    shipped!("profiles/school.yaml"),
    shipped!("profiles/teen.yaml"),
    shipped!("support/cn.yaml"),
    shipped!("support/example.yaml"),
    shipped!("support/intl.yaml"),
    shipped!("support/us.yaml"),
];

/// The folders of profiles and support packs, in the pack and in policy folders: the config reads
/// them, not the compiler.
const PROFILES: &str = "profiles/";
const SUPPORT: &str = "support/";

/// Whether a file is the compiler's business.
pub(super) fn is_policy(path: &str) -> bool {
    !path.starts_with(PROFILES) && !path.starts_with(SUPPORT)
}

/// The shipped pack, embedded in the binary.
pub fn shipped() -> Vec<Source> {
    embedded(is_policy)
}

/// The shipped profiles: what an app's `profile: name` can mean.
pub fn profiles() -> Vec<Source> {
    embedded(|path| path.starts_with(PROFILES))
}

/// The shipped support packs: what an app's `region: name` can mean.
pub fn support() -> Vec<Source> {
    embedded(|path| path.starts_with(SUPPORT))
}

fn embedded(wanted: impl Fn(&str) -> bool) -> Vec<Source> {
    let source = |(path, text): &(&str, &str)| Source {
        path: (*path).to_owned(),
        text: (*text).to_owned(),
        shipped: true,
    };
    let files = FILES.iter().filter(|(path, _)| wanted(path));
    files.map(source).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_pack_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let read = super::super::read_folders(&[root]).expect("the pack is readable");
        let there: Vec<_> = read
            .iter()
            .map(|source| source.path.as_str())
            // Texts that must pass are read by tests, never by the program.
            .filter(|path| !path.starts_with("benign/"))
            .collect();
        let mut there = there;
        there.sort_unstable();
        let listed: Vec<_> = FILES.iter().map(|(path, _)| *path).collect();
        if std::env::var_os("UPDATE").is_some() && there != listed {
            rewrite(&there);
        }
        assert_eq!(
            listed, there,
            "UPDATE=1 rewrites the list in shipped.rs; then build again"
        );
    }

    fn rewrite(there: &[&str]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/shipped.rs");
        let text = std::fs::read_to_string(&path).expect("this file");
        let (head, rest) = text.split_once("] = &[\n").expect("the list begins");
        let (_, tail) = rest.split_once("];\n").expect("the list ends");
        let list: String = there
            .iter()
            .map(|path| format!("    shipped!(\"{path}\"),\n"))
            .collect();
        std::fs::write(path, format!("{head}] = &[\n{list}];\n{tail}")).expect("writable");
    }
}
