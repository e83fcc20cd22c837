//! Reads an operator's policy folders: the only IO of this module.

use std::fs;
use std::path::{Path, PathBuf};

use super::Source;
use super::yaml::FILE_BYTES;

/// Levels of folders below a policy folder: `common/`, `lists/` and one more.
const MAX_DEPTH: usize = 3;
/// Files of one policy folder: a hundred times the shipped pack.
const MAX_FILES: usize = 4096;

/// How lists of hashes end; they may be larger than what people write.
pub(super) const HASHES: [&str; 2] = [".csv", ".hashes"];
/// Bytes of such a list: two million hashes with a few words each.
const HASHES_BYTES: u64 = 256 * 1024 * 1024;

/// How lists of examples end.
pub(super) const EXAMPLES: &str = ".jsonl";

/// All policy, case and list files (`.yaml`, `.txt`, `.jsonl`, `.csv`, `.hashes`) of the folders, by path.
///
/// # Errors
/// One line for the operator: which folder or file cannot be read.
pub fn read_folders(folders: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut sources = Vec::new();
    for root in folders {
        read_folder(root, root, 0, &mut sources)?;
    }
    Ok(sources)
}

fn read_folder(
    root: &Path,
    folder: &Path,
    depth: usize,
    sources: &mut Vec<Source>,
) -> Result<(), String> {
    let wrong =
        |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|error| wrong(folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(folder, error))?;
    paths.sort_unstable();
    for path in paths {
        if path.is_dir() {
            if depth < MAX_DEPTH {
                read_folder(root, &path, depth + 1, sources)?;
            }
            continue;
        }
        let name = path.to_string_lossy();
        let hashes = HASHES.iter().any(|end| name.ends_with(end));
        let read = [".yaml", ".txt", EXAMPLES];
        if !hashes && !read.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if sources.len() == MAX_FILES {
            return Err(format!(
                "{} holds more than {MAX_FILES} policy files",
                root.display()
            ));
        }
        let size = fs::metadata(&path)
            .map_err(|error| wrong(&path, error))?
            .len();
        let most = if hashes {
            HASHES_BYTES
        } else {
            FILE_BYTES as u64
        };
        if size > most {
            return Err(format!("{} has more than {most} bytes", path.display()));
        }
        let text = fs::read_to_string(&path).map_err(|error| wrong(&path, error))?;
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        sources.push(Source {
            path: parts.join("/"),
            text,
            shipped: false,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_policies_and_lists_by_their_path_within_the_folder() {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir(root.path().join("lists")).expect("a folder");
        for (name, text) in [
            ("b.yaml", "b"),
            ("a.cases.yaml", "a"),
            ("lists/w.txt", "w"),
            ("lists/e.jsonl", "e"),
            ("README.md", ""),
        ] {
            fs::write(root.path().join(name), text).expect("a file");
        }
        let sources = read_folders(&[root.path().to_owned()]).expect("readable");
        let paths: Vec<_> = sources.iter().map(|source| source.path.as_str()).collect();
        assert_eq!(
            paths,
            ["a.cases.yaml", "b.yaml", "lists/e.jsonl", "lists/w.txt"]
        );
        assert!(sources.iter().all(|source| !source.shipped));
    }

    #[test]
    fn a_missing_folder_is_said_by_name() {
        let error = read_folders(&[PathBuf::from("no/such/folder")]).expect_err("missing");
        assert!(error.contains("no/such/folder"), "{error}");
    }
}
