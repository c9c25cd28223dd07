//! From what SQLite says to what a caller can act on.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use super::open::is_out_of_files;
use crate::store::StoreError;

/// The system's error codes when no more files can be opened, in this process or at all.
#[cfg(unix)]
pub(super) const TOO_MANY_FILES: &[i32] = &[24, 23]; // EMFILE, ENFILE
#[cfg(not(unix))]
pub(super) const TOO_MANY_FILES: &[i32] = &[4]; // ERROR_TOO_MANY_OPEN_FILES

/// Why a job or a query did not go through.
///
/// The difference matters to a group of jobs: a refusal has written nothing and
/// leaves the others alone, an error of the database may have.
#[derive(Debug)]
pub(super) enum Fail {
    /// An answer of ours.
    Refused(StoreError),
    /// An error of the database.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Fail {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fail {
    pub(super) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Sql(error) => translate(error, path),
        }
    }
}

/// The typed error for what SQLite said about the database at `path`.
pub(super) fn translate(error: rusqlite::Error, path: &Path) -> StoreError {
    let is_out_of_files = || is_out_of_files(path);
    let path = path.display().to_string();
    if let rusqlite::Error::SqliteFailure(failure, _) = &error {
        match failure.code {
            // It opens a log, an index or a folder when it needs them.
            ErrorCode::CannotOpen | ErrorCode::SystemIoFailure if is_out_of_files() => {
                return StoreError::TooManyFiles { path };
            }
            ErrorCode::DiskFull => return StoreError::Full { path },
            // The third comes from a reader that lost the race for the index too often.
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed => {
                return StoreError::Busy { path };
            }
            ErrorCode::NotADatabase => return StoreError::NotADatabase { path },
            // The file under the connection was moved or deleted; nothing is read-only.
            ErrorCode::ReadOnly if failure.extended_code != ffi::SQLITE_READONLY_DBMOVED => {
                return StoreError::unwritable(path);
            }
            _ => {}
        }
    }
    StoreError::Backend {
        message: format!("{error} (`{path}`)"),
        source: Some(Arc::new(error)),
    }
}

/// A failure with no SQLite error behind it.
pub(super) fn backend(message: impl Into<String>) -> StoreError {
    StoreError::Backend {
        message: message.into(),
        source: None,
    }
}
