use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When an attempt last showed a sign of life.
pub(super) struct Signs {
    since: Instant,
    /// In nanoseconds after `since`: any thread may give one at any time.
    last: AtomicU64,
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Signs {
    pub(super) fn give(&self) {
        let nanos = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(super) fn last(&self) -> Instant {
        let last = Duration::from_nanos(self.last.load(Ordering::Relaxed));
        self.since.checked_add(last).unwrap_or(self.since)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn any_thread_can_give_a_sign_and_the_last_one_counts() {
        let signs = Signs::default();
        assert_eq!(signs.last(), signs.since);
        let give = || {
            let before = Instant::now();
            signs.give();
            let last = signs.last();
            assert!(before <= last && last <= Instant::now());
            last
        };
        let first = give();
        let second = thread::scope(|scope| scope.spawn(give).join());
        assert!(second.is_ok_and(|second| second >= first));
    }
}
