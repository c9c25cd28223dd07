//! The clock of stores and nodes: whole milliseconds, so that what is written is what is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last millisecond of the year 9999: further terms end here.
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

/// When a term that starts `now` ends.
pub(crate) fn after(now: SystemTime, term: Duration) -> SystemTime {
    now.checked_add(term)
        .map_or_else(|| from_millis(FAR.unsigned_abs()), whole)
}

/// `time` for people, to the second.
pub(crate) fn utc(time: SystemTime) -> String {
    let seconds = to_millis(time) / 1_000;
    let (days, second) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

const DAY: i64 = 24 * 60 * 60;

/// The date that is `days` after 1970-01-01. Years are counted from March on, so that the
/// leap day is their last: <https://howardhinnant.github.io/date_algorithms.html>.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year + (month <= 2) as i64, month, day)
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
    fn a_time_is_shown_as_calendars_have_it() {
        let shown = |millis| utc(from_millis(millis));
        assert_eq!(shown(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(shown(951_827_696_789), "2000-02-29 12:34:56 UTC");
        assert_eq!(shown(1_767_225_599_000), "2025-12-31 23:59:59 UTC");
        assert_eq!(shown(u64::MAX), "9999-12-31 23:59:59 UTC");
    }

    #[test]
    fn whole_milliseconds_round_trip() {
        let now = whole(SystemTime::now());
        assert_eq!(from_millis(to_millis(now).unsigned_abs()), now);
    }
}
