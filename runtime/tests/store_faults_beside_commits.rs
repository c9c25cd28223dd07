//! Whatever writes other than a commit: a fault leaves everything as it was, and the
//! same call works when the fault is gone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use std::path::Path;

use superstep::store::{
    Access, Claim, EffectKind, Park, Prune, Pruning, Snapshot, SqliteStore, Status, StepKind,
    Store, StoreError, StoreExt, Synchronous,
};
use tempfile::tempdir;

use store_support::{
    LONG, all, answer, behind, digest, effect, fork, fullest, journal, next, now, question, result,
    run_to, take, with,
};

/// Every call, and every write that it makes.
const CALLS: &[(&str, &[&str])] = &[
    ("journal", &["INSERT ON effects"]),
    (
        "park",
        &[
            "INSERT ON results",
            "INSERT ON effects",
            "INSERT ON questions",
            "UPDATE ON runs",
        ],
    ),
    ("answer", &["UPDATE ON questions", "INSERT ON effects"]),
    (
        "update",
        &[
            "UPDATE ON runs",
            "INSERT ON steps",
            "UPDATE ON effects",
            "UPDATE ON questions",
        ],
    ),
    (
        "put_snapshot",
        &["DELETE ON snapshots", "INSERT ON snapshots"],
    ),
    ("label", &["INSERT ON labels"]),
    (
        "fork",
        &[
            "INSERT ON runs",
            "INSERT ON forks",
            "UPDATE ON runs",
            "INSERT ON steps",
        ],
    ),
    (
        "prune history",
        &[
            "DELETE ON steps",
            "DELETE ON effects",
            "DELETE ON questions",
            "DELETE ON labels",
            "UPDATE ON runs",
            "DELETE ON snapshots",
        ],
    ),
    (
        "prune run",
        &[
            "DELETE ON steps",
            "DELETE ON snapshots",
            "DELETE ON effects",
            "DELETE ON results",
            "DELETE ON questions",
            "DELETE ON labels",
            "DELETE ON turns",
            "DELETE ON outbox",
            "DELETE ON runs",
        ],
    ),
];

#[tokio::test]
async fn a_fault_at_any_write_changes_nothing() {
    let folder = tempdir().unwrap();
    for (call, writes) in CALLS {
        for (kind, write) in ["FAIL", "ROLLBACK"]
            .iter()
            .flat_map(|k| writes.iter().map(move |w| (k, w)))
        {
            let case = format!("{call}, {kind} {write}");
            let store = prepared(&folder.path().join(format!("{case}.db"))).await;
            let lease = store
                .acquire("run", Claim::new("anna", LONG))
                .await
                .unwrap();
            if call.starts_with("prune") {
                store.release("run", lease.epoch).await.unwrap();
            }
            let before = shown(&store).await;
            let conn = behind(store.path());
            conn.execute_batch(&format!(
                "CREATE TRIGGER fault AFTER {write} BEGIN SELECT RAISE({kind}, 'fault'); END"
            ))
            .unwrap();
            let error = perform(&store, call, lease.epoch).await.expect_err(&case);
            assert!(error.to_string().contains("fault"), "{case}: {error}");
            assert_eq!(shown(&store).await, before, "{case}");
            conn.execute_batch("DROP TRIGGER fault").unwrap();
            perform(&store, call, lease.epoch)
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_ne!(shown(&store).await, before, "{case}");
        }
    }
}

async fn shown(store: &SqliteStore) -> String {
    let runs = store.all_runs().await.unwrap();
    format!("{runs:#?}\n{}", all(store, "run").await.unwrap())
}

/// A run at step 6 that was pruned up to step 2, and has something of everything.
async fn prepared(path: &Path) -> SqliteStore {
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(path).unwrap();
    let lease = run_to(&store, "run", 1).await;
    let held = Access::Held { epoch: lease.epoch };
    let with_snapshot = |step| {
        with!(
            fullest("run", step, held.clone()),
            release = false,
            effects = vec![effect(step, "fetch")]
        )
    };
    now(&store, with_snapshot(2)).await;
    store.release("run", lease.epoch).await.unwrap();
    prune(&store, Pruning::History).await.unwrap();
    let lease = store
        .acquire("run", Claim::new("anna", LONG))
        .await
        .unwrap();
    let asking = park(lease.epoch, 3, "earlier");
    store.park(asking).await.unwrap();
    let held = Access::Held {
        epoch: store
            .acquire("run", Claim::new("anna", LONG))
            .await
            .unwrap()
            .epoch,
    };
    for step in 3..=6 {
        let commit = match step {
            5 => with!(with_snapshot(step), access = held.clone()),
            _ => next("run", step, held.clone()),
        };
        now(&store, commit).await;
    }
    store.label("run", 4, "a label").await.unwrap();
    let lease = store
        .acquire("run", Claim::new("anna", LONG))
        .await
        .unwrap();
    store.park(park(lease.epoch, 7, "q")).await.unwrap();
    store
}

fn park(epoch: u64, step: u64, asked: &str) -> Park {
    with!(
        Park::new("run", epoch, Status::Interrupted),
        results = vec![result(step)],
        effects = vec![with!(effect(step, "pay"), kind = EffectKind::Intent)],
        questions = vec![question(step, asked)]
    )
}

async fn prune(store: &SqliteStore, what: Pruning) -> Result<(), StoreError> {
    let prune = with!(
        Prune::runs(),
        what = what,
        statuses = vec![Status::Completed, Status::Interrupted]
    );
    store.prune(&prune).await.map(drop)
}

async fn perform(store: &SqliteStore, call: &str, epoch: u64) -> Result<(), StoreError> {
    match call {
        "journal" => store.journal(journal("run", epoch, 7)).await,
        "park" => store.park(park(epoch, 7, "another")).await.map(drop),
        "answer" => {
            let answer = with!(answer("run", "q"), effect = Some(effect(7, "pay")));
            store.answer(answer).await
        }
        "update" => {
            let mut update = next("run", 7, take("anna"));
            update.record.kind = StepKind::Update;
            update.status = Status::Interrupted;
            store.commit(update).await.map(drop)
        }
        "put_snapshot" => {
            let snapshot = Snapshot::new(6, "{}", digest("state", 6));
            store.put_snapshot("run", epoch, snapshot).await
        }
        "label" => store.label("run", 6, "new").await,
        "fork" => store.commit(fork("fork", "run", 5)).await.map(drop),
        "prune history" => prune(store, Pruning::History).await,
        "prune run" => prune(store, Pruning::Run).await,
        other => panic!("{other} is not a call"),
    }
}
