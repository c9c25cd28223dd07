//! Writes the golden database of the current schema:
//! `GOLDEN=tests/golden/v2.sqlite cargo test --test store_golden -- --ignored`,
//! once per schema, before it is released.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "sqlite")]

mod store_support;

use superstep::store::{
    Access, EffectKind, Park, Prune, QuestionKind, SqliteStore, Status, StepKind, Store,
};

use store_support::{
    answer, digest, effect, first, fork, fullest, journal, next, now, question, result, run_to,
    take, with,
};

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
    store.journal(journal(run, 1, 1)).await.unwrap();
    now(&store, noted).await;
    let mut turn = with!(
        fullest(run, 2, held.clone()),
        release = false,
        turn = 1,
        turn_step = 2,
        token = Some("msg-1".to_owned())
    );
    turn.record.kind = StepKind::Turn;
    now(&store, turn).await;
    let mut last = with!(
        next(run, 3, held),
        release = true,
        status = Status::Completed,
        turn = 1,
        turn_step = 2,
        effects = vec![with!(
            effect(3, "save"),
            kind = EffectKind::Failed,
            response = None,
            error = Some("no room".to_owned())
        )]
    );
    last.record.version = 2;
    last.record.notes = Some(r#"{"attempts":{}}"#.to_owned());
    last.record.journal = Some(digest("journal", 3));
    now(&store, last).await;
    store.label(run, 1, "draft").await.unwrap();
    now(&store, fork("research-43", run, 2)).await;

    let lease = run_to(&store, "order-7", 2).await;
    let park = with!(
        Park::new("order-7", lease.epoch, Status::Failed),
        error = Some("node `pay` failed".to_owned()),
        results = vec![result(1)]
    );
    store.park(park).await.unwrap();

    let lease = run_to(&store, "payment-9", 1).await;
    let charge = with!(
        effect(2, "charge"),
        kind = EffectKind::Intent,
        response = None
    );
    let mut outcome = question(2, "charge");
    outcome.kind = QuestionKind::Outcome;
    let park = with!(
        Park::new("payment-9", lease.epoch, Status::Interrupted),
        effects = vec![charge],
        questions = vec![outcome, question(2, "approve")]
    );
    store.park(park).await.unwrap();
    store.answer(answer("payment-9", "charge")).await.unwrap();

    let lease = run_to(&store, "chat-1", 3).await;
    let held = Access::Held { epoch: lease.epoch };
    let with_snapshot = with!(
        fullest("chat-1", 4, held.clone()),
        release = false,
        status = Status::Running
    );
    now(&store, with_snapshot).await;
    let last = with!(
        next("chat-1", 5, held),
        release = true,
        status = Status::Paused
    );
    now(&store, last).await;
    let prune = Prune::history().statuses([Status::Paused]);
    assert_eq!(store.prune(&prune).await.unwrap().steps, 3);
}
