//! No two tasks of a run share an order key: loops, fan-outs, joins, turns,
//! ten thousand tasks, even after a resume.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::survey::{Survey, Surveyor};
use superstep_tests::{Hooked, Journal, Moment, every_nth, stores};

/// Which task each key belongs to; panics if two tasks have one.
fn distinct_keys(journal: &Journal) -> usize {
    let mut tasks: HashMap<String, String> = HashMap::new();
    for line in journal.lines() {
        // `ran <run> <step> <node> <key>`: attempts of one task repeat its line.
        let (task, key) = line.rsplit_once(' ').expect("a key");
        let other = tasks.insert(key.to_owned(), task.to_owned());
        if let Some(other) = other {
            assert_eq!(other, task, "two tasks share {key}");
        }
    }
    tasks.len()
}

#[tokio::test]
async fn keys_are_unique_over_loops_fan_outs_joins_and_turns() {
    for place in stores() {
        let surveyor = Surveyor::new();
        let journal = surveyor.world.journal.clone();
        let engine = Engine::builder(surveyor)
            .store(place.store.clone())
            .build()
            .unwrap();
        let mut run = engine.run("run", Survey::of(4, 5)).await.unwrap();
        for _ in 0..5 {
            run = engine.turn("run", Survey::update().round(0)).await.unwrap();
        }
        assert_eq!(run.status(), Status::Completed);
        // A round has plan, 5 pages, sort, aside, detour, risk, mend and combine;
        // a turn has 4, and a last plan, finish and report.
        assert_eq!(distinct_keys(&journal), 6 * (4 * 12 + 3), "{place:?}");
    }
}

#[tokio::test]
async fn keys_stay_unique_and_the_same_after_a_resume() {
    let undisturbed = Surveyor::new();
    let engine = Engine::builder(undisturbed.clone()).build().unwrap();
    engine.run("run", Survey::of(6, 4)).await.unwrap();

    for place in stores() {
        let surveyor = Surveyor::new();
        let store = Hooked::new(
            Arc::clone(&place.store),
            every_nth(3, Moment::Before, "commit"),
        );
        let engine = || {
            Engine::builder(surveyor.clone())
                .store(store.clone())
                .build()
                .unwrap()
        };
        let mut result = engine().run("run", Survey::of(6, 4)).await;
        while result.is_err() {
            result = match engine().resume("run").await {
                Err(Error::LeaseHeld { .. }) => panic!("a dropped engine keeps its lease"),
                other => other,
            };
        }
        let tasks = distinct_keys(&surveyor.world.journal);
        assert_eq!(tasks, distinct_keys(&undisturbed.world.journal));
        let mut keys = [&surveyor, &undisturbed].map(|surveyor| surveyor.world.journal.lines());
        keys.iter_mut().for_each(|lines| {
            lines.sort();
            lines.dedup();
        });
        assert_eq!(keys[0], keys[1], "{place:?}");
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    #[reduce(sum)]
    tasks: u64,
}

#[node]
fn one(_: &Count, _number: u64, journal: &Journal, cx: &Cx) -> CountUpdate {
    journal.note(format_args!("{} {}", cx.node(), cx.order_key()));
    Count::update().tasks(1)
}

#[graph(
    state = Count,
    other = one,
    start -> [each one(0..5_000) else end, each other(0..5_000) else end],
    one -> end,
    other -> end,
)]
struct Many {
    journal: Journal,
}

#[tokio::test]
async fn ten_thousand_tasks_have_ten_thousand_keys() {
    let journal = Journal::new();
    let engine = Engine::builder(Many {
        journal: journal.clone(),
    })
    .build()
    .unwrap();
    let run = engine.run("run", Count::default()).await.unwrap();
    assert_eq!(run.state().tasks, 10_000);
    let mut keys: Vec<String> = journal.lines();
    keys.iter_mut()
        .for_each(|line| *line = line.split(' ').next_back().unwrap_or("").to_owned());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 10_000);
}
