//! What the world outside said in the first run, to be said again in every other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cx::{Call, Request, Said};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// By the attempt that made the call: of several, only the last can have succeeded.
    calls: BTreeMap<Call, BTreeMap<u32, Entry>>,
    readings: BTreeMap<Call, SystemTime>,
    /// The calls whose outcome nobody ever learned.
    open: BTreeSet<Call>,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) request: Request,
    /// Nothing if nobody waited for it, or it cannot be repeated.
    pub(super) said: Option<Said>,
}

/// When every run begins, since 1970: on 2024-01-01. Each new reading of the clock is a second later.
pub(super) const BEGINNING: Duration = Duration::from_secs(1_704_067_200);

impl Script {
    /// The first run makes a call.
    pub(super) fn begin(&mut self, call: Call, attempt: u32, request: Request) {
        let entry = Entry {
            request,
            said: None,
        };
        self.calls.entry(call).or_default().insert(attempt, entry);
    }

    /// This is its outcome.
    pub(super) fn end(&mut self, call: &Call, attempt: u32, said: Said) {
        let attempts = self.calls.get_mut(call);
        if let Some(entry) = attempts.and_then(|attempts| attempts.get_mut(&attempt)) {
            entry.said = Some(said);
        }
    }

    /// What became of a call in that attempt, or in the last one that made it: after
    /// a crash it may be made in another attempt.
    pub(super) fn entry(&self, call: &Call, attempt: u32) -> Option<&Entry> {
        let attempts = self.calls.get(call)?;
        attempts.get(&attempt).or_else(|| self.last(call))
    }

    /// What became of a call in the end.
    pub(super) fn last(&self, call: &Call) -> Option<&Entry> {
        self.calls.get(call)?.values().next_back()
    }

    /// The first run ends with the question of what became of a call.
    pub(super) fn leave_open(&mut self, call: Call) {
        self.open.insert(call);
    }

    /// Whether it did.
    pub(super) fn is_left_open(&self, call: &Call) -> bool {
        self.open.contains(call)
    }

    /// The time that a reading returned.
    pub(super) fn reading(&self, reading: &Call) -> Option<SystemTime> {
        self.readings.get(reading).copied()
    }

    /// The time for a reading of the first run: the same for every attempt.
    pub(super) fn read(&mut self, reading: &Call) -> SystemTime {
        let seconds = self.readings.len() as u64;
        let next = UNIX_EPOCH + BEGINNING + Duration::from_secs(seconds);
        *self.readings.entry(reading.clone()).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Digest;
    use crate::node_error::NodeError;

    fn call(name: &str) -> Call {
        Call {
            task: Digest::default(),
            class: crate::store::EffectClass::Effect,
            name: name.into(),
            n: 0,
        }
    }

    #[test]
    fn every_attempt_is_told_what_it_was_told() {
        let mut script = Script::default();
        let request = || Request::of("1".into());
        script.begin(call("fetch"), 1, request());
        script.end(&call("fetch"), 1, Err(NodeError::transient("away")));
        script.begin(call("fetch"), 3, request());
        script.end(&call("fetch"), 3, Ok("7".into()));
        let said = |attempt| script.entry(&call("fetch"), attempt).unwrap().said.clone();
        assert!(said(1).unwrap().is_err());
        assert_eq!(said(2).unwrap().unwrap(), "7");
        assert_eq!(said(3).unwrap().unwrap(), "7");
        assert!(script.entry(&call("other"), 1).is_none());
    }

    #[test]
    fn the_clock_goes_on_with_each_reading_and_repeats_itself() {
        let mut script = Script::default();
        let (first, second) = (script.read(&call("a")), script.read(&call("b")));
        assert_eq!(
            second.duration_since(first).unwrap(),
            Duration::from_secs(1)
        );
        assert_eq!(script.read(&call("a")), first);
        assert_eq!(script.reading(&call("b")), Some(second));
        assert_eq!(script.reading(&call("c")), None);
    }
}
