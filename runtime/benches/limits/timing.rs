//! Medians of samples that are taken in turns.

use std::time::{Duration, Instant};

use crate::Outcome;

/// The medians of two things that were measured in turns.
#[derive(Clone, Copy)]
pub struct Pair {
    pub limit: Duration,
    pub ours: Duration,
}

impl Pair {
    pub fn ratio(self) -> f64 {
        ratio(self.ours, self.limit)
    }
}

pub fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}

/// Samples of both sides in turns, after a first one of each that does not count.
pub fn in_turns(
    rounds: usize,
    mut limit: impl FnMut() -> Outcome<Duration>,
    mut ours: impl FnMut() -> Outcome<Duration>,
) -> Outcome<Pair> {
    limit()?;
    ours()?;
    let mut samples = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        samples.0.push(limit()?);
        samples.1.push(ours()?);
    }
    Ok(Pair {
        limit: median(samples.0),
        ours: median(samples.1),
    })
}

pub fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// The mean of `times` calls: what is shorter than a microsecond cannot be
/// timed alone.
pub fn mean_of(times: u32, mut call: impl FnMut() -> Outcome) -> Outcome<Duration> {
    let started = Instant::now();
    for _ in 0..times {
        call()?;
    }
    Ok(started.elapsed() / times)
}
