use std::time::SystemTime;

use super::place::Place;
use super::{Call, Cx};
use crate::hash::Digest;
use crate::store::{EffectClass, EffectKind, EffectRecord, clock};

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
    cx.log().read(position);
    let task = cx.order_key();
    let name = CLOCK.to_owned();
    let class = EffectClass::Effect;
    let call = Call {
        task,
        class,
        name,
        n,
    };
    if let Some(time) = journal.clock(&call, position) {
        return time;
    }
    let time = match cx.rehearsal() {
        Some(rehearsal) => rehearsal.time(cx, &call),
        None => read_clock(),
    };
    cx.log().buffer(EffectRecord {
        call: Some(position),
        attempt: cx.attempt(),
        response: Some(clock::to_millis(time).to_string()),
        ..EffectRecord::new(
            cx.step(),
            task,
            call.name,
            n,
            EffectKind::Clock,
            Digest::default(),
        )
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
