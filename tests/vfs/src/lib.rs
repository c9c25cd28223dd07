//! A disk that fails, and one that loses power, under SQLite.
//!
//! [`install`] puts a shim in front of the file system layer that SQLite has for this
//! platform (its default VFS). A [`Disk`] then watches the files of one database:
//! it can make any change of them fail, and it logs all of them in one order, so
//! that its [`Log`] can tell what the files would be after a power loss at any
//! point. Shared memory (`-shm`) and temporary files are let through: a power
//! loss leaves nothing of them that SQLite would read.

mod disk;
mod log;
mod shim;

pub use disk::{Disk, Trouble};
pub use log::{Image, Log, Loss};
pub use shim::install;
