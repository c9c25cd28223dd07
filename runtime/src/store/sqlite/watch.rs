//! The three files of an open database: checked before transactions, since SQLite
//! does not notice what others do to them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode};

use super::errors::translate;
use super::identity::Identity;
use super::open::io_error;
use crate::store::StoreError;

/// The beginning of a log, and of each page in it.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// Where SQLite has its locks; the page there is never written.
const LOCKED_BYTE: u64 = 0x4000_0000;

/// How often to check that log and index are at their paths when their folder says
/// that nothing was created, moved or deleted in it: where times are coarse, a change may
/// hide behind another one of the same moment, 10 ms at most.
///
/// The log is not checked at every commit because of what that costs. Since
/// 6.13 Linux updates the times of a file that was asked for them at the next
/// write, and the sync then has to write those too.
const EVERY: Duration = Duration::from_millis(10);

/// How often to re-examine files that got shorter: others keep writing meanwhile.
const LOOKS: u32 = 4;

/// As long as a connection is open nobody replaces or removes any of them, and
/// nothing but a checkpoint makes them shorter.
pub(super) struct Watch {
    database: Identity,
    log: Identity,
    /// With another index, another process would not know what is in the log.
    index: Identity,
    /// When their paths were checked, and when their folder had last changed by then.
    looked: Instant,
    changed: Option<SystemTime>,
    /// A handle of our own on the log: SQLite has no locks on it that closing
    /// this one could drop, as it has on the other two.
    open_log: File,
    page_size: u64,
    /// How long database and log were when they were last seen.
    seen: (u64, u64),
    /// What was cut off does not come back.
    cut: Option<StoreError>,
}

impl Watch {
    /// Of a database that `conn` has open, in WAL mode.
    pub(super) fn new(database: Identity, conn: &Connection) -> Result<Self, StoreError> {
        let log = Identity::of(log_of(database.path()))?;
        let index = Identity::of(beside(database.path(), "-shm"))?;
        let open_log = File::open(log.path()).map_err(|error| io_error(&error, log.path()))?;
        let page_size = pragma(conn, "page_size");
        let mut watch = Self {
            page_size: page_size.map_err(|error| translate(error, database.path()))?,
            database,
            log,
            index,
            looked: Instant::now(),
            changed: None,
            open_log,
            seen: (u64::MAX, u64::MAX),
            cut: None,
        };
        watch.check(conn)?;
        Ok(watch)
    }

    pub(super) fn path(&self) -> &Path {
        self.database.path()
    }

    /// Two `stat`s, and no more unless something changed in the folder or a file got
    /// shorter.
    pub(super) fn check(&mut self, conn: &Connection) -> Result<(), StoreError> {
        if let Some(cut) = &self.cut {
            return Err(cut.clone());
        }
        let changed = self.folder_changed();
        if changed.is_none() || changed != self.changed || self.looked.elapsed() >= EVERY {
            self.index.check()?;
            self.log.check()?;
            self.looked = Instant::now();
            self.changed = changed;
        }
        let found = (self.database.check()?, self.log_bytes()?);
        if found.0 < self.seen.0 || found.1 < self.seen.1 {
            self.seen = self.examine(conn)?;
        } else {
            self.seen = found;
        }
        Ok(())
    }

    /// After a commit: how long the log is now.
    pub(super) fn committed(&mut self) -> u64 {
        // If that cannot be read, it is as long as it was.
        if let Ok(log) = self.log_bytes() {
            self.seen.1 = log;
        }
        self.seen.1
    }

    /// When something was last created, moved or deleted in the folder of the files.
    fn folder_changed(&self) -> Option<SystemTime> {
        fs::metadata(self.path().parent()?).ok()?.modified().ok()
    }

    /// How long the log is, without asking for its times.
    fn log_bytes(&self) -> Result<u64, StoreError> {
        (&self.open_log)
            .seek(SeekFrom::End(0))
            .map_err(|error| io_error(&error, self.log.path()))
    }

    /// Whether shorter files still have what must be in them.
    fn examine(&mut self, conn: &Connection) -> Result<(u64, u64), StoreError> {
        let mut looks = 0;
        loop {
            let found = (self.database.check()?, self.log_bytes()?);
            let Some(cut) = self.cut_off(conn, found)? else {
                return Ok(found);
            };
            looks += 1;
            if looks == LOOKS {
                let path = cut.path().display().to_string();
                let cut = StoreError::Truncated { path };
                self.cut = Some(cut.clone());
                return Err(cut);
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// The file that is shorter than it must be.
    fn cut_off(
        &self,
        conn: &Connection,
        (database, log): (u64, u64),
    ) -> Result<Option<&Identity>, StoreError> {
        let say = |error| translate(error, self.path());
        // Says what a checkpoint would have to do, and does nothing.
        let frames = conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1));
        let frames: u32 = frames.map_err(say)?;
        if frames > 0 && log < self.frame(frames) {
            return Ok(Some(&self.log));
        }
        let pages = match pragma(conn, "page_count") {
            Ok(pages) => pages,
            // What it read was beyond the end.
            Err(error) if is_corrupt(&error) => return Ok(Some(&self.database)),
            Err(error) => return Err(say(error)),
        };
        let beyond = database / self.page_size + 1..=pages;
        if beyond.is_empty() {
            return Ok(None);
        }
        let logged = match self.logged(frames) {
            Ok(logged) => logged,
            // Another process restarted the log meanwhile, or it was truncated.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(Some(&self.log));
            }
            Err(error) => return Err(io_error(&error, self.log.path())),
        };
        let never_written = LOCKED_BYTE / self.page_size + 1;
        let is_there = |page| page == never_written || logged.contains(&page);
        Ok((!{ beyond }.all(is_there)).then_some(&self.database))
    }

    /// Where the frame with this index begins in the log.
    fn frame(&self, number: u32) -> u64 {
        LOG_HEADER + u64::from(number) * (FRAME_HEADER + self.page_size)
    }

    /// The pages that are in the log.
    fn logged(&self, frames: u32) -> io::Result<BTreeSet<u64>> {
        let mut log = &self.open_log;
        let page_of = |number| {
            let mut page = [0; 4];
            log.seek(SeekFrom::Start(self.frame(number)))?;
            log.read_exact(&mut page)?;
            Ok(u32::from_be_bytes(page).into())
        };
        (0..frames).map(page_of).collect()
    }
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<u64> {
    conn.pragma_query_value(None, name, |row| row.get::<_, u32>(0))
        .map(u64::from)
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// How long the log of the database at `path` is.
pub(super) fn log_bytes(path: &Path) -> Result<u64, StoreError> {
    let log = log_of(path);
    let moved = |_| StoreError::Moved {
        path: log.display().to_string(),
    };
    fs::metadata(&log).map(|log| log.len()).map_err(moved)
}

fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The path of a file next to the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    /// Another process may empty the log between two reads of one examination.
    #[test]
    fn a_log_that_gets_shorter_during_a_look_is_looked_at_again() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("some.db");
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE more (text TEXT);
             INSERT INTO more SELECT hex(zeroblob(90000));",
        )
        .unwrap();
        let watch = Watch::new(Identity::of(path).unwrap(), &conn).unwrap();
        let before = (watch.database.check().unwrap(), watch.log.check().unwrap());
        let log = File::options().write(true).open(watch.log.path()).unwrap();
        log.set_len(0).unwrap();
        let cut = watch.cut_off(&conn, before).unwrap();
        assert_eq!(cut.map(Identity::path), Some(watch.log.path()));
    }
}
