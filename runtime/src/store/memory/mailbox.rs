//! The signals of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::store::{NewSignal, Signal};

#[derive(Default)]
pub(super) struct Mailbox {
    /// Those that were not received, by their numbers.
    signals: BTreeMap<u64, Signal>,
    /// Of all that ever came.
    ids: BTreeSet<String>,
    last: u64,
    /// When the last one was sent.
    latest: Option<SystemTime>,
}

impl Mailbox {
    /// Those that were not received and came after the one with that number.
    pub(super) fn behind(&self, known: u64) -> Vec<Signal> {
        let behind = self.signals.range(known.saturating_add(1)..);
        behind.map(|(_, signal)| signal.clone()).collect()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn unreceived(&self) -> u64 {
        self.signals.len() as u64
    }

    /// When the last one was sent, if that is after `time`; else `time`.
    pub(super) fn latest(&self, time: SystemTime) -> SystemTime {
        self.latest.map_or(time, |latest| latest.max(time))
    }

    pub(super) fn put(&mut self, signal: NewSignal, sent: SystemTime) -> Signal {
        self.last += 1;
        self.latest = Some(sent);
        let kept = Signal::new(self.last, signal.name, signal.value, sent);
        self.ids.insert(signal.id);
        self.signals.insert(self.last, kept.clone());
        kept
    }

    /// The signal with that number, if one is named, is received.
    pub(super) fn take(&mut self, number: Option<u64>) {
        if let Some(number) = number {
            self.signals.remove(&number);
        }
    }
}
