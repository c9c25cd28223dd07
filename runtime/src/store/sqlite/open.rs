//! From a path to a database that is certainly ours, writable and current.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Synchronous;
use super::checkpointer::{LONG_LOG, LONGEST_LOG};
use super::errors::{TOO_MANY_FILES, translate};
use super::gate::Gate;
use super::identity::Identity;
use super::watch::beside;
use super::{reader, schema, shrink};
use crate::store::StoreError;

/// More links than this in a row form a cycle.
const MOST_LINKS: u32 = 40;

/// SQLite takes no longer path, in bytes, including the names of the files next to it.
const LONGEST_PATH: usize = 504;

/// A connection has a database, its log and its index, and makes a journal for a new one.
const AT_ONCE: usize = 4;

/// Where the file is and what it costs to write to it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) synchronous: Synchronous,
    pub(super) busy: Duration,
}

/// The connection that writes, and the one that inspected the file before, if
/// there was a file and it need not be [converted](shrink::convert). As long as that one is open, the next need not read
/// through the log that a killed process left.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) reader: Option<Connection>,
}

/// The one name under which the database is known from here on: absolute, so that
/// it means the same after a change of directory and is never a URI, and with no link
/// in it, so that everybody finds the same files next to it.
pub(super) fn locate(path: &Path) -> Result<PathBuf, StoreError> {
    if path.as_os_str().is_empty() {
        return Err(cannot_open(path, "the path is empty"));
    }
    if path == Path::new(":memory:") {
        let reason = "this store keeps runs in a file; take `MemoryStore` for memory";
        return Err(cannot_open(path, reason));
    }
    let mut named = path.to_owned();
    for _ in 0..MOST_LINKS {
        let found = match fs::canonicalize(&named) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            found => Some(found.map_err(|error| unreachable_file(&error, path))?),
        };
        if let Some(found) = found {
            refuse_what_is_no_file(&found)?;
            return refuse_long_name(&found).map(|()| found);
        }
        // Not there yet, or a link to what is not there yet.
        let folder = folder_of(&named);
        let Ok(real) = fs::canonicalize(&folder) else {
            let reason = format!("there is no folder `{}`", folder.display());
            return Err(cannot_open(path, &reason));
        };
        let Some(name) = named.file_name() else {
            return Err(cannot_open(path, "it is a folder; name a file in it"));
        };
        let place = real.join(name);
        match fs::read_link(&place) {
            Ok(target) => named = real.join(target),
            Err(_) => return refuse_long_name(&place).map(|()| place),
        }
    }
    Err(cannot_open(path, "its links lead nowhere"))
}

/// The names of the files next to it are longer than its own.
fn refuse_long_name(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(beside(path, "-journal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&error, path)),
        _ => Ok(()),
    }
}

/// Why a path that exists leads nowhere.
fn unreachable_file(error: &io::Error, path: &Path) -> StoreError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => cannot_open(path, "this process may not reach it"),
        _ => io_error(error, path),
    }
}

/// Opens a database. Nothing is written to a file that is not ours, and it is
/// only opened through SQLite: closing any other handle would drop the
/// locks that SQLite holds in this process.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    let gate = Gate::of(path);
    let _alone = gate.open();
    let reader = match fs::metadata(path) {
        Ok(file) if file.len() > 0 => look(path, settings)?.filter(shrink::is_shrinkable),
        _ => {
            refuse_orphaned_log(path)?;
            None
        }
    };
    let writer = open_writer(path, settings)?;
    Ok(Opened { writer, reader })
}

/// A new database in place of one that was moved away would take its log for
/// rubbish, and delete what was committed there.
pub(super) fn refuse_orphaned_log(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if !fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(());
    }
    let reason = format!(
        "it is not there, but its log `{}` is, with the last commits: put the file back where it was, \
         or, if nobody needs that any more, move the log away",
        log.display()
    );
    Err(cannot_open(path, &reason))
}

fn open_writer(path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| unopened(error, path))?;
    set_up(conn, path, settings).map_err(|error| match error {
        // A folder without the right to create files shows up as this.
        StoreError::Backend { source, message } => {
            folder_error(path).unwrap_or(StoreError::Backend { message, source })
        }
        error => error,
    })
}

/// A second connection to an existing database.
pub(super) fn beside_the_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| unopened(error, path))
}

fn refuse_what_is_no_file(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Err(cannot_open(path, "it is a folder; name a file in it"));
    }
    // Under its other name SQLite would look for another log.
    match Identity::of(path.to_owned())?.check() {
        Err(error @ StoreError::Linked { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Reads, without the right to write, what the file says it is; first whether
/// it can be written, because even reading creates files next to a database, and
/// those of a read-only one would be read-only too.
fn look(path: &Path, settings: &Settings) -> Result<Option<Connection>, StoreError> {
    refuse_read_only(&beside_the_writer(path)?, path)?;
    let looked = reader::open(path, settings.busy)
        .and_then(|conn| schema::kind(&conn).map(|kind| (conn, kind)));
    match looked {
        Ok((conn, kind)) => schema::check(&kind, path).map(|()| Some(conn)),
        Err(error) => match error.sqlite_error_code() {
            // Left behind by a crash: a journal that only a writer can put back.
            Some(ErrorCode::ReadOnly) => Ok(None),
            _ => Err(unopened(error, path)),
        },
    }
}

/// SQLite silently opens for reading what it cannot open for writing.
fn refuse_read_only(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    match conn.is_readonly("main") {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::unwritable(path.display())),
        Err(error) => Err(translate(error, path)),
    }
}

fn set_up(
    mut conn: Connection,
    path: &Path,
    settings: &Settings,
) -> Result<Connection, StoreError> {
    let say = |error| translate(error, path);
    conn.busy_timeout(settings.busy).map_err(say)?;
    refuse_read_only(&conn, path)?;
    shrink::prepare(&conn).map_err(say)?;
    // Before WAL is switched on, so that the marks of a new file are in the
    // file itself and not only in its log.
    schema::migrate(&mut conn, path)?;
    shrink::convert(&conn, settings.busy).map_err(say)?;
    use_wal(&conn, path, settings.busy)?;
    conn.pragma_update(None, "synchronous", settings.synchronous.word())
        .map_err(say)?;
    conn.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG)
        .map_err(say)?;
    // A reader that stays open for long lets the log grow; this shrinks it again.
    conn.pragma_update(None, "journal_size_limit", LONG_LOG.cast_signed())
        .map_err(say)?;
    conn.set_prepared_statement_cache_capacity(64);
    // Better to learn now than at the first commit that nothing can be written.
    conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK")
        .map_err(say)?;
    Ok(conn)
}

/// SQLite does not wait when the journal mode is locked by another opener, so
/// the waiting is done here.
fn use_wal(conn: &Connection, path: &Path, busy: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + busy;
    loop {
        match switch_to_wal(conn) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                let reason = format!("its file system allows no write-ahead log, only `{mode}`");
                return Err(cannot_open(path, &reason));
            }
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(translate(error, path)),
        }
    }
}

/// Returns the mode. Reads to the end, because SQLite reports the new mode first and
/// then writes it to the file, which may fail.
fn switch_to_wal(conn: &Connection) -> rusqlite::Result<String> {
    let mut switch = conn.prepare("PRAGMA journal_mode = wal")?;
    let modes = switch.query_map([], |row| row.get::<_, String>(0))?;
    modes.collect()
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// SQLite does not say why it cannot open a file.
fn unopened(error: rusqlite::Error, path: &Path) -> StoreError {
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return translate(error, path);
    }
    if is_out_of_files(path) {
        return translate(error, path);
    }
    folder_error(path).unwrap_or_else(|| {
        if path.as_os_str().len() > LONGEST_PATH {
            let reason = format!("its path is longer than {LONGEST_PATH} bytes");
            cannot_open(path, &reason)
        } else if path.exists() {
            cannot_open(path, "this process may not read it")
        } else {
            cannot_open(path, &error.to_string())
        }
    })
}

/// Why no file can be created next to `path`, if that is so.
fn folder_error(path: &Path) -> Option<StoreError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let probe = format!(".superstep-probe-{}-{count}", std::process::id());
    let probe = folder_of(path).join(probe);
    let created = OpenOptions::new().write(true).create_new(true).open(&probe);
    let error = match created {
        Ok(_) => {
            // Empty, and nobody looks for it.
            let _ = fs::remove_file(probe);
            return None;
        }
        Err(error) => error,
    };
    Some(io_error(&error, path))
}

/// Whether this process can open no more files: that folder can otherwise always be opened.
/// SQLite, and whoever failed, may have closed some since.
pub(super) fn is_out_of_files(path: &Path) -> bool {
    let folder = folder_of(path);
    let some = (0..AT_ONCE).map(|_| fs::File::open(&folder));
    some.collect::<Result<Vec<_>, _>>()
        .is_err_and(|error| says_too_many(&error))
}

fn says_too_many(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| TOO_MANY_FILES.contains(&code))
}

/// The typed error for what the file system said about something next to `path`.
pub(super) fn io_error(error: &io::Error, path: &Path) -> StoreError {
    let shown = path.display().to_string();
    if says_too_many(error) {
        return StoreError::TooManyFiles { path: shown };
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::unwritable(shown)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            StoreError::Full { path: shown }
        }
        _ => cannot_open(path, &error.to_string()),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

pub(super) fn cannot_open(path: &Path, reason: &str) -> StoreError {
    StoreError::CannotOpen {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}
