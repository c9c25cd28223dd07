//! Who may do what: the decisions that every store makes in the same way.
//!
//! Pure functions over what a store has just read, so that a refusal comes
//! before the first write. A store reads the facts, asks, and writes what it is told, in one
//! transaction:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use superstep::store::{Claim, StoreError, rules};
//!
//! let now = rules::whole(SystemTime::now());
//! let free = rules::LeaseState::free(now);
//! let claim = Claim::new("anna", Duration::from_secs(30));
//! let taken = rules::take("run-7", &free, &claim, now, || Ok(rules::Life::Unknown))?;
//! assert_eq!(taken.lease.epoch, 1);
//!
//! // The same call again, whose answer was lost, and somebody else's.
//! let again = rules::take("run-7", &taken.state, &claim, now, || Ok(rules::Life::Unknown))?;
//! assert_eq!(again.lease, taken.lease);
//! let other = Claim::new("berta", Duration::from_secs(30));
//! let refused = rules::take("run-7", &taken.state, &other, now, || Ok(rules::Life::Unknown));
//! assert!(matches!(refused, Err(StoreError::LeaseHeld { .. })));
//! # Ok::<(), StoreError>(())
//! ```

mod list;
mod open_step;
mod prune;
mod waits;

use std::time::{Duration, SystemTime};

pub use list::{beyond, cut, first_step, is_listed, statuses};
pub use open_step::{answer, at_head, label, of_open_step, stands, waits_of_open_step};
pub use prune::{History, candidates, droppable, is_prunable, pruned_before, stands_on};
pub use waits::{
    Come, asked, can_wake, expired, has_answer, is_called, is_due, is_over, is_ready,
    is_recorded_over, registered, signal, takes, time_after, time_of_run, wakes,
};

pub use super::clock::whole;
use super::{Access, Claim, Commit, Lease, StepKind, StoreError, clock};
use crate::hash::Digest;

/// The lease of a run as it is stored. The epoch outlives the lease, so that
/// it never repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseState {
    /// Who holds it; `None` if it was given back.
    pub owner: Option<String>,
    /// The epoch of the last lease, 0 if there was none.
    pub epoch: u64,
    /// When it lapses.
    pub expires: SystemTime,
    /// The token of the claim that took it.
    pub claim: Option<u64>,
    /// The epoch under which the run was parked last.
    pub parked: Option<u64>,
    /// Until when nobody takes it from an owner that is known to be alive; `None` in what older
    /// versions wrote.
    pub grace: Option<SystemTime>,
}

/// A lease that is given, and what is stored of it from now on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grant {
    /// What its holder gets.
    pub lease: Lease,
    /// What is stored.
    pub state: LeaseState,
}

impl LeaseState {
    /// Of a run that nobody ever held.
    pub fn free(now: SystemTime) -> Self {
        Self {
            owner: None,
            epoch: 0,
            expires: now,
            claim: None,
            parked: None,
            grace: None,
        }
    }

    /// Whether somebody holds it now, unless that owner is dead.
    pub fn is_live(&self, now: SystemTime) -> bool {
        self.owner.is_some() && self.expires > now
    }

    /// The lease, if it was not given back.
    pub fn lease(&self) -> Option<Lease> {
        Some(Lease {
            owner: self.owner.clone()?,
            epoch: self.epoch,
            expires: self.expires,
        })
    }

    /// Whether this very claim took it.
    fn is_by(&self, claim: &Claim) -> bool {
        self.owner.as_deref() == Some(&claim.owner) && self.claim == Some(claim.token)
    }

    /// What remains of it when it is given back.
    fn given_back(self) -> Self {
        Self {
            owner: None,
            claim: None,
            ..self
        }
    }
}

/// What a store knows of the owner of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It is certainly gone: its lease is free.
    Dead,
    /// It is certainly alive, but may be too busy to renew its lease in time.
    Alive,
    /// Nothing: the lease lapses.
    Unknown,
}

/// How many terms a lease stays with an owner that is alive, although it lapses after one.
const GRACE: u32 = 3;

/// Takes the lease; if that very claim has it already, its term begins again. `life`, which
/// is about the lease's owner, is called only if that is another one.
pub fn take(
    run: &str,
    stored: &LeaseState,
    claim: &Claim,
    now: SystemTime,
    life: impl FnOnce() -> Result<Life, StoreError>,
) -> Result<Grant, StoreError> {
    if let Some(other) = stored.owner.as_deref()
        && other != claim.owner
        && let Some(expires) = taken_until(stored, now, life()?)
    {
        return Err(StoreError::LeaseHeld {
            run: run.to_owned(),
            owner: other.to_owned(),
            expires,
        });
    }
    let lease = Lease {
        owner: claim.owner.clone(),
        epoch: stored.epoch + u64::from(!stored.is_by(claim)),
        expires: clock::after(now, claim.term),
    };
    let state = LeaseState {
        owner: Some(lease.owner.clone()),
        epoch: lease.epoch,
        expires: lease.expires,
        claim: Some(claim.token),
        parked: stored.parked,
        grace: Some(clock::after(now, claim.term.saturating_mul(GRACE))),
    };
    Ok(Grant { lease, state })
}

/// Until when nobody else gets the lease, if it is not free.
fn taken_until(stored: &LeaseState, now: SystemTime, life: Life) -> Option<SystemTime> {
    let until = match life {
        Life::Dead => return None,
        Life::Alive if stored.expires <= now => stored.grace?,
        Life::Alive | Life::Unknown => stored.expires,
    };
    (until > now).then_some(until)
}

/// Prolongs the lease with that epoch to `term` from `now`.
pub fn renew(
    run: &str,
    stored: &LeaseState,
    epoch: u64,
    now: SystemTime,
    term: Duration,
) -> Result<Grant, StoreError> {
    let expires = clock::after(now, term);
    let lease = held(run, stored, epoch)?;
    Ok(Grant {
        lease: Lease { expires, ..lease },
        state: LeaseState {
            expires,
            grace: Some(clock::after(now, term.saturating_mul(GRACE))),
            ..stored.clone()
        },
    })
}

/// What remains of the lease when it is given back under `epoch`; `None` if it is another's
/// by now.
pub fn release(stored: &LeaseState, epoch: u64) -> Option<LeaseState> {
    (stored.epoch == epoch).then(|| stored.clone().given_back())
}

/// What remains of the lease when the run is parked under `epoch`; `None` if it was parked
/// under it before: it is the same call again, and there is nothing to do.
pub fn park(run: &str, stored: &LeaseState, epoch: u64) -> Result<Option<LeaseState>, StoreError> {
    if stored.parked == Some(epoch) {
        return Ok(None); // whoever parks gives the epoch away
    }
    held(run, stored, epoch)?;
    Ok(Some(LeaseState {
        parked: Some(epoch),
        ..stored.clone().given_back()
    }))
}

/// The lease with that epoch, if it is still the run's. It may have lapsed:
/// as long as nobody else took it, nobody else can have written.
pub fn held(run: &str, stored: &LeaseState, epoch: u64) -> Result<Lease, StoreError> {
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
#[non_exhaustive]
pub struct Facts {
    /// The head.
    pub step: u64,
    /// The head's chain value.
    pub chain: Digest,
    /// The key of the step that is to be committed, if it exists.
    pub key: Option<Digest>,
    /// Whether a turn of the run began with the commit's token.
    pub token_spent: bool,
    /// The run's lease.
    pub lease: LeaseState,
}

impl Facts {
    /// The step does not exist, and no turn began with the token, if there is one.
    pub const fn new(step: u64, chain: Digest, lease: LeaseState) -> Self {
        Self {
            step,
            chain,
            key: None,
            token_spent: false,
            lease,
        }
    }
}

/// What is to be done with a commit that is not refused.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing, it is there.
    Already(Option<Lease>),
    /// Nothing, its turn is there.
    TokenSpent,
    /// Write it, under this lease, which may be given back with it.
    Write(Grant),
}

/// Decides on the commit that is to create its run. `branch` is, for a fork, the
/// chain value of the step at which it branches off, if that step exists;
/// `epoch` is the highest of any run that is gone and may have had this id.
pub fn begin(
    commit: &Commit,
    (branch, epoch): (Option<Digest>, u64),
    now: SystemTime,
) -> Result<Grant, StoreError> {
    let run = commit.run.as_str();
    let Some(create) = &commit.create else {
        return Err(StoreError::NoSuchRun {
            run: run.to_owned(),
        });
    };
    if let Some(origin) = &create.origin {
        if commit.record.step.checked_sub(1) != Some(origin.step) {
            return Err(not_next(run, commit.record.step, origin.step));
        }
        if branch != Some(commit.previous) {
            return Err(StoreError::NoSuchStep {
                run: origin.run.clone(),
                step: origin.step,
            });
        }
    } else if commit.record.step != 0 {
        return Err(not_next(run, commit.record.step, 0));
    }
    open_step::of_first_steps(commit)?;
    let lease = LeaseState {
        epoch,
        ..LeaseState::free(now)
    };
    access(commit, &lease, now, || Ok(Life::Unknown))
}

/// Decides on a commit to an existing run.
pub fn judge(
    commit: &Commit,
    facts: &Facts,
    now: SystemTime,
    life: impl FnOnce() -> Result<Life, StoreError>,
) -> Result<Verdict, StoreError> {
    let run = commit.run.as_str();
    let step = commit.record.step;
    if let Some(stored) = facts.key {
        let given = commit.record.key;
        if stored == given {
            return Ok(Verdict::Already(still_held(commit, &facts.lease)));
        }
        return Err(StoreError::IdempotencyViolation {
            run: run.to_owned(),
            step,
            stored,
            given,
        });
    }
    if commit.create.is_some() {
        // Another run has the id: what is to begin here would continue that one.
        return Err(not_next(run, step, facts.step));
    }
    if facts.token_spent {
        return Ok(Verdict::TokenSpent);
    }
    // The lease is checked before the place: whoever lost it is told so.
    let lease = access(commit, &facts.lease, now, life)?;
    if step.checked_sub(1) != Some(facts.step) || commit.previous != facts.chain {
        return Err(not_next(run, step, facts.step));
    }
    of_open_step(run, step, &commit.effects, &[])?;
    Ok(Verdict::Write(lease))
}

/// Whether the step begins a turn of its run, which is [listed](super::Store::turns) then.
pub fn begins_turn(commit: &Commit) -> bool {
    commit.record.kind == StepKind::Turn || commit.token.is_some()
}

/// The run's lease, if it belongs to whoever asks for `commit`.
fn still_held(commit: &Commit, stored: &LeaseState) -> Option<Lease> {
    stored.lease().filter(|lease| match &commit.access {
        Access::Take(claim) => stored.is_by(claim),
        Access::Held { epoch } => lease.epoch == *epoch,
    })
}

fn not_next(run: &str, step: u64, head: u64) -> StoreError {
    StoreError::NotNext {
        run: run.to_owned(),
        step,
        head,
    }
}

fn access(
    commit: &Commit,
    stored: &LeaseState,
    now: SystemTime,
    life: impl FnOnce() -> Result<Life, StoreError>,
) -> Result<Grant, StoreError> {
    let grant = match &commit.access {
        Access::Take(claim) => take(&commit.run, stored, claim, now, life)?,
        Access::Held { epoch } => Grant {
            lease: held(&commit.run, stored, *epoch)?,
            state: stored.clone(),
        },
    };
    if !commit.release {
        return Ok(grant);
    }
    Ok(Grant {
        state: grant.state.given_back(),
        ..grant
    })
}
