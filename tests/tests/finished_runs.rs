//! Finished runs leave no memory behind: an engine keeps the states of the
//! last few for their next turn, up to a bound in bytes, and none of runs that
//! were pruned.

use std::cell::Cell;

use serde::{Deserialize, Deserializer, Serialize};
use superstep::prelude::*;
use superstep::store::Prune;
use superstep_tests::stores;

const MIB: usize = 1 << 20;

/// What an engine keeps at most.
const BOUND: usize = 32 * MIB;

thread_local! {
    /// The bytes of all live [`Text`]s of this thread, on which nodes run, too.
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

fn live() -> usize {
    LIVE.get()
}

/// A text that is counted as long as it lives.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
struct Text(String);

impl Text {
    fn new(text: String) -> Self {
        LIVE.set(live() + text.len());
        Self(text)
    }

    fn of(bytes: usize) -> Self {
        Self::new("x".repeat(bytes))
    }
}

impl Clone for Text {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        LIVE.set(live() - self.0.len());
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(String::deserialize(deserializer)?))
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Paper {
    text: Text,
    /// How much a task is given.
    load: usize,
    read: u64,
}

#[derive(Route)]
enum Next {
    Carry(Text),
    Done,
}

#[node]
fn read(state: &Paper) -> (PaperUpdate, Next) {
    let next = match state.load {
        0 => Next::Done,
        load => Next::Carry(Text::of(load)),
    };
    (Paper::update().read(state.read + 1), next)
}

#[node]
fn carry(_: &Paper, load: Text) -> PaperUpdate {
    Paper::update().read(load.0.len() as u64)
}

#[graph(
    state = Paper,
    start -> read,
    read -> match { Next::Carry(text) => carry(text), Next::Done => end },
    carry -> end,
)]
struct Reading;

fn reading(store: &std::sync::Arc<dyn Store>, max_steps: u64) -> Engine<Reading> {
    let builder = Engine::builder(Reading).store(store.clone());
    // The check would encode every state once more.
    let builder = builder.check_round_trip(false).max_steps(max_steps);
    builder.build().unwrap()
}

fn paper(bytes: usize) -> Paper {
    Paper {
        text: Text::of(bytes),
        ..Paper::default()
    }
}

#[tokio::test]
async fn large_states_are_kept_up_to_a_bound_in_bytes() {
    for place in stores() {
        let engine = reading(&place.store, 100);
        for run in 0..18 {
            engine
                .run(format!("run {run}"), paper(2 * MIB))
                .await
                .unwrap();
            assert!(live() <= BOUND, "{place:?}: {} MiB", live() / MIB);
        }
        assert!(live() >= BOUND / 2, "{place:?}: the last ones are kept");
        // The newest is still there, and continues from memory.
        let before = live();
        engine
            .turn("run 17", Paper::update().read(0))
            .await
            .unwrap();
        assert_eq!(live(), before);
    }
}

#[tokio::test]
async fn a_state_beyond_the_bound_is_not_kept() {
    for place in stores() {
        let engine = reading(&place.store, 100);
        engine.run("small", paper(10)).await.unwrap();
        let run = engine.run("large", paper(BOUND + 1)).await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        drop(run);
        assert_eq!(live(), 10, "{place:?}: and drives out nobody");
    }
}

#[tokio::test]
async fn what_was_pruned_is_dropped_at_once() {
    for place in stores() {
        let engine = reading(&place.store, 100);
        for run in 0..8 {
            engine.run(format!("run {run}"), paper(MIB)).await.unwrap();
        }
        assert_eq!(live(), 8 * MIB);
        engine.prune(Prune::history()).await.unwrap();
        assert_eq!(live(), 8 * MIB, "the runs are still there");
        engine.prune(Prune::runs().keep_newest(2)).await.unwrap();
        assert_eq!(live(), 2 * MIB, "{place:?}");
        engine.prune(Prune::runs()).await.unwrap();
        assert_eq!(live(), 0, "{place:?}");
    }
}

/// What is to run next counts, too.
#[tokio::test]
async fn inputs_of_runs_that_were_looked_at_count() {
    for place in stores() {
        let engine = reading(&place.store, 1);
        for run in 0..18 {
            let input = Paper {
                load: 2 * MIB,
                ..paper(1)
            };
            let id = format!("run {run}");
            let error = engine.run(&id, input).await.unwrap_err();
            assert!(matches!(error, Error::MaxStepsExceeded { .. }), "{error}");
            engine.get(&id).await.unwrap();
            assert!(live() <= BOUND, "{place:?}: {} MiB", live() / MIB);
        }
    }
}

#[tokio::test]
async fn thousands_of_finished_runs_take_no_more_than_a_few() {
    for place in stores() {
        let engine = reading(&place.store, 100);
        let mut after = Vec::new();
        for run in 0..2_000 {
            engine
                .run(format!("run {run:04}"), paper(100))
                .await
                .unwrap();
            if run % 500 == 499 {
                after.push(live());
            }
        }
        assert!(
            after.iter().all(|live| *live == after[0]),
            "{place:?}: {after:?}"
        );
        assert_eq!(after[0], 64 * 100);
    }
}
