//! One database's files: what happens to a change of them, and their log.

use std::collections::{BTreeMap, Bound};
use std::ffi::c_int;
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fs, io};

use rusqlite::ffi;

use crate::log::{Change, FileId, Log};

static WATCHED: Mutex<Vec<Weak<Watch>>> = Mutex::new(Vec::new());

/// How a change fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk reports an error.
    Io,
    /// The disk has no room.
    Full,
}

impl Trouble {
    fn code(self, io: c_int) -> c_int {
        match self {
            Self::Io => io,
            Self::Full => ffi::SQLITE_FULL,
        }
    }
}

/// The disk under one database: its file, its rollback journal and its
/// write-ahead log.
#[derive(Debug)]
pub struct Disk {
    watch: Arc<Watch>,
}

impl Disk {
    /// Watches the database at `path`, which must not exist yet: a log begins
    /// with nothing. Connections that are opened before [`install`](crate::install)
    /// are not seen.
    ///
    /// # Errors
    /// If its folder cannot be found, or if there is a file already.
    pub fn under(path: &Path) -> io::Result<Self> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or(io::ErrorKind::InvalidInput)?;
        // SQLite names files by their real paths.
        let folder = fs::canonicalize(path.parent().unwrap_or(path))?;
        let watch = Arc::new(Watch {
            folder,
            names: ["", "-journal", "-wal"].map(|end| format!("{name}{end}")),
            state: Mutex::default(),
        });
        let mut watched = watched();
        watched.retain(|watch| watch.strong_count() > 0);
        watched.push(Arc::downgrade(&watch));
        Ok(Self { watch })
    }

    /// From now on those changes fail: the first one since the disk is watched
    /// is number 1.
    pub fn fail(&self, which: impl RangeBounds<u64>, trouble: Trouble) {
        let which = (which.start_bound().cloned(), which.end_bound().cloned());
        self.watch.state().plan = Some(Plan { which, trouble });
    }

    /// From now on nothing fails.
    pub fn heal(&self) {
        self.watch.state().plan = None;
    }

    /// How many changes were tried.
    pub fn tried(&self) -> u64 {
        self.watch.state().tried
    }

    /// How many changes failed.
    pub fn failed(&self) -> u64 {
        self.watch.state().failed
    }

    /// How long the log is by now.
    pub fn position(&self) -> usize {
        self.watch.state().log.len()
    }

    /// Every change so far.
    pub fn log(&self) -> Log {
        self.watch.state().log.clone()
    }
}

/// What the shim knows of a database.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    names: [String; 3],
    /// Held while a change is made, so that the log has the order of the disk.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    names: BTreeMap<String, FileId>,
    created: FileId,
    plan: Option<Plan>,
    tried: u64,
    failed: u64,
}

/// Which changes fail, and how.
#[derive(Debug)]
struct Plan {
    which: (Bound<u64>, Bound<u64>),
    trouble: Trouble,
}

impl State {
    /// Counts one change; how it is to fail, if it is.
    fn trouble(&mut self) -> Option<Trouble> {
        self.tried += 1;
        let plan = self.plan.as_ref()?;
        if !plan.which.contains(&self.tried) {
            return None;
        }
        self.failed += 1;
        Some(plan.trouble)
    }

    fn log(&mut self, change: Change) {
        match &change {
            Change::Name(name, Some(file)) => drop(self.names.insert(name.clone(), *file)),
            Change::Name(name, None) => drop(self.names.remove(name)),
            _ => {}
        }
        self.log.changes.push(change);
    }
}

fn watched() -> MutexGuard<'static, Vec<Weak<Watch>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// Who watches the file at `path`, and the file's name.
    pub(crate) fn of(path: &Path) -> Option<(Arc<Self>, String)> {
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        watched()
            .iter()
            .filter_map(Weak::upgrade)
            .find(|watch| watch.folder == folder && watch.names.iter().any(|known| known == name))
            .map(|watch| (watch, name.to_owned()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a file, and logs it if that made it. Never fails by itself: what
    /// may fail is to change a file.
    pub(crate) fn open(&self, name: String, open: impl FnOnce() -> c_int) -> Result<FileId, c_int> {
        let mut state = self.state();
        match open() {
            ffi::SQLITE_OK => {}
            code => return Err(code),
        }
        if let Some(file) = state.names.get(&name) {
            return Ok(*file);
        }
        let file = state.created;
        state.created += 1;
        state.log(Change::Name(name, Some(file)));
        Ok(file)
    }

    /// Writes `bytes`; a write that fails still writes one half.
    pub(crate) fn write(
        &self,
        file: FileId,
        offset: usize,
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> c_int,
    ) -> c_int {
        let mut state = self.state();
        let trouble = state.trouble();
        let bytes = match trouble {
            Some(_) => &bytes[..bytes.len() / 2],
            None => bytes,
        };
        let code = write(bytes);
        if code == ffi::SQLITE_OK {
            let bytes = bytes.to_vec();
            state.log(Change::Write {
                file,
                offset,
                bytes,
            });
        }
        trouble.map_or(code, |trouble| trouble.code(ffi::SQLITE_IOERR_WRITE))
    }

    pub(crate) fn truncate(
        &self,
        file: FileId,
        size: usize,
        truncate: impl FnOnce() -> c_int,
    ) -> c_int {
        let changes = [Change::Truncate { file, size }];
        self.change(changes, None, ffi::SQLITE_IOERR_TRUNCATE, truncate)
    }

    pub(crate) fn sync(&self, file: FileId, sync: impl FnOnce() -> c_int) -> c_int {
        let failed = Some(Change::SyncFailed(file));
        self.change([Change::Sync(file)], failed, ffi::SQLITE_IOERR_FSYNC, sync)
    }

    /// The first sync of a new journal or log: SQLite syncs its folder too.
    pub(crate) fn sync_new(&self, file: FileId, sync: impl FnOnce() -> c_int) -> c_int {
        let changes = [Change::Sync(file), Change::SyncFolder];
        let failed = Some(Change::SyncFailed(file));
        self.change(changes, failed, ffi::SQLITE_IOERR_FSYNC, sync)
    }

    /// A sync of the folder that may come with it is not logged; that makes it
    /// harder, never easier.
    pub(crate) fn delete(&self, name: String, delete: impl FnOnce() -> c_int) -> c_int {
        let changes = [Change::Name(name, None)];
        self.change(changes, None, ffi::SQLITE_IOERR_DELETE, delete)
    }

    /// Makes a change, unless it must fail, and logs it, or what is left if it fails.
    fn change<const N: usize>(
        &self,
        changes: [Change; N],
        failed: Option<Change>,
        io: c_int,
        change: impl FnOnce() -> c_int,
    ) -> c_int {
        let mut state = self.state();
        if let Some(trouble) = state.trouble() {
            state.log.changes.extend(failed);
            return trouble.code(io);
        }
        let code = change();
        if code == ffi::SQLITE_OK {
            for change in changes {
                state.log(change);
            }
        }
        code
    }
}
