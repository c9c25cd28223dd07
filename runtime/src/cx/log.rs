use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::MadeCall;
use crate::error::Error;
use crate::store::EffectRecord;

/// What one attempt of a task did beside its work.
#[derive(Debug, Default)]
pub(crate) struct AttemptLog(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Every call, in the order of calling.
    calls: Vec<MadeCall>,
    counts: HashMap<String, u64>,
    /// Records that are to be written with the next effect, or with the result.
    buffered: Vec<EffectRecord>,
    /// Calls that were made and are not recorded yet.
    in_flight: usize,
    /// Whether a call waits for an answer.
    waits: bool,
    /// Who waits in an effect of an attempt that may be given up.
    waiting: Vec<Waker>,
    /// Who drives such an attempt.
    driver: Option<Waker>,
    /// Why the run has to stop, whatever the node makes of it.
    fault: Option<Error>,
    streams: Streams,
    /// The call whose closure runs at this moment, and what it has drawn so far.
    outside: Option<u32>,
    drawn_outside: HashMap<u32, Streams>,
}

/// How many streams of each kind were begun.
#[derive(Debug, Default)]
struct Streams {
    numbers: u64,
    ids: u64,
}

impl Entries {
    fn is_suspended(&self) -> bool {
        self.waits && self.in_flight == 0
    }

    /// Who has to look at the attempt now.
    fn driver_if_suspended(&self) -> Option<Waker> {
        self.driver.clone().filter(|_| self.is_suspended())
    }

    /// The streams that are counted where the node is now, and the number of
    /// their first. A closure has its own: whether it is called at all is
    /// nothing that other streams may depend on.
    fn streams(&mut self) -> (&mut Streams, u64) {
        match self.outside {
            None => (&mut self.streams, 0),
            Some(call) => {
                let first = (u64::from(call) + 1) << 32;
                (self.drawn_outside.entry(call).or_default(), first)
            }
        }
    }
}

impl AttemptLog {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Every change is complete in itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call under `name`: which of that name it is, and which of all.
    pub(super) fn call(&self, name: &str) -> (u64, u32) {
        let mut entries = self.entries();
        let count = match entries.counts.get_mut(name) {
            Some(count) => count,
            None => entries.counts.entry(name.to_owned()).or_default(),
        };
        let n = *count;
        *count += 1;
        let position = u32::try_from(entries.calls.len()).unwrap_or(u32::MAX);
        entries.calls.push(MadeCall {
            name: name.to_owned(),
            n,
            seen: false,
        });
        (n, position)
    }

    /// The node gets what came of the call at `position`.
    pub(super) fn saw(&self, position: u32) {
        if let Some(call) = self.entries().calls.get_mut(position as usize) {
            call.seen = true;
        }
    }

    /// Which stream of random numbers is next.
    pub(super) fn next_stream(&self) -> u64 {
        let mut entries = self.entries();
        let (streams, first) = entries.streams();
        streams.numbers += 1;
        first + streams.numbers - 1
    }

    /// Which random id is next.
    pub(super) fn next_id(&self) -> u64 {
        let mut entries = self.entries();
        let (streams, first) = entries.streams();
        streams.ids += 1;
        first + streams.ids - 1
    }

    /// The closure of the call at `position` runs until the guard is dropped.
    pub(super) fn go_outside(&self, position: u32) -> Outside<'_> {
        self.entries().outside = Some(position);
        Outside(self)
    }

    /// Whether the closure of a call runs: what it does is that call's, and is
    /// not done when the call is on record.
    pub(super) fn is_outside(&self) -> bool {
        self.entries().outside.is_some()
    }

    pub(super) fn buffer(&self, record: EffectRecord) {
        self.entries().buffered.push(record);
    }

    /// Takes what was buffered.
    pub(crate) fn take_buffered(&self) -> Vec<EffectRecord> {
        std::mem::take(&mut self.entries().buffered)
    }

    /// Every call so far, in the order of calling.
    pub(crate) fn take_calls(&self) -> Vec<MadeCall> {
        std::mem::take(&mut self.entries().calls)
    }

    /// Counts a call that is under way until the guard is dropped.
    pub(super) fn fly(&self) -> InFlight<'_> {
        self.entries().in_flight += 1;
        InFlight(self)
    }

    /// A call waits for an answer from now on.
    pub(super) fn wait(&self) {
        let driver = {
            let mut entries = self.entries();
            entries.waits = true;
            entries.driver_if_suspended()
        };
        wake(driver);
    }

    /// The driver has to look at the attempt, which waits for what will not come.
    pub(super) fn nudge(&self) {
        let driver = self.entries().driver.clone();
        wake(driver);
    }

    /// Wakes `driver` from now on.
    pub(super) fn tell(&self, driver: &Waker) {
        self.entries().driver = Some(driver.clone());
    }

    /// Wakes `waiting`, too, when the attempt is given up.
    pub(super) fn wait_with(&self, waiting: &Waker) {
        let mut entries = self.entries();
        if !entries.waiting.iter().any(|other| other.will_wake(waiting)) {
            entries.waiting.push(waiting.clone());
        }
    }

    /// The attempt is given up.
    pub(super) fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut self.entries().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether the node is to be dropped until it gets an answer: one is asked
    /// for, and nothing that it has begun is under way.
    pub(crate) fn is_suspended(&self) -> bool {
        self.entries().is_suspended()
    }

    /// The run has to stop because of `error`; the first one counts.
    pub(super) fn fault(&self, error: Error) {
        self.entries().fault.get_or_insert(error);
    }

    /// Whether the run has to stop.
    pub(super) fn is_faulty(&self) -> bool {
        self.entries().fault.is_some()
    }

    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.entries().fault.take()
    }
}

/// Not under the lock: whoever is woken may come back here.
fn wake(driver: Option<Waker>) {
    if let Some(driver) = driver {
        driver.wake();
    }
}

pub(super) struct InFlight<'a>(&'a AttemptLog);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let driver = {
            let mut entries = self.0.entries();
            entries.in_flight -= 1;
            entries.driver_if_suspended()
        };
        wake(driver);
    }
}

pub(super) struct Outside<'a>(&'a AttemptLog);

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.entries().outside = None;
    }
}
