//! How long a task waits before it is tried again.

use std::time::Duration;

use crate::graph::RetryOptions;
use crate::hash::{Digest, Hasher};

/// The delay before retry `k`, from 0: `min(base * 2^k, max)` plus jitter in
/// `[0, base)`, capped at `max`. The jitter follows from the run's seed and the
/// task's order key, so that equal runs wait equally.
pub(super) fn delay(retry: &RetryOptions, k: u32, seed: u64, order_key: Digest) -> Duration {
    let (base, max) = (retry.base.as_nanos(), retry.max.as_nanos());
    if base == 0 {
        return Duration::ZERO;
    }
    let grown = 1_u128
        .checked_shl(k)
        .and_then(|factor| base.checked_mul(factor))
        .unwrap_or(max)
        .min(max);
    let random = Hasher::new()
        .part("retry")
        .number(seed)
        .part(order_key.as_bytes())
        .number(u64::from(k))
        .finish();
    let jitter = u128::from(random.to_u64()) % base;
    let nanos = grown.saturating_add(jitter).min(max);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: RetryOptions = RetryOptions {
        attempts: 9,
        base: Duration::from_millis(100),
        max: Duration::from_secs(2),
        when: None,
    };

    fn key(n: u64) -> Digest {
        Hasher::new().number(n).finish()
    }

    #[test]
    fn delays_stay_within_the_formula() {
        for k in 0..40 {
            for n in 0..50 {
                let floor = RETRY.base.saturating_mul(1 << k.min(20)).min(RETRY.max);
                let delay = delay(&RETRY, k, 7, key(n));
                assert!(
                    delay >= floor && delay <= (floor + RETRY.base).min(RETRY.max),
                    "{k} {delay:?}"
                );
            }
        }
    }

    #[test]
    fn equal_runs_wait_equally_and_others_do_not() {
        assert_eq!(delay(&RETRY, 1, 7, key(1)), delay(&RETRY, 1, 7, key(1)));
        assert_ne!(delay(&RETRY, 1, 7, key(1)), delay(&RETRY, 1, 8, key(1)));
        assert_ne!(delay(&RETRY, 1, 7, key(1)), delay(&RETRY, 1, 7, key(2)));
    }

    #[test]
    fn absurd_settings_are_safe() {
        let zero = RetryOptions {
            base: Duration::ZERO,
            ..RETRY
        };
        assert_eq!(delay(&zero, u32::MAX, 0, key(1)), Duration::ZERO);
        let huge = RetryOptions {
            base: Duration::MAX,
            max: Duration::MAX,
            ..RETRY
        };
        assert!(delay(&huge, u32::MAX, 0, key(1)) > Duration::from_secs(1 << 30));
        assert_eq!(delay(&RETRY, u32::MAX, 0, key(1)), RETRY.max);
    }
}
