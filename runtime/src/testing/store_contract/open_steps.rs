use std::sync::Arc;

use super::make::{LONG, all, done, first, next, now, park, refused, result, run_to, take};
use crate::store::{Commit, Park, PendingResult, Status, StepKind, Store, StoreError};

pub(super) async fn parking_keeps_results_and_gives_the_lease_back(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    run_to(&*store, "other", 0).await;
    let parked = Park {
        results: vec![result("run", 2), result("run", 1)],
        ..park("run", lease.epoch)
    };
    done(store.park(parked).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.status, Status::Failed);
    assert_eq!(head.error.as_deref(), Some("node `plan` failed"));
    assert_eq!((head.lease, head.step), (None, 1));
    assert_eq!(kept(&*store, "run").await, sorted([1, 2]));
    assert!(kept(&*store, "other").await.is_empty());

    let lease = done(store.acquire("run", "berta", LONG).await);
    let again = Park {
        status: Status::Paused,
        error: None,
        results: vec![result("run", 3), result("run", 1)],
        ..park("run", lease.epoch)
    };
    done(store.park(again).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.status, head.error), (Status::Paused, None));
    assert_eq!(
        kept(&*store, "run").await,
        sorted([1, 2, 3]),
        "beside what is kept already"
    );
}

pub(super) async fn without_the_lease_nothing_is_parked(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    let before = all(&*store, "run").await;
    let parked = Park {
        results: vec![result("run", 1)],
        ..park("run", lease.epoch + 1)
    };
    refused!(
        store.park(parked).await,
        StoreError::LeaseLost { epoch: 2, .. },
        "only the holder parks"
    );
    assert_eq!(all(&*store, "run").await, before);
    done(store.park(park("run", lease.epoch)).await);
    refused!(
        store.park(park("run", lease.epoch)).await,
        StoreError::LeaseLost { epoch: 1, .. },
        "parking gives the lease back"
    );
}

pub(super) async fn a_step_clears_what_was_kept_and_an_update_does_not(store: Arc<impl Store>) {
    let kinds = [StepKind::Step, StepKind::Turn, StepKind::Update];
    for kind in kinds {
        let run = kind.as_str();
        let lease = now(&*store, first(run)).await;
        let parked = Park {
            results: vec![result(run, 1)],
            ..park(run, lease.epoch)
        };
        done(store.park(parked).await);
        let mut commit = Commit {
            access: take("anna", LONG),
            ..next(run, 1, 0)
        };
        commit.record.kind = kind;
        now(&*store, commit).await;
        let loaded = done(store.load(run).await).expect("the run");
        let stays = kind == StepKind::Update;
        assert_eq!(
            loaded.pending.len(),
            usize::from(stays),
            "after a step of kind {run}"
        );
        let error = loaded.head.error;
        assert_eq!(error.is_some(), stays, "only what ran ends the failure");
        assert_eq!(loaded.steps[1].kind, kind);
    }
}

pub(super) async fn nothing_is_stuck(store: Arc<impl Store>) {
    let statuses = [
        Status::Running,
        Status::Completed,
        Status::Paused,
        Status::Cancelled,
        Status::Failed,
    ];
    for status in statuses {
        let commit = Commit {
            status,
            release: true,
            ..first(status.as_str())
        };
        now(&*store, commit).await;
    }
    // Whoever holds the lease will say what the run waits for.
    let held = Commit {
        status: Status::Interrupted,
        ..first("held")
    };
    now(&*store, held).await;
    assert!(done(store.stuck().await).is_empty());
}

async fn kept(store: &impl Store, run: &str) -> Vec<PendingResult> {
    let mut kept = done(store.load(run).await).expect("the run").pending;
    kept.sort_by_key(|result| result.task);
    kept
}

fn sorted<const N: usize>(tasks: [u64; N]) -> Vec<PendingResult> {
    let mut results: Vec<_> = tasks.map(|task| result("run", task)).into();
    results.sort_by_key(|result| result.task);
    results
}
