use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Call, Cx};
use crate::hash::Digest;
use crate::store::{EffectKind, EffectRecord};

/// The name under which readings of the clock are recorded: no effect has it.
pub(super) const CLOCK: &str = "";

pub(super) fn now(cx: &Cx) -> SystemTime {
    let Some(journal) = cx.journal() else {
        return read_clock().1;
    };
    if cx.log().is_outside() {
        return read_clock().1;
    }
    let (n, position) = cx.log().call(CLOCK);
    cx.log().saw(position);
    let task = cx.order_key();
    let name = CLOCK.to_owned();
    let call = Call { task, name, n };
    if let Some(time) = journal.clock(&call, position) {
        return time;
    }
    let (millis, time) = read_clock();
    cx.log().buffer(EffectRecord {
        step: cx.step(),
        task,
        name: call.name,
        n,
        kind: EffectKind::Clock,
        call: Some(position),
        attempt: cx.attempt(),
        request: Digest::default(),
        excerpt: String::new(),
        response: Some(millis.to_string()),
        error: None,
        recorded: UNIX_EPOCH,
    });
    time
}

/// What a node reads is what a replay reads, so it is cut before it is used.
fn read_clock() -> (u64, SystemTime) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    (millis, from_millis(millis))
}

fn from_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// The time in a recorded reading.
pub(crate) fn recorded_time(record: &EffectRecord) -> Option<SystemTime> {
    let millis = record.response.as_ref()?.parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
