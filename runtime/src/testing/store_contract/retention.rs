use std::sync::Arc;
use std::time::Duration;

use super::make::{
    LONG, SHORT, all, answer, claim, digest, done, effect, event, first, fork, interrupt, journal,
    next, now, numbers, park, question, refused, result, run_to, snapshot, take,
};
use crate::store::{
    Commit, Committed, Park, Prune, Pruned, Pruning, Status, Store, StoreError, StoreExt,
};

/// Everything that is old enough, which is all.
fn prune(what: Pruning) -> Prune {
    Prune {
        what,
        graph: None,
        statuses: vec![
            Status::Running,
            Status::Completed,
            Status::Interrupted,
            Status::Failed,
        ],
        older_than: Duration::ZERO,
        keep_newest: 0,
    }
}

/// A run from `first` to step `last` with an effect in every step, an event, a
/// label and a token, and a snapshot after step `with_snapshot`. Nobody holds it.
async fn full_run(store: &impl Store, first: Commit, with_snapshot: u64, last: u64) {
    let run = first.run.clone();
    let begin = first.record.step;
    let full = |commit: Commit| {
        let step = commit.record.step;
        Commit {
            effects: vec![effect(&run, step, "fetch")],
            events: vec![event("told")],
            snapshot: (step == with_snapshot).then(|| snapshot(&run, step)),
            token: Some(format!("msg-{step}")),
            ..commit
        }
    };
    let lease = now(store, full(first)).await;
    for step in begin + 1..=last {
        now(store, full(next(&run, step, lease.epoch))).await;
    }
    for step in begin..=last {
        done(store.label(&run, step, &format!("step {step}")).await);
    }
    done(store.release(&run, lease.epoch).await);
}

const fn pruned(runs: u64, steps: u64) -> Pruned {
    Pruned { runs, steps }
}

pub(super) async fn a_pruned_history_keeps_what_a_resume_needs(store: Arc<impl Store>) {
    full_run(&*store, first("run"), 4, 6).await;
    full_run(&*store, first("without a snapshot"), 99, 3).await;
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    let parked = Park {
        results: vec![result("run", 1)],
        effects: vec![effect("run", 7, "open")],
        ..interrupt("run", lease.epoch, vec![question("run", 7, "q")])
    };
    done(store.park(parked).await);
    let before = done(store.load("run").await).expect("the run");
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 3)
    );

    let after = done(store.load("run").await).expect("the run");
    assert_eq!(after.head.pruned, 4, "no step from this one on is gone");
    let unmarked = crate::store::Head {
        pruned: 0,
        ..after.head.clone()
    };
    assert_eq!(unmarked, before.head, "the head is where it was");
    assert_eq!(
        (&after.snapshot, &after.steps),
        (&before.snapshot, &before.steps)
    );
    assert_eq!(
        (&after.pending, &after.effects),
        (&before.pending, &before.effects)
    );
    assert_eq!(after.questions, before.questions);
    assert_eq!(
        numbers(&*store, "run").await,
        [0, 4, 5, 6],
        "the input stays"
    );
    let effects = done(store.all_effects("run", 0, u64::MAX).await);
    let steps: Vec<u64> = effects.iter().map(|effect| effect.step).collect();
    assert_eq!(steps, [0, 4, 5, 6, 7], "effects go with their steps");
    let labels = done(store.labels("run").await);
    assert_eq!(labels.len(), 4, "and so do labels: {labels:?}");
    refused!(
        store.label("run", 2, "gone").await,
        StoreError::NoSuchStep { step: 2, .. },
        "a step that was pruned has no name"
    );
    assert_eq!(
        done(store.outbox(usize::MAX).await).len(),
        11,
        "events stay"
    );
    assert_eq!(numbers(&*store, "without a snapshot").await, [0, 1, 2, 3]);

    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(0, 0)
    );
    let again = done(store.commit(first("run")).await);
    assert!(
        matches!(again, Committed::Already(_)),
        "a repeated start is recognised"
    );
    done(store.answer(answer("run", "q", "1")).await);
    let commit = Commit {
        access: take("anna", LONG),
        ..next("run", 7, 0)
    };
    now(&*store, commit).await;
}

pub(super) async fn a_later_prune_takes_what_came_since(store: Arc<impl Store>) {
    full_run(&*store, first("run"), 3, 4).await;
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 2)
    );
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    let asked = vec![question("run", 5, "q")];
    done(store.park(interrupt("run", lease.epoch, asked)).await);
    done(store.answer(answer("run", "q", "1")).await);
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    now(&*store, next("run", 5, lease.epoch)).await;
    now(&*store, next("run", 6, lease.epoch)).await;
    done(
        store
            .put_snapshot("run", lease.epoch, snapshot("run", 6))
            .await,
    );
    let stands = done(store.snapshot("run", 5).await);
    assert_eq!(
        stands,
        Some(snapshot("run", 3)),
        "the steps after a pruned part stand on its snapshot"
    );
    done(store.release("run", lease.epoch).await);
    assert_eq!(done(store.questions("run").await).len(), 1);
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 3)
    );
    assert_eq!(numbers(&*store, "run").await, [0, 6]);
    assert_eq!(done(store.head("run").await).expect("the run").pruned, 6);
    assert_eq!(done(store.snapshot("run", 5).await), None);
    assert!(
        done(store.questions("run").await).is_empty(),
        "questions go with their steps"
    );
}

pub(super) async fn only_what_was_asked_for_is_pruned(store: Arc<impl Store>) {
    for run in ["a", "b", "c", "other graph", "failed"] {
        let mut commit = first(run);
        commit.release = true;
        commit.status = Status::Completed;
        if let Some(create) = commit.create.as_mut().filter(|_| run == "other graph") {
            "Reviewer".clone_into(&mut create.graph);
        }
        let lease = now(&*store, commit).await;
        if run == "failed" {
            let lease = done(store.acquire(run, claim(&lease.owner, LONG)).await);
            done(store.park(park(run, lease.epoch)).await);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let held = done(store.acquire("c", claim("anna", LONG)).await);
    let asked = Prune {
        graph: Some("Researcher".to_owned()),
        statuses: vec![Status::Completed],
        ..prune(Pruning::Run)
    };
    let nothing = [
        Prune {
            graph: Some("Nothing".to_owned()),
            ..asked.clone()
        },
        Prune {
            statuses: Vec::new(),
            ..asked.clone()
        },
        Prune {
            older_than: LONG,
            ..asked.clone()
        },
        Prune {
            keep_newest: 2,
            ..asked.clone()
        },
    ];
    for asked in nothing {
        assert_eq!(done(store.prune(&asked).await), pruned(0, 0), "{asked:?}");
    }
    assert_eq!(done(store.all_runs().await).len(), 5);
    let asked = Prune {
        keep_newest: 1,
        ..asked
    };
    assert_eq!(done(store.prune(&asked).await), pruned(1, 1));
    assert!(
        done(store.head("a").await).is_none(),
        "the one that moved longest ago"
    );
    let asked = Prune {
        keep_newest: 0,
        ..asked
    };
    assert_eq!(done(store.prune(&asked).await), pruned(1, 1));
    assert!(
        done(store.head("c").await).is_some(),
        "a live lease keeps its run"
    );
    done(store.renew("c", held.epoch, SHORT).await);
    tokio::time::sleep(SHORT * 4).await;
    assert_eq!(
        done(store.prune(&asked).await),
        pruned(1, 1),
        "a lapsed one does not"
    );
    let left: Vec<_> = done(store.all_runs().await)
        .into_iter()
        .map(|head| head.run)
        .collect();
    assert_eq!(left, ["failed", "other graph"]);
}

pub(super) async fn of_a_dropped_run_nothing_is_left(store: Arc<impl Store>) {
    full_run(&*store, first("stays"), 1, 2).await;
    let stays = all(&*store, "stays").await;
    full_run(&*store, first("run"), 2, 3).await;
    let lease = done(store.acquire("run", claim("anna", LONG)).await);
    let parked = Park {
        results: vec![result("run", 1)],
        effects: vec![effect("run", 4, "open")],
        ..interrupt("run", lease.epoch, vec![question("run", 4, "q")])
    };
    done(store.park(parked).await);
    let asked = Prune {
        statuses: vec![Status::Interrupted],
        ..prune(Pruning::Run)
    };
    assert_eq!(done(store.prune(&asked).await), pruned(1, 4));
    let nothing = |shown: &str| shown.starts_with("[]\n[]\nNone\n[]\n[]\n[]\nNone\n[]\n");
    assert!(
        nothing(&all(&*store, "run").await),
        "{}",
        all(&*store, "run").await
    );
    assert_eq!(
        all(&*store, "stays").await,
        stays,
        "its neighbour is as it was"
    );

    // The id is free; what begins under it is new.
    let lease = now(&*store, first("run")).await;
    let loaded = done(store.load("run").await).expect("the new run");
    assert!(loaded.snapshot.is_none() && loaded.pending.is_empty());
    assert!(loaded.effects.is_empty() && loaded.questions.is_empty());
    assert_eq!(numbers(&*store, "run").await, [0]);
    assert!(done(store.labels("run").await).is_empty());
    assert!(done(store.questions("run").await).is_empty());
    let turn = Commit {
        token: Some("msg-1".to_owned()),
        ..next("run", 1, lease.epoch)
    };
    now(&*store, turn).await;
}

pub(super) async fn forks_keep_what_they_stand_on(store: Arc<impl Store>) {
    full_run(&*store, first("a"), 7, 8).await;
    tokio::time::sleep(Duration::from_millis(3)).await;
    full_run(&*store, fork("b", "a", 3), 8, 9).await;
    tokio::time::sleep(Duration::from_millis(3)).await;
    full_run(&*store, fork("c", "b", 6), 99, 7).await;
    let shown = all(&*store, "c").await;
    // Of `a` steps 4 to 6 go, of `b` step 7.
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(2, 4)
    );
    assert_eq!(numbers(&*store, "a").await, [0, 1, 2, 3, 7, 8]);
    assert_eq!(numbers(&*store, "b").await, [0, 1, 2, 3, 4, 5, 6, 8, 9]);
    assert_eq!(
        all(&*store, "c").await,
        shown,
        "the history of a fork is as it was"
    );

    done(store.acquire("c", claim("anna", LONG)).await);
    assert_eq!(done(store.prune(&prune(Pruning::Run)).await), pruned(0, 0));
    assert_eq!(
        done(store.all_runs().await).len(),
        3,
        "origins live as long as their forks"
    );
    let lease = done(store.acquire("c", claim("anna", LONG)).await);
    done(store.release("c", lease.epoch).await);
    let asked = Prune {
        keep_newest: 2,
        ..prune(Pruning::Run)
    };
    assert_eq!(
        done(store.prune(&asked).await),
        pruned(0, 0),
        "the oldest is an origin"
    );
    assert_eq!(
        done(store.prune(&prune(Pruning::Run)).await),
        pruned(3, 6 + 5 + 1),
        "forks go before their origins"
    );
    assert!(done(store.all_runs().await).is_empty());
}

pub(super) async fn what_only_a_fork_stood_on_goes_after_it(store: Arc<impl Store>) {
    full_run(&*store, first("a"), 5, 6).await;
    let mut last = fork("b", "a", 3);
    last.status = Status::Cancelled;
    last.release = true;
    now(&*store, last).await;
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 1)
    );
    let asked = Prune {
        statuses: vec![Status::Cancelled],
        ..prune(Pruning::Run)
    };
    assert_eq!(done(store.prune(&asked).await), pruned(1, 1));
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 3)
    );
    assert_eq!(numbers(&*store, "a").await, [0, 5, 6]);
}

pub(super) async fn a_fork_of_a_pruned_run_says_so(store: Arc<impl Store>) {
    full_run(&*store, first("a"), 4, 6).await;
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 3)
    );
    refused!(
        store.commit(fork("b", "a", 2)).await,
        StoreError::NoSuchStep { step: 2, .. },
        "a fork does not begin at a step that was pruned"
    );
    full_run(&*store, fork("b", "a", 5), 99, 7).await;
    assert_eq!(done(store.head("b").await).expect("the fork").pruned, 4);
    assert_eq!(numbers(&*store, "b").await, [0, 4, 5, 6, 7]);

    let lease = done(store.acquire("a", claim("anna", LONG)).await);
    let further = Commit {
        snapshot: Some(snapshot("a", 7)),
        release: true,
        ..next("a", 7, lease.epoch)
    };
    now(&*store, further).await;
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 1)
    );
    assert_eq!(numbers(&*store, "a").await, [0, 4, 5, 7]);
    assert_eq!(done(store.head("a").await).expect("the origin").pruned, 7);
    assert_eq!(
        numbers(&*store, "b").await,
        [0, 4, 5, 6, 7],
        "the fork's is as it was"
    );
    assert_eq!(done(store.snapshot("b", 5).await), Some(snapshot("a", 4)));
    let mut between = fork("c", "a", 4);
    between.previous = digest("chain", "a", 4);
    now(&*store, between).await;
    assert_eq!(done(store.head("c").await).expect("the fork").pruned, 4);
    assert_eq!(done(store.snapshot("c", 4).await), Some(snapshot("a", 4)));
}

pub(super) async fn a_fork_of_a_whole_history_is_whole(store: Arc<impl Store>) {
    full_run(&*store, first("a"), 6, 7).await;
    now(&*store, fork("b", "a", 3)).await;
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(1, 2)
    );
    now(&*store, fork("c", "a", 2)).await;
    for run in ["b", "c"] {
        assert_eq!(done(store.head(run).await).expect("the fork").pruned, 0);
    }
    assert_eq!(numbers(&*store, "c").await, [0, 1, 2, 3]);
}

pub(super) async fn commits_go_on_while_others_are_pruned(store: Arc<impl Store>) {
    for run in 0..40 {
        full_run(&*store, first(&format!("old {run}")), 5, 6).await;
    }
    let lease = run_to(&*store, "run", 0).await;
    let writing = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        for step in 1..=100 {
            let effects = vec![effect("run", step, "fetch")];
            done(writing.journal(journal("run", lease.epoch, effects)).await);
            now(&*writing, next("run", step, lease.epoch)).await;
        }
    });
    assert_eq!(
        done(store.prune(&prune(Pruning::History)).await),
        pruned(40, 40 * 4)
    );
    assert_eq!(
        done(store.prune(&prune(Pruning::Run)).await),
        pruned(40, 40 * 3)
    );
    writer.await.expect("the writer");
    assert_eq!(numbers(&*store, "run").await, (0..=100).collect::<Vec<_>>());
    assert_eq!(done(store.all_effects("run", 0, u64::MAX).await).len(), 100);
}

pub(super) async fn epochs_outlive_a_dropped_run(store: Arc<impl Store>) {
    let gone = run_to(&*store, "run", 0).await;
    done(store.release("run", gone.epoch).await);
    assert_eq!(done(store.prune(&prune(Pruning::Run)).await), pruned(1, 1));

    let lease = run_to(&*store, "run", 0).await;
    assert!(
        lease.epoch > gone.epoch,
        "an id that is reused has new epochs"
    );
    refused!(
        store.renew("run", gone.epoch, LONG).await,
        StoreError::LeaseLost { .. },
        "whoever held the run that is gone"
    );
    done(store.release("run", gone.epoch).await);
    refused!(
        store.acquire("run", claim("bert", LONG)).await,
        StoreError::LeaseHeld { .. },
        "whoever holds this one still holds it"
    );
}
