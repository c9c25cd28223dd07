//! Reading a database without writing, neither to it nor next to it.
//!
//! Each read has a connection of its own, so that a store that is merely open holds
//! nobody up: as long as SQLite has a connection somewhere, a writer that closes
//! leaves its log behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::errors::{Fail, translate};
use super::files::{Files, Way};
use super::gate::Gate;
use super::identity::Identity;
use super::open::{cannot_open, refuse_orphaned_log};
use super::reader::within_one_moment;
use super::{older, open};
use crate::store::StoreError;

/// How often to try to read a database that others are just opening or closing, and how
/// long to wait in between: opening takes a few milliseconds.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(5);

/// A database that is only read.
#[derive(Debug)]
pub(super) struct ReadOnly {
    file: Identity,
    busy: Duration,
    gate: Gate,
}

/// The result of one try.
enum Seen<T> {
    Surely(Result<T, StoreError>),
    /// Somebody may have written meanwhile, or is about to clean up; with the error if that
    /// does not change.
    Perhaps(StoreError),
}

impl ReadOnly {
    /// Checks once whether it can be read.
    pub(super) fn open(path: PathBuf, busy: Duration) -> Result<Self, StoreError> {
        if !fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
            refuse_orphaned_log(&path)?;
            return Err(cannot_open(&path, "there is no such file, or an empty one"));
        }
        let gate = Gate::of(&path);
        let file = Identity::of(path)?;
        let opened = Self { file, busy, gate };
        opened.look(1, |_| Ok(()))?;
        Ok(opened)
    }

    pub(super) fn file(&self) -> &Identity {
        &self.file
    }

    /// What `query` finds, all of one moment, in a database of schema `since` or a
    /// newer one.
    pub(super) fn look<T>(
        &self,
        since: u32,
        query: impl Fn(&Connection) -> Result<T, Fail>,
    ) -> Result<T, StoreError> {
        let mut looks = 0;
        loop {
            let error = match self.look_once(since, &query) {
                Seen::Surely(found) => return found,
                Seen::Perhaps(error) => error,
            };
            looks += 1;
            if looks == LOOKS {
                return Err(error);
            }
            sleep(BETWEEN);
        }
    }

    fn look_once<T>(&self, since: u32, query: impl Fn(&Connection) -> Result<T, Fail>) -> Seen<T> {
        let path = self.file.path();
        if let Err(error) = self.file.check() {
            return Seen::Surely(Err(error));
        }
        let _aside = self.gate.look();
        let now = SystemTime::now();
        let before = Files::of(path);
        let way = match before.way(path) {
            Ok(way) => way,
            Err(error) => return Seen::Perhaps(error),
        };
        let changing = || StoreError::Busy {
            path: path.display().to_string(),
        };
        if way == Way::Immutable && !before.are_settled(now) {
            return Seen::Perhaps(changing());
        }
        let found = self.open_by(way).and_then(|conn| {
            within_one_moment(&conn, |conn| {
                older::prepare(conn, path, since)?;
                query(conn)
            })
        });
        if way == Way::Immutable && before != Files::of(path) {
            return Seen::Perhaps(changing());
        }
        match found {
            Err(Fail::Sql(error)) => self.unread(error, &before),
            found => Seen::Surely(found.map_err(|fail| fail.at(path))),
        }
    }

    fn open_by(&self, way: Way) -> Result<Connection, Fail> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI;
        let conn = Connection::open_with_flags(uri(self.file.path(), way), flags)?;
        conn.busy_timeout(self.busy)?;
        // Temporary tables of the connection are kept out of files, too.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(conn)
    }

    fn unread<T>(&self, error: rusqlite::Error, files: &Files) -> Seen<T> {
        let path = self.file.path();
        match error.sqlite_error_code() {
            // SQLite says this of what it would have to write first.
            Some(ErrorCode::ReadOnly) => Seen::Perhaps(files.needs_recovery(path)),
            Some(ErrorCode::CannotOpen) if !open::is_out_of_files(path) => {
                let reason = "this process may not read it, or a file next to it";
                Seen::Perhaps(cannot_open(path, reason))
            }
            _ => Seen::Surely(Err(translate(error, path))),
        }
    }
}

/// The path in the URI form that SQLite needs for options: every byte that
/// could mean something else is written as its number.
fn uri(path: &Path, way: Way) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    let path: String = bytes.map(|&byte| escaped(byte)).collect();
    format!("file:{path}?{}", way.parameter())
}

fn escaped(byte: u8) -> String {
    match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(byte).into(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tempfile::tempdir;

    use super::*;
    use crate::store::SqliteStore;

    /// Somebody who opens, writes and closes while a read is under way leaves no file
    /// that would show it.
    #[test]
    fn what_was_written_during_a_look_without_locks_is_looked_at_again() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        drop(SqliteStore::open(&path).unwrap());
        let place = ReadOnly::open(path.clone(), Duration::ZERO).unwrap();
        let looks = Cell::new(0);
        let found = place.look(1, |conn| {
            let count = "SELECT count(*) FROM labels";
            let found: u32 = conn.query_row(count, [], |row| row.get(0))?;
            looks.set(looks.get() + 1);
            if looks.get() == 1 {
                let other = Connection::open(&path)?;
                other.execute("INSERT INTO labels VALUES (1, 'draft', 1)", [])?;
            }
            Ok(found)
        });
        assert_eq!((found.unwrap(), looks.get()), (1, 2));
    }

    #[test]
    fn a_log_that_comes_during_a_look_without_locks_is_looked_at() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("runs.db");
        drop(SqliteStore::open(&path).unwrap());
        let place = ReadOnly::open(path.clone(), Duration::ZERO).unwrap();
        let owner = Connection::open(&path).unwrap();
        let looks = Cell::new(0);
        let found = place.look(1, |conn| {
            looks.set(looks.get() + 1);
            if looks.get() == 1 {
                owner.execute("INSERT INTO labels VALUES (1, 'draft', 1)", [])?;
            }
            let count = "SELECT count(*) FROM labels";
            Ok(conn.query_row(count, [], |row| row.get::<_, u32>(0))?)
        });
        assert_eq!((found.unwrap(), looks.get()), (1, 2));
    }
}
