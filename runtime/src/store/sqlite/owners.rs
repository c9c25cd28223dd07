//! Who is alive: a file per open store, locked for as long as its process lives.
//!
//! A lease names the file of the store it was taken through. The operating
//! system drops the lock with the process, however it ends, so whoever can lock
//! that file knows that the owner is dead and need not wait for the lease to
//! lapse. A file that is missing, or that cannot be asked, proves nothing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

/// The folder of lock files beside a database, and our own file in it.
#[derive(Debug)]
pub(super) struct Owners {
    folder: PathBuf,
    /// `None` where the file system has no locks: leases then only lapse.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    name: String,
    /// Never read; it holds the lock.
    _file: File,
}

impl Owners {
    pub(super) fn open(database: &Path) -> io::Result<Self> {
        let mut folder = database.as_os_str().to_owned();
        folder.push("-owners");
        let folder = PathBuf::from(folder);
        fs::create_dir_all(&folder)?;
        let own = Own::create(&folder)?;
        Ok(Self { folder, own })
    }

    /// The name to write into leases.
    pub(super) fn own(&self) -> Option<&str> {
        self.own.as_ref().map(|own| own.name.as_str())
    }

    /// Whether the process behind that lock file is certainly gone.
    pub(super) fn is_dead(&self, name: &str) -> bool {
        // The name comes out of a database that anybody may have edited.
        let plain = Path::new(name).file_name() == Some(name.as_ref());
        if !plain || Some(name) == self.own() {
            return false;
        }
        File::open(self.folder.join(name)).is_ok_and(|file| file.try_lock().is_ok())
    }

    /// Removes the file of a dead owner that no lease names any more.
    ///
    /// In this order: the dead take no new leases, and names never come again.
    pub(super) fn bury(&self, conn: &Connection, name: &str) -> rusqlite::Result<()> {
        if self.is_dead(name) && !is_named(conn, name)? {
            // If it stays, the next one to open the database tries again.
            let _ = fs::remove_file(self.folder.join(name));
        }
        Ok(())
    }

    /// Buries all that can be buried.
    pub(super) fn sweep(&self, conn: &Connection) -> rusqlite::Result<()> {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str()
                && !name.ends_with(UNFINISHED)
            {
                self.bury(conn, name)?;
            }
        }
        Ok(())
    }

    /// Removes our own file when the store closes, unless a lease that was not
    /// given back still names it: its next owner shall know that we are gone.
    pub(super) fn leave(&self, conn: &Connection) {
        if let Some(own) = self.own()
            && matches!(is_named(conn, own), Ok(false))
        {
            let _ = fs::remove_file(self.folder.join(own));
        }
    }
}

/// The end of the name of a file that is not locked yet.
const UNFINISHED: &str = ".new";

impl Own {
    /// The file gets its name only when it is locked, so that nobody ever finds
    /// it unlocked and takes us for dead.
    fn create(folder: &Path) -> io::Result<Option<Self>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{nanos:x}-{count}", std::process::id());
        let unfinished = folder.join(format!("{name}{UNFINISHED}"));
        let file = File::create_new(&unfinished)?;
        if file.try_lock().is_err() {
            let _ = fs::remove_file(unfinished);
            return Ok(None);
        }
        fs::rename(unfinished, folder.join(&name))?;
        Ok(Some(Self { name, _file: file }))
    }
}

fn is_named(conn: &Connection, name: &str) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE lock = ?1)")?
        .query_row([name], |row| row.get(0))
}
