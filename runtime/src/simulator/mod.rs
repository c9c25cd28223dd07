//! Runs, crashed and taken over in every way that a seed can produce.
//!
//! A seed is a random graph, an input, one or two owners and a schedule: which
//! owner does what next, when a task finishes, what the store refuses, when a
//! process dies. Owners drive the real [`Machine`](crate::machine::Machine)
//! over a real [`MemoryStore`](crate::MemoryStore), in one thread, without a
//! clock and without any chance but the seed's, so a seed that fails fails
//! again. After every event, what is stored is compared with a
//! reference that is never disturbed, and the [`invariants`] are checked.
//!
//! The reference runs on the same machine. So this shows what crashes, orders
//! and owners must not change; that the machine's rules are the right ones is
//! for tests that implement them a second time, as `tests/tests/wild_graphs.rs` does.
//!
//! ```text
//! cargo test -p superstep --lib simulator
//! SUPERSTEP_SEEDS=100000 cargo test --release -p superstep --lib simulator -- --nocapture
//! SUPERSTEP_SEED=17 cargo test -p superstep --lib simulator
//! ```

mod age;
mod bugs;
mod crew;
mod desk;
mod dice;
mod drama;
mod drive;
mod graphs;
mod invariants;
mod nodes;
mod operator;
mod otherwise;
mod outside;
mod owner;
mod pauses;
mod person;
mod questions;
mod reference;
mod sender;
mod shelf;
mod stored;
mod tale;
mod tally;
mod waits;
mod world;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use bugs::Bug;
#[cfg(feature = "schema")]
pub(crate) use dice::Dice;
use invariants::Violation;
use tally::Tally;

use crate::mistakes;
use crate::panics::caught;
use crate::session::transitions;

/// How many seeds a test tries unless `SUPERSTEP_SEEDS` says otherwise.
const SEEDS: u64 = 2_000;

/// A bug that this many seeds do not show would mean that the simulator lacks something.
const MOST_SEEDS: u64 = 5_000;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
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

/// Runs the first `seeds` on all threads of the machine.
fn shared<T: Send>(seeds: u64, check: fn(Range<u64>) -> T) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let share = |thread| seeds * thread / threads..seeds * (thread + 1) / threads;
    thread::scope(|scope| {
        let shares = (0..threads).map(|thread| scope.spawn(move || check(share(thread))));
        let shares = shares.collect::<Vec<_>>().into_iter();
        let joined = shares.map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.collect()
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
    let began = Instant::now();
    let mut all = Tally::default();
    for tally in shared(seeds, check_all) {
        all += tally;
    }
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

/// Why a session at that stage is never told that; `None` if it can be.
fn cannot_be(stage: &str, told: &str) -> Option<&'static str> {
    let is_over = stage == "it has ended";
    let commits = stage.starts_with("it commits");
    let leaves = stage.starts_with("it is left");
    let is_anywhere = told == "a panic" || told == "the runtime is lost";
    let of_commit = ["commit", "token"].iter().any(|word| told.contains(word));
    let of_park = ["park", "kept"].iter().any(|word| told.contains(word));
    match (stage, told) {
        _ if is_over => Some("nobody drives a session that has ended"),
        _ if is_anywhere => None,
        _ if of_commit && !commits => Some("nothing is committed that it has not asked for"),
        _ if of_park && !leaves => Some("nothing is parked that it has not asked for"),
        _ if !of_commit && commits => Some("no task runs while a step is committed"),
        _ if !of_park && leaves => Some("no task runs while a step is left"),
        (
            "it commits, and is done" | "it commits, and pauses",
            "committed before, and still held",
        ) => Some("such a commit has given the lease back"),
        (stage, "not parked: something has come") if !stage.contains("waits") => {
            Some("nothing is waited for there")
        }
        (_, "its token is spent") => Some("only the first step of a turn has a token"),
        (stage, "what is kept is too large") if stage.contains("without results") => {
            Some("an error and a question have a size that every store takes")
        }
        _ => None,
    }
}

/// Every pair of a session's stage and what it is told occurs, except those that
/// cannot.
#[test]
fn transitions() {
    if number("SUPERSTEP_SEED").is_some() {
        return;
    }
    let mut untaken = Vec::new();
    let taken = shared(10_000, |seeds| {
        check_all(seeds);
        transitions::taken()
    });
    let taken: BTreeSet<_> = taken.into_iter().flatten().collect();
    for stage in transitions::STAGES {
        for told in transitions::TOLD {
            let is_taken = taken.contains(&(stage, told));
            match cannot_be(stage, told) {
                None if !is_taken => untaken.push((stage, told)),
                Some(why) if is_taken => panic!("{stage}: {told}, although {why}"),
                _ => {}
            }
        }
    }
    assert!(untaken.is_empty(), "no seed takes these: {untaken:#?}");
}
