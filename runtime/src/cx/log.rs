use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::order::{CallId, Order};
use super::place::Place;
use super::{APART, MadeCall};
use crate::error::Error;
use crate::store::{EffectClass, EffectRecord};

/// What one attempt of a task did besides its work.
#[derive(Debug, Default)]
pub(crate) struct AttemptLog(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Every call, in the order of calling.
    calls: Vec<MadeCall>,
    counts: HashMap<String, u64>,
    /// The same of waits, for each class.
    wait_counts: BTreeMap<(EffectClass, String), u64>,
    /// How many outcomes the node has got.
    seen: u32,
    order: Order,
    /// Whether it gets anything in the order of an earlier start.
    has_order: bool,
    /// The waits that are pending, or were when the attempt stopped.
    open: BTreeSet<CallId>,
    is_stopped: bool,
    /// Whether the store has to know about one of them.
    is_to_register: bool,
    /// Records to be written with the next effect, or with the result.
    buffered: Vec<EffectRecord>,
    /// Calls that were made and are not recorded yet.
    in_flight: usize,
    /// Records that the store has not confirmed yet.
    writing: usize,
    /// Whether a call waits for an answer, or the run has to stop.
    waits: bool,
    /// Whether a call that is under way never ends by itself.
    is_hopeless: bool,
    /// Who waits in an effect of an attempt that may be given up.
    waiting: Vec<Waker>,
    /// Who drives such an attempt.
    driver: Option<Waker>,
    /// Why the run has to stop, whatever the node does about it.
    fault: Option<Error>,
    /// What an effect panicked with.
    panic: Option<String>,
    /// Names of effects that threads other than the node's own have made, and
    /// as the how-manieth the node got their outcome.
    apart: BTreeMap<String, Option<u32>>,
    streams: Streams,
    /// What closures have drawn so far, by where their streams begin.
    drawn_inside: HashMap<u64, Streams>,
    refused: u64,
}

/// How many streams of each kind were begun.
#[derive(Debug, Default)]
struct Streams {
    numbers: u64,
    ids: u64,
}

impl Entries {
    fn is_suspended(&self) -> bool {
        (self.in_flight == 0 || self.is_hopeless) && (self.waits || !self.open.is_empty())
    }

    fn is_to_be_examined(&self) -> bool {
        self.is_to_register || self.is_suspended()
    }

    /// Who has to examine the attempt now.
    fn driver_if_suspended(&self) -> Option<Waker> {
        self.driver.clone().filter(|_| self.is_to_be_examined())
    }

    /// Notes a call; returns its place among all.
    fn made(&mut self, class: EffectClass, name: &str, n: u64) -> u32 {
        let position = u32::try_from(self.calls.len()).unwrap_or(APART - 1);
        self.calls.push(MadeCall {
            class,
            name: name.to_owned(),
            n,
            position,
            seen: None,
        });
        position
    }

    /// The streams that are counted at `place`, and the number of the first one. A
    /// closure has its own: other streams must not depend on whether it is called
    /// at all.
    fn streams(&mut self, place: Place) -> Option<(&mut Streams, u64)> {
        match place {
            Place::Node => Some((&mut self.streams, 0)),
            Place::Closure(first) => Some((self.drawn_inside.entry(first).or_default(), first)),
            Place::Elsewhere => None,
        }
    }
}

impl AttemptLog {
    /// Of an attempt that gets what is on record in that order.
    pub(super) fn in_order(calls: Vec<CallId>) -> Self {
        let log = Self::default();
        {
            let mut entries = log.entries();
            entries.has_order = !calls.is_empty();
            entries.order = Order::of(calls);
        }
        log
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Every change is complete in itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call of the node under `name`: which of that name it is, and which of
    /// all; nothing if another thread has used the name.
    pub(super) fn call(&self, name: &str) -> Option<(u64, u32)> {
        let mut entries = self.entries();
        if entries.apart.contains_key(name) {
            return None;
        }
        let count = match entries.counts.get_mut(name) {
            Some(count) => count,
            None => entries.counts.entry(name.to_owned()).or_default(),
        };
        let n = *count;
        *count += 1;
        let position = entries.made(EffectClass::Effect, name, n);
        Some((n, position))
    }

    /// Notes a wait of the node, in the same way.
    pub(super) fn call_wait(&self, class: EffectClass, name: &str) -> (u64, u32) {
        let mut entries = self.entries();
        let count = entries.wait_counts.entry((class, name.to_owned()));
        let count = count.or_default();
        let n = *count;
        *count += 1;
        let position = entries.made(class, name, n);
        (n, position)
    }

    /// Notes the only call under `name`, by a thread other than the node's own; it
    /// has no place among the others. Returns whether it is the only one so far.
    pub(super) fn call_apart(&self, name: &str) -> bool {
        let mut entries = self.entries();
        let is_new = !entries.counts.contains_key(name) && !entries.apart.contains_key(name);
        if is_new {
            entries.apart.insert(name.to_owned(), None);
        }
        is_new
    }

    /// The node gets the outcome of the effect of `name` at `position`.
    pub(super) fn saw(&self, name: &str, position: u32) {
        let mut entries = self.entries();
        let nth = entries.seen;
        let seen = match position {
            APART => entries.apart.get_mut(name),
            position => (entries.calls.get_mut(position as usize)).map(|call| &mut call.seen),
        };
        if let Some(seen) = seen
            && seen.is_none()
        {
            *seen = Some(nth);
            entries.seen += 1;
        }
    }

    /// The node gets the reading of the clock at `position`, which has no place in the order.
    pub(super) fn read(&self, position: u32) {
        if let Some(call) = self.entries().calls.get_mut(position as usize) {
            call.seen = Some(0);
        }
    }

    /// As the how-manieth the node gets an outcome that is new. In a task that has not waited nobody
    /// asks for that, and it is not recorded: it would depend on what happened to finish first.
    pub(super) fn next_seen(&self) -> Option<u32> {
        let entries = self.entries();
        let has_waited = entries.has_order || !entries.wait_counts.is_empty();
        has_waited.then(|| entries.seen.saturating_add(entries.order.len()))
    }

    /// Every call so far but those that are still to be shown, since this start has not come to them.
    pub(super) fn calls_so_far(&self) -> Vec<MadeCall> {
        let mut calls = self.calls();
        let entries = self.entries();
        calls.retain(|call| !(entries.order).has(&(call.class, call.name.clone(), call.n)));
        calls
    }

    /// Whether what `call` came to is shown now: see [`Order`].
    pub(super) fn shows(&self, call: &CallId, waker: &Waker) -> bool {
        self.entries().order.shows(call, waker)
    }

    /// See [`Order::holds_back`].
    pub(super) fn holds_back(&self, call: &CallId, waker: &Waker) -> bool {
        self.entries().order.holds_back(call, waker)
    }

    /// Nobody asks for what is on record of `call`.
    pub(super) fn asks_no_more(&self, call: &CallId) {
        self.entries().order.forget(call);
    }

    /// See [`Order::let_one_go`].
    pub(super) fn let_one_go(&self) -> bool {
        self.entries().order.let_one_go()
    }

    /// A wait is pending; with `is_news` the store has to know about it.
    pub(super) fn is_pending(&self, call: &CallId, is_news: bool) {
        let driver = {
            let mut entries = self.entries();
            entries.open.insert(call.clone());
            entries.is_to_register |= is_news;
            entries.driver_if_suspended()
        };
        wake(driver);
    }

    /// A wait is over, or nobody waits any more.
    pub(super) fn is_pending_no_more(&self, call: &CallId) {
        let mut entries = self.entries();
        entries.order.forget(call);
        if !entries.is_stopped {
            entries.open.remove(call);
        }
    }

    /// The attempt stops with the waits that are pending now: its node is about to be dropped.
    pub(super) fn stop(&self) {
        self.entries().is_stopped = true;
    }

    /// The waits that are pending, or were when the attempt stopped.
    pub(super) fn open(&self) -> BTreeSet<CallId> {
        self.entries().open.clone()
    }

    /// Whether the store has to know about a wait; asked once.
    pub(super) fn takes_registration(&self) -> bool {
        std::mem::take(&mut self.entries().is_to_register)
    }

    /// The store writes for the attempt as a whole, or has done so.
    pub(super) fn registers(&self, is_writing: bool) {
        let mut entries = self.entries();
        match is_writing {
            true => entries.writing += 1,
            false => entries.writing -= 1,
        }
    }

    /// Every call so far, in the order of calling; then those without a place in it.
    pub(super) fn calls(&self) -> Vec<MadeCall> {
        let entries = self.entries();
        let apart = entries.apart.iter().map(|(name, seen)| MadeCall {
            class: EffectClass::Effect,
            name: name.clone(),
            n: 0,
            position: APART,
            seen: *seen,
        });
        entries.calls.iter().cloned().chain(apart).collect()
    }

    /// Whether call `n` under `name` was made.
    pub(super) fn has_called(&self, name: &str, n: u64) -> bool {
        let entries = self.entries();
        let is_counted = entries.counts.get(name).is_some_and(|count| n < *count);
        is_counted || entries.apart.contains_key(name)
    }

    /// Which stream of random numbers is next.
    pub(super) fn next_stream(&self, place: Place) -> Option<u64> {
        let mut entries = self.entries();
        let (streams, first) = entries.streams(place)?;
        streams.numbers += 1;
        Some(first.wrapping_add(streams.numbers - 1))
    }

    /// Which random id is next.
    pub(super) fn next_id(&self, place: Place) -> Option<u64> {
        let mut entries = self.entries();
        let (streams, first) = entries.streams(place)?;
        streams.ids += 1;
        Some(first.wrapping_add(streams.ids - 1))
    }

    /// The next of those streams that nobody should have asked for.
    pub(super) fn next_refused(&self) -> u64 {
        let mut entries = self.entries();
        entries.refused += 1;
        entries.refused
    }

    pub(super) fn buffer(&self, record: EffectRecord) {
        self.entries().buffered.push(record);
    }

    /// Takes what was buffered.
    pub(crate) fn take_buffered(&self) -> Vec<EffectRecord> {
        std::mem::take(&mut self.entries().buffered)
    }

    /// Counts a call that is under way until the guard is dropped.
    pub(super) fn fly(&self) -> InFlight<'_> {
        self.entries().in_flight += 1;
        InFlight(self)
    }

    /// Counts what the store has to write until the guard is dropped, which wakes the driver.
    pub(super) fn write(&self) -> Writing<'_> {
        self.entries().writing += 1;
        Writing(self)
    }

    /// Whether the store has something to write.
    pub(super) fn is_writing(&self) -> bool {
        self.entries().writing > 0
    }

    /// A call that is under way waits for what never comes: the attempt stops without it.
    pub(super) fn give_up_calls(&self) {
        self.entries().is_hopeless = true;
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

    /// The driver has to examine the attempt, which waits for what will not come.
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

    /// Whether the node must be dropped until it gets an answer: one is asked
    /// for, and nothing that it has begun is under way.
    pub(crate) fn is_suspended(&self) -> bool {
        self.entries().is_suspended()
    }

    /// An effect panicked with `panic`; the first one counts.
    pub(super) fn panicked(&self, panic: String) {
        self.entries().panic.get_or_insert(panic);
    }

    pub(crate) fn take_panic(&self) -> Option<String> {
        self.entries().panic.take()
    }

    /// The run has to stop because of `error`; the first one counts.
    pub(super) fn fault(&self, error: Error) {
        self.entries().fault.get_or_insert(error);
    }

    /// Whether something that it has begun is under way, or being written.
    pub(super) fn is_in_flight(&self) -> bool {
        let entries = self.entries();
        (entries.in_flight > 0 && !entries.is_hopeless) || entries.writing > 0
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

/// See [`AttemptLog::write`].
pub(super) struct Writing<'a>(&'a AttemptLog);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let driver = {
            let mut entries = self.0.entries();
            entries.writing -= 1;
            entries.driver.clone()
        };
        wake(driver);
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
