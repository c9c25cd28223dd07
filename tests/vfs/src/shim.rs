//! SQLite's file system layer, with a [`Watch`] in front of it.
//!
//! A file of ours is followed in memory by the file of the layer behind; SQLite
//! provides the room for both. Every method forwards to that file, and the four
//! that change something go through the watch.
#![allow(
    unsafe_code,
    reason = "SQLite's file system layer is an interface in C"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;
use std::slice;
use std::sync::{Arc, Once};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_io_methods, sqlite3_vfs};

use crate::disk::Watch;
use crate::log::FileId;

const NAME: &CStr = c"superstep-disk";

/// Puts the shim in front of SQLite's own file system layer, for every connection
/// that this process opens from now on. Doing it again is harmless.
///
/// # Panics
/// If SQLite has no file system layer on this platform.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: a null name asks for the default, which is never freed.
        let inner = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!inner.is_null(), "SQLite has no file system layer here");
        // SAFETY: it is not null, and SQLite changes only its `pNext`, under a
        // lock of its own, when a layer is registered; here that happens once.
        let shim = Box::leak(Box::new(unsafe { shim(inner) }));
        // SAFETY: what is registered lives for ever.
        let code = unsafe { ffi::sqlite3_vfs_register(shim, 1) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite refuses the shim");
    });
}

/// # Safety
/// `inner` is a registered layer.
unsafe fn shim(inner: *mut sqlite3_vfs) -> sqlite3_vfs {
    // SAFETY: as the caller says.
    let behind = unsafe { &*inner };
    sqlite3_vfs {
        // Without the calls by which tests of SQLite replace system calls.
        iVersion: 2,
        szOsFile: size_of::<File>() as c_int + behind.szOsFile,
        mxPathname: behind.mxPathname,
        pNext: ptr::null_mut(),
        zName: NAME.as_ptr(),
        pAppData: inner.cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: Some(current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// Version 2 of the methods: with shared memory, without mapped reading.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// A file of ours; begins with what SQLite sees.
#[repr(C)]
struct File {
    base: sqlite3_file,
    /// None of a file that nobody watches.
    watched: Option<Watched>,
}

struct Watched {
    watch: Arc<Watch>,
    file: FileId,
    /// Whether its first sync is still to come, and syncs the folder too.
    is_new: bool,
}

/// # Safety
/// `file` is one that [`open`] has opened, and nobody else uses it: SQLite lets
/// one thread at a time use a connection.
unsafe fn watched<'a>(file: *mut sqlite3_file) -> Option<&'a mut Watched> {
    // SAFETY: as the caller says.
    unsafe { (*file.cast::<File>()).watched.as_mut() }
}

/// The file behind ours.
///
/// # Safety
/// `file` points to the room that SQLite provides for a file of this layer.
unsafe fn inner(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: `szOsFile` has asked for the room, and the size of `File` keeps
    // the alignment of pointers.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// Calls a method of the file behind ours.
macro_rules! behind_file {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let inner = inner($file);
        match (*(*inner).pMethods).$method {
            Some(method) => method(inner $(, $argument)*),
            None => unreachable!(concat!("no ", stringify!($method))),
        }
    }};
}

/// Calls a method of the layer behind ours.
macro_rules! behind_vfs {
    ($vfs:expr, $method:ident $(, $argument:expr)*) => {{
        let inner = (*$vfs).pAppData.cast::<sqlite3_vfs>();
        match (*inner).$method {
            Some(method) => method(inner $(, $argument)*),
            None => unreachable!(concat!("no ", stringify!($method))),
        }
    }};
}

/// Methods that forward what they are given.
macro_rules! hand_on {
    ($behind:ident, $receiver:ty: $(
        $name:ident = $method:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;
    )*) => {$(
        unsafe extern "C" fn $name(receiver: $receiver $(, $argument: $type)*) $(-> $result)? {
            // SAFETY: SQLite calls this as it would call the method behind: the
            // receiver is one of ours, and the arguments are passed as they are.
            unsafe { $behind!(receiver, $method $(, $argument)*) }
        }
    )*};
}

hand_on! { behind_vfs, *mut sqlite3_vfs:
    access = xAccess(name: *const c_char, flags: c_int, found: *mut c_int) -> c_int;
    full_pathname = xFullPathname(name: *const c_char, size: c_int, full: *mut c_char) -> c_int;
    randomness = xRandomness(size: c_int, bytes: *mut c_char) -> c_int;
    sleep = xSleep(microseconds: c_int) -> c_int;
    current_time = xCurrentTime(now: *mut f64) -> c_int;
    get_last_error = xGetLastError(size: c_int, message: *mut c_char) -> c_int;
    current_time_int64 = xCurrentTimeInt64(now: *mut i64) -> c_int;
}

hand_on! { behind_file, *mut sqlite3_file:
    read = xRead(bytes: *mut c_void, amount: c_int, offset: i64) -> c_int;
    file_size = xFileSize(size: *mut i64) -> c_int;
    lock = xLock(level: c_int) -> c_int;
    unlock = xUnlock(level: c_int) -> c_int;
    check_reserved_lock = xCheckReservedLock(reserved: *mut c_int) -> c_int;
    file_control = xFileControl(what: c_int, argument: *mut c_void) -> c_int;
    sector_size = xSectorSize() -> c_int;
    device_characteristics = xDeviceCharacteristics() -> c_int;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, memory: *mut *mut c_void) -> c_int;
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier = xShmBarrier();
    shm_unmap = xShmUnmap(delete: c_int) -> c_int;
}

/// Who watches the file that SQLite calls `name`, and its name in the folder.
///
/// # Safety
/// `name` is null or ends with a zero byte.
unsafe fn who_watches(name: *const c_char) -> Option<(Arc<Watch>, String)> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    let name = unsafe { CStr::from_ptr(name) };
    Watch::of(Path::new(name.to_str().ok()?))
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: arguments of SQLite's, passed as they are, except for the room of the
    // file behind.
    let open_inner = || unsafe { behind_vfs!(vfs, xOpen, name, inner(file), flags, out) };
    // SAFETY: SQLite gives a name or null.
    let opened = match unsafe { who_watches(name) } {
        None => match open_inner() {
            ffi::SQLITE_OK => Ok(None),
            code => Err(code),
        },
        Some((watch, name)) => watch.open(name, open_inner).map(|file| {
            Some(Watched {
                watch,
                file,
                is_new: syncs_its_folder(flags),
            })
        }),
    };
    let (methods, watched, code) = match opened {
        Ok(watched) => (&raw const METHODS, watched, ffi::SQLITE_OK),
        // Without methods SQLite does not close it.
        Err(code) => (ptr::null(), None, code),
    };
    let base = sqlite3_file { pMethods: methods };
    // SAFETY: SQLite provides the room, and nothing of ours is in it yet.
    unsafe { file.cast::<File>().write(File { base, watched }) };
    code
}

/// As SQLite's layer for Unix does it.
fn syncs_its_folder(flags: c_int) -> bool {
    flags & ffi::SQLITE_OPEN_CREATE != 0
        && flags & (ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_WAL) != 0
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once and does not use it afterwards.
    unsafe {
        let code = behind_file!(file, xClose);
        file.cast::<File>().drop_in_place();
        code
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    amount: c_int,
    offset: i64,
) -> c_int {
    let hand_on = |bytes: &[u8]| {
        let (start, amount) = (bytes.as_ptr().cast(), bytes.len() as c_int);
        // SAFETY: an open file of ours; the bytes are those of the slice.
        unsafe { behind_file!(file, xWrite, start, amount, offset) }
    };
    // SAFETY: SQLite gives that many bytes, and a file that is open.
    let (bytes, watched) = unsafe {
        let bytes = slice::from_raw_parts(bytes.cast::<u8>(), amount as usize);
        (bytes, watched(file))
    };
    match watched {
        Some(watched) => (watched.watch).write(watched.file, offset as usize, bytes, hand_on),
        None => hand_on(bytes),
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite gives a file that is open.
    let hand_on = || unsafe { behind_file!(file, xTruncate, size) };
    // SAFETY: the same.
    match unsafe { watched(file) } {
        Some(watched) => watched.watch.truncate(watched.file, size as usize, hand_on),
        None => hand_on(),
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: SQLite gives a file that is open.
    let hand_on = || unsafe { behind_file!(file, xSync, flags) };
    // SAFETY: the same.
    let Some(watched) = (unsafe { watched(file) }) else {
        return hand_on();
    };
    if !watched.is_new {
        return watched.watch.sync(watched.file, hand_on);
    }
    let code = watched.watch.sync_new(watched.file, hand_on);
    watched.is_new = code != ffi::SQLITE_OK;
    code
}

unsafe extern "C" fn delete(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: arguments of SQLite's, passed as they are.
    let hand_on = || unsafe { behind_vfs!(vfs, xDelete, name, sync_folder) };
    // SAFETY: SQLite gives a name.
    match unsafe { who_watches(name) } {
        Some((watch, name)) => watch.delete(name, hand_on),
        None => hand_on(),
    }
}
