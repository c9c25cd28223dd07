//! The source tree under review.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use superstep::NodeError;

/// A folder with Rust files somewhere below it.
pub struct Tree {
    root: PathBuf,
}

/// What walking a tree found, in the order of the paths.
#[derive(Default)]
pub struct Files {
    /// Paths below the root, with `/` between their parts.
    pub paths: Vec<String>,
    /// What could not be read, and why.
    pub skipped: Vec<String>,
}

/// One file's text.
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

impl Tree {
    /// The tree below `root`, which is a folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    /// The folder's own name.
    pub fn name(&self) -> String {
        self.root
            .file_name()
            .map_or("/".into(), |name| name.to_string_lossy().into_owned())
    }

    /// All Rust files, sorted; `target` and hidden folders are left out, and
    /// links are not followed.
    pub fn files(&self) -> Files {
        let mut files = Files::default();
        self.walk(&self.root, &mut files);
        files.paths.sort();
        files.skipped.sort();
        files
    }

    fn walk(&self, folder: &Path, files: &mut Files) {
        let entries = match folder.read_dir() {
            Ok(entries) => entries,
            Err(error) => {
                return files
                    .skipped
                    .push(format!("{}: {error}", self.shown(folder)));
            }
        };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                self.walk(&path, files);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "rs") {
                match path.to_str() {
                    Some(_) => files.paths.push(self.shown(&path)),
                    None => files
                        .skipped
                        .push(format!("{}: its name is not UTF-8", self.shown(&path))),
                }
            }
        }
    }

    fn shown(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        if parts.is_empty() {
            ".".into()
        } else {
            parts.join("/")
        }
    }

    /// Reads one file. A retry would find the same bytes, so no error here is
    /// worth one.
    pub fn read(&self, path: &str) -> Result<SourceFile, NodeError> {
        let said = |why: String| NodeError::permanent(format!("{path}: {why}"));
        let bytes = std::fs::read(self.root.join(path)).map_err(|error| said(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            said(format!(
                "not UTF-8 from byte {}",
                error.utf8_error().valid_up_to()
            ))
        })?;
        Ok(SourceFile {
            path: path.to_owned(),
            text,
        })
    }

    /// A hash over where the tree is and every byte of its files, and over
    /// `salt`: the id of this tree's review.
    pub fn review_id(&self, files: &Files, salt: &[&str]) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        salt.iter().for_each(|text| part(text.as_bytes()));
        part(self.root.as_os_str().as_encoded_bytes());
        for path in &files.paths {
            part(path.as_bytes());
            part(&std::fs::read(self.root.join(path)).unwrap_or_default());
        }
        let mut id = format!("{}-", self.name());
        for byte in &hash.finalize()[..8] {
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}
