//! Who may do what: the decisions that every store makes alike.
//!
//! Pure functions over what a store has just read, so that a refusal comes
//! before the first write.

use std::time::{Duration, SystemTime};

use super::{Access, Commit, Lease, StoreError, clock};
use crate::hash::Digest;

/// The lease of a run as it is stored. The epoch outlives the lease, so that
/// it never repeats.
#[derive(Clone, Debug)]
pub(super) struct LeaseState {
    pub(super) owner: Option<String>,
    pub(super) epoch: u64,
    pub(super) expires: SystemTime,
}

impl LeaseState {
    /// Of a run that nobody ever held.
    pub(super) fn free(now: SystemTime) -> Self {
        Self {
            owner: None,
            epoch: 0,
            expires: now,
        }
    }

    /// The lease, if it was not given back.
    pub(super) fn lease(&self) -> Option<Lease> {
        Some(Lease {
            owner: self.owner.clone()?,
            epoch: self.epoch,
            expires: self.expires,
        })
    }
}

/// Takes the lease for `owner`. `dead` is asked only if another owner's lease
/// has not lapsed yet.
pub(super) fn take(
    run: &str,
    stored: &LeaseState,
    owner: &str,
    now: SystemTime,
    term: Duration,
    dead: impl FnOnce() -> bool,
) -> Result<Lease, StoreError> {
    if let Some(other) = stored.owner.as_deref()
        && other != owner
        && stored.expires > now
        && !dead()
    {
        return Err(StoreError::LeaseHeld {
            run: run.to_owned(),
            owner: other.to_owned(),
            expires: stored.expires,
        });
    }
    Ok(Lease {
        owner: owner.to_owned(),
        epoch: stored.epoch + 1,
        expires: clock::after(now, term),
    })
}

/// The lease with that epoch, if it is still the run's. It may have lapsed:
/// as long as nobody else took it, nobody else can have written.
pub(super) fn held(run: &str, stored: &LeaseState, epoch: u64) -> Result<Lease, StoreError> {
    stored
        .lease()
        .filter(|lease| lease.epoch == epoch)
        .ok_or_else(|| StoreError::LeaseLost {
            run: run.to_owned(),
            epoch,
        })
}

/// What a store holds of the run that a commit is for.
#[derive(Debug)]
pub(super) struct Facts {
    /// The head.
    pub(super) step: u64,
    /// The head's chain value.
    pub(super) chain: Digest,
    /// The key of the step that is to be committed, if it exists.
    pub(super) key: Option<Digest>,
    /// Whether a turn of the run began with the commit's token.
    pub(super) token_spent: bool,
    pub(super) lease: LeaseState,
}

/// What is to be done with a commit that is not refused.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing, it is there.
    Already,
    /// Nothing, its turn is there.
    TokenSpent,
    /// Write it, under this lease.
    Write(Lease),
}

/// Decides on a commit; `facts` are `None` if there is no such run.
pub(super) fn judge(
    commit: &Commit,
    facts: Option<&Facts>,
    now: SystemTime,
    dead: impl FnOnce() -> bool,
) -> Result<Verdict, StoreError> {
    let run = commit.run.as_str();
    let step = commit.record.step;
    let not_next = |head| StoreError::NotNext {
        run: run.to_owned(),
        step,
        head,
    };
    let Some(facts) = facts else {
        if commit.create.is_none() {
            return Err(StoreError::NoSuchRun {
                run: run.to_owned(),
            });
        }
        if step != 0 {
            return Err(not_next(0));
        }
        let free = LeaseState::free(now);
        return access(commit, &free, now, || false).map(Verdict::Write);
    };
    if let Some(stored) = facts.key {
        let given = commit.record.key;
        if stored == given {
            return Ok(Verdict::Already);
        }
        return Err(StoreError::IdempotencyViolation {
            run: run.to_owned(),
            step,
            stored,
            given,
        });
    }
    if facts.token_spent {
        return Ok(Verdict::TokenSpent);
    }
    // The lease comes before the place: who lost it is told so.
    let lease = access(commit, &facts.lease, now, dead)?;
    if step.checked_sub(1) != Some(facts.step) || commit.previous != facts.chain {
        return Err(not_next(facts.step));
    }
    Ok(Verdict::Write(lease))
}

fn access(
    commit: &Commit,
    stored: &LeaseState,
    now: SystemTime,
    dead: impl FnOnce() -> bool,
) -> Result<Lease, StoreError> {
    match &commit.access {
        Access::Take { owner, term } => take(&commit.run, stored, owner, now, *term, dead),
        Access::Held { epoch } => held(&commit.run, stored, *epoch),
    }
}
