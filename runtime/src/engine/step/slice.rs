//! How long the tasks of a fan-out are polled in place before workers take over.

use std::time::Duration;

use tokio::time::Instant;

/// Any tasks may take this long together: it is less than calling workers costs.
const ANY: Duration = Duration::from_micros(50);

/// As long as each takes less than this, polling in place continues: handing such
/// a task to another thread costs more than it takes.
const CHEAP: Duration = Duration::from_micros(1);

/// But not for longer than this: then there is enough left to share.
const LONGEST: Duration = Duration::from_millis(1);

/// The time that a step polls in place.
pub(super) struct Slice {
    started: Instant,
    last: Instant,
}

impl Slice {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
        }
    }

    /// Whether it is over; checked after each task.
    pub(super) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        let (taken, task) = (now - self.started, now - self.last);
        self.last = now;
        taken >= LONGEST || (taken >= ANY && task >= CHEAP)
    }
}
