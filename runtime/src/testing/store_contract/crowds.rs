use std::sync::Arc;

use tokio::task::JoinSet;

use super::make::{LONG, claim, done, first, next, now, run_to};
use crate::store::{Commit, Committed, Status, Store, StoreError, StoreExt};

pub(super) async fn a_thousand_commits_of_one_step_commit_it_once(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    for step in 1..=3 {
        let mut crowd = JoinSet::new();
        for _ in 0..1_000 {
            let (store, commit) = (Arc::clone(&store), next("run", step, lease.epoch));
            crowd.spawn(async move { store.commit(commit).await });
        }
        let answers = crowd.join_all().await;
        let is_now = |answer: &&Result<_, _>| matches!(answer, Ok(Committed::Now(_)));
        assert_eq!(
            answers.iter().filter(is_now).count(),
            1,
            "one of them commits"
        );
        let others = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(Committed::Already(_))));
        assert_eq!(others.count(), 999, "the others are told that it is there");
    }
    let steps = done(store.all_steps("run", 0, u64::MAX).await);
    assert_eq!(steps.len(), 4);
}

pub(super) async fn a_thousand_runs_with_every_commit_tried_three_times(store: Arc<impl Store>) {
    let mut crowd = JoinSet::new();
    for run in 0..1_000 {
        let store = Arc::clone(&store);
        crowd.spawn(async move { drive(&*store, &format!("run {run}")).await });
    }
    crowd.join_all().await;
    let heads = done(store.all_runs().await);
    assert_eq!(heads.len(), 1_000);
    for head in heads {
        assert_eq!((head.step, head.status), (3, Status::Completed));
        assert_eq!(done(store.all_steps(&head.run, 0, u64::MAX).await).len(), 4);
    }
}

async fn drive(store: &impl Store, run: &str) {
    let mut epoch = 0;
    for step in 0..=3 {
        let last = step == 3;
        let commit = match step {
            0 => first(run),
            _ => next(run, step, epoch),
        };
        let commit = Commit {
            release: last,
            status: if last {
                Status::Completed
            } else {
                Status::Running
            },
            ..commit
        };
        epoch = now(store, commit.clone()).await.epoch;
        for _ in 0..2 {
            let again = done(store.commit(commit.clone()).await);
            assert!(matches!(again, Committed::Already(_)));
        }
    }
}

pub(super) async fn of_many_owners_one_gets_the_lease(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    done(store.release("run", lease.epoch).await);
    let mut crowd = JoinSet::new();
    for owner in 0..100 {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            store
                .acquire("run", claim(&format!("owner {owner}"), LONG))
                .await
        });
    }
    let answers = crowd.join_all().await;
    let taken: Vec<_> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().ok())
        .collect();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].epoch, 2);
    let owner = &taken[0].owner;
    let held = |answer: &Result<_, _>| matches!(answer, Err(StoreError::LeaseHeld { owner: o, .. }) if o == owner);
    assert_eq!(answers.iter().filter(|answer| held(answer)).count(), 99);
}
