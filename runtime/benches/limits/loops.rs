//! A long loop of nodes that ask for nothing, whose rounds carry an input and
//! whose state grows: what a round costs late, compared with what it costs early.

use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

use crate::timing::{Pair, in_turns, ratio};
use crate::{Bench, Outcome, table};

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pages {
    pub read: u64,
    pub pages: u64,
    #[reduce(append)]
    pub lines: Vec<String>,
}

#[derive(Route)]
enum Next {
    Page(u64),
    Done,
}

#[node]
fn pick(state: &Pages) -> Next {
    if state.read < state.pages {
        Next::Page(state.read)
    } else {
        Next::Done
    }
}

#[node]
fn read(_: &Pages, page: u64) -> PagesUpdate {
    let line = format!("page {page} was read and all is well");
    Pages::update().read(page + 1).lines([line])
}

#[graph(
    state = Pages,
    max_steps = 1_000_000,
    start -> pick,
    pick -> match { Next::Page(page) => read(page), Next::Done => end },
    read -> pick,
)]
pub struct Reading;

const FEW: u32 = 10_000;

pub fn measure(bench: &Bench) -> Outcome {
    let many = if bench.short { 30_000 } else { 100_000 };
    let engine = Engine::builder(Reading).no_store().build()?;
    let round = |rounds: u32| {
        let pages = Pages {
            pages: rounds.into(),
            ..Pages::default()
        };
        let started = Instant::now();
        let run = engine.run("run", pages).into_future();
        black_box(bench.tokio.block_on(run)?);
        Ok(started.elapsed() / rounds)
    };
    let Pair { limit, ours } = in_turns(bench.rounds(11, 3), || round(FEW), || round(many))?;
    table::row(
        &format!(
            "a round of {many} with an input and a growing state, no store; limit: one of {FEW}"
        ),
        &table::time(limit),
        &table::time(ours),
        &format!("{:.2}x", ratio(ours, limit)),
        "at most 1.5x",
        ratio(ours, limit) <= 1.5,
    );
    Ok(())
}
