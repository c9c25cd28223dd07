//! A fan-out over items and its join without a store, compared with
//! `FuturesUnordered` in one task.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use tokio::task::JoinSet;

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
    split -> match { Split::Items(items) => each work(items) else end },
    work -> gather -> end,
)]
pub struct Fan;

/// Takes a few microseconds, as making a text does: enough for workers
/// to be called.
#[node]
async fn phrase(_state: &Total, item: u64) -> TotalUpdate {
    let words = (item..item + 100).map(|word| black_box(word).to_string());
    Total::update().sum(black_box(words.collect::<String>()).len() as u64)
}

#[graph(
    state = Total,
    start -> split,
    split -> match { Split::Items(items) => each phrase(items) else end },
    phrase -> gather -> end,
)]
pub struct Phrases;

/// Waits once.
#[node]
async fn wait(_state: &Total, item: u64) -> TotalUpdate {
    tokio::task::yield_now().await;
    Total::update().sum(item)
}

#[graph(
    state = Total,
    start -> split,
    split -> match { Split::Items(items) => each wait(items) else end },
    wait -> gather -> end,
)]
pub struct Waits;

pub fn measure(bench: &Bench) -> Outcome {
    let thousand = pair(bench, 1_000)?;
    let slots = slots(bench)?;
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
    for (slots, pair) in slots {
        table::at_most(
            &format!("1,000 tasks that are ready at `max_concurrency({slots})`; limit: at 8"),
            pair,
            1.3,
        );
    }
    let pair = waiting(bench)?;
    table::note(
        "1,000 tasks that wait at `max_concurrency(1000)`; limit: as many spawned",
        &table::time(pair.limit),
        &table::time(pair.ours),
        &format!("{:.2}x", pair.ratio()),
    );
    Ok(())
}

/// Each is a tokio task of its own, in any case.
fn waiting(bench: &Bench) -> Outcome<Pair> {
    let engine = Engine::builder(Waits)
        .max_concurrency(1_000)
        .no_store()
        .build()?;
    let all = Total {
        items: 1_000,
        sum: 0,
    };
    let spawned = async |state: Arc<Total>| {
        let mut tasks = JoinSet::new();
        for item in 0..state.items {
            let state = Arc::clone(&state);
            tasks.spawn(async move { black_box(wait(&state, item).await) });
        }
        while let Some(update) = tasks.join_next().await {
            let _ = black_box(update);
        }
    };
    in_turns(
        bench.rounds(101, 21),
        || {
            mean_of(10, || {
                bench.tokio.block_on(spawned(Arc::new(all.clone())));
                Ok(())
            })
        },
        || {
            mean_of(10, || {
                let run = engine.run("run", all.clone());
                bench.tokio.block_on(run.into_future())?;
                Ok(())
            })
        },
    )
}

/// What is allowed must not cost anything by itself.
fn slots(bench: &Bench) -> Outcome<Vec<(usize, Pair)>> {
    let run = |slots| {
        let engine = Engine::builder(Phrases)
            .max_concurrency(slots)
            .no_store()
            .build()?;
        mean_of(10, || {
            let run = engine.run(
                "run",
                Total {
                    items: 1_000,
                    sum: 0,
                },
            );
            bench.tokio.block_on(run.into_future())?;
            Ok(())
        })
    };
    let pairs = [64, 256, 1_000].map(|slots| {
        let pair = in_turns(bench.rounds(101, 21), || run(8), || run(slots))?;
        Ok((slots, pair))
    });
    pairs.into_iter().collect()
}

/// Ten times the size of the caches, slightly more than linear is what the machine costs.
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
