//! Which pairs of where a session stands and what it is told have occurred, for the
//! test that asks which have not.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::{Left, Stage, Standing, StepResults, TaskError, TaskResult};
use crate::store::{Committed, Parked, StoreError};

/// Where a session stands, and what it is told.
pub(crate) type Transition = (&'static str, &'static str);

thread_local! {
    static TAKEN: RefCell<BTreeSet<Transition>> = const { RefCell::new(BTreeSet::new()) };
}

/// Those that have occurred on this thread since the last call.
pub(crate) fn taken() -> BTreeSet<Transition> {
    TAKEN.take()
}

/// Where a session can stand.
pub(crate) const STAGES: [&str; 19] = [
    "its tasks run",
    "it commits, and goes on",
    "it commits, and pauses",
    "it commits, and is done",
    "it commits, and is stuck",
    "it is left with results, as failed",
    "it is left without results, as failed",
    "it is left with results, and waits",
    "it is left without results, and waits",
    "it is left without results, and pauses",
    "it is left with results, as it stands",
    "it is left without results, as it stands",
    "it is left with results, and drained",
    "it is left without results, and drained",
    "it is left with results, and dropped",
    "it is left without results, and dropped",
    "it is left with results, and blocked",
    "it is left without results, and blocked",
    "it has ended",
];

/// What a session can be told.
pub(crate) const TOLD: [&str; 33] = [
    "it begins, with tasks",
    "it begins, and pauses",
    "it begins, with nothing to do",
    "it begins, stuck",
    "the budget is used up",
    "the only task is done",
    "the only task failed",
    "the only task waits",
    "the only task is drained",
    "the only task is dropped",
    "the only task is lost",
    "all tasks are done",
    "a task failed",
    "a task waits",
    "a task is drained",
    "a task is dropped",
    "its queue is blocked",
    "a task is lost",
    "committed",
    "committed before, and still held",
    "committed before, and lost",
    "its token is spent",
    "the commit is too large",
    "the lease is lost, says the commit",
    "the commit failed",
    "parked",
    "not parked: something has come",
    "what is kept is too large",
    "the lease is lost, says the park",
    "the park failed",
    "a panic",
    "the runtime is lost",
    "its engine drains",
];

pub(super) fn note(stage: &Stage, told: &'static str) {
    debug_assert!(TOLD.contains(&told), "`{told}` is on the list");
    TAKEN.with_borrow_mut(|taken| taken.insert((name(stage), told)));
}

const fn name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Open => STAGES[0],
        Stage::Committing { standing, .. } => match standing {
            Standing::Open => STAGES[1],
            Standing::Paused => STAGES[2],
            Standing::Done => STAGES[3],
            Standing::Stuck(_) => STAGES[4],
        },
        Stage::Leaving { why, has_results } => match (why, has_results) {
            (Left::Failed(_), true) => STAGES[5],
            (Left::Failed(_), false) => STAGES[6],
            (Left::Waiting, true) => STAGES[7],
            (Left::Waiting, false) => STAGES[8],
            (Left::Paused, _) => STAGES[9],
            (Left::Away(_), true) => STAGES[10],
            (Left::Away(_), false) => STAGES[11],
            (Left::Drained, true) => STAGES[12],
            (Left::Drained, false) => STAGES[13],
            (Left::Dropped(_), true) => STAGES[14],
            (Left::Dropped(_), false) => STAGES[15],
            (Left::Blocked(_), true) => STAGES[16],
            (Left::Blocked(_), false) => STAGES[17],
        },
        Stage::Ended => STAGES[18],
    }
}

pub(super) const fn begun(standing: &Standing) -> &'static str {
    match standing {
        Standing::Open => "it begins, with tasks",
        Standing::Paused => "it begins, and pauses",
        Standing::Done => "it begins, with nothing to do",
        Standing::Stuck(_) => "it begins, stuck",
    }
}

pub(super) const fn one(result: &TaskResult) -> &'static str {
    match result {
        Ok(_) => "the only task is done",
        Err(TaskError::Suspended) => "the only task waits",
        Err(TaskError::Drained) => "the only task is drained",
        Err(TaskError::Dropped) => "the only task is dropped",
        Err(TaskError::Lost) => "the only task is lost",
        Err(_) => "the only task failed",
    }
}

/// What counts is the first failure that ends the step.
pub(super) fn all(results: &StepResults) -> &'static str {
    let mut errors = results.failed.iter().map(|(_, error)| error);
    if errors.clone().any(TaskError::ends_step) {
        "a task failed"
    } else if errors.any(|error| matches!(error, TaskError::Lost)) {
        "a task is lost"
    } else if results.given_up().is_some() {
        "its queue is blocked"
    } else if results.is_dropped() {
        "a task is dropped"
    } else if results.is_drained() {
        "a task is drained"
    } else if results.failed.is_empty() {
        "all tasks are done"
    } else {
        "a task waits"
    }
}

pub(super) const fn committed(answer: &Result<Committed, StoreError>) -> &'static str {
    match answer {
        Ok(Committed::Now(_)) => "committed",
        Ok(Committed::Already(Some(_))) => "committed before, and still held",
        Ok(Committed::Already(None)) => "committed before, and lost",
        Ok(Committed::TokenSpent) => "its token is spent",
        Err(StoreError::TooLarge { .. }) => "the commit is too large",
        Err(StoreError::LeaseLost { .. }) => "the lease is lost, says the commit",
        Err(_) => "the commit failed",
    }
}

pub(super) const fn parked(answer: &Result<Parked, StoreError>) -> &'static str {
    match answer {
        Ok(Parked::Left) => "parked",
        Ok(Parked::Mail(_)) => "not parked: something has come",
        Err(StoreError::TooLarge { .. }) => "what is kept is too large",
        Err(StoreError::LeaseLost { .. }) => "the lease is lost, says the park",
        Err(_) => "the park failed",
    }
}
