//! One owner of the run: a process that takes its lease, loads it, drives it
//! and may die at any moment. Each call of [`Owner::act`] is one atomic action.

use super::bugs::{self, Bug};
use super::effects::{Outcome, Records, next_call};
use super::load::{read_effects, read_kept, restore};
use super::nodes::{Drama, View, further_turn};
use super::open_step::{Attempt, Done, OpenStep, Slot};
use super::reference::{End, end_of, new_machine};
use super::shelf::{RUN, TERM};
use super::world::Stage;
use crate::encode;
use crate::hash::{Digest, Hasher};
use crate::machine::{Machine, Sealed, outside_text, result_text};
use crate::store::{
    Access, Commit, Committed, Creation, EffectRecord, Loaded, Park, PendingResult, Snapshot,
    Status, StepKind, StepRecord, StoreError,
};

pub(super) struct Owner {
    name: String,
    phase: Phase,
}

enum Phase {
    /// Knows nothing of the run.
    Away,
    /// Has the lease, and has not loaded yet.
    Granted(u64),
    Driving(Box<Drive>),
    /// Has loaded and has no lease: nobody gets here but by
    /// [`Bug::LoadedBeforeLease`].
    Looked(Box<Stored>),
}

/// A run as it is stored, and its machine.
type Stored = (Loaded, Machine<Drama>);

/// A run in an owner's memory.
pub(super) struct Drive {
    machine: Machine<Drama>,
    epoch: u64,
    records: Records,
    open: Option<OpenStep>,
    /// What is to be committed.
    sealed: Option<Commit>,
    /// Steps since the last snapshot.
    tail: u64,
}

/// Results and effects of a step that stays open.
type Kept = (Vec<PendingResult>, Vec<EffectRecord>);

impl Owner {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Away,
        }
    }

    /// Dies. What comes after it has the same name, or another.
    pub(super) fn crash(&mut self, stage: &mut Stage) {
        if !matches!(self.phase, Phase::Away) {
            stage.tally.crashes += 1;
        }
        self.phase = Phase::Away;
        if stage.dice.one_in(2) {
            self.name.push('\'');
        }
    }

    pub(super) fn act(&mut self, stage: &mut Stage) {
        let phase = std::mem::replace(&mut self.phase, Phase::Away);
        self.phase = match phase {
            Phase::Away => self.approach(stage),
            Phase::Granted(epoch) => load(stage, epoch),
            Phase::Driving(drive) => drive.act(stage),
            Phase::Looked(stored) => match stage.shelf.acquire(&self.name) {
                Ok(lease) => drive(stage, lease.epoch, *stored),
                Err(_) => Phase::Away,
            },
        };
    }

    fn approach(&self, stage: &mut Stage) -> Phase {
        let Some(head) = stage.shelf.head() else {
            return self.create(stage);
        };
        let ended = head.status.is_final() || head.error.as_deref() == Some(End::NoProgress.code());
        if ended && stage.turns > head.turn {
            return self.begin_turn(stage);
        }
        if head.status.is_final() {
            return Phase::Away;
        }
        if stage.bug == Some(Bug::LoadedBeforeLease) {
            let stored = restore(stage).map(Box::new);
            return stored.map_or(Phase::Away, Phase::Looked);
        }
        let other = head.lease.is_some_and(|lease| lease.owner != self.name);
        match stage.shelf.acquire(&self.name) {
            Ok(lease) => {
                stage.tally.takeovers += u64::from(other);
                Phase::Granted(lease.epoch)
            }
            Err(_) => Phase::Away,
        }
    }

    fn take(&self) -> Access {
        Access::Take {
            owner: self.name.clone(),
            term: TERM,
        }
    }

    fn create(&self, stage: &mut Stage) -> Phase {
        let mut machine = new_machine(&stage.graph, stage.seed, stage.input.clone());
        machine.begin().expect("start leads somewhere");
        let input = encode::to_string(&stage.input).expect("a tale has an encoding");
        let sealed = machine.seal_input(stage.graph.fingerprint, stage.seed, input);
        let sealed = sealed.expect("a tale has an encoding");
        let status = status_of(&mut machine);
        let commit = Commit {
            create: Some(Creation {
                graph: stage.graph.info.name.into(),
                fingerprint: stage.graph.fingerprint,
                version: 1,
                description: stage.graph.canonical.into(),
                seed: stage.seed,
                origin: None,
            }),
            ..step_commit(&machine, sealed, StepKind::Input, status, self.take())
        };
        begin(stage, machine, commit)
    }

    fn begin_turn(&self, stage: &mut Stage) -> Phase {
        let Some((loaded, mut machine)) = restore(stage) else {
            return Phase::Away;
        };
        // Somebody may ask for a turn that has been.
        let turn = stage.dice.within(1, loaded.head.turn + 1);
        let update = further_turn(machine.step() + 1);
        let updates = outside_text(&update).expect("a tale has an encoding");
        machine.next_turn(update).expect("nothing overflows");
        let sealed = machine.seal(&[], updates).expect("a tale has an encoding");
        let status = status_of(&mut machine);
        let commit = Commit {
            token: Some(format!("turn {turn}")),
            ..step_commit(&machine, sealed, StepKind::Turn, status, self.take())
        };
        begin(stage, machine, commit)
    }
}

/// Commits the first step of a run or of a turn, and drives it if it is new.
fn begin(stage: &mut Stage, machine: Machine<Drama>, commit: Commit) -> Phase {
    let done = commit.release;
    match stage.shelf.commit(commit) {
        Ok(Committed::Now(lease)) if !done => Phase::Driving(Box::new(Drive {
            machine,
            epoch: lease.epoch,
            records: Records::new(),
            open: None,
            sealed: None,
            tail: 0,
        })),
        _ => Phase::Away,
    }
}

fn load(stage: &mut Stage, epoch: u64) -> Phase {
    match restore(stage) {
        Some(stored) => drive(stage, epoch, stored),
        None => Phase::Away,
    }
}

/// Goes on with a run as it was loaded.
fn drive(stage: &mut Stage, epoch: u64, (loaded, machine): Stored) -> Phase {
    if loaded.head.status.is_final() {
        let _ = stage.shelf.release(epoch);
        return Phase::Away;
    }
    let kept = read_kept(stage, &loaded.pending);
    let frontier = machine.frontier_keys();
    if let Some(stray) = kept.keys().find(|task| !frontier.contains(task)) {
        let claim = "kept results are those of the open step";
        stage.shelf.watch.report(claim, stray.to_string());
    }
    let open = (!kept.is_empty()).then(|| OpenStep::new(&machine, kept));
    let from = loaded.snapshot.map_or(0, |snapshot| snapshot.step);
    Phase::Driving(Box::new(Drive {
        tail: machine.step() - from,
        machine,
        epoch,
        records: read_effects(stage, loaded.effects),
        open,
        sealed: None,
    }))
}

impl Drive {
    fn act(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        if stage.dice.one_in(12) {
            // When it is lost the next commit says so.
            let _ = stage.shelf.renew(self.epoch);
            return Phase::Driving(self);
        }
        if let Some(commit) = self.sealed.take() {
            return self.commit(stage, commit);
        }
        match end_of(&mut self.machine) {
            None => self.go_on(stage),
            Some(End::Completed) => {
                let claim = "a run without tasks is completed";
                stage
                    .shelf
                    .watch
                    .report(claim, self.machine.step().to_string());
                Phase::Away
            }
            Some(end) => self.park(stage, Kept::default(), end.code()),
        }
    }

    /// One move in the open step: a task starts, or comes to something, or all
    /// have and the step is merged.
    fn go_on(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        let mut open =
            (self.open.take()).unwrap_or_else(|| OpenStep::new(&self.machine, Default::default()));
        let waiting = open
            .waiting()
            .filter(|_| open.running().count() < stage.concurrency);
        let moves = open.running().count() + usize::from(waiting.is_some());
        if moves == 0 {
            return self.close(stage, open);
        }
        let chosen = stage.dice.index(moves);
        let running = open.running().nth(chosen);
        match (running, waiting) {
            (Some(position), _) => {
                if let Err(error) = self.move_task(stage, &mut open, position) {
                    return self.give_up(stage, open, &error);
                }
            }
            (None, Some(position)) => {
                let key = open.keys[position];
                stage.shelf.watch.started(self.epoch, key);
                stage.tally.tasks += 1;
                open.slots[position] = Slot::Running(Attempt::default());
            }
            (None, None) => unreachable!("a move was counted"),
        }
        self.open = Some(open);
        Phase::Driving(self)
    }

    fn move_task(
        &mut self,
        stage: &mut Stage,
        open: &mut OpenStep,
        position: usize,
    ) -> Result<(), StoreError> {
        let Slot::Running(attempt) = &mut open.slots[position] else {
            unreachable!("only what runs is moved");
        };
        let task = &self.machine.frontier()[position];
        let view = View {
            node: task.node,
            key: open.keys[position],
            input: task.input,
            state: self.machine.state(),
            step: self.machine.step() + 1,
        };
        let fails = match view.calls().get(attempt.answers.len()) {
            Some(call) => {
                let known = (self.epoch, &mut self.records);
                match next_call(stage, known, &view, attempt, *call)? {
                    Outcome::GoesOn => return Ok(()),
                    Outcome::Fails => true,
                }
            }
            None => stage.dice.one_in(stage.rates.failures),
        };
        let number = attempt.number + 1;
        open.slots[position] = if !fails {
            open.finished.push(position);
            Slot::Done(Box::new(Done {
                came_to: view.work(&attempt.answers),
                effects: std::mem::take(&mut attempt.effects),
                was_retried: attempt.number > 0,
                is_kept: false,
            }))
        } else if number < stage.attempts {
            stage.tally.retries += 1;
            Slot::Running(Attempt {
                number,
                ..Attempt::default()
            })
        } else {
            Slot::Failed
        };
        Ok(())
    }

    /// The store did not take an effect.
    fn give_up(
        mut self: Box<Self>,
        stage: &mut Stage,
        open: OpenStep,
        error: &StoreError,
    ) -> Phase {
        let unwell = matches!(error, StoreError::Backend { .. });
        if unwell && stage.dice.one_in(2) {
            self.open = Some(open);
            return Phase::Driving(self);
        }
        if unwell {
            let _ = stage.shelf.release(self.epoch);
        } else {
            stage.tally.lost_leases += 1;
        }
        Phase::Away
    }

    fn close(mut self: Box<Self>, stage: &mut Stage, open: OpenStep) -> Phase {
        if !open.has_failed() {
            self.merge(stage, open);
            return Phase::Driving(self);
        }
        let saw = self.machine.step();
        let (mut results, mut effects) = (Vec::new(), Vec::new());
        // What is kept already stands beside the state that it saw.
        let all = stage.bug == Some(Bug::KeptResultParkedAgain);
        for (position, done) in open.done().filter(|(_, done)| all || !done.is_kept) {
            let node = self.machine.frontier()[position].node;
            results.push(PendingResult {
                task: open.keys[position],
                node: stage.graph.info.node_name(node).into(),
                saw,
                result: result_text(&done.came_to).expect("a tale has an encoding"),
            });
            effects.extend(done.effects.iter().cloned());
        }
        self.park(stage, (results, effects), "node_failed")
    }

    fn merge(&mut self, stage: &mut Stage, open: OpenStep) {
        let keys = self.machine.frontier_keys();
        let completion = open.finished.clone();
        let effects = open
            .done()
            .flat_map(|(_, done)| done.effects.clone())
            .collect();
        let retried = open.done().filter(|(_, done)| done.was_retried);
        let retried: Vec<usize> = retried.map(|(position, _)| position).collect();
        let mut finished = open.into_finished();
        let gathered = self.machine.gather(&mut finished);
        let mut gathered = gathered.expect("tales agree where they have to");
        let updates = self.machine.updates_text(gathered.beside(&finished));
        let updates = updates.expect("a tale has an encoding");
        match stage.bug {
            Some(Bug::MergeByCompletion) => {
                bugs::merge_by_completion(&mut gathered, &completion);
            }
            Some(Bug::RetriedTaskMergedTwice) => bugs::merge_again(&mut gathered, &retried),
            _ => {}
        }
        let lone = finished.len() == 1 && stage.bug.is_none();
        let advanced = match finished.first_mut() {
            Some(Some(done)) if lone => {
                done.update = gathered.updates.pop();
                self.machine.advance_one(done)
            }
            _ => self.machine.advance(gathered, finished),
        };
        advanced.expect("nothing overflows");
        if stage.bug == Some(Bug::FrontierByCompletion) {
            bugs::frontier_by_completion(&mut self.machine, &keys, &completion);
        }
        let status = status_of(&mut self.machine);
        let sealed = self
            .machine
            .seal(&keys, updates)
            .expect("a tale has an encoding");
        self.tail += 1;
        let due = self.tail >= stage.snapshot_every;
        let snapshot = due.then(|| snapshot(&self.machine));
        self.tail = if due { 0 } else { self.tail };
        let access = Access::Held { epoch: self.epoch };
        self.records.clear();
        self.sealed = Some(Commit {
            snapshot,
            effects,
            ..step_commit(&self.machine, sealed, StepKind::Step, status, access)
        });
    }

    fn commit(mut self: Box<Self>, stage: &mut Stage, commit: Commit) -> Phase {
        let is_final = commit.release;
        match stage.shelf.commit(commit.clone()) {
            Ok(Committed::Now(_) | Committed::Already) => {
                self.compare_with_stored(stage);
                if is_final {
                    Phase::Away
                } else {
                    Phase::Driving(self)
                }
            }
            // Nobody knows whether it happened.
            Err(StoreError::Backend { .. }) if stage.dice.one_in(2) => {
                stage.tally.committed_again += 1;
                let step = stage.shelf.head().map(|head| head.step);
                let is_stored = step == Some(commit.record.step);
                self.sealed = Some(match stage.bug.filter(|_| is_stored) {
                    Some(Bug::StepRewritten) => bugs::under_another_key(commit),
                    _ => commit,
                });
                Phase::Driving(self)
            }
            Err(StoreError::Backend { .. }) => {
                let _ = stage.shelf.release(self.epoch);
                Phase::Away
            }
            Err(_) => {
                stage.tally.lost_leases += 1;
                Phase::Away
            }
            Ok(Committed::TokenSpent) => {
                stage
                    .shelf
                    .watch
                    .report("only turns have tokens", "a step's was spent");
                Phase::Away
            }
        }
    }

    /// What was acknowledged is stored, and comes back as what it was.
    fn compare_with_stored(&self, stage: &mut Stage) {
        let Some((loaded, restored)) = restore(stage) else {
            return;
        };
        if loaded.head.step > self.machine.step() {
            return; // somebody else is further by now
        }
        let texts = [&restored, &self.machine].map(|machine| {
            let state = encode::to_string(&**machine.state()).expect("a tale has an encoding");
            let frontier = machine.frontier_text().expect("a tale has an encoding");
            format!(
                "step {}\n{}\n{state}\n{frontier}",
                machine.step(),
                machine.chain()
            )
        });
        if texts[0] != texts[1] || restored.state() != self.machine.state() {
            let details = format!("restored: {}\nin memory: {}", texts[0], texts[1]);
            stage
                .shelf
                .watch
                .report("what was acknowledged comes back as it was", details);
        }
    }

    fn park(self: Box<Self>, stage: &mut Stage, (results, effects): Kept, error: &str) -> Phase {
        stage.tally.parked += 1;
        stage.tally.kept += results.len() as u64;
        let park = Park {
            run: RUN.into(),
            epoch: self.epoch,
            status: Status::Failed,
            error: Some(error.into()),
            results,
            effects,
            questions: Vec::new(),
        };
        // If the store is unwell the lease lapses and the tasks run again.
        let _ = stage.shelf.park(park);
        Phase::Away
    }
}

fn status_of(machine: &mut Machine<Drama>) -> Status {
    match end_of(machine) {
        Some(End::Completed) => Status::Completed,
        _ => Status::Running,
    }
}

fn snapshot(machine: &Machine<Drama>) -> Snapshot {
    let state = encode::to_string(&**machine.state()).expect("a tale has an encoding");
    Snapshot {
        step: machine.step(),
        digest: snapshot_digest(&state),
        state,
    }
}

pub(super) fn snapshot_digest(state: &str) -> Digest {
    Hasher::new().part(state).finish()
}

/// The commit of the step that `machine` has just sealed.
pub(super) fn step_commit(
    machine: &Machine<Drama>,
    sealed: Sealed,
    kind: StepKind,
    status: Status,
    access: Access,
) -> Commit {
    Commit {
        run: RUN.into(),
        create: None,
        access,
        release: status.is_final(),
        previous: sealed.previous,
        record: StepRecord {
            step: machine.step(),
            kind,
            version: 1,
            updates: sealed.updates,
            frontier: sealed.frontier,
            chain: sealed.chain,
            digest: sealed.digest,
            key: sealed.key,
            notes: None,
            journal: None,
            committed: std::time::SystemTime::UNIX_EPOCH,
        },
        snapshot: None,
        status,
        turn: machine.turn(),
        turn_step: machine.turn_step(),
        token: None,
        effects: Vec::new(),
        events: Vec::new(),
    }
}
