//! Times as people and JSON read them: RFC 3339, in UTC, with milliseconds.

use std::time::SystemTime;

use crate::store::clock::to_millis;

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// `time` as text, e.g. `2026-11-30T16:05:51.250Z`; times before 1970 count as its beginning.
pub(crate) fn text(time: SystemTime) -> String {
    let millis = to_millis(time);
    let (days, of_day) = (millis / DAY, millis % DAY);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        of_day / 3_600_000,
        of_day / 60_000 % 60,
        of_day / 1_000 % 60,
        of_day % 1_000
    )
}

/// The date `days` after 1970-01-01. Years begin in March, so that the
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
    use crate::store::clock::from_millis;

    #[test]
    fn a_time_is_shown_as_calendars_have_it() {
        let shown = |millis| text(from_millis(millis));
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(951_827_696_789), "2000-02-29T12:34:56.789Z");
        assert_eq!(shown(1_767_225_599_001), "2025-12-31T23:59:59.001Z");
        assert_eq!(shown(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
