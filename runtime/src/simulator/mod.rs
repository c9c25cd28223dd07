//! Runs, crashed and taken over in every way that a seed can think of.
//!
//! A seed is a random graph, an input, one or two owners and a schedule: which
//! owner does what next, when a task finishes, what the store refuses, when a
//! process dies. Owners drive the real [`Machine`](crate::machine::Machine)
//! over a real [`MemoryStore`](crate::MemoryStore), in one thread, without a
//! clock and without any chance but the seed's, so a seed that fails fails
//! again. After everything that happens, what is stored is compared with a
//! reference that is never disturbed, and the rules of [`invariants`] are asked.
//!
//! The reference runs on the same machine. So this shows what crashes, orders
//! and owners must not change; that the machine's rules are the right ones is
//! for tests that read them anew, as `tests/tests/wild_graphs.rs` does.
//!
//! ```text
//! cargo test -p superstep --lib simulator
//! SUPERSTEP_SEEDS=100000 cargo test --release -p superstep --lib simulator -- --nocapture
//! SUPERSTEP_SEED=17 cargo test -p superstep --lib simulator
//! ```

mod bugs;
mod commit;
mod dice;
mod drama;
mod drive;
mod effects;
mod graphs;
mod invariants;
mod load;
mod nodes;
mod open_step;
mod operator;
mod outside;
mod owner;
mod reference;
mod shelf;
mod tale;
mod tally;
mod world;

use std::ops::Range;
use std::thread;
use std::time::Instant;

use bugs::Bug;
use invariants::Violation;
use tally::Tally;

use crate::panics::caught;
use crate::session::mistakes;

/// How many seeds a test tries unless `SUPERSTEP_SEEDS` says otherwise.
const SEEDS: u64 = 2_000;

/// A bug that so many seeds do not show would mean that the simulator lacks something.
const MOST_SEEDS: u64 = 5_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number")),
    )
}

fn simulate(seed: u64, bug: Option<Bug>) -> Result<Tally, Violation> {
    mistakes::make(match bug {
        Some(Bug::Of(mistake)) => Some(mistake),
        _ => None,
    });
    caught(|| world::simulate(seed, bug)).unwrap_or_else(|panic| {
        Err(Violation {
            invariant: "nothing panics",
            details: panic,
        })
    })
}

fn check(seed: u64) -> Tally {
    simulate(seed, None).unwrap_or_else(|Violation { invariant, details }| {
        panic!("SUPERSTEP_SEED={seed} shows that this does not hold: {invariant}\n{details}")
    })
}

fn check_all(seeds: Range<u64>) -> Tally {
    seeds.fold(Tally::default(), |mut all, seed| {
        all += check(seed);
        all
    })
}

#[test]
fn every_seed_ends_where_an_undisturbed_run_does() {
    if let Some(seed) = number("SUPERSTEP_SEED") {
        eprintln!("SUPERSTEP_SEED={seed}\n{}", check(seed));
        return;
    }
    let seeds = number("SUPERSTEP_SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let began = Instant::now();
    let mut all = Tally::default();
    thread::scope(|scope| {
        let share = |thread| seeds * thread / threads..seeds * (thread + 1) / threads;
        let shares = (0..threads).map(|thread| scope.spawn(move || check_all(share(thread))));
        for share in shares.collect::<Vec<_>>() {
            match share.join() {
                Ok(tally) => all += tally,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    let time = began.elapsed();
    let rate = seeds as f64 / time.as_secs_f64() * 60.0;
    eprintln!(
        "{all}{:>12.1}  seconds, {rate:.0} seeds a minute",
        time.as_secs_f64()
    );
    assert!(all.is_varied(), "the seeds show too little:\n{all}");
}

#[test]
fn a_seed_repeats() {
    for seed in 0..50 {
        assert_eq!(check(seed), check(seed), "SUPERSTEP_SEED={seed}");
    }
}

#[test]
fn every_seeded_bug_is_caught() {
    if number("SUPERSTEP_SEED").is_some() {
        return; // one seed is asked for, and no bugs
    }
    let mut missed = Vec::new();
    eprintln!("seeds until it is caught, what is wrong, which invariant says so");
    for (bug, what) in Bug::all() {
        let violation = |seed| Some((seed + 1, simulate(seed, Some(bug)).err()?.invariant));
        match (0..MOST_SEEDS).find_map(violation) {
            Some((seeds, invariant)) => eprintln!("{seeds:>5}  {what}: {invariant}"),
            None => missed.push(what),
        }
    }
    assert!(
        missed.is_empty(),
        "not caught in {MOST_SEEDS} seeds: {missed:#?}"
    );
}
