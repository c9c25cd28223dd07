//! The clock of stores and nodes: whole milliseconds, so that what is read is what was written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last millisecond of the year 9999: longer terms end here.
const FAR: i64 = 253_402_300_799_999;

/// Milliseconds since 1970; times before it count as 0.
pub(crate) fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(FAR).min(FAR)
}

/// The time that is `millis` after 1970.
pub(crate) fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.min(FAR.unsigned_abs()))
}

/// The system's time.
pub(crate) fn now() -> SystemTime {
    whole(SystemTime::now())
}

/// `time`, to the millisecond, as every store keeps times.
pub fn whole(time: SystemTime) -> SystemTime {
    from_millis(to_millis(time).unsigned_abs())
}

/// `time`, to the next millisecond: nothing is due before its time.
pub(crate) fn whole_up(time: SystemTime) -> SystemTime {
    let whole = whole(time);
    match whole < time {
        true => after(whole, Duration::from_millis(1)),
        false => whole,
    }
}

/// The last time there is.
pub(crate) fn far() -> SystemTime {
    from_millis(FAR.unsigned_abs())
}

/// When a term that starts `now` ends.
pub(crate) fn after(now: SystemTime, term: Duration) -> SystemTime {
    now.checked_add(term).map_or_else(far, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_term_ends_in_the_far_future() {
        let end = after(whole(SystemTime::now()), Duration::MAX);
        assert_eq!(to_millis(end), FAR);
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let whole = from_millis(1_000);
        assert_eq!(whole_up(whole), whole);
        assert_eq!(
            whole_up(whole + Duration::from_nanos(1)),
            from_millis(1_001)
        );
    }

    #[test]
    fn whole_milliseconds_round_trip() {
        let now = whole(SystemTime::now());
        assert_eq!(from_millis(to_millis(now).unsigned_abs()), now);
    }
}
