//! What has to hold of signals and waits.

use std::collections::BTreeMap;

use super::desk::Got;
use super::invariants::Watch;
use super::world::Stage;
use crate::cx::Cx;
use crate::store::{
    EffectClass, EffectKey, EffectKind, EffectRecord, NewSignal, Signal, Status, Wait, rules,
};

/// The signals of the run that is watched.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// What was sent, by the id.
    sent: BTreeMap<String, (String, String)>,
    /// Up to which step they were another run's: that of a fork's origin.
    since: u64,
    /// By their numbers: where each was received, and its name.
    received: BTreeMap<u64, (EffectKey, String)>,
}

impl Signals {
    /// Whether a signal with that name was ever sent.
    fn has(&self, name: &str) -> bool {
        self.sent.values().any(|(sent, _)| sent == name)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.len() as u64
    }

    /// Those of a fork whose own first step is that.
    pub(super) fn of_fork(step: u64) -> Self {
        Self {
            since: step,
            ..Self::default()
        }
    }

    /// The first signal with that id counts.
    pub(super) fn send(&mut self, signal: &NewSignal) {
        let content = (signal.name.clone(), signal.value.clone());
        self.sent.entry(signal.id.clone()).or_insert(content);
    }
}

impl Watch {
    /// Compares the records of received signals, and the mailbox, with what was sent.
    pub(super) fn look_at_signals(
        &mut self,
        effects: &[EffectRecord],
        mailbox: &[Signal],
        stuck: &[String],
    ) {
        self.claim(stuck.is_empty(), "nothing is stuck", || {
            format!("{stuck:?}")
        });
        let since = self.signals.since;
        let own = effects.iter().filter(|record| record.step > since);
        let received = own.filter_map(|record| Some((record.signal?, record)));
        for (number, record) in received {
            // A correction moves the open step.
            let place = |key: &EffectKey| (key.task, key.class, key.name.clone(), key.n);
            let key = record.key();
            let first = (self.signals.received).entry(number);
            let first = first.or_insert_with(|| (key.clone(), record.name.clone()));
            let is_once = place(&first.0) == place(&key);
            first.0.step = key.step;
            self.claim(is_once, "a signal is received once", || {
                format!("{record:?}")
            });
        }
        let in_order = |name: &str| {
            let own = self
                .signals
                .received
                .values()
                .filter(|(_, own)| own == name);
            own.map(|(key, _)| key.step).is_sorted()
        };
        let is_sorted = super::nodes::SIGNALS.iter().all(|name| in_order(name));
        self.claim(is_sorted, "signals are received in order", String::new);
        let again = mailbox
            .iter()
            .find(|signal| self.signals.received.contains_key(&signal.number));
        let again = again.cloned();
        self.claim(
            again.is_none(),
            "what is received is not there any more",
            || format!("{again:?}"),
        );
        let (sent, kept) = (self.signals.sent.len(), mailbox.len());
        let kept = kept + self.signals.received.len();
        self.claim(kept == sent, "no signal is lost", || {
            format!("{sent} were sent, {kept} are there or were received")
        });
    }
}

impl Stage {
    /// The owner with that epoch starts a task.
    pub(super) fn starts(&mut self, epoch: u64, cx: &Cx) {
        let Some(loaded) = self
            .shelf
            .load()
            .filter(|_| epoch == self.shelf.watch.epoch())
        else {
            return;
        };
        let (task, now) = (cx.order_key(), self.shelf.now());
        let mut own = loaded
            .waits
            .iter()
            .filter(|wait| wait.task == task)
            .peekable();
        let waits = own.peek().is_some();
        let come = rules::Come {
            signals: &loaded.signals,
            questions: &loaded.answers,
        };
        let is_ready = |wait: &_| rules::is_ready(wait, now, come);
        // Whoever resumes a failed run has its tasks tried again.
        let has_failed = loaded.head.status == Status::Failed;
        // One that came may have been received by a task that runs.
        let watch = &self.shelf.watch;
        let has_come = |wait: &Wait| match wait.class {
            EffectClass::Question => watch.questions.has(wait.task, &wait.name),
            _ => watch.signals.has(&wait.name),
        };
        let may_start =
            has_failed || own.any(|wait| !wait.parked || is_ready(wait) || has_come(wait));
        self.shelf.watch.claim(
            may_start || !waits,
            "a task that waits starts again only for what has come",
            || format!("{:?}", loaded.waits),
        );
    }

    /// A node got this from a wait, in an attempt of the owner with that epoch.
    pub(super) fn got(&mut self, epoch: u64, cx: &Cx, (key, _): &Got) {
        let may_be_of_a_race = key.class == EffectClass::Signal && key.n == 0;
        let is_current = epoch == self.shelf.watch.epoch() && !self.shelf.watch.has_failed;
        if !may_be_of_a_race || !is_current {
            return;
        }
        let effects = self.shelf.effects();
        // The other signal of the race: if this attempt has it on record, it took that.
        let is_other = |record: &&EffectRecord| {
            record.task == key.task
                && record.class == EffectClass::Signal
                && (record.n, key.n) == (0, 0)
                && record.name != key.name
                && record.kind == EffectKind::Done
                && record.seen.is_some()
                && record.attempt == cx.attempt()
        };
        let other = effects.iter().find(is_other);
        self.shelf.watch.claim(
            other.is_none(),
            "a task that starts again takes the branch that it took",
            || format!("{key:?}, and not {other:?}"),
        );
    }

    /// A task that has received this calls the outside world.
    pub(super) fn calls_with(&mut self, epoch: u64, got: &[Got]) {
        if epoch != self.shelf.watch.epoch() || got.is_empty() {
            return;
        }
        let effects = self.shelf.effects();
        let is_recorded = |(key, value): &&Got| {
            let record = effects.iter().find(|record| {
                let other = record.key();
                (other.task, other.class, &other.name, other.n)
                    == (key.task, key.class, &key.name, key.n)
            });
            record.is_some_and(|record| record.response == value.map(|value| value.to_string()))
        };
        let unrecorded = got.iter().find(|got| !is_recorded(got));
        self.shelf.watch.claim(
            unrecorded.is_none(),
            "what was received is on record before anybody outside can know",
            || format!("{unrecorded:?}"),
        );
    }
}
