//! What a round of a loop costs does not grow with the rounds before it: the
//! watch for endless loops encodes the state now and then, never every round,
//! and still finds a loop that never ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use superstep::prelude::*;

/// A part of the state that counts how often it is encoded.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        Ok(Self::default())
    }
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Rounds {
    /// Rounds that are done.
    n: u64,
    /// How many there will be.
    limit: u64,
    /// For this many rounds in a row a task gets the same input.
    repeat: u64,
    /// After this many inputs the first comes again.
    period: u64,
    /// From this round on the state stays as it is.
    still: u64,
    #[reduce(append)]
    log: Vec<u64>,
    encoded: Counted,
}

impl Rounds {
    fn of(limit: u64) -> Self {
        Self {
            limit,
            repeat: 1,
            period: u64::MAX,
            still: u64::MAX,
            ..Self::default()
        }
    }

    fn input(&self) -> u64 {
        self.n / self.repeat % self.period
    }
}

#[derive(Route)]
enum Next {
    Item(u64),
    Done,
}

#[node]
fn pick(state: &Rounds) -> Next {
    if state.n < state.limit {
        Next::Item(state.input())
    } else {
        Next::Done
    }
}

#[node]
fn item(state: &Rounds, item: u64) -> RoundsUpdate {
    if state.n < state.still {
        Rounds::update().n(state.n + 1).log([item])
    } else {
        Rounds::update().n(state.n)
    }
}

/// Every second frontier has an input.
#[graph(
    state = Rounds,
    max_steps = 1_000_000,
    start -> pick,
    pick -> match { Next::Item(n) => item(n), Next::Done => end },
    item -> pick,
)]
struct Picking;

/// What [`item`] does, and where it goes next, round the items.
#[node]
fn again(state: &Rounds, item: u64) -> (RoundsUpdate, Next) {
    let next = if state.n >= state.still {
        (item + 1) % state.period
    } else {
        (state.n + 1) / state.repeat % state.period
    };
    let update = if state.n < state.still {
        Rounds::update().n(state.n + 1).log([item])
    } else {
        Rounds::update().n(state.n)
    };
    let is_over = state.n + 1 >= state.limit;
    (
        update,
        if is_over {
            Next::Done
        } else {
            Next::Item(next)
        },
    )
}

/// Every frontier has an input.
#[graph(
    state = Rounds,
    max_steps = 1_000_000,
    start -> again(0),
    again -> match { Next::Item(n) => again(n), Next::Done => end },
)]
struct Circling;

/// The result of a run, and how often its state was encoded on the way.
async fn encodings<G: Graph<State = Rounds>>(
    graph: G,
    max_steps: u64,
    input: Rounds,
) -> (Result<Run<Rounds>, Error>, u64) {
    let builder = Engine::builder(graph).no_store().max_steps(max_steps);
    let encoded = input.encoded.clone();
    let result = builder.build().unwrap().run("run", input).await;
    (result, encoded.0.load(Ordering::Relaxed))
}

const MANY: u64 = 1_000_000;

#[tokio::test]
async fn a_loop_with_inputs_encodes_its_state_now_and_then() {
    for (rounds, repeat, period) in [
        (3_000, 1, u64::MAX),
        (100_000, 1, u64::MAX),
        (10_000, 3, u64::MAX),
        (10_000, 1, 1_000),
        (10_000, 1, 3_000),
        (10_000, 5, 7),
    ] {
        let input = || Rounds {
            repeat,
            period,
            ..Rounds::of(rounds)
        };
        for (run, encoded) in [
            encodings(Picking, MANY, input()).await,
            encodings(Circling, MANY, input()).await,
        ] {
            assert_eq!(run.unwrap().state().n, rounds);
            assert!(
                encoded < 80,
                "{rounds} {repeat} {period}: {encoded} encodings"
            );
        }
    }
}

/// No state is encoded for a frontier with inputs that comes for the first time.
#[tokio::test]
async fn inputs_that_never_come_again_encode_nothing() {
    let (run, encoded) = encodings(Circling, MANY, Rounds::of(500)).await;
    assert_eq!((run.unwrap().steps(), encoded), (500, 0));
}

fn stopped_at(result: Result<Run<Rounds>, Error>) -> u64 {
    match result {
        Err(Error::NoProgress { step, .. }) => step,
        other => panic!("{other:?}"),
    }
}

/// The same frontiers again and again with the same state.
#[tokio::test]
async fn an_endless_loop_with_inputs_ends_at_its_second_recurrence() {
    for period in [1, 2, 3, 17, 100, 1_024] {
        let input = Rounds {
            still: 0,
            period,
            ..Rounds::of(MANY)
        };
        let (run, encoded) = encodings(Circling, MANY, input).await;
        // Its first input is next for the first time after the last of the first round.
        let steps = stopped_at(run);
        assert!(steps <= 3 * period, "{period}: {steps} steps");
        assert!(encoded < 80, "{period}: {encoded} encodings");
    }
}

#[tokio::test]
async fn a_loop_of_more_inputs_than_are_remembered_meets_max_steps() {
    let input = Rounds {
        still: 0,
        period: 1_025,
        ..Rounds::of(MANY)
    };
    let (run, encoded) = encodings(Circling, 10_000, input).await;
    assert!(
        matches!(run, Err(Error::MaxStepsExceeded { .. })),
        "{run:?}"
    );
    assert_eq!(encoded, 0);
}

/// A loop that changes its state for a long time and then no more.
#[tokio::test]
async fn an_endless_loop_that_begins_late_is_found_before_its_rounds_have_doubled() {
    for period in [1, 5, 64] {
        for still in [100, 1_000, 5_000] {
            let input = || Rounds {
                still,
                period,
                ..Rounds::of(MANY)
            };
            let steps = stopped_at(encodings(Circling, MANY, input()).await.0);
            assert!(steps <= 2 * still + 3 * period, "{period} {still}: {steps}");
            let steps = stopped_at(encodings(Picking, MANY, input()).await.0);
            assert!(
                steps / 2 <= 2 * still + 3 * period,
                "{period} {still}: {steps}"
            );
        }
    }
}
