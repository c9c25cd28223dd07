//! The same call again, as after an answer that was lost: nothing happens twice, and the
//! answer is the same.

use std::sync::Arc;

use super::make::{
    LONG, all_but_times, answer, claim, done, effect, event, first, fork, interrupt, journal, next,
    now, park, question, refused, result, run_to, snapshot,
};
use crate::store::{
    Access, Answer, CallOutcome, Commit, Committed, EffectKind, EffectRecord, Lease, Park, Prune,
    Status, StepKind, Store, StoreError, StoreExt,
};
use crate::testing::{Fault, FaultyStore};

pub(super) async fn the_same_claim_finds_its_lease(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    done(store.release("run", lease.epoch).await);
    let lost = claim("anna", LONG);
    let given = done(store.acquire("run", lost.clone()).await);
    assert_eq!(given.epoch, 2);
    let again = done(store.acquire("run", lost.clone()).await);
    assert_eq!(
        (&again.owner, again.epoch),
        (&given.owner, given.epoch),
        "the same claim finds its own lease"
    );
    assert!(again.expires >= given.expires, "its term begins again");
    now(&*store, next("run", 1, given.epoch)).await;
    let other = done(store.acquire("run", claim("anna", LONG)).await);
    assert_eq!(other.epoch, 3, "another call of its owner takes it over");
    refused!(
        store.acquire("run", claim("berta", LONG)).await,
        StoreError::LeaseHeld { owner, .. } if owner == "anna",
        "it is alive"
    );
    done(store.release("run", other.epoch).await);
    let late = done(store.acquire("run", lost).await);
    assert_eq!(late.epoch, 4, "what was given back is not found again");
}

pub(super) async fn a_commit_that_takes_the_lease_finds_it_again(store: Arc<impl Store>) {
    let lost = first("run");
    let lease = now(&*store, lost.clone()).await;
    let again = done(store.commit(lost.clone()).await);
    assert_eq!(again, Committed::Already(Some(lease.clone())));
    let other = Commit {
        access: first("run").access,
        ..lost
    };
    let answer = done(store.commit(other).await);
    assert_eq!(
        answer,
        Committed::Already(None),
        "another call of its owner does not have it"
    );
    now(&*store, next("run", 1, lease.epoch)).await;

    let lost = Commit {
        access: Access::Take(claim("anna", LONG)),
        ..next("run", 2, 0)
    };
    let lease = now(&*store, lost.clone()).await;
    assert_eq!(lease.epoch, 2);
    now(&*store, next("run", 3, lease.epoch)).await;
    let again = done(store.commit(lost).await);
    assert_eq!(again, Committed::Already(Some(lease)), "steps later, too");
}

pub(super) async fn a_commit_that_gives_the_lease_back_is_repeated(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 0).await;
    let lost = Commit {
        release: true,
        status: Status::Completed,
        ..next("run", 1, lease.epoch)
    };
    assert_eq!(now(&*store, lost.clone()).await.epoch, lease.epoch);
    let taking = Commit {
        access: Access::Take(claim("anna", LONG)),
        release: true,
        ..next("run", 2, 0)
    };
    now(&*store, taking.clone()).await;
    let before = all_but_times(&*store, "run").await;
    for commit in [&lost, &taking, &lost, &taking] {
        let again = done(store.commit(commit.clone()).await);
        assert_eq!(again, Committed::Already(None), "it was given back");
        assert_eq!(all_but_times(&*store, "run").await, before);
    }
}

pub(super) async fn a_commit_is_repeated_with_all_that_it_writes(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 1).await;
    let kept = Park {
        results: vec![result("run", 1)],
        effects: vec![effect("run", 2, "fetch")],
        ..interrupt("run", lease.epoch, vec![question("run", 2, "q")])
    };
    done(store.park(kept).await);
    let full = |commit: Commit| Commit {
        access: Access::Take(claim("anna", LONG)),
        snapshot: Some(snapshot("run", commit.record.step)),
        turn: commit.record.step,
        turn_step: commit.record.step,
        token: Some(format!("message {}", commit.record.step)),
        events: vec![event("one"), event("two")],
        ..commit
    };
    let mut update = full(next("run", 2, 0));
    update.record.kind = StepKind::Update;
    let mut turn = full(next("run", 3, 0));
    turn.effects = vec![effect("run", 3, "save")];
    for commit in [update, turn, fork("fork", "run", 2)] {
        let run = commit.run.clone();
        let lease = now(&*store, commit.clone()).await;
        let before = all_but_times(&*store, &run).await;
        let again = done(store.commit(commit).await);
        assert_eq!(again, Committed::Already(Some(lease)));
        assert_eq!(all_but_times(&*store, &run).await, before);
    }
}

pub(super) async fn a_park_is_repeated(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let lost = Park {
        results: vec![result("run", 1)],
        effects: vec![effect("run", 1, "fetch")],
        ..interrupt("run", epoch, vec![question("run", 1, "q")])
    };
    done(store.park(lost.clone()).await);
    let before = all_but_times(&*store, "run").await;
    done(store.park(lost.clone()).await);
    assert_eq!(all_but_times(&*store, "run").await, before);

    // Whoever continues the run meanwhile is not disturbed.
    let lease = done(store.acquire("run", claim("berta", LONG)).await);
    now(&*store, next("run", 1, lease.epoch)).await;
    let before = all_but_times(&*store, "run").await;
    done(store.park(lost).await);
    assert_eq!(all_but_times(&*store, "run").await, before);

    done(store.release("run", lease.epoch).await);
    refused!(
        store.park(park("run", lease.epoch)).await,
        StoreError::LeaseLost { epoch: 2, .. },
        "a lease that was given back in another way is not a park"
    );
    let taken = done(store.acquire("run", claim("carla", LONG)).await);
    refused!(
        store.park(park("run", lease.epoch)).await,
        StoreError::LeaseLost { epoch: 2, .. },
        "a park that did not happen before somebody else came is lost"
    );
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.lease, head.error), (Some(taken), None));
}

pub(super) async fn an_answer_is_repeated(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let intent = EffectRecord {
        kind: EffectKind::Intent,
        response: None,
        ..effect("run", 1, "pay")
    };
    let asked = Park {
        effects: vec![intent],
        ..interrupt("run", epoch, vec![question("run", 1, "q")])
    };
    done(store.park(asked).await);
    let lost = Answer {
        effect: Some(EffectRecord {
            kind: EffectKind::Answered,
            ..effect("run", 1, "pay")
        }),
        ..answer("run", "q", "7")
    };
    done(store.answer(lost.clone()).await);
    let before = all_but_times(&*store, "run").await;
    let repeated = async || {
        done(store.answer(lost.clone()).await);
        let another = Answer {
            token: lost.token.wrapping_add(1),
            ..lost.clone()
        };
        let changed = Answer {
            answer: "8".to_owned(),
            ..lost.clone()
        };
        for other in [another, changed] {
            refused!(
                store.answer(other).await,
                StoreError::Answered { question, .. } if question == "q",
                "another answer comes too late"
            );
        }
    };
    repeated().await;
    assert_eq!(all_but_times(&*store, "run").await, before);
    let commit = Commit {
        access: Access::Take(claim("anna", LONG)),
        ..next("run", 1, 0)
    };
    now(&*store, commit).await;
    let before = all_but_times(&*store, "run").await;
    repeated().await; // Its step is over, but it was answered all the same.
    assert_eq!(all_but_times(&*store, "run").await, before);
}

pub(super) async fn all_other_writes_are_repeated(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 3).await;
    run_to(&*store, "gone", 1).await;
    let told = Commit {
        release: true,
        status: Status::Completed,
        events: vec![event("one"), event("two")],
        ..next("gone", 2, 1)
    };
    now(&*store, told).await;
    let records = journal("run", epoch, vec![effect("run", 4, "fetch")]);
    let delivered = done(store.outbox(1).await)[0].id;
    let (history, runs) = (Prune::history(), Prune::runs());
    let inner = Arc::clone(&store);
    let store = Arc::new(FaultyStore::new(inner));
    macro_rules! repeated {
        ($($call:expr),+ $(,)?) => {
            $(
                store.fail(1, Fault::LoseAnswer);
                refused!(
                    $call.await,
                    StoreError::Unavailable { outcome: CallOutcome::Unknown, .. },
                    "the answer is lost"
                );
                let before = all_but_times(&*store, "run").await;
                done($call.await);
                assert_eq!(
                    all_but_times(&*store, "run").await,
                    before,
                    "{}", stringify!($call)
                );
            )+
        };
    }
    repeated!(
        store.renew("run", epoch, LONG),
        store.journal(records.clone()),
        store.label("run", 3, "draft"),
        store.put_snapshot("run", epoch, snapshot("run", 3)),
        store.mark_delivered(&[delivered]),
        store.release("run", epoch),
        store.prune(&history),
        store.prune(&runs),
    );
    let left = done(store.all_runs().await);
    assert_eq!(left.len(), 1, "what was pruned is gone: {left:?}");
}
