//! Somebody who sends signals to the run, now and then one that was sent before.

use super::dice::mix;
use super::nodes::SIGNALS;
use super::world::Stage;
use crate::store::NewSignal;

pub(super) fn act(stage: &mut Stage) {
    let Some(head) = stage.shelf.head() else {
        return;
    };
    let again = stage.sent > 0 && stage.dice.one_in(4);
    stage.sent += u64::from(!again);
    let name = SIGNALS[stage.dice.index(SIGNALS.len())];
    let value = mix(stage.sent) >> 16;
    let id = format!("{} {}", head.run, stage.sent);
    let signal = NewSignal::new(head.run, id, name, value.to_string());
    let is_sent = stage.shelf.signal(signal).is_ok();
    stage.tally.sent += u64::from(is_sent && !again);
}
