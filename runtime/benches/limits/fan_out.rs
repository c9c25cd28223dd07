//! A fan-out over items and its join without a store, beside
//! `FuturesUnordered` in one task.

use std::hint::black_box;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;

use crate::timing::{Pair, in_turns, mean_of};
use crate::{Bench, Outcome, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Total {
    pub items: u64,
    #[reduce(sum)]
    pub sum: u64,
}

#[derive(Route)]
enum Split {
    Items(Vec<u64>),
}

#[node]
async fn split(state: &Total) -> Split {
    Split::Items((0..state.items).collect())
}

#[node]
async fn work(_state: &Total, item: u64) -> TotalUpdate {
    Total::update().sum(item)
}

#[node]
async fn gather(state: &Total) {
    black_box(state.sum);
}

#[graph(
    state = Total,
    start -> split,
    split -> match { Split::Items(items) => each work(items) },
    work -> gather -> end,
)]
pub struct Fan;

pub fn measure(bench: &Bench) -> Outcome {
    let thousand = pair(bench, 1_000)?;
    let sizes: &[u64] = if bench.short {
        &[100, 10_000]
    } else {
        &[100, 10_000, 100_000]
    };
    table::at_most(
        "`each` over 1,000 items and join, no store; limit: `FuturesUnordered`",
        thousand,
        2.0,
    );
    for &items in sizes {
        let pair = pair(bench, items)?;
        let result = format!("{:.2}x", pair.ratio());
        table::note(
            &format!("the same over {items} items"),
            &table::time(pair.limit),
            &table::time(pair.ours),
            &result,
        );
        if items == 100_000 {
            growth(thousand.ours, pair.ours);
        }
    }
    Ok(())
}

/// Ten times over the caches, a little more than linear is what the machine asks for.
fn growth(thousand: Duration, hundred_thousand: Duration) {
    table::at_most(
        "100,000 items; limit: 100 times the time of 1,000",
        Pair {
            limit: thousand * 100,
            ours: hundred_thousand,
        },
        1.5,
    );
}

fn pair(bench: &Bench, items: u64) -> Outcome<Pair> {
    let engine = Engine::builder(Fan).no_store().build()?;
    let times = (10_000 / items).max(1) as u32;
    let rounds = if items > 10_000 { 21 } else { 101 };
    in_turns(
        bench.rounds(rounds, 21),
        || {
            mean_of(times, || {
                bench.tokio.block_on(unordered(items));
                Ok(())
            })
        },
        || {
            mean_of(times, || {
                let run = engine.run("run", Total { items, sum: 0 });
                bench.tokio.block_on(run.into_future())?;
                Ok(())
            })
        },
    )
}

async fn unordered(items: u64) {
    let state = Total { items, sum: 0 };
    let mut tasks: FuturesUnordered<_> = (0..items).map(|item| work(&state, item)).collect();
    while let Some(update) = tasks.next().await {
        let _ = black_box(update);
    }
}
