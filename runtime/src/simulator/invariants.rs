//! What has to hold after every action.
//!
//! The watch knows what the store has really accepted, and nothing of what the
//! owners believe. An owner that has lost its lease and does not know it yet
//! may still start tasks; it can never do anything that lasts. So the rules
//! about starts apply to whoever holds the lease.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use super::nodes::ONCE;
use super::outside::{EffectId, id_of, is_readable};
use super::pauses;
use super::questions::Questions;
use super::reference::{End, Reference};
use super::shelf::RUN;
use super::waits::Signals;
use crate::encode;
use crate::hash::Digest;
use crate::machine::TaskNote;
use crate::mistakes;
use crate::session::{Pauses, journal_digest, refusal};
use crate::store::{
    Access, EffectKey, EffectKind, EffectRecord, Head, Lease, NewSignal, Park, PendingResult,
    Status, StepKind, StepRecord,
};

/// An invariant that did not hold.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) invariant: &'static str,
    pub(super) details: String,
}

#[derive(Debug)]
pub(super) struct Watch {
    reference: Reference,
    /// The steps as they were first seen.
    history: Vec<StepRecord>,
    /// How often each step was committed.
    commits: HashMap<u64, u32>,
    /// The tokens of the turns that began.
    tokens: HashSet<String>,
    /// The last epoch that was handed out.
    epoch: u64,
    /// The tasks of committed steps.
    done: HashSet<Digest>,
    /// The kept results of the open step, with the step that each saw.
    kept: HashMap<Digest, u64>,
    /// Epochs of owners that were told that they have lost the run.
    told: HashSet<u64>,
    /// Where the run is to stop.
    pauses: Pauses,
    /// Under which lease tasks of the open step were started.
    at_work: Option<u64>,
    /// What the store says of the run.
    status: Status,
    /// Whether it said anything but that the run goes on since the open step is open.
    is_stopped: bool,
    /// The successful effects that were journaled.
    recorded: HashMap<EffectId, EffectRecord>,
    /// Calls that must not be repeated and, as far as is known, happened.
    made: HashSet<EffectId>,
    pub(super) signals: Signals,
    pub(super) questions: Questions,
    /// Whether the run has failed since the open step is open: then its tasks begin anew.
    pub(super) has_failed: bool,
    /// Something was written since the last check.
    is_due: bool,
    /// How many kept results were merged together with others that saw a newer state.
    pub(super) older: u64,
    /// Whether there is something that the store does not take.
    pub(super) is_tight: bool,
    /// Which run it watches now.
    run: String,
    first: Option<Violation>,
}

impl Watch {
    pub(super) fn new(reference: Reference, pauses: Pauses) -> Self {
        Self {
            reference,
            history: Vec::new(),
            commits: HashMap::new(),
            tokens: HashSet::new(),
            epoch: 0,
            done: HashSet::new(),
            kept: HashMap::new(),
            told: HashSet::new(),
            pauses,
            at_work: None,
            status: Status::Running,
            is_stopped: false,
            signals: Signals::default(),
            questions: Questions::default(),
            has_failed: false,
            recorded: HashMap::new(),
            made: HashSet::new(),
            is_due: false,
            older: 0,
            is_tight: false,
            run: RUN.to_owned(),
            first: None,
        }
    }

    pub(super) fn report(&mut self, invariant: &'static str, details: impl Into<String>) {
        let details = details.into();
        self.first.get_or_insert(Violation { invariant, details });
    }

    pub(super) fn claim(
        &mut self,
        holds: bool,
        invariant: &'static str,
        details: impl Fn() -> String,
    ) {
        if !holds {
            self.report(invariant, details());
        }
    }

    /// The first invariant that did not hold.
    pub(super) fn verdict(&mut self) -> Result<(), Violation> {
        self.first.take().map_or(Ok(()), Err)
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Somebody has sent a signal.
    pub(super) fn sent(&mut self, signal: &NewSignal) {
        self.signals.send(signal);
    }

    /// How many signals were received.
    pub(super) fn received(&self) -> u64 {
        self.signals.received()
    }

    pub(super) const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The store was asked to write more than a lease or an effect.
    pub(super) const fn wrote(&mut self) {
        self.is_due = true;
    }

    /// Whether the store may have changed since the last check.
    pub(super) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// A lease was handed out.
    pub(super) fn granted(&mut self, epoch: u64) {
        let last = self.epoch;
        self.claim(epoch > last, "epochs only grow", || {
            format!("{epoch} after {last}")
        });
        self.epoch = epoch;
    }

    /// `owner` got the lease at `now`; `before` is what was there.
    pub(super) fn taken(&mut self, before: Option<Lease>, owner: &str, now: SystemTime) {
        let others = before.filter(|lease| lease.owner != owner && lease.expires > now);
        self.claim(others.is_none(), "a live lease is left alone", || {
            format!("{owner} took it from {others:?}")
        });
    }

    /// The store has accepted something under `epoch`.
    fn accepted(&mut self, epoch: u64, what: &str) {
        let last = self.epoch;
        self.claim(epoch == last, "nobody writes with an old epoch", || {
            format!("{what} with {epoch}, the lease has {last}")
        });
    }

    /// The store has written a step, and that the run has this status now.
    pub(super) fn committed(&mut self, (step, status): (u64, Status), access: &Access, lease: u64) {
        self.status = status;
        match access {
            Access::Held { epoch } => self.accepted(*epoch, "a commit"),
            Access::Take(_) => self.granted(lease),
        }
        let times = self.commits.entry(step).or_default();
        *times += 1;
        let once = *times == 1;
        self.claim(once, "each step is committed once", || {
            format!("step {step}")
        });
    }

    /// The store has refused a commit, because its step is there under another key.
    pub(super) fn refused(&mut self, stored: Digest, given: Digest) {
        self.claim(stored != given, "a repeated commit is recognised", || {
            given.to_string()
        });
    }

    /// The store has begun the turn that `token` asks for.
    pub(super) fn turned(&mut self, token: String) {
        let fresh = self.tokens.insert(token.clone());
        self.claim(fresh, "a token begins one turn", || token.clone());
    }

    /// The store has kept these results.
    pub(super) fn parked(&mut self, epoch: u64, results: &[PendingResult]) {
        self.accepted(epoch, "a parked step");
        for result in results {
            let before = self.kept.insert(result.task, result.saw);
            let same = before.is_none_or(|before| before == result.saw);
            self.claim(same, "a kept result stays what it is", || {
                format!("{} of `{}`", result.task, result.node)
            });
        }
    }

    /// The store has written that the run, which has moved no further, has this status now.
    pub(super) fn stands(&mut self, status: Status) {
        // A step that was begun may be given up, wherever it is.
        if status == Status::Paused && self.at_work != Some(self.epoch) {
            let before = self.status;
            let once = before == Status::Running;
            self.claim(once, "a run is stopped once before a step", || {
                format!("it was {before:?}")
            });
            let is_listed = self.is_listed();
            self.claim(is_listed, "a run stops only where it is to", String::new);
        }
        self.status = status;
        self.has_failed |= status == Status::Failed;
        self.is_stopped |= status != Status::Running;
    }

    /// Whether the run is to stop before its open step.
    fn is_listed(&self) -> bool {
        pauses::is_open(&self.pauses.before, self.reference.machine())
    }

    /// An owner left the run with its last write; `lease` is what is there now.
    pub(super) fn left(&mut self, lease: Option<Lease>) {
        self.claim(
            lease.is_none(),
            "whoever leaves gives the lease back",
            || format!("{lease:?}"),
        );
    }

    /// Somebody starts a task under `epoch`.
    pub(super) fn started(&mut self, epoch: u64, task: Digest) {
        let told = self.told.contains(&epoch);
        self.claim(
            !told,
            "an owner that was told it lost the run runs nothing",
            || format!("epoch {epoch}"),
        );
        if epoch != self.epoch {
            return;
        }
        self.at_work = Some(epoch);
        let (done, kept) = (self.done.contains(&task), self.kept.contains_key(&task));
        let passes = self.is_listed() && !self.is_stopped;
        self.claim(!passes, "no run goes past where it is to stop", || {
            task.to_string()
        });
        self.claim(!done, "tasks of committed steps never start again", || {
            task.to_string()
        });
        self.claim(!kept, "tasks with kept results never start again", || {
            task.to_string()
        });
    }

    /// The store has journaled these effects.
    pub(super) fn journaled(&mut self, epoch: u64, effects: &[EffectRecord]) {
        self.accepted(epoch, "a journaled effect");
        for effect in effects {
            if effect.kind == EffectKind::Failed {
                self.made.remove(&id_of(effect));
            }
        }
        let stands = |effect: &&EffectRecord| {
            matches!(effect.kind, EffectKind::Done | EffectKind::Elapsed)
                || refusal(effect).is_some()
        };
        for effect in effects.iter().filter(stands) {
            let before = self.recorded.insert(id_of(effect), effect.clone());
            let same = before.is_none_or(|before| before.response == effect.response);
            self.claim(same, "a recorded effect stays what it is", || {
                format!("{effect:?}")
            });
        }
    }

    /// The store has removed records that no task has got.
    pub(super) fn unheard(&mut self, keys: &[EffectKey]) {
        for key in keys {
            let got = self.recorded.remove(&(key.task, key.name.clone(), key.n));
            let is_wait = got.is_none_or(|record| record.kind == EffectKind::Elapsed);
            self.claim(is_wait, "nothing is removed that somebody has got", || {
                format!("{key:?}")
            });
        }
    }

    /// The owner with that epoch was told that the run is another's by now.
    pub(super) fn told(&mut self, epoch: u64) {
        self.told.insert(epoch);
    }

    /// Somebody calls an effect under `epoch`.
    pub(super) fn called(&mut self, epoch: u64, id: &EffectId) {
        if epoch != self.epoch {
            return;
        }
        let again = self.recorded.contains_key(id);
        self.claim(!again, "recorded effects are never called again", || {
            format!("{id:?}")
        });
        let once = id.1 != ONCE || self.made.insert(id.clone());
        self.claim(once, "what must not be repeated is called once", || {
            format!("{id:?}")
        });
    }

    /// Somebody found out what happened, and said so: `happened` is what the call answered.
    pub(super) fn answered(&mut self, effect: &EffectRecord, happened: Option<u64>) {
        let id = id_of(effect);
        match happened {
            Some(_) => drop(self.recorded.insert(id, effect.clone())),
            None => {
                self.made.remove(&id);
                if refusal(effect).is_some() {
                    self.recorded.insert(id, effect.clone());
                }
            }
        }
    }

    /// A task is tried again, whether or not that is allowed.
    pub(super) fn tried_again(&mut self, task: Digest, may_be: bool) {
        let claim = "a task is tried only as often as allowed";
        self.claim(may_be, claim, || task.to_string());
    }

    /// An owner has left its open step with `park`; `finished` are the tasks whose results
    /// it had, and `status` is the run's status because of the others.
    pub(super) fn left_with(&mut self, park: &Park, finished: &[Digest], status: Option<Status>) {
        let lost = finished.iter().find(|task| !self.kept.contains_key(task));
        // Except for what no store takes.
        let fits = park.results.is_empty() && self.is_tight;
        self.claim(fits || lost.is_none(), "what has finished is kept", || {
            format!("{lost:?} in {park:?}")
        });
        let right = status.is_none_or(|status| status == park.status);
        self.claim(right, "a waiting run is not a failure", || {
            format!("{park:?} is left as {status:?}")
        });
    }

    /// The run continues as a fork, and stands at its first step now, with what `stays` on record
    /// of its open step.
    pub(super) fn branched(&mut self, head: Option<&Head>, stays: &[EffectRecord]) {
        let Some(head) = head else { return };
        self.run.clone_from(&head.run);
        self.epoch = 1;
        (self.status, self.is_stopped) = (head.status, false);
        self.has_failed = false;
        self.signals = Signals::of_fork(head.step);
        self.commits.clear();
        self.tokens.clear();
        self.kept.clear();
        self.at_work = None;
        self.told.clear();
        self.made.clear();
        self.recorded.retain(|_, record| record.step < head.step);
        for record in stays {
            match record.kind {
                EffectKind::Intent => drop(self.made.insert(id_of(record))),
                // Such an answer is asked for once more.
                EffectKind::Answered if !is_readable(record) => {
                    self.made.insert(id_of(record));
                }
                EffectKind::Failed if refusal(record).is_none() => {}
                _ => drop(self.recorded.insert(id_of(record), record.clone())),
            }
        }
        self.is_due = true;
    }

    /// A task gets to see the outcome of an effect.
    pub(super) fn saw(&mut self, id: &EffectId, answer: u64) {
        let record = self
            .recorded
            .get(id)
            .and_then(|record| record.response.as_ref());
        let same = record.is_some_and(|response| *response == answer.to_string());
        self.claim(same, "a task sees nothing that is not recorded", || {
            format!("{id:?}")
        });
    }

    /// Compares what is stored with what was stored before, and what is new
    /// with the reference.
    pub(super) fn look(
        &mut self,
        head: Option<&Head>,
        steps: &[StepRecord],
        effects: &[EffectRecord],
    ) {
        self.is_due = false;
        let pruned = head.map_or(0, |head| head.pruned);
        let is_left = |step: u64| step == 0 || step >= pruned;
        let known = self.history.len() as u64;
        // Some steps of a pruned part stay: forks stand on them.
        let old = steps.partition_point(|record| record.step < known);
        let (old, new) = steps.split_at(old);
        let is_as_it_was = |record: &StepRecord| self.history[record.step as usize] == *record;
        let stays = old.iter().filter(|record| is_left(record.step)).count();
        let all_stay = stays == (0..known).filter(|step| is_left(*step)).count();
        let unchanged = old.iter().all(is_as_it_was) && all_stay;
        self.claim(unchanged, "stored steps never change", || {
            format!("the first {known}, of which those before {pruned} are pruned")
        });
        for (step, record) in (known..).zip(new) {
            self.claim(record.step == step, "steps are contiguous", || {
                format!("{} in the place of {step}", record.step)
            });
            self.follow(record, effects);
            self.history.push(record.clone());
        }
        let at_last = head.map(|head| (head.step, head.chain));
        let last = steps.last().map(|record| (record.step, record.chain));
        self.claim(at_last == last, "the head is the last step", || {
            format!("{at_last:?}, not {last:?}")
        });
        let stored: HashMap<EffectId, &EffectRecord> = effects
            .iter()
            .map(|record| (id_of(record), record))
            .collect();
        let is_gone = |(id, record): &(&EffectId, &EffectRecord)| {
            let stored = stored.get(*id).map(|stored| &stored.response);
            is_left(record.step) && stored != Some(&record.response)
        };
        let gone = self.recorded.iter().find(is_gone);
        let gone = gone.map(|(id, _)| id.clone());
        self.claim(gone.is_none(), "recorded effects stay", || {
            format!("{gone:?}")
        });
        let turns = |record: &&StepRecord| record.kind == StepKind::Turn;
        let turns = self.history.iter().filter(turns).count() as u64;
        let turn = head.map_or(0, |head| head.turn);
        self.claim(turn == turns, "the head counts the turns", || {
            format!("{turns} began, the head says {turn}")
        });
    }

    fn follow(&mut self, record: &StepRecord, effects: &[EffectRecord]) {
        let stops_after = record.kind == StepKind::Step
            && pauses::is_open(&self.pauses.after, self.reference.machine());
        if record.kind == StepKind::Step {
            for key in self.reference.machine().frontier_keys() {
                let fresh = self.done.insert(key);
                self.claim(fresh, "order keys are unique", || key.to_string());
            }
            let older = |saw: &&u64| **saw + 1 < record.step;
            self.older += self.kept.values().filter(older).count() as u64;
            self.check_notes(record);
            let own = effects.iter().filter(|effect| effect.step == record.step);
            let covered = journal_digest(record.notes.as_deref(), own) == record.journal;
            self.claim(covered, "a step's hash covers its effects", || {
                format!("step {}", record.step)
            });
        }
        if record.kind == StepKind::Turn {
            let unknown = effects.iter().find(|effect| {
                let is_kept = self.kept.contains_key(&effect.task);
                // What a fork's origin left behind is the origin's to ask about.
                let is_unknown = effect.kind == EffectKind::Intent && !effect.is_left_behind();
                effect.step == record.step && is_unknown && !is_kept
            });
            self.claim(
                unknown.is_none(),
                "a turn drops no effect of unknown outcome",
                || format!("{unknown:?}"),
            );
            let frontier = self.reference.machine().frontier_keys();
            self.done.extend(frontier);
            let dropped = effects.iter().filter(|effect| effect.step == record.step);
            let covered = journal_digest(None, dropped) == record.journal;
            self.claim(covered, "a turn's hash covers what it dropped", || {
                format!("step {}", record.step)
            });
        }
        let follow = || {
            self.reference
                .follow(&self.run, record, &self.kept, effects)
        };
        if let Err(difference) = mistakes::without(follow) {
            let details = format!("step {}\n{difference}", record.step);
            self.report("every step is the reference's", details);
        }
        self.check_status(record.kind, stops_after);
        if record.kind == StepKind::Update {
            // What the open step has recorded then belongs to the next number.
            let open = self.recorded.values_mut();
            let open = open.filter(|effect| effect.step == record.step);
            open.for_each(|effect| effect.step += 1);
        } else {
            self.kept.clear();
        }
    }

    /// A commit says how the run stands behind it, and stops it only behind a step of its own.
    fn check_status(&mut self, kind: StepKind, stops_after: bool) {
        if kind == StepKind::Update {
            return;
        }
        let stops = kind == StepKind::Step && (stops_after || self.is_listed());
        let machine = self.reference.machine();
        let right = match (machine.is_done(), machine.starved()) {
            (true, None) => Status::Completed,
            (false, _) if stops => Status::Paused,
            _ => Status::Running,
        };
        let said = self.status;
        self.claim(said == right, "a commit says how the run stands", || {
            format!("{said:?}, not {right:?}")
        });
        self.is_stopped = said == Status::Paused;
        self.has_failed = false;
        self.at_work = None;
    }

    /// A replay has to know which tasks of a step saw an older state than the others.
    fn check_notes(&mut self, record: &StepRecord) {
        let keys = self.reference.machine().frontier_keys();
        let saw = |key: &Digest| self.kept.get(key).filter(|saw| **saw + 1 < record.step);
        let older: Vec<_> = keys.iter().map(saw).map(Option::<&u64>::copied).collect();
        let notes = record.notes.as_deref().map(encode::from_str);
        let notes: Vec<TaskNote> = notes.and_then(Result::ok).unwrap_or_default();
        let mut noted = vec![None; keys.len()];
        notes
            .iter()
            .for_each(|note| noted[note.task as usize] = note.saw);
        self.claim(noted == older, "a step says what its tasks saw", || {
            format!("{:?} instead of {older:?}", record.notes)
        });
    }

    /// How the run ended, if it has, and the store says so.
    pub(super) fn end(&self, head: &Head) -> Option<End> {
        if head.step != self.reference.machine().step() {
            return None;
        }
        let end = self.reference.end()?;
        let said = match end.code() {
            None => head.status == Status::Completed,
            Some(code) => head.status == Status::Failed && has_code(head, code),
        };
        said.then_some(end)
    }
}

/// Whether a run failed with the error of that code.
fn has_code(head: &Head, code: &str) -> bool {
    let code = format!("\"code\":\"{code}\"");
    head.error
        .as_deref()
        .is_some_and(|error| error.contains(&code))
}
