use std::sync::Arc;

use super::make::{
    LONG, claim, digest, done, first, fork, next, now, park, run_to, snapshot, take,
};
use crate::hash::Digest;
use crate::store::{Commit, GraphChange, Page, Prune, StepKind, Store, StoreExt, TurnRecord};

/// Step `step` of `run` as one that begins turn `turn`.
fn turn(run: &str, step: u64, turn: u64, token: Option<&str>, epoch: u64) -> Commit {
    let mut commit = Commit {
        turn,
        turn_step: step,
        counted_from: step,
        token: token.map(str::to_owned),
        ..next(run, step, epoch)
    };
    commit.record.kind = StepKind::Turn;
    commit
}

/// The same commit, by a program with that graph, after one with another.
fn under(graph: Digest, version: u32, mut commit: Commit) -> Commit {
    commit.record.graph = Some(graph);
    commit.record.version = version;
    commit.description = Some(format!("the graph {graph}"));
    commit
}

fn record(turn: u64, step: u64, token: Option<&str>, error: Option<&str>) -> TurnRecord {
    TurnRecord {
        token: token.map(str::to_owned),
        error: error.map(str::to_owned),
        ..TurnRecord::new(turn, step)
    }
}

pub(super) async fn turns_are_listed_with_what_became_of_them(store: Arc<impl Store>) {
    let epoch = run_to(&*store, "run", 1).await.epoch;
    assert!(
        done(store.all_turns("run").await).is_empty(),
        "the input is none"
    );
    now(&*store, turn("run", 2, 1, Some("msg-1"), epoch)).await;
    done(store.park(park("run", epoch)).await);
    let epoch = done(store.acquire("run", claim("anna", LONG)).await).epoch;
    now(&*store, turn("run", 3, 2, None, epoch)).await;
    now(&*store, next("run", 4, epoch)).await;
    now(&*store, turn("run", 5, 3, Some("msg-3"), epoch)).await;

    let failed = record(1, 2, Some("msg-1"), Some("node `plan` failed"));
    let all = [
        failed.clone(),
        record(2, 3, None, None),
        record(3, 5, Some("msg-3"), None),
    ];
    assert_eq!(done(store.all_turns("run").await), all);
    let page = Page::first(1).after(2);
    let after = done(store.turns("run", page).await);
    assert_eq!((after.items, after.next), (vec![all[1].clone()], Some(3)));
    assert_eq!(done(store.turn("run", "msg-1").await), Some(failed));
    assert_eq!(done(store.turn("run", "msg-2").await), None);
    assert_eq!(done(store.turn("nobody", "msg-1").await), None);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!((head.error, head.token.as_deref()), (None, Some("msg-3")));
}

pub(super) async fn a_fork_has_its_origins_turns_and_none_of_their_tokens(store: Arc<impl Store>) {
    let epoch = run_to(&*store, "run", 1).await.epoch;
    now(&*store, turn("run", 2, 1, Some("msg-1"), epoch)).await;
    now(&*store, turn("run", 3, 2, Some("msg-2"), epoch)).await;
    let fork = Commit {
        turn: 1,
        turn_step: 2,
        ..fork("fork", "run", 2)
    };
    let epoch = now(&*store, fork).await.epoch;
    now(&*store, turn("fork", 4, 2, Some("msg-1"), epoch)).await;
    let turns = [
        record(1, 2, Some("msg-1"), None),
        record(2, 4, Some("msg-1"), None),
    ];
    assert_eq!(done(store.all_turns("fork").await), turns);
    assert_eq!(
        done(store.turn("fork", "msg-1").await),
        Some(turns[1].clone())
    );
    assert_eq!(done(store.turn("fork", "msg-2").await), None);
}

pub(super) async fn a_change_of_graph_is_noted(store: Arc<impl Store>) {
    let epoch = run_to(&*store, "run", 1).await.epoch;
    let created = done(store.head("run").await).expect("the run");
    assert_eq!(created.changed, None);
    assert_eq!(created.graph_now(), (created.fingerprint, created.version));
    assert!(done(store.graphs("run").await).is_empty());

    let [one, other] = ["one", "other"].map(|word| digest(word, "", 0));
    now(&*store, under(one, 4, turn("run", 2, 1, None, epoch))).await;
    now(&*store, next("run", 3, epoch)).await;
    now(&*store, under(other, 5, next("run", 4, epoch))).await;
    let changes = [GraphChange::new(2, one, 4), GraphChange::new(4, other, 5)];
    assert_eq!(done(store.graphs("run").await), changes);
    let head = done(store.head("run").await).expect("the run");
    assert_eq!(head.changed, Some(changes[1]));
    assert_eq!(head.graph_now(), (other, 5));
    assert_eq!(
        head.fingerprint, created.fingerprint,
        "what it was created with stays"
    );
    let text = done(store.graph(one).await);
    assert_eq!(text, Some(format!("the graph {one}")));
    let steps = done(store.all_steps("run", 0, 9).await);
    let named: Vec<_> = steps.iter().map(|step| step.graph).collect();
    assert_eq!(named, [None, None, Some(one), None, Some(other)]);

    // A fork begins under the graph of the step at which it branches off.
    for (name, at, expected) in [
        ("a", 1, None),
        ("b", 3, Some(changes[0])),
        ("c", 4, Some(changes[1])),
    ] {
        now(&*store, fork(name, "run", at)).await;
        let head = done(store.head(name).await).expect("the fork");
        assert_eq!(head.changed, expected, "a fork at step {at}");
        assert_eq!(
            done(store.graphs(name).await),
            changes[..expected.map_or(0, |change| if change == changes[0] { 1 } else { 2 })]
        );
    }
    let mine = digest("mine", "", 0);
    let own = Commit {
        access: take("anna", LONG),
        ..under(mine, 6, fork("own", "run", 3))
    };
    now(&*store, own).await;
    let own = [changes[0], GraphChange::new(4, mine, 6)];
    assert_eq!(done(store.graphs("own").await), own);
}

pub(super) async fn turns_and_graphs_outlive_their_steps(store: Arc<impl Store>) {
    let epoch = run_to(&*store, "run", 1).await.epoch;
    let graph = digest("one", "", 0);
    now(
        &*store,
        under(graph, 4, turn("run", 2, 1, Some("msg-1"), epoch)),
    )
    .await;
    let last = Commit {
        snapshot: Some(snapshot("run", 3)),
        release: true,
        ..next("run", 3, epoch)
    };
    now(&*store, last).await;
    assert_eq!(done(store.prune(&Prune::history()).await).steps, 2);
    assert_eq!(
        done(store.graphs("run").await),
        [GraphChange::new(2, graph, 4)]
    );
    let turns = [record(1, 2, Some("msg-1"), None)];
    assert_eq!(done(store.all_turns("run").await), turns);
    // A run that is gone takes them with it.
    let mut gone = Prune::runs();
    gone.statuses = vec![crate::store::Status::Running];
    assert_eq!(done(store.prune(&gone).await).runs, 1);
    now(&*store, first("run")).await;
    assert!(done(store.all_turns("run").await).is_empty());
    assert!(done(store.graphs("run").await).is_empty());
}
