//! A long history makes neither the file fat nor the next commit slow.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod store_support;

use std::time::{Duration, Instant};

use superstep::store::{Access, Commit, SqliteStore, Status, StepKind, Synchronous};
use tempfile::tempdir;

use store_support::{digest, next, now, run_to};

const TURNS: u64 = 10_000;

/// A turn as a conversation has it: the message comes in, two steps follow.
fn turn(number: u64, epoch: u64) -> [Commit; 3] {
    let begins = number * 3 - 2;
    [0, 1, 2].map(|offset| {
        let mut commit = next("run", begins + offset, Access::Held { epoch });
        commit.turn = number;
        commit.turn_step = begins;
        match offset {
            0 => {
                commit.record.kind = StepKind::Turn;
                commit.record.updates = format!(r#"{{"messages":["{}"]}}"#, "m".repeat(300));
            }
            _ => commit.record.updates = r#"[{"node":"reply","update":{}}]"#.to_owned(),
        }
        let key = digest("task", begins + offset);
        commit.record.frontier = format!(r#"{{"tasks":[{{"node":"reply","key":"{key}"}}]}}"#);
        commit.status = if offset == 2 {
            Status::Completed
        } else {
            Status::Running
        };
        commit
    })
}

#[tokio::test]
async fn ten_thousand_turns_stay_lean_and_fast() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("runs.db");
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(&path).unwrap();
    let lease = run_to(&store, "run", 0).await;
    let mut took = Vec::new();
    for number in 1..=TURNS {
        for commit in turn(number, lease.epoch) {
            let started = Instant::now();
            now(&store, commit).await;
            took.push(started.elapsed());
        }
    }
    drop(store);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let text = TURNS * 300;
    assert!(
        bytes <= 4 * text,
        "{bytes} bytes for {text} bytes of messages"
    );

    let (early, late) = (median(&took[1_000..5_000]), median(&took[26_000..]));
    assert!(
        late < early * 2,
        "a commit took {early:?} at first and {late:?} at last"
    );
}

fn median(took: &[Duration]) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}
