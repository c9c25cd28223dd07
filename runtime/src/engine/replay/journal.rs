//! The effects on record, in place of the outside world.

use std::collections::{HashMap, HashSet};
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cx::{
    Asks, Call, CallId, Cx, EffectJournal, Found, MadeCall, Registered, Request, Waiting, Wanted,
    Written, recorded_time,
};
use crate::hash::Digest;
use crate::session::in_order;
use crate::store::{EffectClass, EffectKind, EffectRecord};

/// All effects of a run; watches one task after the other.
pub(super) struct RecordedJournal {
    effects: HashMap<Call, EffectRecord>,
    /// What each task called, in order.
    calls: HashMap<Digest, Vec<Call>>,
    watch: Mutex<Watch>,
}

/// What the task that runs now did.
#[derive(Default)]
struct Watch {
    called: HashSet<Call>,
    drift: Option<Drift>,
    /// A call without a record: the task may continue without it.
    unrecorded: Option<Drift>,
}

/// What differs from the record.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) found: String,
}

impl RecordedJournal {
    pub(super) fn new(records: &[EffectRecord]) -> Arc<Self> {
        let mut calls: HashMap<Digest, Vec<&EffectRecord>> = HashMap::new();
        for record in records.iter().filter(|record| record.call.is_some()) {
            calls.entry(record.task).or_default().push(record);
        }
        let in_order = |mut records: Vec<&EffectRecord>| {
            records.sort_by_key(|record| record.call);
            records.into_iter().map(Call::of).collect()
        };
        Arc::new(Self {
            effects: records
                .iter()
                .map(|record| (Call::of(record), record.clone()))
                .collect(),
            calls: calls
                .into_iter()
                .map(|(task, records)| (task, in_order(records)))
                .collect(),
            watch: Mutex::default(),
        })
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task begins.
    pub(super) fn begin_task(&self) {
        *self.watch() = Watch::default();
    }

    /// What the task did differently.
    pub(super) fn drift(&self) -> Option<Drift> {
        self.watch().drift.clone()
    }

    /// What the task waits for in vain.
    pub(super) fn unrecorded(&self) -> Option<Drift> {
        self.watch().unrecorded.clone()
    }

    /// What the task has on record and did not call.
    pub(super) fn uncalled(&self, task: Digest) -> Option<Drift> {
        let watch = self.watch();
        let calls = self.calls.get(&task)?;
        let forgotten = calls.iter().find(|call| !watch.called.contains(*call))?;
        let record = self.effects.get(forgotten)?;
        Some(Drift {
            what: "the effects".into(),
            expected: described(forgotten, &record.excerpt),
            found: "no such call".into(),
        })
    }

    /// The record of a call of the attempt that finished the task.
    fn record(&self, call: &Call) -> Option<&EffectRecord> {
        let record = self.effects.get(call)?;
        record.call.is_some().then_some(record)
    }

    /// Compares the call's place with the recorded one.
    fn is_in_order(&self, watch: &mut Watch, record: &EffectRecord, position: u32) -> bool {
        if record.call == Some(position) {
            return true;
        }
        let there = self.calls.get(&record.task).and_then(|calls| {
            calls.iter().find(|call| {
                self.effects
                    .get(*call)
                    .is_some_and(|record| record.call == Some(position))
            })
        });
        let expected = match there {
            Some(call) => described(call, ""),
            None => format!("no call {position}"),
        };
        watch.drift.get_or_insert(Drift {
            what: "the order of the effects".into(),
            expected,
            found: described(&Call::of(record), ""),
        });
        false
    }
}

/// Compares what a call asks with what is on record.
fn asks_the_same(watch: &mut Watch, record: &EffectRecord, request: &Request) -> bool {
    if record.request == request.digest {
        return true;
    }
    // The difference may come after the part that is kept for people.
    let is_cut = record.excerpt == request.excerpt;
    let shown = |excerpt: &str, digest: Digest| match is_cut {
        true => format!("{digest} (SHA-256; it begins alike)"),
        false => excerpt.to_owned(),
    };
    let call = described(&Call::of(record), "");
    watch.drift.get_or_insert(Drift {
        what: match record.class {
            EffectClass::Question => call,
            _ => format!("the request of {call}"),
        },
        expected: shown(&record.excerpt, record.request),
        found: shown(&request.excerpt, request.digest),
    });
    false
}

fn described(call: &Call, request: &str) -> String {
    let Call { class, name, n, .. } = call;
    match (class, name.as_str(), request) {
        (EffectClass::Signal, name, _) => format!("signal `{name}` (wait {n})"),
        (EffectClass::Question, name, "") => format!("question `{name}`"),
        (EffectClass::Question, name, request) => format!("question `{name}`, {request}"),
        (EffectClass::Time, ..) => format!("`sleep` (wait {n})"),
        (_, "", _) => format!("`now()` (call {n})"),
        (_, name, "") => format!("effect `{name}` (call {n})"),
        (_, name, request) => format!("effect `{name}` (call {n}) for {request}"),
    }
}

impl EffectJournal for RecordedJournal {
    fn find(&self, call: &Call, position: u32, asks: &Asks<'_>) -> Found {
        let Asks { request, reads, .. } = *asks;
        let mut watch = self.watch();
        let Some(record) = self.record(call) else {
            watch.unrecorded.get_or_insert(Drift {
                what: "the effects".into(),
                expected: "no such call".into(),
                found: described(call, &request.excerpt),
            });
            return Found::Never;
        };
        watch.called.insert(call.clone());
        if !self.is_in_order(&mut watch, record, position) {
            return Found::Never;
        }
        if !asks_the_same(&mut watch, record, request) {
            return Found::Never;
        }
        let response = record.response.clone().unwrap_or_default();
        match record.kind {
            EffectKind::Done => Found::Response(response),
            EffectKind::Answered => Found::answered(response, reads),
            EffectKind::Failed => Found::Failure(record.error.clone().unwrap_or_default()),
            // It was under way when the task continued without it.
            EffectKind::Intent | EffectKind::Clock | EffectKind::Elapsed => Found::Never,
        }
    }

    fn order(&self, task: Digest) -> Vec<CallId> {
        let calls = self.calls.get(&task).into_iter().flatten();
        in_order(calls.filter_map(|call| self.effects.get(call)))
    }

    fn came(&self, call: &Call, position: u32, asks: Option<&Request>) -> Option<EffectRecord> {
        let mut watch = self.watch();
        let record = self.record(call)?;
        watch.called.insert(call.clone());
        // That nobody answered says the same of any question.
        let asks = asks.filter(|_| record.kind == EffectKind::Done);
        let is_it = self.is_in_order(&mut watch, record, position)
            && asks.is_none_or(|asks| asks_the_same(&mut watch, record, asks));
        is_it.then(|| record.clone())
    }

    /// A wait without a record: the task may go on without it.
    fn want(&self, _by: &Cx, call: &Call, _waiting: Waiting<'_>) -> Wanted {
        self.watch().unrecorded.get_or_insert(Drift {
            what: "the effects".into(),
            expected: "no such call".into(),
            found: described(call, ""),
        });
        Wanted::NotYet(false)
    }

    fn register(self: Arc<Self>, _by: &Cx) -> Registered {
        Box::pin(ready(Ok(())))
    }

    fn clock(&self, call: &Call, position: u32) -> Option<SystemTime> {
        let mut watch = self.watch();
        // The node cannot be kept waiting for it; after a difference, what it
        // reads no longer matters.
        let never = Some(UNIX_EPOCH);
        let Some(record) = self.record(call) else {
            watch.drift.get_or_insert(Drift {
                what: "the effects".into(),
                expected: "no such call".into(),
                found: described(call, ""),
            });
            return never;
        };
        watch.called.insert(call.clone());
        if !self.is_in_order(&mut watch, record, position) {
            return never;
        }
        recorded_time(record).or(never)
    }

    /// Nothing happens in a replay.
    fn write(&self, _by: &Cx, _records: Vec<EffectRecord>) -> Option<Written<'_>> {
        Some(Box::pin(ready(Ok(()))))
    }

    /// A recorded answer no longer decodes.
    fn ask(&self, _by: &Cx, call: &Call, _request: &Request, reason: &str) {
        let recorded = self
            .record(call)
            .and_then(|record| record.response.clone())
            .unwrap_or_default();
        self.watch().drift.get_or_insert(Drift {
            what: format!("the answer about {}", described(call, "")),
            expected: recorded,
            found: reason.to_owned(),
        });
    }

    fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }

    fn finish(&self, _task: Digest, _calls: Vec<MadeCall>, _buffered: Vec<EffectRecord>) {}

    fn ask_for_unknown(&self, _task: Digest, _node: &str, _reason: &str) -> bool {
        false
    }

    fn checks_round_trip(&self) -> bool {
        false
    }
}
