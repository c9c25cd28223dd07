use std::sync::Arc;

use super::make::{
    creation, digest, done, event, first, next, now, park, result, run_to, snapshot,
};
use crate::store::{Commit, Lease, Park, Status, Store, StoreExt};

pub(super) async fn a_new_snapshot_takes_the_place_of_the_old(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    run_to(&*store, "other", 0).await;
    for step in 1..=6 {
        let commit = Commit {
            snapshot: (step % 2 == 0).then(|| snapshot("run", step)),
            ..next("run", step, epoch)
        };
        now(&*store, commit).await;
        let last = step / 2 * 2;
        let loaded = done(store.load("run").await).expect("the run");
        let expected = (last > 0).then(|| snapshot("run", last));
        assert_eq!(loaded.snapshot, expected, "after step {step}");
        let numbers: Vec<u64> = loaded.steps.iter().map(|step| step.step).collect();
        let wanted: Vec<u64> = (last..=step).collect();
        assert_eq!(numbers, wanted, "the steps from the snapshot's own on");
    }
    assert_eq!(
        done(store.snapshot("run", 5).await),
        None,
        "older ones are gone"
    );
    assert_eq!(
        done(store.all_steps("run", 0, 9).await).len(),
        7,
        "their steps are not"
    );
    assert_eq!(done(store.snapshot("other", 9).await), None);
}

pub(super) async fn a_snapshot_is_the_newest_at_or_before(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let commit = Commit {
        snapshot: Some(snapshot("run", 2)),
        ..next("run", 2, epoch)
    };
    now(&*store, commit).await;
    now(&*store, next("run", 3, epoch)).await;
    let found = Some(snapshot("run", 2));
    assert_eq!(done(store.snapshot("run", 1).await), None);
    assert_eq!(done(store.snapshot("run", 2).await), found);
    assert_eq!(done(store.snapshot("run", 3).await), found);
    assert_eq!(done(store.snapshot("run", u64::MAX).await), found);

    let at_once = Commit {
        snapshot: Some(snapshot("new", 0)),
        ..first("new")
    };
    now(&*store, at_once).await;
    assert_eq!(
        done(store.snapshot("new", 0).await),
        Some(snapshot("new", 0))
    );
}

pub(super) async fn what_is_not_there_is_none(store: Arc<impl Store>) {
    assert!(done(store.head("run").await).is_none());
    assert!(done(store.load("run").await).is_none());
    assert!(done(store.all_runs().await).is_empty());
    assert!(done(store.all_steps("run", 0, u64::MAX).await).is_empty());
    assert!(done(store.snapshot("run", 0).await).is_none());
    assert!(done(store.graph(digest("none", "", 0)).await).is_none());
    assert!(done(store.outbox(10).await).is_empty());
    assert!(done(store.all_stuck().await).is_empty());
    done(store.mark_delivered(&[1, u64::MAX]).await);
}

pub(super) async fn runs_stand_in_the_order_of_their_ids(store: Arc<impl Store>) {
    for run in ["b", "ä", "B", "a10", "a9", ""] {
        now(&*store, first(run)).await;
    }
    let heads = done(store.all_runs().await);
    let ids: Vec<&str> = heads.iter().map(|head| head.run.as_str()).collect();
    assert_eq!(ids, ["", "B", "a10", "a9", "b", "ä"], "ordered by bytes");
    for head in &heads {
        assert_eq!(done(store.head(&head.run).await).as_ref(), Some(head));
    }
}

pub(super) async fn any_text_comes_back_unchanged(store: Arc<impl Store>) {
    let long = "long".repeat(5_000);
    let texts = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "a\0b",
        "'; DROP TABLE runs; --",
        "💥 ü ﷺ",
        "%",
        "\u{1}\n\t\\\"",
        "123",
        "1e5",
        "NULL",
        &long,
    ];
    for text in texts {
        let owned = || text.to_owned();
        let mut commit = Commit {
            token: Some(owned()),
            events: vec![event(text)],
            ..first(text)
        };
        commit.record.updates = owned();
        commit.record.frontier = owned();
        commit.snapshot = Some(crate::store::Snapshot {
            state: owned(),
            ..snapshot(text, 0)
        });
        commit.create = Some(crate::store::Creation {
            graph: owned(),
            fingerprint: digest(text, "", 0),
            description: owned(),
            ..creation()
        });
        commit.access = super::make::take(text, super::make::LONG);
        let lease = now(&*store, commit).await;
        let kept = crate::store::PendingResult {
            node: owned(),
            result: owned(),
            ..result(text, 1)
        };
        let parked = Park {
            error: Some(owned()),
            results: vec![kept.clone()],
            ..park(text, lease.epoch)
        };
        done(store.park(parked).await);
        let loaded = done(store.load(text).await).expect("the run");
        assert_eq!(lease.owner, text);
        assert_eq!((&*loaded.head.run, &*loaded.head.graph), (text, text));
        assert_eq!(loaded.head.token.as_deref(), Some(text));
        assert_eq!(loaded.head.error.as_deref(), Some(text));
        assert_eq!(
            (&*loaded.steps[0].updates, &*loaded.steps[0].frontier),
            (text, text)
        );
        assert_eq!(loaded.snapshot.map(|s| s.state).as_deref(), Some(text));
        assert_eq!(loaded.pending, [kept]);
        let graph = done(store.graph(digest(text, "", 0)).await);
        assert_eq!(graph.as_deref(), Some(text));
        let events = done(store.outbox(usize::MAX).await);
        let last = events.last().expect("the event");
        assert_eq!((&*last.run, &*last.name), (text, text));
    }
    assert_eq!(
        done(store.all_runs().await).len(),
        texts.len(),
        "no two of them are the same run"
    );
}

pub(super) async fn large_texts_come_back_unchanged(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    for (step, size) in (1..).zip([1_000, 4_000, 5_000, 70_000, 3_000_000]) {
        let mut commit = next("run", step, epoch);
        commit.record.updates = "u".repeat(size);
        commit.record.frontier = "f".repeat(size / 2);
        let given = commit.record.clone();
        now(&*store, commit).await;
        let stored = done(store.all_steps("run", step, step).await).remove(0);
        assert!(stored.updates == given.updates && stored.frontier == given.frontier);
        assert_eq!(stored.key, given.key);
    }
}

pub(super) async fn a_look_is_of_one_moment(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let writing = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        for step in 1..=300 {
            let commit = Commit {
                snapshot: (step % 7 == 0).then(|| snapshot("run", step)),
                status: if step % 2 == 0 {
                    Status::Running
                } else {
                    Status::Paused
                },
                ..next("run", step, epoch)
            };
            now(&*writing, commit).await;
            tokio::task::yield_now().await;
        }
    });
    while !writer.is_finished() {
        let loaded = done(store.load("run").await).expect("the run");
        let from = loaded.snapshot.map_or(0, |snapshot| snapshot.step);
        let numbers: Vec<u64> = loaded.steps.iter().map(|step| step.step).collect();
        let wanted: Vec<u64> = (from..=loaded.head.step).collect();
        assert_eq!(
            numbers, wanted,
            "head, snapshot and steps are of one moment"
        );
        let last = loaded.steps.last().expect("the last step");
        assert_eq!(last.chain, loaded.head.chain);
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer");
    assert_eq!(done(store.head("run").await).expect("the run").step, 300);
}
