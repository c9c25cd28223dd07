use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::hash::Digest;

/// Why a store could not do what it was asked.
///
/// `Debug` shows the message, since that is what a `main` that returns an error
/// prints.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no run with that id.
    #[error("there is no run `{run}`")]
    NoSuchRun {
        /// The id.
        run: String,
    },
    /// Another owner holds the lease.
    #[error("run `{run}` is being driven by {owner}")]
    LeaseHeld {
        /// The run.
        run: String,
        /// Who drives it.
        owner: String,
        /// When the lease lapses unless it is renewed.
        expires: SystemTime,
    },
    /// The lease is no longer the caller's.
    #[error("the lease of run `{run}` with epoch {epoch} was lost to another owner")]
    LeaseLost {
        /// The run.
        run: String,
        /// The epoch that the caller held.
        epoch: u64,
    },
    /// The step was committed before, with other contents.
    #[error(
        "step {step} of run `{run}` is committed with another idempotency key ({stored}, not {given})"
    )]
    IdempotencyViolation {
        /// The run.
        run: String,
        /// The step.
        step: u64,
        /// The key in the store.
        stored: Digest,
        /// The key of the refused commit.
        given: Digest,
    },
    /// The head is not where the caller thinks.
    #[error("step {step} of run `{run}` does not follow its head, step {head}")]
    NotNext {
        /// The run.
        run: String,
        /// The step that was to be committed.
        step: u64,
        /// The step at the head.
        head: u64,
    },
    /// The run has no such step, or not as the caller thinks.
    #[error(
        "run `{run}` has no step {step} that fits; it does not exist, was pruned, or is another"
    )]
    NoSuchStep {
        /// The run.
        run: String,
        /// The step.
        step: u64,
    },
    /// The run has no such question.
    #[error("run `{run}` asks no question `{question}`")]
    NoSuchQuestion {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// The question was answered before.
    #[error("question `{question}` of run `{run}` is answered already")]
    Answered {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// The time in which the question could be answered is over.
    #[error("question `{question}` of run `{run}` could be answered up to a time that is over")]
    QuestionExpired {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// What the question asks about is on record by now.
    #[error("what question `{question}` of run `{run}` asks about is on record by now")]
    OutcomeKnown {
        /// The run.
        run: String,
        /// The question's id.
        question: String,
    },
    /// The run has ended: it takes no more signals.
    #[error("run `{run}` has ended")]
    RunFinished {
        /// The run.
        run: String,
    },
    /// The run has not received so many signals that it takes no more.
    #[error("run `{run}` has {most} signals that it has not received, and takes no more")]
    MailboxFull {
        /// The run.
        run: String,
        /// How many it may have.
        most: u64,
    },
    /// The label names another step.
    #[error("label `{label}` of run `{run}` names step {step} already")]
    LabelTaken {
        /// The run.
        run: String,
        /// The label.
        label: String,
        /// The step that it names.
        step: u64,
    },
    /// A row that cannot be what was written.
    #[error("{place} of run `{run}` is corrupt: {reason}")]
    Corrupt {
        /// The run.
        run: String,
        /// Which row.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No database can be opened or created there.
    #[error("`{path}` cannot be opened as a database: {reason}")]
    CannotOpen {
        /// The path.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The file is not a database.
    #[error("`{path}` is not a SQLite database; choose another path or move the file away")]
    NotADatabase {
        /// The file.
        path: String,
    },
    /// The file is a database of something else.
    #[error("`{path}` is a SQLite database, but not one of superstep's; choose another path")]
    Foreign {
        /// The file.
        path: String,
    },
    /// The database was written by a newer version of this crate.
    #[error(
        "`{path}` has schema {found}, and this version of superstep knows schemas up to {known}; update superstep"
    )]
    NewerSchema {
        /// The file.
        path: String,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The database was written by an older version of this crate, and is only read here.
    #[error(
        "`{path}` has schema {found}, and this call needs schema {needed}; nothing was changed, \
         open it once with `SqliteStore::open`, which brings it up to date: older versions of superstep \
         cannot open it after that"
    )]
    OldSchema {
        /// The file.
        path: String,
        /// Its schema.
        found: u32,
        /// The oldest schema that has what was asked for.
        needed: u32,
    },
    /// The last commits are in a log that cannot be read without writing.
    #[error(
        "`{path}` was left with `{log}`, which has its last commits, and without what it takes to read that log \
         without writing; nothing older is shown instead: open it once with `SqliteStore::open`, as a user who \
         may write the file and its folder"
    )]
    NeedsRecovery {
        /// The file.
        path: String,
        /// The log or journal next to it.
        log: String,
    },
    /// The database cannot be written, or not through this store.
    #[error("`{path}` is read-only: {reason}")]
    ReadOnly {
        /// The file.
        path: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The file at the path is not the one that was opened; the database, or one of the two next to it.
    #[error(
        "`{path}` was moved, deleted or replaced while it was open; nothing was written; put the file back, \
         and the store works again; if it is a log or an index that is gone for good, close the store, which saves \
         what was written before"
    )]
    Moved {
        /// The path.
        path: String,
    },
    /// The file has a second name, under which its log would not be found.
    #[error(
        "`{path}` has more than one name (hard links), and under another one its write-ahead log is not found; \
         nothing was written, remove the other names: a symbolic link does no harm, and \
         `sqlite3 … \".backup copy.db\"` makes a copy"
    )]
    Linked {
        /// The path.
        path: String,
    },
    /// The file is shorter than it must be: somebody else truncated it.
    #[error(
        "`{path}` is shorter than what was written to it, somebody truncated it; nothing was written now, \
         stop all who have it open and restore the database from a backup"
    )]
    Truncated {
        /// The file.
        path: String,
    },
    /// This process can open no more files.
    #[error(
        "`{path}` cannot be used, since this process can open no more files; nothing was written, \
         close some or raise its limit (`ulimit -n`), and try again"
    )]
    TooManyFiles {
        /// The file.
        path: String,
    },
    /// Something is larger than what this store can keep in one piece.
    #[error(
        "{what} of run `{run}` has {bytes} bytes, more than this store can keep ({limit}); nothing was written"
    )]
    TooLarge {
        /// The run.
        run: String,
        /// What it is.
        what: String,
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The disk is full.
    #[error(
        "the disk that holds `{path}` is full; nothing of the step was written, make room and resume"
    )]
    Full {
        /// The file.
        path: String,
    },
    /// The store is away, or its answer was lost on the way.
    #[error("the store cannot be reached ({reason}); {}", settle(*outcome))]
    Unavailable {
        /// What went wrong on the way to it.
        reason: String,
        /// What is known of the call.
        outcome: CallOutcome,
    },
    /// Another process keeps the database locked.
    #[error("`{path}` stayed locked by another process; nothing was written, try again")]
    Busy {
        /// The file.
        path: String,
    },
    /// Anything else that the database said.
    #[error("the database said: {message}")]
    Backend {
        /// Its words, including those of the causes.
        message: String,
        /// Its error, to downcast. It is not a [`source`](std::error::Error::source): the message
        /// says all of it.
        r#source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}

#[cfg(feature = "sqlite")]
impl StoreError {
    /// [`ReadOnly`](Self::ReadOnly) for a store that was opened to write.
    pub(super) fn unwritable(path: impl fmt::Display) -> Self {
        Self::ReadOnly {
            path: path.to_string(),
            reason: "make the file and its folder writable for this process".to_owned(),
        }
    }

    /// [`ReadOnly`](Self::ReadOnly) for a store that was opened read-only.
    pub(super) fn opened_read_only(path: impl fmt::Display) -> Self {
        Self::ReadOnly {
            path: path.to_string(),
            reason: "it was opened with `open_read_only`; nothing was written, use `open` to write"
                .to_owned(),
        }
    }
}

/// What is known of a call that has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// The store never saw it: nothing changed.
    DidNotHappen,
    /// It happened as a whole or not at all, and nobody here knows which. The same call
    /// with the same arguments settles it: no method of [`Store`](super::Store) does a
    /// thing twice.
    Unknown,
}

impl StoreError {
    /// Whether the same call may succeed a little later without anybody doing anything
    /// about it.
    ///
    /// True of [`Unavailable`](Self::Unavailable), [`Busy`](Self::Busy) and
    /// [`TooManyFiles`](Self::TooManyFiles). False of everything else: of what somebody
    /// must fix first ([`Full`](Self::Full), [`ReadOnly`](Self::ReadOnly),
    /// [`Moved`](Self::Moved), [`Corrupt`](Self::Corrupt) and the like, and any other
    /// error of the database, [`Backend`](Self::Backend)), and of answers to
    /// the call, such as [`LeaseHeld`](Self::LeaseHeld) and [`NotNext`](Self::NotNext).
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::Busy { .. } | Self::TooManyFiles { .. }
        )
    }
}

/// What to do about a call that has no answer.
const fn settle(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::DidNotHappen => "nothing was written, make the call again",
        CallOutcome::Unknown => {
            "whether the call happened is not known, and the same call again settles it: nothing happens twice"
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away(outcome: CallOutcome) -> StoreError {
        StoreError::Unavailable {
            reason: "connection reset".into(),
            outcome,
        }
    }

    #[test]
    fn a_store_that_is_away_says_what_to_do() {
        let said = away(CallOutcome::DidNotHappen).to_string();
        assert!(said.contains("connection reset") && said.contains("make the call again"));
        let said = away(CallOutcome::Unknown).to_string();
        assert!(said.contains("is not known") && said.contains("settles it"));
    }

    #[test]
    fn only_what_passes_by_itself_is_transient() {
        let path = || "runs.db".to_owned();
        let passing = [
            away(CallOutcome::DidNotHappen),
            away(CallOutcome::Unknown),
            StoreError::Busy { path: path() },
            StoreError::TooManyFiles { path: path() },
        ];
        assert!(passing.iter().all(StoreError::is_transient));
        let lasting = [
            StoreError::Full { path: path() },
            StoreError::unwritable(path()),
            StoreError::Moved { path: path() },
            StoreError::LeaseLost {
                run: "run".into(),
                epoch: 1,
            },
            StoreError::Backend {
                message: "disk I/O error".into(),
                source: None,
            },
        ];
        assert!(!lasting.iter().any(StoreError::is_transient));
    }
}
