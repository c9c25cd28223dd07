//! From a path to a database that is certainly ours, writable and current.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Synchronous;
use super::checkpointer::LONGEST_LOG;
use super::errors::translate;
use super::{reader, schema, shrink};
use crate::store::StoreError;

/// Where the file is and what it costs to write to it.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) synchronous: Synchronous,
    pub(super) busy: Duration,
}

/// The connection that writes, and the one that looked at the file before, if
/// there was a file and it need not be [converted](shrink::convert). As long as that one is open, the next need not read
/// through the log that a killed process left.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) reader: Option<Connection>,
}

/// Opens a database. Nothing is written to a file that is not ours, and it is
/// never opened but through SQLite: closing any other handle would drop the
/// locks that SQLite holds in this process.
pub(super) fn open(path: &Path, settings: &Settings) -> Result<Opened, StoreError> {
    refuse_what_is_no_file(path)?;
    let reader = match fs::metadata(path) {
        Ok(file) if file.len() > 0 => look(path, settings)?.filter(shrink::is_shrinkable),
        _ => None,
    };
    let writer = open_writer(path, settings)?;
    Ok(Opened { writer, reader })
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

/// A second connection to a database that is there.
pub(super) fn beside_the_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| unopened(error, path))
}

fn refuse_what_is_no_file(path: &Path) -> Result<(), StoreError> {
    let refuse = |reason: &str| Err(cannot_open(path, reason));
    if path.as_os_str().is_empty() {
        return refuse("the path is empty");
    }
    if path == Path::new(":memory:") {
        return refuse("this store keeps runs in a file; take `MemoryStore` for memory");
    }
    if path.is_dir() {
        return refuse("it is a folder; name a file in it");
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        return refuse(&format!("there is no folder `{}`", folder.display()));
    }
    Ok(())
}

/// Reads, without the right to write, what the file says it is; first whether
/// it can be written, because even reading makes files beside a database, and
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

/// SQLite opens for reading what it cannot open for writing, without a word.
fn refuse_read_only(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    match conn.is_readonly("main") {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::ReadOnly {
            path: path.display().to_string(),
        }),
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
    // file itself and not in its log only.
    schema::migrate(&mut conn, path)?;
    shrink::convert(&conn, settings.busy).map_err(say)?;
    use_wal(&conn, path, settings.busy)?;
    conn.pragma_update(None, "synchronous", settings.synchronous.word())
        .map_err(say)?;
    conn.pragma_update(None, "wal_autocheckpoint", LONGEST_LOG)
        .map_err(say)?;
    // A reader that stays open for long lets the log grow; this shrinks it again.
    conn.pragma_update(None, "journal_size_limit", 64 << 20)
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
        let mode = conn
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
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
    folder_error(path).unwrap_or_else(|| {
        if path.exists() {
            cannot_open(path, "this process may not read it")
        } else {
            cannot_open(path, &error.to_string())
        }
    })
}

/// Why no file can be created beside `path`, if that is so.
fn folder_error(path: &Path) -> Option<StoreError> {
    let probe = folder_of(path).join(format!(".superstep-probe-{}", std::process::id()));
    let created = OpenOptions::new().write(true).create_new(true).open(&probe);
    let error = match created {
        Ok(_) => {
            let _ = fs::remove_file(probe);
            return None;
        }
        Err(error) => error,
    };
    Some(io_error(&error, path))
}

/// The typed error for what the file system said about something beside `path`.
pub(super) fn io_error(error: &io::Error, path: &Path) -> StoreError {
    let shown = path.display().to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path: shown }
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

fn cannot_open(path: &Path, reason: &str) -> StoreError {
    StoreError::CannotOpen {
        path: path.display().to_string(),
        reason: reason.to_owned(),
    }
}
