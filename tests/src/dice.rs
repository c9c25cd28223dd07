use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Random numbers that a seed repeats. Clones share one stream.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// The stream of `SUPERSTEP_SEED`, or another one in each run of the test.
    /// The seed is printed, so that a failure can be repeated.
    pub fn from_env() -> Self {
        let seed = std::env::var("SUPERSTEP_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("SUPERSTEP_SEED={seed}");
        Self::new(seed)
    }

    /// The next number below `end`; 0 if that is 0.
    pub fn below(&self, end: u64) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // SplitMix64, Steele, Lea and Flood 2014.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = *state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)).checked_rem(end).unwrap_or(0)
    }

    /// Finishes at once, after some turns of the scheduler, or up to 2 ms later.
    pub async fn dawdle(&self) {
        match self.below(4) {
            0 => {}
            1 => {
                for _ in 0..self.below(5) {
                    tokio::task::yield_now().await;
                }
            }
            _ => tokio::time::sleep(Duration::from_micros(self.below(2_000))).await,
        }
    }

    /// `items` in another order.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.below(end as u64 + 1) as usize;
            items.swap(end, other);
        }
    }
}
