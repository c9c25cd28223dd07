use std::time::{SystemTime, UNIX_EPOCH};

use super::{Call, Cx};
use crate::hash::Digest;
use crate::store::{EffectKind, EffectRecord, clock};

/// The name under which readings of the clock are recorded: no effect has it.
pub(super) const CLOCK: &str = "";

pub(super) fn now(cx: &Cx) -> SystemTime {
    let Some(journal) = cx.journal() else {
        return read_clock();
    };
    if cx.log().is_outside() {
        return read_clock();
    }
    let (n, position) = cx.log().call(CLOCK);
    cx.log().saw(position);
    let task = cx.order_key();
    let name = CLOCK.to_owned();
    let call = Call { task, name, n };
    if let Some(time) = journal.clock(&call, position) {
        return time;
    }
    let time = read_clock();
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
        response: Some(clock::to_millis(time).to_string()),
        error: None,
        recorded: UNIX_EPOCH,
    });
    time
}

/// What a node reads is what a replay reads, so it is cut before it is used.
fn read_clock() -> SystemTime {
    clock::whole(SystemTime::now())
}

/// The time in a recorded reading.
pub(crate) fn recorded_time(record: &EffectRecord) -> Option<SystemTime> {
    let millis = record.response.as_ref()?.parse().ok()?;
    Some(clock::from_millis(millis))
}
