//! From what SQLite says to what a caller can act on.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, ffi};

use super::open::is_out_of_files;
use super::schema;
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

/// The same for what was said on `conn`. A newer program may have brought the file to its schema
/// while this one had it open: then that is the error.
pub(super) fn translate_on(conn: &Connection, error: rusqlite::Error, path: &Path) -> StoreError {
    let newer = match may_be_of_schema(&error) {
        true => schema::kind(conn)
            .ok()
            .map(|kind| schema::check(&kind, path)),
        false => None,
    };
    match newer {
        Some(Err(newer)) => newer,
        _ => translate(error, path),
    }
}

/// Whether the statement may not fit the schema: a table or a column that is not there, or one that
/// asks for a value.
fn may_be_of_schema(error: &rusqlite::Error) -> bool {
    let said = match error {
        rusqlite::Error::SqliteFailure(said, _) => said,
        rusqlite::Error::SqlInputError { error: said, .. } => said,
        _ => return false,
    };
    said.extended_code == ffi::SQLITE_ERROR || said.code == ErrorCode::ConstraintViolation
}

/// A failure with no SQLite error behind it.
pub(super) fn backend(message: impl Into<String>) -> StoreError {
    StoreError::Backend {
        message: message.into(),
        source: None,
    }
}
