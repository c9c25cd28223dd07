//! Whether the file at the path is still the one that was opened.
//!
//! Where open files can be deleted, SQLite keeps writing to one that is gone,
//! and reports success; the commits would be lost with the process.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::open::io_error;
use crate::store::StoreError;

/// A file at its path. Its log and its index are told apart in the same way.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Absolute, so that it means the same after a change of directory.
    path: PathBuf,
    number: (u64, u64),
}

impl Identity {
    /// Of the file at `path`, an absolute one.
    pub(super) fn of(path: PathBuf) -> Result<Self, StoreError> {
        let file = fs::metadata(&path).map_err(|error| io_error(&error, &path))?;
        let number = number(&file);
        Ok(Self { path, number })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// One `stat`, about a microsecond; returns how long the file is.
    pub(super) fn check(&self) -> Result<u64, StoreError> {
        let path = || self.path.display().to_string();
        match fs::metadata(&self.path) {
            Ok(file) if number(&file) != self.number => Err(StoreError::Moved { path: path() }),
            Ok(file) if names(&file) > 1 => Err(StoreError::Linked { path: path() }),
            Ok(file) => Ok(file.len()),
            Err(_) => Err(StoreError::Moved { path: path() }),
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

/// How many names the file has. Under a second one SQLite would look for another
/// log than under the first, and neither would know of the other.
#[cfg(unix)]
fn names(file: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.nlink()
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}
