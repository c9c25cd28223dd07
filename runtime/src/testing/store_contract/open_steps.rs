use std::sync::Arc;
use std::time::Duration;

use super::make::{
    LONG, all, answer, claim, digest, done, effect, first, fork, journal, next, now, park,
    question, refused, result, run_to, take,
};
use crate::store::{Commit, Park, PendingResult, Status, StepKind, Store, StoreError, StoreExt};

pub(super) async fn parking_keeps_results_and_gives_the_lease_back(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    run_to(&*store, "other", 0).await;
    let before = done(store.head("run").await).expect("the run").updated;
    // Times are kept to the millisecond.
    while done(store.now().await) < before + Duration::from_millis(2) {
        tokio::task::yield_now().await;
    }
    let parked = Park {
        results: vec![result("run", 2), result("run", 1)],
        ..park("run", lease.epoch)
    };
    done(store.park(parked).await);
    let head = done(store.head("run").await).expect("the run");
    assert!(head.updated > before, "a run that is parked has changed");
    assert_eq!(head.status, Status::Failed);
    assert_eq!(head.error.as_deref(), Some("node `plan` failed"));
    assert_eq!((head.lease, head.step), (None, 1));
    assert_eq!(kept(&*store, "run").await, sorted([1, 2]));
    assert!(kept(&*store, "other").await.is_empty());

    let lease = done(store.acquire("run", claim("berta", LONG)).await);
    let other = PendingResult {
        result: "{}".into(),
        ..result("run", 1)
    };
    let again = Park {
        status: Status::Paused,
        error: None,
        results: vec![result("run", 3), other.clone()],
        ..park("run", lease.epoch)
    };
    done(store.park(again).await);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.status, head.error), (Status::Paused, None));
    let mut expected = sorted([1, 2, 3]);
    let same = expected.iter_mut().filter(|kept| kept.task == other.task);
    same.for_each(|kept| *kept = other.clone());
    assert_eq!(
        kept(&*store, "run").await,
        expected,
        "in addition to what is kept already, or in its place"
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
        store.renew("run", lease.epoch, LONG).await,
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

/// A turn on a failed run drops the step that was open: what it had on
/// record is under the turn's step from then on, unchanged.
pub(super) async fn a_turn_closes_what_was_open_and_its_effects_stay(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    let parked = Park {
        results: vec![result("run", 1)],
        effects: vec![effect("run", 2, "fetch"), effect("run", 2, "pay")],
        questions: vec![question("run", 2, "one"), question("run", 2, "other")],
        ..park("run", lease.epoch)
    };
    done(store.park(parked).await);
    done(store.answer(answer("run", "one", "true")).await);
    let open = done(store.load("run").await).expect("the run");
    assert_eq!((open.effects.len(), open.questions.len()), (2, 1));

    let lease = done(store.acquire("run", claim("berta", LONG)).await);
    let mut turn = Commit {
        turn: 1,
        turn_step: 2,
        counted_from: 2,
        ..next("run", 2, lease.epoch)
    };
    turn.record.kind = StepKind::Turn;
    turn.record.journal = Some(digest("journal", "run", 2));
    now(&*store, turn.clone()).await;
    let loaded = done(store.load("run").await).expect("the run");
    assert!(loaded.pending.is_empty() && loaded.effects.is_empty());
    assert!(loaded.questions.is_empty(), "they are no longer asked");
    let head = &loaded.head;
    assert_eq!((head.status, &head.error), (Status::Running, &None));
    assert_eq!(loaded.steps[2].journal, turn.record.journal);
    assert_eq!(done(store.all_effects("run", 2, 2).await), open.effects);
    refused!(
        store.answer(answer("run", "other", "true")).await,
        StoreError::NoSuchQuestion { .. },
        "a question of a dropped step is closed"
    );
    refused!(
        store
            .journal(journal("run", lease.epoch, vec![effect("run", 2, "late")]))
            .await,
        StoreError::NotNext { .. },
        "nothing is added to a dropped step"
    );
    now(&*store, next("run", 3, lease.epoch)).await;
    now(&*store, fork("early", "run", 1)).await;
    now(&*store, fork("late", "run", 2)).await;
    assert!(done(store.all_effects("early", 0, u64::MAX).await).is_empty());
    assert_eq!(
        done(store.all_effects("late", 0, u64::MAX).await),
        open.effects
    );
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
    assert!(done(store.all_stuck().await).is_empty());
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
