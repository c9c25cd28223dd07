//! Writes the golden database of the current schema:
//! `GOLDEN=tests/golden/v1.sqlite cargo test --test store_golden -- --ignored`,
//! once per schema, before it is released.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use superstep::store::{Access, Commit, Park, SqliteStore, Status, StepKind, Store};

use store_support::{first, fullest, next, now, result, run_to, take};

#[tokio::test]
#[ignore = "writes a file that is kept in the repository"]
async fn write_the_golden_database() {
    let path = std::env::var("GOLDEN").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let run = "research-42";
    let held = Access::Held {
        epoch: now(&store, first(run, take("anna"))).await.epoch,
    };
    let mut noted = next(run, 1, held.clone());
    noted.record.updates = r#"{"notes":["ü"]}"#.to_owned();
    now(&store, noted).await;
    let mut turn = Commit {
        release: false,
        turn: 1,
        turn_step: 2,
        token: Some("msg-1".to_owned()),
        ..fullest(run, 2, held.clone())
    };
    turn.record.kind = StepKind::Turn;
    now(&store, turn).await;
    let last = Commit {
        release: true,
        status: Status::Completed,
        turn: 1,
        turn_step: 2,
        ..next(run, 3, held)
    };
    now(&store, last).await;

    let lease = run_to(&store, "order-7", 2).await;
    let park = Park {
        run: "order-7".to_owned(),
        epoch: lease.epoch,
        status: Status::Failed,
        error: Some("node `pay` failed".to_owned()),
        results: vec![result(1)],
        effects: Vec::new(),
        questions: Vec::new(),
    };
    store.park(park).await.unwrap();
}
