//! The journal of a driven run: the effects of its open step, and the store that
//! they are written to under its lease.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::cx::{Call, Cx, EffectJournal, Found, MadeCall, Request, Written};
use crate::error::Error;
use crate::hash::Digest;
use crate::session::OpenEffects;
use crate::store::{EffectRecord, Journal, Question, Store, StoreError};

/// Records the effects of a run in its store, under its lease.
pub(super) struct LiveJournal {
    store: Arc<dyn Store>,
    run: String,
    epoch: u64,
    check: bool,
    open: Mutex<OpenEffects>,
}

impl LiveJournal {
    /// The journal of a run whose open step has these effects and open questions.
    pub(super) fn new(
        store: &Arc<dyn Store>,
        run: &str,
        epoch: u64,
        check: bool,
        open: OpenEffects,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            epoch,
            check,
            open: Mutex::new(open),
        })
    }

    /// The effects and questions of the open step; not to be held while the store is called.
    pub(super) fn open(&self) -> MutexGuard<'_, OpenEffects> {
        // Every change is complete in itself.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for attempt `by`, unless it was given up.
    fn open_to(&self, by: &Cx) -> Option<MutexGuard<'_, OpenEffects>> {
        let open = self.open();
        (!by.is_given_up()).then_some(open)
    }

    async fn write_down(&self, effects: Vec<EffectRecord>) -> Result<(), Error> {
        let journal = Journal {
            run: self.run.clone(),
            epoch: self.epoch,
            effects: effects.clone(),
        };
        match self.store.journal(journal).await {
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
        *self.open() = OpenEffects::default();
    }

    /// The open questions, old and new, by id.
    pub(super) fn questions(&self) -> Vec<Question> {
        self.open().questions()
    }
}

impl EffectJournal for LiveJournal {
    fn find(&self, call: &Call, _position: u32, request: &Request) -> Found {
        self.open().find(call, request)
    }

    fn clock(&self, call: &Call, _position: u32) -> Option<SystemTime> {
        self.open().clock(call)
    }

    fn write(&self, by: &Cx, records: Vec<EffectRecord>) -> Option<Written<'_>> {
        let due = self.open_to(by)?.record(records);
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

    fn ask(&self, by: &Cx, call: &Call, request: &Request, reason: &str) {
        if let Some(mut open) = self.open_to(by) {
            open.ask(self.epoch, call, by.node(), request, reason);
        }
    }

    fn is_empty(&self) -> bool {
        self.open().is_empty()
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
