use std::time::{SystemTime, UNIX_EPOCH};

use super::place::Place;
use super::{Call, Cx};
use crate::hash::Digest;
use crate::store::{EffectKind, EffectRecord, clock};

/// The name under which readings of the clock are recorded: no effect has it.
pub(super) const CLOCK: &str = "";

pub(super) fn now(cx: &Cx) -> SystemTime {
    match cx.place() {
        Place::Node => {}
        // What a closure reads is part of its response.
        Place::Closure(_) => return read_clock(),
        Place::Elsewhere => {
            cx.stop_other_thread("`now()`");
            return read_clock();
        }
    }
    let Some(journal) = cx.journal() else {
        return read_clock();
    };
    // No other thread uses this name.
    let Some((n, position)) = cx.log().call(CLOCK) else {
        return read_clock();
    };
    cx.log().saw(CLOCK, position);
    let task = cx.order_key();
    let name = CLOCK.to_owned();
    let call = Call { task, name, n };
    if let Some(time) = journal.clock(&call, position) {
        return time;
    }
    let time = match cx.rehearsal() {
        Some(rehearsal) => rehearsal.time(cx, &call),
        None => read_clock(),
    };
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

/// A node and its replay must read the same, so the time is cut before it is used.
fn read_clock() -> SystemTime {
    clock::now()
}

/// The time in a recorded reading.
pub(crate) fn recorded_time(record: &EffectRecord) -> Option<SystemTime> {
    let millis = record.response.as_ref()?.parse().ok()?;
    Some(clock::from_millis(millis))
}
