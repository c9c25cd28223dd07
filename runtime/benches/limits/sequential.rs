//! Nodes one after another without a store, compared with the same functions awaited
//! as boxed futures.

use std::hint::black_box;
use std::pin::Pin;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

use crate::timing::{Pair, in_turns};
use crate::{Bench, Outcome, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Count {
    pub left: u64,
}

#[node]
async fn step(state: &Count) -> CountUpdate {
    Count::update().left(state.left - 1)
}

/// Repeats until nothing is left.
#[node]
async fn round(state: &Count, _pace: &Pace) -> (CountUpdate, bool) {
    let left = state.left - 1;
    (Count::update().left(left), left > 0)
}

/// Asks for nothing, so that the engine watches it for a loop without an end.
#[node]
async fn closed_round(state: &Count) -> (CountUpdate, bool) {
    round(state, &Pace).await
}

/// What `round` asks for, as most nodes ask for something.
pub struct Pace;

#[graph(state = Count, start -> round, round -> match { true => round, false => end })]
pub struct Rounds {
    pub pace: Pace,
}

#[graph(
    state = Count,
    start -> closed_round,
    closed_round -> match { true => closed_round, false => end },
)]
struct ClosedRounds;

macro_rules! chain {
    ($graph:ident: $($name:ident)*) => {
        #[graph(state = Count, $($name = step,)* start $(-> $name)* -> end)]
        struct $graph;
    };
}

chain!(Three: a b c);

chain!(Hundred:
    a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9
    c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1 d2 d3 d4 d5 d6 d7 d8 d9
    e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9
    g0 g1 g2 g3 g4 g5 g6 g7 g8 g9 h0 h1 h2 h3 h4 h5 h6 h7 h8 h9
    i0 i1 i2 i3 i4 i5 i6 i7 i8 i9 j0 j1 j2 j3 j4 j5 j6 j7 j8 j9);

const AIM: Duration = Duration::from_nanos(100);

pub fn measure(bench: &Bench) -> Outcome {
    let chain = |left| Box::pin(async move { step(black_box(&Count { left })).await });
    report("a chain of 3 nodes", 3, pair(bench, 3, Three, chain)?);
    report(
        "a chain of 100 nodes",
        100,
        pair(bench, 100, Hundred, chain)?,
    );
    let rounds = |left| Box::pin(async move { round(black_box(&Count { left }), &Pace).await.0 });
    let open = pair(bench, 1_000, Rounds { pace: Pace }, rounds)?;
    report("1,000 rounds of a loop", 1_000, open);
    let closed = pair(bench, 1_000, ClosedRounds, rounds)?;
    report("the same by a node that asks for nothing", 1_000, closed);
    Ok(())
}

/// The limit is the same function once for every node, boxed and awaited.
fn pair<G, F>(
    bench: &Bench,
    nodes: u64,
    graph: G,
    call: impl Fn(u64) -> Pin<Box<F>>,
) -> Outcome<Pair>
where
    G: Graph<State = Count>,
    F: Future<Output = CountUpdate>,
{
    let engine = Engine::builder(graph).no_store().build()?;
    let times = (20_000 / nodes) as u32;
    let awaits = async || {
        let started = Instant::now();
        for _ in 0..times {
            for left in (1..=nodes).rev() {
                let _ = black_box(call(left).await);
            }
        }
        Ok(started.elapsed() / times)
    };
    let runs = async || {
        let started = Instant::now();
        for _ in 0..times {
            black_box(engine.run("run", Count { left: nodes }).await?);
        }
        Ok(started.elapsed() / times)
    };
    in_turns(
        bench.rounds(101, 31),
        || bench.tokio.block_on(awaits()),
        || bench.tokio.block_on(runs()),
    )
}

fn report(what: &str, nodes: u32, pair: Pair) {
    let above = pair.ours.saturating_sub(pair.limit) / nodes;
    table::row(
        &format!("{what}, no store; limit: boxed awaits"),
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("+{} ns a node", above.as_nanos()),
        "at most +100 ns a node",
        above <= AIM,
    );
}
