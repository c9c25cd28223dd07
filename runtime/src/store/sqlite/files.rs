//! The files of a database as they are on disk, and how they can be read without
//! writing to or creating any.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::watch::beside;
use crate::store::StoreError;

/// Within this time two changes of a file may leave the same timestamp.
const COARSE: Duration = Duration::from_millis(20);

/// What SQLite has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By SQLite's own rules, whoever else uses it: through the log and its index if
    /// there are any.
    Shared,
    /// The file alone, without a lock. Good for as long as nobody changes anything:
    /// by its own rules SQLite would create a log and an index first.
    Immutable,
}

impl Way {
    /// The query part of the URI.
    pub(super) const fn parameter(self) -> &'static str {
        match self {
            // An index that nobody else has open is built in memory instead of rewritten.
            Self::Shared => "readonly_shm=1",
            Self::Immutable => "immutable=1",
        }
    }
}

/// What can be seen from outside at one moment. A file that is not there is `None`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    bytes: Option<u64>,
    changed: Option<SystemTime>,
    log: Option<u64>,
    index: Option<u64>,
    /// What stands next to a database without a log while it is written to.
    journal: Option<u64>,
}

impl Files {
    pub(super) fn of(path: &Path) -> Self {
        let database = fs::metadata(path).ok();
        let bytes = |suffix| {
            fs::metadata(beside(path, suffix))
                .ok()
                .map(|file| file.len())
        };
        Self {
            bytes: database.as_ref().map(Metadata::len),
            changed: database.and_then(|file| file.modified().ok()),
            log: bytes("-wal"),
            index: bytes("-shm"),
            journal: bytes("-journal"),
        }
    }

    /// How to read the database so that nothing of what was committed is missing.
    pub(super) fn way(&self, path: &Path) -> Result<Way, StoreError> {
        if self.journal > Some(0) || (self.log.is_some() && self.index.is_some()) {
            return Ok(Way::Shared);
        }
        if self.log > Some(0) {
            return Err(self.needs_recovery(path));
        }
        Ok(Way::Immutable)
    }

    /// Whether a further change would show in the timestamp.
    pub(super) fn are_settled(&self, now: SystemTime) -> bool {
        let age = self.changed.map(|changed| now.duration_since(changed));
        // A timestamp in the future was left by a clock that was wrong.
        age.is_none_or(|age| age.map_or(true, |age| age > COARSE))
    }

    /// The error that says that only a process that may write can read this.
    pub(super) fn needs_recovery(&self, path: &Path) -> StoreError {
        let suffix = if self.journal > Some(0) {
            "-journal"
        } else {
            "-wal"
        };
        StoreError::NeedsRecovery {
            path: path.display().to_string(),
            log: beside(path, suffix).display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_just_now_may_hide_another() {
        let now = SystemTime::now();
        let settled = |changed| {
            let files = Files {
                bytes: Some(4_096),
                changed: Some(changed),
                log: None,
                index: None,
                journal: None,
            };
            files.are_settled(now)
        };
        assert!(!settled(now) && !settled(now - COARSE));
        assert!(settled(now - COARSE * 2));
        assert!(settled(now + COARSE), "the clock was set back since");
    }
}
