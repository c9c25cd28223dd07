use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Trip {
    city: String,
}

#[derive(Route)]
enum Way {
    Walk(u64),
    Ride,
}

#[node]
fn plan(_: &Trip, _seed: u64) -> Way {
    Way::Ride
}

#[node]
fn walk(_: &Trip, _steps: u64) {}

#[graph(
    state = Trip,
    start -> plan({
        use std::env::var as v;
        v("STEPS").map_or(0, |steps| steps.len() as u64)
    }),
    plan -> match {
        Way::Walk(0) => walk(rand::random()),
        Way::Walk(steps) if std::env::var("LAZY").is_ok() => walk(steps),
        Way::Walk(_) => each walk([std::time::Instant::now().elapsed().as_secs()]) else walk({
            tokio::spawn(async {});
            1
        }),
        Way::Ride => end,
    },
    walk -> end,
)]
struct Journey;

/// Excused.
#[graph(
    state = Trip,
    allow(nondeterminism),
    start -> plan(std::time::UNIX_EPOCH.elapsed().map_or(0, |_| std::time::Instant::now().elapsed().as_secs())),
    plan -> match { Way::Walk(steps) => walk(steps), Way::Ride => end },
    walk -> end,
)]
struct Tour;

#[graph(state = Trip, allow(everything), start -> plan(1), plan -> match { _ => end })]
struct Excursion;

fn main() {}
