//! What the tasks of the open step wait for, and what has come for the run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::task::Waker;
use std::time::SystemTime;

use super::effects::first_of;
use super::questions::Asked;
use crate::cx::{Call, CallId, Cx, Inquiry, Request, Waiting};
use crate::hash::Digest;
use crate::store::{
    Deadline, EffectClass, EffectKey, EffectKind, EffectRecord, Mail, Question, Signal, Wait,
    clock, rules,
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
    /// The ids of questions that nobody is to answer any more.
    withdrawn: Vec<String>,
    /// The attempts of tasks that had what they waited for on record when the run was loaded.
    begun: BTreeMap<Digest, u32>,
    /// Whoever fetches what comes, if there is nothing to wait for yet.
    postman: Option<Waker>,
}

/// A wait that nothing has come for.
#[derive(Debug)]
struct Open {
    wait: Wait,
    /// What it asks, if it waits for an answer.
    asked: Option<Box<Asked>>,
    /// Where and as the how-manieth the node would get it; `None` if it has not come to it since it
    /// started.
    place: Option<(u32, u32)>,
    /// Whether the store knows it.
    is_registered: bool,
    /// Whether it is, or is to be, the one that gets what is there.
    is_called: bool,
    waker: Option<Waker>,
}

/// What the store has to be told of the waits of a task.
#[derive(Clone, Debug)]
pub(super) struct News {
    /// The new ones, and what is asked with them.
    pub(super) waits: Vec<Wait>,
    pub(super) questions: Vec<Question>,
    /// Of those that may be over: that they are.
    pub(super) over: Vec<EffectRecord>,
    /// What nobody waits for any more.
    pub(super) closed: Vec<EffectKey>,
    pub(super) withdrawn: Vec<String>,
}

impl OpenWaits {
    /// What is stored of it, beside the `effects` of the open step; `questions` are those of nodes.
    /// Whoever received something and died before it told the store that it waits no more has left the
    /// wait and the record: what it had does not come again, so its task starts.
    pub(super) fn stored(
        waits: Vec<Wait>,
        mut questions: Vec<Question>,
        inbox: Vec<Signal>,
        effects: &[EffectRecord],
    ) -> Self {
        let came = |wait: &Wait| effects.iter().any(|record| record.key() == wait.key());
        let (over, mut waits): (Vec<Wait>, Vec<Wait>) = waits.into_iter().partition(came);
        let begun: BTreeMap<Digest, u32> = (over.iter())
            .map(|wait| (wait.task, wait.attempt))
            .collect();
        for wait in &mut waits {
            wait.parked &= !begun.contains_key(&wait.task);
        }
        let open = waits.into_iter().map(|wait| {
            let key = Some(wait.key());
            let place = questions.iter().position(|asked| asked.wait() == key);
            let asked = place.map(|place| questions.swap_remove(place));
            let open = Open {
                is_registered: true,
                asked: asked.map(Asked::stored).map(Box::new),
                ..Open::new(wait)
            };
            (call_of(&open.wait), open)
        });
        Self {
            open: open.collect(),
            known: inbox.last().map_or(0, |signal| signal.number),
            inbox,
            closed: over.iter().map(Wait::key).collect(),
            begun,
            ..Self::default()
        }
    }

    /// For the step that follows: nobody waits yet, and what has come is still there.
    pub(super) fn next_step(self) -> Self {
        Self {
            open: BTreeMap::new(),
            closed: Vec::new(),
            asked: BTreeSet::new(),
            withdrawn: Vec::new(),
            begun: BTreeMap::new(),
            ..self
        }
    }

    /// Whether `task` waits.
    pub(super) fn has(&self, task: Digest) -> bool {
        self.of(task).next().is_some()
    }

    /// Those of `task`.
    fn of(&self, task: Digest) -> impl Iterator<Item = (&Call, &Open)> + Clone {
        let own = self.open.range((first_of(task), Bound::Unbounded));
        own.take_while(move |(call, _)| call.task == task)
    }

    fn of_mut(&mut self, task: Digest) -> impl Iterator<Item = (&Call, &mut Open)> {
        let own = self.open.range_mut((first_of(task), Bound::Unbounded));
        own.take_while(move |(call, _)| call.task == task)
    }

    fn calls_of(&self, task: Digest) -> Vec<Call> {
        self.of(task).map(|(call, _)| call.clone()).collect()
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

    /// The questions among them that are open.
    pub(super) fn questions(&self) -> Vec<Question> {
        let asked = self.open.values().filter_map(|open| open.asked.as_ref());
        let open = asked.filter(|asked| asked.question.is_open());
        open.map(|asked| asked.question.clone()).collect()
    }

    /// Those that the store does not have.
    pub(super) fn unasked(&self) -> Vec<Question> {
        let asked = self.open.values().filter_map(|open| open.asked.as_ref());
        let new = asked.filter(|asked| !asked.is_stored);
        new.map(|asked| asked.question.clone()).collect()
    }

    /// The ids of those that nobody is to answer any more.
    pub(super) fn withdrawn(&self) -> Vec<String> {
        self.withdrawn.clone()
    }

    /// Whether one waits for more than a time.
    pub(super) fn has_others_than_times(&self) -> bool {
        let mut waits = self.open.keys();
        waits.any(|call| call.class != EffectClass::Time)
    }

    /// Attempt `by` waits for `call`; returns the record of what it takes, if that is there.
    pub(super) fn want(
        &mut self,
        by: &Cx,
        call: &Call,
        waiting: Waiting<'_>,
    ) -> Option<EffectRecord> {
        let is_other =
            |open: &Open, inquiry| !open.asked.as_ref().is_some_and(|asked| asked.is(inquiry));
        if let Some((open, inquiry)) = self.open.get(call).zip(waiting.asks)
            && is_other(open, inquiry)
        {
            self.close(call);
        }
        let open = self.open.entry(call.clone());
        let open = open.or_insert_with(|| {
            Open::new(Wait {
                n: call.n,
                deadline: waiting.deadline,
                attempt: by.attempt(),
                // Until it is registered, whatever comes was there before it.
                since: clock::far(),
                ..Wait::new(by.step(), call.task, call.class, &*call.name, by.node())
            })
        });
        open.place = Some((waiting.position, waiting.seen));
        if let Some(inquiry) = waiting.asks {
            self.withdrawn.extend(open.ask(by, call, inquiry));
            return self.answered(call);
        }
        let takes = |signal: &Signal| rules::takes(&open.wait, signal);
        let place = self.inbox.iter().position(takes)?;
        let record = open.record(EffectKind::Done, Some(&self.inbox[place]));
        self.take(place);
        self.close(call);
        Some(record)
    }

    /// The record of the answer that `call` takes, if it is there.
    fn answered(&mut self, call: &Call) -> Option<EffectRecord> {
        let open = self.open.get(call)?;
        if !open.has_answer() || self.is_due(open) && mistake!(DefaultOverAnswer) {
            return None;
        }
        let open = self.open.get_mut(call)?;
        let record = open.record(EffectKind::Done, None);
        open.asked = None; // it is answered, and not withdrawn
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
        open.is_some_and(|open| {
            let is_asked = open.asked.as_ref().is_none_or(|asked| asked.is_stored);
            !open.is_registered || !is_asked || self.is_due(open)
        })
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
            && (open.is_registered || open.asked.is_some())
        {
            self.closed.push(open.wait.key());
            (self.withdrawn).extend(open.asked.map(|asked| asked.question.id));
        }
    }

    /// What the store has to be told of `task`, which has these waits pending: the new ones, those
    /// that may be over, and those that nobody waits for any more.
    pub(super) fn news(&mut self, task: Digest) -> News {
        let open = self.of(task).map(|(_, open)| open);
        let new = open.clone().filter(|open| !open.is_registered);
        let waits = new.map(|open| open.wait.clone()).collect();
        let asked = open.clone().filter_map(|open| open.asked.as_ref());
        let asked = asked.filter(|asked| !asked.is_stored);
        let questions = asked.map(|asked| asked.question.clone()).collect();
        let over = open.filter(|open| open.place.is_some() && self.is_due(open));
        let over = over.map(|open| open.record(EffectKind::Elapsed, None));
        let over: Vec<EffectRecord> = over.collect();
        self.asked.extend(over.iter().map(EffectRecord::key));
        // What another task waits for anew is closed by that task, before it registers it.
        let is_open = |key: &&EffectKey| {
            let call = Call::with(key.task, (key.class, key.name.clone(), key.n));
            key.task == task || !self.open.contains_key(&call)
        };
        let others = self.open.values().filter(|open| open.wait.task != task);
        let others = others.filter_map(|open| Some(&open.asked.as_ref()?.question.id));
        let others: Vec<&String> = others.collect();
        let is_withdrawn = |id: &&String| !others.contains(id);
        News {
            waits,
            questions,
            over,
            closed: self.closed.iter().filter(is_open).cloned().collect(),
            withdrawn: self
                .withdrawn
                .iter()
                .filter(is_withdrawn)
                .cloned()
                .collect(),
        }
    }

    /// The store knows what it was told, and says what has come; returns the records that it has
    /// written of waits whose time is over.
    pub(super) fn told(
        &mut self,
        mail: Mail,
        News {
            over,
            closed,
            withdrawn,
            ..
        }: News,
    ) -> Vec<EffectRecord> {
        self.closed.retain(|key| !closed.contains(key));
        for record in &over {
            self.asked.remove(&record.key());
        }
        self.withdrawn.retain(|id| !withdrawn.contains(id));
        for wait in &mail.waits {
            if let Some(open) = self.open.get_mut(&call_of(wait)) {
                open.is_registered = true;
                (open.wait.since, open.wait.deadline) = (wait.since, wait.deadline);
            }
        }
        for question in &mail.questions {
            if let Some(asked) = self.asked(question) {
                (asked.question, asked.is_stored) = (question.clone(), true);
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

    /// The same question, if a task waits for its answer.
    fn asked(&mut self, question: &Question) -> Option<&mut Asked> {
        let key = question.wait()?;
        let call = Call::with(key.task, (key.class, key.name, key.n));
        let asked = self.open.get_mut(&call)?.asked.as_deref_mut()?;
        (asked.question.id == question.id).then_some(asked)
    }

    /// Something has come.
    pub(super) fn receive(&mut self, mail: Mail) {
        for answer in mail.answers.iter().filter(|_| !mistake!(MailLost)) {
            if let Some(asked) = self.asked(answer) {
                asked.question.clone_from(answer);
            }
        }
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
        let answered = self.open.iter().filter(|(_, open)| open.has_answer());
        ready.extend(answered.map(|(call, _)| call.clone()));
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
        let Some((_, first)) = self.of(task).next() else {
            return self.begun.remove(&task).map(|attempt| (attempt, false));
        };
        let attempt = first.wait.attempt;
        let is_left = |(_, open): (&Call, &Open)| open.wait.parked && !open.is_called;
        let rests = self.of(task).all(is_left) && !mistake!(RestlessWaits);
        if !rests {
            self.start(task);
        }
        Some((attempt, rests))
    }

    /// Attempt `by` at `task` stops to wait, with these pending; what else it waited for is closed.
    pub(super) fn stop(&mut self, by: &Cx, task: Digest, pending: &BTreeSet<CallId>) {
        for call in self.calls_of(task) {
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
        for (_, open) in self.of_mut(task) {
            open.wait.parked = false;
            open.place = None;
        }
    }

    /// `task` is done, whatever it still waited for.
    pub(super) fn finish(&mut self, task: Digest) {
        for call in self.calls_of(task) {
            self.close(&call);
        }
    }

    /// All tasks begin anew, and count their attempts from the first.
    pub(super) fn begin_anew(&mut self) {
        for open in self.open.values_mut() {
            (open.wait.parked, open.wait.attempt) = (false, 1);
        }
        self.begun.clear();
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
    fn new(wait: Wait) -> Self {
        Self {
            wait,
            asked: None,
            place: None,
            is_registered: false,
            is_called: false,
            waker: None,
        }
    }

    /// Attempt `by` asks this; returns the id of a question that is asked again under another one.
    fn ask(&mut self, by: &Cx, call: &Call, inquiry: &Inquiry) -> Option<String> {
        match &mut self.asked {
            Some(asked) => asked.ask(by, call, inquiry),
            None => {
                self.asked = Some(Box::new(Asked::by(by, call, inquiry)));
                None
            }
        }
    }

    fn has_answer(&self) -> bool {
        let asked = self.asked.as_ref();
        asked.is_some_and(|asked| asked.question.answer.is_some())
    }

    /// The record of what came, or that its time is over.
    fn record(&self, kind: EffectKind, signal: Option<&Signal>) -> EffectRecord {
        let key = self.wait.key();
        let request = self.asked.as_ref();
        let request = request.map(|asked| Request::of(asked.question.question.clone()));
        let (digest, excerpt) = request.map_or_else(Default::default, |request| {
            (request.digest, request.excerpt)
        });
        let response = match &self.asked {
            Some(asked) => asked.response(kind),
            None => signal.map(|signal| signal.value.clone()),
        };
        EffectRecord {
            class: key.class,
            call: self.place.map(|(position, _)| position),
            seen: self.place.map(|(_, seen)| seen),
            attempt: self.wait.attempt,
            response,
            excerpt,
            signal: signal.map(|signal| signal.number),
            ..EffectRecord::new(key.step, key.task, key.name, key.n, kind, digest)
        }
    }
}
