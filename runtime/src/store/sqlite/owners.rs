//! Who is alive: a file per open store, locked for as long as its process lives.
//!
//! A lease names the file of the store it was taken through. The operating
//! system drops the lock with the process, however it ends, so whoever can lock
//! that file knows that the owner is dead and need not wait for the lease to
//! lapse. A file that is missing, or that cannot be tried, proves nothing.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use super::errors::Fail;
use super::open::io_error;
use super::watch::beside;
use crate::store::StoreError;
use crate::store::rules::Life;

/// The folder of lock files next to a database, and our own file in it.
#[derive(Debug)]
pub(super) struct Owners {
    folder: PathBuf,
    /// `None` where the file system has no locks: leases then only lapse.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    name: String,
    path: PathBuf,
    /// Never read; it holds the lock.
    _file: File,
    /// Whether the file outlives the store.
    stays: AtomicBool,
}

/// Even when opening fails after it was created.
impl Drop for Own {
    fn drop(&mut self) {
        if !self.stays.load(Ordering::Relaxed) {
            // If it stays, the next one to open the database buries it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Owners {
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        let folder = beside(database, "-owners");
        fs::create_dir_all(&folder)?;
        let own = Own::create(&folder)?;
        Ok(Self { folder, own })
    }

    /// The name to write into leases.
    pub(super) fn own(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.name.as_str())
    }

    /// What is known of the process behind that lock file.
    pub(super) fn life(&self, name: &str) -> Result<Life, StoreError> {
        // The name comes out of a database that anybody may have edited.
        let plain = Path::new(name).file_name() == Some(name.as_ref());
        // That this store is open says nothing about an engine that used it.
        if !plain || Some(name) == self.own() {
            return Ok(Life::Unknown);
        }
        let path = self.folder.join(name);
        match File::open(&path) {
            Ok(file) => Ok(match file.try_lock() {
                Ok(()) => Life::Dead,
                Err(TryLockError::WouldBlock) => Life::Alive,
                Err(TryLockError::Error(_)) => Life::Unknown,
            }),
            Err(error) => match io_error(&error, &path) {
                error @ StoreError::TooManyFiles { .. } => Err(error),
                _ => Ok(Life::Unknown),
            },
        }
    }

    fn is_dead(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.life(name)? == Life::Dead)
    }

    /// Removes the file of a dead owner that no lease names any more.
    ///
    /// In this order: the dead take no new leases, and names are never reused.
    pub(super) fn bury(&self, conn: &Connection, name: &str) -> Result<(), Fail> {
        if self.is_dead(name)? && !is_named(conn, name)? {
            // If it stays, the next one to open the database tries again.
            let _ = fs::remove_file(self.folder.join(name));
        }
        Ok(())
    }

    /// Buries all that can be buried.
    pub(super) fn sweep(&self, conn: &Connection) -> Result<(), Fail> {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str() {
                self.bury(conn, name)?;
            }
        }
        Ok(())
    }

    /// Whether a lease that was not given back may still name our own file: its
    /// next owner must learn that we are gone, so the file stays when we go.
    pub(super) fn is_named(&self, conn: &Connection) -> bool {
        let own = self.own();
        own.is_some_and(|own| !matches!(is_named(conn, own), Ok(false)))
    }

    pub(super) fn stay(&self) {
        if let Some(own) = &self.own {
            own.stays.store(true, Ordering::Relaxed);
        }
    }
}

/// The end of the name of a file that is not locked yet.
const UNFINISHED: &str = ".new";

/// How often others may beat us to our own file.
const SWEPT: u32 = 8;

impl Own {
    /// The file gets its name only when it is locked, so that nobody ever finds
    /// it unlocked and takes us for dead.
    fn create(folder: &Path) -> io::Result<Option<Self>> {
        // Whoever sweeps the folder may take one that is not locked yet for a dead owner's.
        for _ in 0..SWEPT {
            match Self::try_create(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                created => return created,
            }
        }
        Self::try_create(folder)
    }

    fn try_create(folder: &Path) -> io::Result<Option<Self>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{nanos:x}-{count}", std::process::id());
        let unfinished = folder.join(format!("{name}{UNFINISHED}"));
        // From here on the file is removed if anything fails.
        let mut own = Self {
            _file: File::create_new(&unfinished)?,
            path: unfinished,
            stays: AtomicBool::new(false),
            name,
        };
        match own._file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::NotFound.into()),
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        let path = folder.join(&own.name);
        fs::rename(&own.path, &path)?;
        own.path = path;
        Ok(Some(own))
    }
}

fn is_named(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE lock = ?1)")?
        .query_row([name], |row| row.get(0))
}
