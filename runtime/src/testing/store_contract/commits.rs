use std::sync::Arc;
use std::task::Poll;

use super::make::{
    LONG, all, creation, digest, done, event, first, next, now, record, refused, run_to, snapshot,
    take,
};
use crate::store::{Commit, Committed, Lease, Status, StepRecord, Store, StoreError, StoreExt};

pub(super) async fn a_created_run_reads_back_as_given(store: Arc<impl Store>) {
    let before = done(store.now().await);
    let lease = now(&*store, first("run")).await;
    assert_eq!((lease.owner.as_str(), lease.epoch), ("anna", 1));
    assert!(lease.expires >= before + LONG);

    let loaded = done(store.load("run").await).expect("the run that was created");
    let head = loaded.head;
    let created = creation();
    assert_eq!(head.run, "run");
    assert_eq!(head.graph, created.graph);
    assert_eq!(head.fingerprint, created.fingerprint);
    assert_eq!(head.version, created.version);
    assert_eq!(head.seed, created.seed, "a seed may be any 64 bits");
    assert_eq!(head.status, Status::Running);
    assert_eq!((head.step, head.turn, head.turn_step), (0, 0, 0));
    assert_eq!(head.counted_from, 0);
    assert_eq!(head.chain, digest("chain", "run", 0));
    assert_eq!((&head.error, &head.token), (&None, &None));
    assert_eq!(head.lease, Some(lease));
    assert!(head.created >= before && head.updated >= head.created);
    assert!(loaded.snapshot.is_none() && loaded.pending.is_empty());
    assert_eq!(loaded.steps.len(), 1);
    let text = done(store.graph(created.fingerprint).await);
    assert_eq!(text, Some(created.description), "the graph's text is kept");

    let mut another = first("another");
    if let Some(create) = &mut another.create {
        create.description = "the same fingerprint is the same graph".to_owned();
    }
    now(&*store, another).await;
    let text = done(store.graph(created.fingerprint).await);
    assert_eq!(
        text,
        Some(creation().description),
        "a graph's text is kept once"
    );
}

pub(super) async fn steps_read_back_as_given(store: Arc<impl Store>) {
    let before = done(store.now().await);
    run_to(&*store, "other", 3).await;
    run_to(&*store, "run", 5).await;
    let loaded = done(store.load("run").await).expect("the run");
    assert_eq!(loaded.head.step, 5);
    assert_eq!(
        loaded.steps.len(),
        6,
        "all steps, where there is no snapshot"
    );
    for (step, stored) in (0..).zip(&loaded.steps) {
        assert!(
            stored.committed >= before,
            "the store says when it was committed"
        );
        let given = StepRecord {
            committed: stored.committed,
            ..record("run", step)
        };
        assert_eq!(*stored, given);
    }
    assert_eq!(
        done(store.all_steps("run", 2, 4).await),
        loaded.steps[2..=4]
    );
    assert_eq!(
        done(store.all_steps("run", 4, u64::MAX).await),
        loaded.steps[4..]
    );
    assert!(done(store.all_steps("run", 4, 3).await).is_empty());
    assert!(done(store.all_steps("run", 6, 9).await).is_empty());
}

pub(super) async fn the_same_step_twice_is_harmless(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 2).await;
    let before = all(&*store, "run").await;
    let epoch = lease.epoch;
    // Each with whether the lease is still the caller's.
    let again = [
        (first("run"), false), // another call of its owner
        (next("run", 1, epoch), true),
        (next("run", 2, epoch), true),
        (next("run", 2, epoch + 7), false),
        (
            Commit {
                access: take("berta", LONG),
                events: vec![event("again")],
                snapshot: Some(snapshot("run", 2)),
                status: Status::Completed,
                release: true,
                ..next("run", 2, 0)
            },
            false,
        ),
    ];
    for (commit, holds) in again {
        let answer = done(store.commit(commit).await);
        let Committed::Already(lease) = answer else {
            panic!("a committed step is reported as such, whatever the lease: {answer:?}")
        };
        let held = lease.map(|lease| lease.epoch);
        let expected = holds.then_some(epoch);
        assert_eq!(
            held, expected,
            "and whether the lease is still the caller's"
        );
    }
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a repeated commit changes nothing"
    );
}

pub(super) async fn a_step_with_another_key_is_refused(store: Arc<impl Store>) {
    let lease = run_to(&*store, "run", 2).await;
    let before = all(&*store, "run").await;
    for step in 0..=2 {
        let mut other = next("run", step, lease.epoch);
        other.record.key = digest("other key", "run", step);
        other.record.updates = "{}".to_owned();
        let (stored, given) = (digest("key", "run", step), other.record.key);
        refused!(
            store.commit(other).await,
            StoreError::IdempotencyViolation { run, step: at, stored: s, given: g }
                if run == "run" && at == step && s == stored && g == given,
            "another key for a committed step is an idempotency violation"
        );
    }
    assert_eq!(
        all(&*store, "run").await,
        before,
        "a committed step never changes"
    );
}

pub(super) async fn a_step_out_of_place_is_refused(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 2).await;
    refused!(
        store.commit(next("run", 4, epoch)).await,
        StoreError::NotNext {
            step: 4,
            head: 2,
            ..
        },
        "a step must follow the head"
    );
    let unrelated = Commit {
        previous: digest("another past", "run", 2),
        ..next("run", 3, epoch)
    };
    refused!(
        store.commit(unrelated).await,
        StoreError::NotNext {
            step: 3,
            head: 2,
            ..
        },
        "a step must follow the head's chain value"
    );
    let late = Commit {
        create: Some(creation()),
        ..next("new", 1, 1)
    };
    refused!(
        store.commit(late).await,
        StoreError::NotNext { step: 1, .. },
        "a run begins with step 0"
    );
    assert!(done(store.head("new").await).is_none());
    now(&*store, next("run", 3, epoch)).await;
}

pub(super) async fn a_refused_commit_leaves_no_trace(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let before = all(&*store, "run").await;
    let full = |commit: Commit| Commit {
        release: true,
        snapshot: Some(snapshot("run", commit.record.step)),
        status: Status::Completed,
        turn: 1,
        turn_step: 2,
        token: Some("token".to_owned()),
        events: vec![event("one"), event("two")],
        ..commit
    };
    let refused = [
        full(next("run", 3, epoch)),
        full(next("run", 2, epoch + 1)),
        full(Commit {
            access: take("berta", LONG),
            ..next("run", 2, 0)
        }),
        full(Commit {
            previous: digest("?", "", 0),
            ..next("run", 2, epoch)
        }),
    ];
    for commit in refused {
        assert!(store.commit(commit).await.is_err());
        assert_eq!(
            all(&*store, "run").await,
            before,
            "a refusal leaves no trace"
        );
    }
}

pub(super) async fn nothing_is_committed_to_a_run_that_is_not_there(store: Arc<impl Store>) {
    refused!(
        store.commit(next("run", 1, 1)).await,
        StoreError::NoSuchRun { run } if run == "run",
        "only a commit with `create` makes a run"
    );
    assert!(done(store.all_runs().await).is_empty());
}

pub(super) async fn turns_and_tokens_are_kept(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let turn = |step, turn, token: Option<&str>| Commit {
        turn,
        turn_step: 2,
        counted_from: step,
        token: token.map(str::to_owned),
        status: Status::Completed,
        ..next("run", step, epoch)
    };
    now(&*store, turn(2, 1, Some("msg-1"))).await;
    now(&*store, turn(3, 1, None)).await;
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.turn, head.turn_step, head.counted_from), (1, 2, 3));
    assert_eq!(
        head.token.as_deref(),
        Some("msg-1"),
        "no token leaves the last one"
    );
    assert_eq!(head.status, Status::Completed);
    now(&*store, turn(4, 2, Some("msg-2"))).await;
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.turn, head.token.as_deref()), (2, Some("msg-2")));
    let again = done(store.commit(turn(5, 3, Some("msg-1"))).await);
    assert_eq!(again, Committed::TokenSpent, "a token begins one turn");
    let unmoved = done(store.head("run").await).expect("the run");
    assert_eq!((unmoved.turn, unmoved.step), (2, 4));
}

pub(super) async fn a_dropped_commit_is_whole_or_not_there(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    for step in 1..=20 {
        let commit = Commit {
            snapshot: Some(snapshot("run", step)),
            events: vec![event("dropped")],
            ..next("run", step, epoch)
        };
        let mut dropped = store.commit(commit.clone());
        std::future::poll_fn(|cx| {
            let _ = dropped.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
        drop(dropped);
        // Whether it happened or not, the same commit again settles it.
        done(store.commit(commit).await);
        let loaded = done(store.load("run").await).expect("the run");
        let events = done(store.outbox(usize::MAX).await);
        assert_eq!(loaded.head.step, step);
        assert_eq!(loaded.snapshot.map(|s| s.step), Some(step));
        assert_eq!(
            events.len() as u64,
            step,
            "each step commits its events once"
        );
    }
}
