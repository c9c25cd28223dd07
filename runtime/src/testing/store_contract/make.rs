//! Commits that are as plain as can be, to be changed by the checks.

use std::time::Duration;

use crate::hash::{Digest, Hasher};
use crate::store::{
    Access, Commit, Committed, Creation, Event, Lease, Park, PendingResult, Snapshot, Status,
    StepKind, StepRecord, Store, StoreError,
};
use std::time::SystemTime;

/// So long that it does not lapse in a test.
pub(super) const LONG: Duration = Duration::from_secs(600);
/// So short that a test can wait for its end.
pub(super) const SHORT: Duration = Duration::from_millis(40);

pub(super) fn digest(word: &str, run: &str, step: u64) -> Digest {
    Hasher::new().part(word).part(run).number(step).finish()
}

pub(super) fn creation() -> Creation {
    Creation {
        graph: "Researcher".to_owned(),
        fingerprint: digest("graph", "", 0),
        version: 3,
        description: "start -> plan; plan -> end".to_owned(),
        seed: u64::MAX - 6,
        origin: None,
    }
}

pub(super) fn record(run: &str, step: u64) -> StepRecord {
    StepRecord {
        step,
        kind: if step == 0 {
            StepKind::Input
        } else {
            StepKind::Step
        },
        version: 3,
        updates: format!(r#"{{"step":{step}}}"#),
        frontier: r#"["plan"]"#.to_owned(),
        chain: digest("chain", run, step),
        digest: digest("digest", run, step),
        key: digest("key", run, step),
        notes: None,
        journal: None,
        committed: SystemTime::UNIX_EPOCH,
    }
}

/// Creates `run` and takes its lease for `anna`.
pub(super) fn first(run: &str) -> Commit {
    Commit {
        create: Some(creation()),
        access: take("anna", LONG),
        ..next(run, 0, 0)
    }
}

/// Step `step` of `run` under a lease that is held.
pub(super) fn next(run: &str, step: u64, epoch: u64) -> Commit {
    Commit {
        run: run.to_owned(),
        create: None,
        access: Access::Held { epoch },
        release: false,
        previous: digest("chain", run, step.saturating_sub(1)),
        record: record(run, step),
        snapshot: None,
        status: Status::Running,
        turn: 0,
        turn_step: 0,
        token: None,
        effects: Vec::new(),
        events: Vec::new(),
    }
}

pub(super) fn take(owner: &str, term: Duration) -> Access {
    Access::Take {
        owner: owner.to_owned(),
        term,
    }
}

pub(super) fn snapshot(run: &str, step: u64) -> Snapshot {
    Snapshot {
        step,
        state: format!(r#"{{"after":{step}}}"#),
        digest: digest("state", run, step),
    }
}

pub(super) fn event(name: &str) -> Event {
    Event {
        id: 0,
        run: String::new(),
        step: 0,
        name: name.to_owned(),
        payload: format!(r#"{{"name":"{name}"}}"#),
    }
}

pub(super) fn result(run: &str, task: u64) -> PendingResult {
    PendingResult {
        task: digest("task", run, task),
        node: format!("node{task}"),
        saw: task,
        result: format!(r#"{{"task":{task}}}"#),
    }
}

pub(super) fn park(run: &str, epoch: u64) -> Park {
    Park {
        run: run.to_owned(),
        epoch,
        status: Status::Failed,
        error: Some("node `plan` failed".to_owned()),
        results: Vec::new(),
        effects: Vec::new(),
        questions: Vec::new(),
    }
}

/// Commits what must be committed now.
pub(super) async fn now(store: &impl Store, commit: Commit) -> Lease {
    let (run, step) = (commit.run.clone(), commit.record.step);
    match store.commit(commit).await {
        Ok(Committed::Now(lease)) => lease,
        other => {
            panic!("step {step} of `{run}` is to be committed now, and the answer is {other:?}")
        }
    }
}

/// What a call that must succeed gives.
pub(super) fn done<T>(result: Result<T, StoreError>) -> T {
    result.unwrap_or_else(|error| panic!("a call that is in order failed: {error}"))
}

/// Fails unless the result is the error that the pattern describes.
macro_rules! refused {
    ($result:expr, $pattern:pat $(if $guard:expr)?, $promise:literal) => {
        match $result {
            Err($pattern) $(if $guard)? => {}
            other => panic!("{}: the answer is {other:?}", $promise),
        }
    };
}
pub(super) use refused;

/// A run with steps `0..=last`, and the lease it was made under.
pub(super) async fn run_to(store: &impl Store, run: &str, last: u64) -> Lease {
    let lease = now(store, first(run)).await;
    for step in 1..=last {
        now(store, next(run, step, lease.epoch)).await;
    }
    lease
}

/// All that the store shows of a run, to compare.
pub(super) async fn all(store: &impl Store, run: &str) -> String {
    let loaded = done(store.load(run).await);
    let steps = done(store.steps(run, 0, u64::MAX).await);
    let events = done(store.outbox(usize::MAX).await);
    format!("{loaded:#?}\n{steps:#?}\n{events:#?}")
}
