//! `max_steps` counts from the last input from outside: the run's input, a turn, a
//! correction. The count is the run's, not the process's.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep_tests::{Place, stores};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Count {
    n: u64,
    limit: u64,
}

#[node]
fn count(state: &Count, cx: &Cx) -> (CountUpdate, bool) {
    let _ = cx;
    (Count::update().n(state.n + 1), state.n + 1 < state.limit)
}

#[graph(state = Count, start -> count, count -> match { true => count, false => end })]
struct Counting;

/// A new process each time: nothing is left in memory.
fn engine(place: &Place, max_steps: u64) -> Engine<Counting> {
    let builder = Engine::builder(Counting).max_steps(max_steps);
    builder.store(place.store.clone()).build().unwrap()
}

fn endless() -> Count {
    Count { n: 0, limit: 1_000 }
}

/// The step at which the run reached the limit.
fn stopped(result: Result<Run<Count>, Error>) -> u64 {
    match result {
        Err(Error::MaxStepsExceeded { step, .. }) => step,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_correction_starts_the_count_anew() {
    for place in stores() {
        assert_eq!(stopped(engine(&place, 5).run("run", endless()).await), 5);
        // Nobody said anything: it stays where it is.
        assert_eq!(stopped(engine(&place, 5).resume("run").await), 5);
        engine(&place, 5)
            .update("run", Count::update())
            .await
            .unwrap();
        assert_eq!(stopped(engine(&place, 5).resume("run").await), 11);
        assert_eq!(stopped(engine(&place, 5).resume("run").await), 11);

        // One in the middle of the count, and two at once.
        assert_eq!(stopped(engine(&place, 8).resume("run").await), 14);
        for _ in 0..2 {
            engine(&place, 5)
                .update("run", Count::update())
                .await
                .unwrap();
        }
        assert_eq!(stopped(engine(&place, 2).resume("run").await), 18);
        assert_eq!(stopped(engine(&place, 5).resume("run").await), 21);
        let head = place.store.head("run").await.unwrap().unwrap();
        assert_eq!((head.turn, head.turn_step, head.counted_from), (0, 0, 16));

        let end = Count::update().limit(0);
        engine(&place, 5).update("run", end).await.unwrap();
        let run = engine(&place, 5).resume("run").await.unwrap();
        assert_eq!(run.status(), Status::Completed);
        engine(&place, 5).replay("run").await.unwrap();

        // And so does a turn.
        let turn = Count::update().n(0).limit(5);
        let run = engine(&place, 5).turn("run", turn).await.unwrap();
        assert_eq!(run.state().n, 5);
        let head = place.store.head("run").await.unwrap().unwrap();
        assert_eq!(head.turn, 1);
        assert_eq!(head.counted_from, head.turn_step);
    }
}

/// The steps that a fork's origin took up to there count for the fork.
#[tokio::test]
async fn a_fork_goes_on_counting_where_its_origin_stood() {
    for place in stores() {
        // Corrections at 4, 9 and 14, a turn at 16, a correction at 19.
        let stop = async |steps| stopped(engine(&place, steps).resume("run").await);
        assert_eq!(stopped(engine(&place, 3).run("run", endless()).await), 3);
        engine(&place, 3)
            .update("run", Count::update())
            .await
            .unwrap();
        assert_eq!(stop(4).await, 8);
        engine(&place, 3)
            .update("run", Count::update())
            .await
            .unwrap();
        assert_eq!(stop(4).await, 13);
        let end = Count::update().limit(0);
        engine(&place, 3).update("run", end).await.unwrap();
        engine(&place, 3).resume("run").await.unwrap();
        let again = Count::update().limit(1_000);
        assert_eq!(stopped(engine(&place, 2).turn("run", again).await), 18);
        engine(&place, 3)
            .update("run", Count::update())
            .await
            .unwrap();
        assert_eq!(stop(3).await, 22);

        let counts = [
            (2, 0, 0),
            (4, 0, 4),
            (7, 0, 4),
            (9, 0, 9),
            (12, 0, 9),
            (14, 0, 14),
            (15, 0, 14),
            (16, 16, 16),
            (18, 16, 16),
            (19, 16, 19),
            (22, 16, 19),
        ];
        for (step, turn_step, counted_from) in counts {
            let id = format!("fork at {step}");
            let edit = |state: &mut Count| state.limit = 1_000;
            let engine = engine(&place, 10);
            engine.fork("run", step, &id, edit).await.unwrap();
            let head = place.store.head(&id).await.unwrap().unwrap();
            let counted = (head.turn_step, head.counted_from);
            assert_eq!(counted, (turn_step, counted_from), "{id}");
            if step != 15 {
                assert_eq!(stopped(engine.resume(&id).await), counted_from + 10);
                engine.replay(&id).await.unwrap();
            }
        }
    }
}
