//! Whether the file at the path is still the one that was opened.
//!
//! Where open files can be deleted, SQLite goes on writing to one that is gone,
//! and says that all is well; the commits would be lost with the process.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

pub(super) struct Identity {
    /// Absolute, so that it means the same after a change of folder.
    path: PathBuf,
    file: (u64, u64),
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        let file = number(&fs::metadata(&path)?);
        Ok(Self { path, file })
    }

    /// One look at the folder, about a microsecond.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.path) {
            Ok(found) if number(&found) == self.file => Ok(()),
            _ => Err(StoreError::Moved {
                path: self.path.display().to_string(),
            }),
        }
    }
}

#[cfg(unix)]
fn number(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (file.dev(), file.ino())
}

/// An open file stays where it is.
#[cfg(not(unix))]
fn number(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
