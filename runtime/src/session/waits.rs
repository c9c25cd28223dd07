//! What the tasks of the open step wait for, and what has come for the run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;
use std::time::SystemTime;

use crate::cx::{Call, CallId, Cx, Waiting};
use crate::hash::Digest;
use crate::store::{
    Deadline, EffectClass, EffectKey, EffectKind, EffectRecord, Mail, Signal, Wait, clock, rules,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OpenWaits {
    open: BTreeMap<Call, Open>,
    /// The signals that the run has not received, as far as it knows, in the order in which they
    /// came.
    inbox: Vec<Signal>,
    /// The number of the last signal that it knows.
    known: u64,
    /// The time by the store's clock when it was last told.
    now: Option<SystemTime>,
    /// Registered ones that nobody waits for any more.
    closed: Vec<EffectKey>,
    /// The records that the store was asked to write of waits that may be over, as long as nobody
    /// knows whether it has: whoever asked may be gone.
    asked: BTreeSet<EffectKey>,
    /// Whoever fetches what comes, if there is nothing to wait for yet.
    postman: Option<Waker>,
}

/// A wait that nothing has come for.
#[derive(Debug)]
struct Open {
    wait: Wait,
    /// Where and as the how-manieth the node would get it; `None` if it has not come to it since it
    /// started.
    place: Option<(u32, u32)>,
    /// Whether the store knows it.
    is_registered: bool,
    /// Whether it is, or is to be, the one that gets what is there.
    is_called: bool,
    waker: Option<Waker>,
}

impl OpenWaits {
    /// What is stored of it.
    pub(super) fn stored(waits: Vec<Wait>, inbox: Vec<Signal>) -> Self {
        let open = waits.into_iter().map(|wait| {
            let open = Open {
                place: None,
                is_registered: true,
                is_called: false,
                waker: None,
                wait,
            };
            (call_of(&open.wait), open)
        });
        Self {
            open: open.collect(),
            known: inbox.last().map_or(0, |signal| signal.number),
            inbox,
            ..Self::default()
        }
    }

    /// For the step that follows: nobody waits yet, and what has come is still there.
    pub(super) fn next_step(self) -> Self {
        Self {
            open: BTreeMap::new(),
            closed: Vec::new(),
            asked: BTreeSet::new(),
            ..self
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) const fn known(&self) -> u64 {
        self.known
    }

    /// All of them.
    pub(super) fn waits(&self) -> Vec<Wait> {
        self.open.values().map(|open| open.wait.clone()).collect()
    }

    /// Whether one waits for more than a time.
    pub(super) fn has_others_than_times(&self) -> bool {
        let mut waits = self.open.keys();
        waits.any(|call| call.class != EffectClass::Time)
    }

    /// Attempt `by` waits for `call`; returns the record of what it takes, if that is there.
    pub(super) fn want(&mut self, by: &Cx, call: &Call, waiting: Waiting) -> Option<EffectRecord> {
        let open = self.open.entry(call.clone());
        let open = open.or_insert_with(|| Open {
            wait: Wait {
                n: call.n,
                deadline: waiting.deadline,
                attempt: by.attempt(),
                // Until it is registered, whatever comes was there before it.
                since: clock::far(),
                ..Wait::new(by.step(), call.task, call.class, &*call.name, by.node())
            },
            place: None,
            is_registered: false,
            is_called: false,
            waker: None,
        });
        open.place = Some((waiting.position, waiting.seen));
        let takes = |signal: &Signal| rules::takes(&open.wait, signal);
        let place = self.inbox.iter().position(takes)?;
        let record = open.record(EffectKind::Done, Some(&self.inbox[place]));
        self.take(place);
        self.close(call);
        Some(record)
    }

    fn take(&mut self, place: usize) {
        if !mistake!(SignalTakenTwice) {
            self.inbox.remove(place);
        }
    }

    /// Whether the store has to be told about `call`, or asked whether its time is over.
    pub(super) fn is_news(&self, call: &Call) -> bool {
        let open = self.open.get(call);
        open.is_some_and(|open| !open.is_registered || self.is_due(open))
    }

    /// Whether its time may be over, by the store's clock.
    fn is_due(&self, open: &Open) -> bool {
        match open.wait.deadline {
            Deadline::Never => false,
            Deadline::In(time) => time.is_zero(),
            Deadline::At(_) => self.now.is_some_and(|now| rules::is_due(&open.wait, now)),
        }
    }

    /// `waker` is woken when `call` has come.
    pub(super) fn attend(&mut self, call: &Call, waker: &Waker) {
        if let Some(open) = self.open.get_mut(call) {
            open.waker = Some(waker.clone());
        }
    }

    /// Nobody waits for `call` any more.
    fn close(&mut self, call: &Call) {
        if let Some(open) = self.open.remove(call)
            && open.is_registered
        {
            self.closed.push(open.wait.key());
        }
    }

    /// What the store has to be told of `task`, which has these waits pending: the new ones, those
    /// that may be over, and those that nobody waits for any more.
    pub(super) fn news(&mut self, task: Digest) -> (Vec<Wait>, Vec<EffectRecord>, Vec<EffectKey>) {
        let own = |(call, _): &(&Call, &Open)| call.task == task;
        let open = self.open.iter().filter(own).map(|(_, open)| open);
        let new = open.clone().filter(|open| !open.is_registered);
        let new = new.map(|open| open.wait.clone()).collect();
        let over = open.filter(|open| open.place.is_some() && self.is_due(open));
        let over = over.map(|open| open.record(EffectKind::Elapsed, None));
        let over: Vec<EffectRecord> = over.collect();
        self.asked.extend(over.iter().map(EffectRecord::key));
        (new, over, self.closed.clone())
    }

    /// The store knows what it was told, and says what has come; returns the records that it has
    /// written of waits whose time is over. `places` are those of the tasks in the frontier.
    pub(super) fn told(
        &mut self,
        mail: Mail,
        over: Vec<EffectRecord>,
        closed: &[EffectKey],
    ) -> Vec<EffectRecord> {
        self.closed.retain(|key| !closed.contains(key));
        for record in &over {
            self.asked.remove(&record.key());
        }
        for wait in &mail.waits {
            if let Some(open) = self.open.get_mut(&call_of(wait)) {
                open.is_registered = true;
                (open.wait.since, open.wait.deadline) = (wait.since, wait.deadline);
            }
        }
        let is_over = |record: &EffectRecord| mail.over.contains(&record.key());
        let over: Vec<EffectRecord> = over.into_iter().filter(is_over).collect();
        for record in &over {
            if let Some(open) = self.open.remove(&Call::of(record)) {
                open.waker.into_iter().for_each(Waker::wake);
            }
        }
        self.receive(mail);
        if !self.open.is_empty() {
            self.postman.take().into_iter().for_each(Waker::wake);
        }
        over
    }

    /// What the store may have on record, and nobody here has seen.
    pub(super) fn unheard(&self) -> Vec<EffectKey> {
        self.asked.iter().cloned().collect()
    }

    /// Something has come.
    pub(super) fn receive(&mut self, mail: Mail) {
        let news = mail.signals.into_iter();
        let known = self.known;
        self.inbox
            .extend(news.filter(|signal| signal.number > known && !mistake!(MailLost)));
        self.known = self
            .inbox
            .last()
            .map_or(known, |last| last.number.max(known));
        self.now = mail.now.max(self.now);
    }

    /// Calls those that wait for what is there: of several that wait for one signal, the first in
    /// the frontier, whose tasks have these `places`.
    pub(super) fn call(&mut self, places: &HashMap<Digest, usize>) {
        let mut ready: BTreeSet<Call> = BTreeSet::new();
        let due = self.open.iter().filter(|(_, open)| self.is_due(open));
        ready.extend(due.map(|(call, _)| call.clone()));
        let place = |call: &Call| places.get(&call.task).copied();
        for signal in &self.inbox {
            let takers = self
                .open
                .iter()
                .filter(|(_, open)| rules::takes(&open.wait, signal));
            let takers = takers.map(|(call, _)| call);
            let free = takers.filter(|call| !ready.contains(call));
            let first = free
                .min_by_key(|call| (place(call), (*call).clone()))
                .cloned();
            ready.extend(first);
        }
        for (call, open) in &mut self.open {
            open.is_called = ready.contains(call);
            if open.is_called {
                open.waker.take().into_iter().for_each(Waker::wake);
            }
        }
    }

    /// The tasks that have stopped to wait and are called.
    pub(super) fn called(&self) -> BTreeSet<Digest> {
        let called = self
            .open
            .iter()
            .filter(|(_, open)| open.wait.parked && open.is_called);
        called.map(|(call, _)| call.task).collect()
    }

    /// The attempt with which `task` goes on, if it has stopped to wait, and whether there is nothing
    /// for it yet; else it starts.
    pub(super) fn rests(&mut self, task: Digest) -> Option<(u32, bool)> {
        let own = self.open.iter().filter(|(call, _)| call.task == task);
        let mut own = own.map(|(_, open)| open).peekable();
        let attempt = own.peek()?.wait.attempt;
        let rests = own.all(|open| open.wait.parked && !open.is_called);
        let rests = rests && !mistake!(RestlessWaits);
        if !rests {
            self.start(task);
        }
        Some((attempt, rests))
    }

    /// Attempt `by` at `task` stops to wait, with these pending; what else it waited for is closed.
    pub(super) fn stop(&mut self, by: &Cx, task: Digest, pending: &BTreeSet<CallId>) {
        let own: Vec<Call> = self
            .open
            .keys()
            .filter(|call| call.task == task)
            .cloned()
            .collect();
        for call in own {
            if !pending.contains(&call.id()) {
                self.close(&call);
            } else if let Some(open) = self.open.get_mut(&call) {
                open.wait.parked = true;
                open.wait.attempt = by.attempt();
                open.waker = None;
            }
        }
    }

    /// `task` starts, whether or not something has come: it does not rest any more.
    pub(super) fn start(&mut self, task: Digest) {
        let own = self.open.iter_mut().filter(|(call, _)| call.task == task);
        own.for_each(|(_, open)| {
            open.wait.parked = false;
            open.place = None;
        });
    }

    /// `task` is done, whatever it still waited for.
    pub(super) fn finish(&mut self, task: Digest) {
        let own: Vec<Call> = self
            .open
            .keys()
            .filter(|call| call.task == task)
            .cloned()
            .collect();
        own.iter().for_each(|call| self.close(call));
    }

    /// All tasks begin anew, and count their attempts from the first.
    pub(super) fn begin_anew(&mut self) {
        for open in self.open.values_mut() {
            (open.wait.parked, open.wait.attempt) = (false, 1);
        }
    }

    /// When the next one is over, by the store's clock, and what that clock said last; `waker` is
    /// woken when there is something to wait for.
    pub(super) fn next_due(&mut self, waker: &Waker) -> Option<(Option<SystemTime>, SystemTime)> {
        let registered = self.open.values().filter(|open| open.is_registered);
        let mut registered = registered.peekable();
        if registered.peek().is_none() {
            self.postman = Some(waker.clone());
            return None;
        }
        let due = registered.filter_map(|open| open.wait.deadline.time());
        // Those that are due by now are being asked for.
        let now = self.now.unwrap_or(SystemTime::UNIX_EPOCH);
        Some((due.filter(|due| *due > now).min(), now))
    }
}

fn call_of(wait: &Wait) -> Call {
    Call::with(wait.task, (wait.class, wait.name.clone(), wait.n))
}

impl Open {
    /// The record of what came, or that its time is over.
    fn record(&self, kind: EffectKind, signal: Option<&Signal>) -> EffectRecord {
        let key = self.wait.key();
        EffectRecord {
            class: key.class,
            call: self.place.map(|(position, _)| position),
            seen: self.place.map(|(_, seen)| seen),
            attempt: self.wait.attempt,
            response: signal.map(|signal| signal.value.clone()),
            signal: signal.map(|signal| signal.number),
            ..EffectRecord::new(key.step, key.task, key.name, key.n, kind, Digest::default())
        }
    }
}
