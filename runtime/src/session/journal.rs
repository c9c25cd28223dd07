//! The journal of an open run: where its tasks' effects are kept, and how their
//! outcomes are written before the tasks see them.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::SystemTime;

use super::effects::OpenEffects;
use super::waits::News;
use crate::cx::{
    Asks, Call, CallId, Cx, EffectJournal, Found, MadeCall, Registered, Request, Stopped, Waiting,
    Wanted, Written,
};
use crate::error::Error;
use crate::hash::Digest;
use crate::store::{EffectRecord, Mail, Recording, Registration, StoreError, StoreFuture};

/// Where the run lives, as its tasks write to it.
pub(crate) trait Ledger: Send + Sync {
    /// See [`Store::journal`](crate::store::Store::journal).
    fn record(&self, recording: Recording) -> StoreFuture<'static, ()>;

    /// See [`Store::register`](crate::store::Store::register).
    fn register(&self, registration: Registration) -> StoreFuture<'static, Mail>;
}

/// See the module; shared by the session and its tasks.
pub(crate) struct RunJournal {
    run: String,
    epoch: u64,
    check: bool,
    open: Mutex<OpenEffects>,
    ledger: Box<dyn Ledger>,
}

impl RunJournal {
    /// The journal of `run`, driven under the lease with `epoch`, whose open step has
    /// these effects and open questions; with `check` new values are checked for the
    /// round trip.
    pub(super) fn new(
        (run, epoch): (&str, u64),
        check: bool,
        open: OpenEffects,
        ledger: Box<dyn Ledger>,
    ) -> Arc<Self> {
        Arc::new(Self {
            run: run.to_owned(),
            epoch,
            check,
            open: Mutex::new(open),
            ledger,
        })
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The effects and questions of the open step; must not be held while anything is written.
    pub(super) fn open(&self) -> MutexGuard<'_, OpenEffects> {
        // Every change is complete in itself.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for attempt `by`, unless it was given up.
    fn open_to(&self, by: &Cx) -> Option<MutexGuard<'_, OpenEffects>> {
        let open = self.open();
        (!by.is_given_up() || mistake!(GivenUpRecords)).then_some(open)
    }

    async fn write_down(&self, effects: Vec<EffectRecord>) -> Result<(), Error> {
        let recording = Recording {
            run: self.run.clone(),
            epoch: self.epoch,
            effects: effects.clone(),
        };
        match self.ledger.record(recording).await {
            Ok(()) => {
                self.open().mark_written(&effects);
                Ok(())
            }
            Err(error) => {
                if matches!(error, StoreError::TooLarge { .. }) {
                    self.open().withdraw(&effects);
                }
                Err(Error::from_store(&self.run, error))
            }
        }
    }

    /// The step is committed: its effects and questions are history.
    pub(super) fn begin_step(&self) {
        self.open().next_step();
    }

    /// What is told to the store about the waits of attempt `by`, and its answer to the waits.
    async fn make_known(
        self: Arc<Self>,
        registration: Registration,
        news: News,
    ) -> Result<(), Error> {
        let effects = registration.effects.clone();
        match self.ledger.register(registration).await {
            Ok(mail) => {
                let mut open = self.open();
                open.mark_written(&effects);
                open.told(mail, news);
                Ok(())
            }
            Err(error) => Err(Error::from_store(&self.run, error)),
        }
    }
}

impl EffectJournal for RunJournal {
    fn find(&self, call: &Call, _position: u32, asks: &Asks<'_>) -> Found {
        self.open().find(call, asks)
    }

    fn passed_over(
        &self,
        task: Digest,
        position: u32,
        asked: &dyn Fn(&str, u64) -> bool,
    ) -> Option<Call> {
        self.open().passed_over(task, position, asked)
    }

    fn clock(&self, call: &Call, _position: u32) -> Option<SystemTime> {
        self.open().clock(call)
    }

    fn write(&self, by: &Cx, records: Vec<EffectRecord>) -> Option<Written<'_>> {
        let due = self.open_to(by)?.record(records);
        if mistake!(RecordedLate) {
            return Some(Box::pin(ready(Ok(()))));
        }
        Some(Box::pin(self.write_down(due)))
    }

    fn note(&self, by: &Cx, record: EffectRecord) {
        if let Some(mut open) = self.open_to(by) {
            open.put(record);
        }
    }

    fn settle(&self, task: Digest, attempt: u32) -> Written<'_> {
        let overdue = self.open().overdue(task, attempt);
        if overdue.is_empty() {
            return Box::pin(ready(Ok(())));
        }
        Box::pin(self.write_down(overdue))
    }

    fn expect(&self, call: Call, ty: &'static str) {
        self.open().expect(call, ty);
    }

    fn ask(&self, by: &Cx, call: &Call, request: &Request, reason: &str) {
        if let Some(mut open) = self.open_to(by) {
            open.ask(self.epoch, call, by.node(), request, reason);
        }
    }

    fn is_empty(&self) -> bool {
        self.open().is_empty()
    }

    fn order(&self, task: Digest) -> Vec<CallId> {
        self.open().order(task)
    }

    fn came(&self, call: &Call, _position: u32, _asks: Option<&Request>) -> Option<EffectRecord> {
        self.open().came(call)
    }

    fn want(&self, by: &Cx, call: &Call, waiting: Waiting<'_>) -> Wanted {
        match self.open_to(by) {
            Some(mut open) => open.want(by, call, waiting),
            None => Wanted::NotYet(false),
        }
    }

    fn attend(&self, call: &Call, waker: &Waker) {
        self.open().waits.attend(call, waker);
    }

    fn register(self: Arc<Self>, by: &Cx) -> Registered {
        let task = by.order_key();
        let (calls, buffered) = by.unrecorded();
        let (registration, news) = {
            let mut open = self.open();
            open.catch_up(task, &calls, buffered);
            let news = open.waits.news(task);
            let told = news.clone();
            let registration = Registration {
                effects: open.unwritten_of(task),
                waits: told.waits,
                closed: told.closed,
                questions: told.questions,
                withdrawn: told.withdrawn,
                over: told.over,
                ..Registration::new(&*self.run, self.epoch, open.waits.known())
            };
            (registration, news)
        };
        Box::pin(self.make_known(registration, news))
    }

    fn flush(&self, by: &Cx) -> Option<Written<'_>> {
        let task = by.order_key();
        if !self.open().has_to_flush(task) {
            return None;
        }
        let (calls, buffered) = by.unrecorded();
        let due = self.open().flush(task, &calls, buffered);
        (!due.is_empty()).then(|| -> Written<'_> { Box::pin(self.write_down(due)) })
    }

    fn rests(&self, task: Digest) -> Option<(u32, bool)> {
        self.open().waits.rests(task)
    }

    fn stop(&self, by: &Cx, stopped: Stopped) {
        let task = by.order_key();
        if let Some(mut open) = self.open_to(by) {
            open.stop(by, task, stopped);
        }
    }

    fn retry(&self, task: Digest) {
        self.open().retry(task);
    }

    fn finish(&self, task: Digest, calls: Vec<MadeCall>, buffered: Vec<EffectRecord>) {
        self.open().finish(task, calls, buffered);
    }

    fn ask_for_unknown(&self, task: Digest, node: &str, reason: &str) -> bool {
        self.open().ask_for_unknown(self.epoch, task, node, reason)
    }

    fn checks_round_trip(&self) -> bool {
        self.check
    }
}
