//! One owner of the run: a process that takes its lease, loads it, drives it
//! and may die at any moment. Each call of [`Owner::act`] is one atomic action.

use super::bugs::Bug;
use super::drive::{Drive, rules as rules_of};
use super::reference::new_machine;
use super::shelf::TERM;
use super::stored::{Stored, readable, restore};
use super::tale::further_turn;
use super::world::Stage;
use crate::encode;
use crate::machine::Machine;
use crate::session::{self, Found, LeftOpen, OutsideStep, Recent, Tail, leaves_a_step_open};
use crate::store::{Access, Claim, Committed, Creation, Head, Status, rules};

pub(super) struct Owner {
    name: String,
    phase: Phase,
    recent: Recent,
}

/// What an owner knows of the run.
pub(super) enum Phase {
    /// Knows nothing of the run.
    Away,
    /// Has the lease, and has not loaded yet.
    Granted(u64),
    Driving(Box<Drive>),
    /// Has driven it to its end.
    Done(Box<(Machine, Tail)>),
    /// Has the lease of a run that failed, to begin a turn on it.
    Turning(u64),
    /// Is about to commit the first step of the run or of a turn.
    Begins(Box<OutsideStep>),
    /// Has loaded and has no lease: only [`Bug::LoadedBeforeLease`]
    /// leads here.
    Looked(Box<Stored>),
}

impl Owner {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            phase: Phase::Away,
            recent: Recent::new(),
        }
    }

    pub(super) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Dies. Its successor has the same name, or another.
    pub(super) fn crash(&mut self, stage: &mut Stage) {
        if !matches!(self.phase, Phase::Away) {
            stage.tally.crashes += 1;
        }
        self.phase = Phase::Away;
        self.recent = Recent::new();
        if stage.dice.one_in(2) {
            self.name.push('\'');
        }
    }

    /// The run that it knew is no longer of interest.
    pub(super) fn leave(&mut self) {
        self.phase = Phase::Away;
    }

    pub(super) fn act(&mut self, stage: &mut Stage) {
        let phase = std::mem::replace(&mut self.phase, Phase::Away);
        self.phase = match phase {
            Phase::Away => self.approach(stage),
            Phase::Granted(epoch) => load(stage, epoch),
            Phase::Driving(drive) => drive.act(stage),
            Phase::Done(done) => {
                let (machine, tail) = *done;
                self.recent.put(machine, tail);
                Phase::Away
            }
            Phase::Turning(epoch) => turn_held(stage, epoch).unwrap_or_else(|| {
                let _ = stage.shelf.release(epoch);
                Phase::Away
            }),
            Phase::Begins(step) => begin(stage, *step),
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
        let has_turns = stage.turns > head.turn;
        if head.status.is_final() {
            let turn = has_turns.then(|| self.turn_at_rest(stage, head)).flatten();
            return turn.unwrap_or(Phase::Away);
        }
        // What failed by chance may be resumed as well; what reached an end may not.
        let is_over = stage.shelf.watch.end(&head).is_some();
        let resumes = !is_over && stage.dice.one_in(2);
        if head.status == Status::Failed && has_turns && !resumes {
            return self.approach_turn(stage);
        }
        if is_over {
            return Phase::Away;
        }
        // Whoever serves takes up what has woken; now and then somebody is impatient.
        let sleeps = rules::can_wake(head.status)
            && head.wakes.is_none_or(|wakes| wakes > stage.shelf.now());
        if sleeps && !stage.dice.one_in(stage.rates.impatient) {
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
        Access::Take(Claim::new(&*self.name, TERM))
    }

    fn create(&self, stage: &mut Stage) -> Phase {
        let machine = new_machine(
            &stage.graph,
            stage.shelf.run(),
            stage.seed,
            stage.input.clone(),
        );
        let input = encode::to_string(&stage.input).expect("a tale has an encoding");
        let create = creation(stage);
        let step = session::input(machine, input, create, self.take(), &rules_of(stage));
        let step = readable(stage, step).map(Box::new);
        step.map_or(Phase::Away, Phase::Begins)
    }

    /// A further turn on a run that has ended, from memory if it is there.
    fn turn_at_rest(&self, stage: &mut Stage, head: Head) -> Option<Phase> {
        let recent = self.recent.take(&head.run, head.chain);
        let (head, machine, tail) = match recent {
            Some((machine, tail)) => {
                stage.tally.recent += 1;
                (head, machine, tail)
            }
            None => {
                let stored = restore(stage)?;
                (stored.loaded.head, stored.machine, stored.tail)
            }
        };
        if leaves_a_step_open(head.status) {
            return None;
        }
        turn(stage, Found::at_rest(head, machine, tail), self.take())
    }

    /// The lease comes before reading the step that is to be dropped: else
    /// somebody could still journal an effect there.
    fn approach_turn(&self, stage: &mut Stage) -> Phase {
        if stage.bug == Some(Bug::TurnWithoutLease) {
            let found = find(stage);
            let turn = found.and_then(|found| turn(stage, found, self.take()));
            return turn.unwrap_or(Phase::Away);
        }
        match stage.shelf.acquire(&self.name) {
            Ok(lease) => Phase::Turning(lease.epoch),
            Err(_) => Phase::Away,
        }
    }
}

pub(super) fn creation(stage: &Stage) -> Creation {
    Creation {
        graph: stage.graph.info.name.into(),
        fingerprint: stage.graph.fingerprint,
        version: stage.graph.info.version,
        description: stage.graph.canonical.into(),
        seed: stage.seed,
        origin: None,
    }
}

/// The run with its open step.
fn find(stage: &mut Stage) -> Option<Found> {
    let Stored {
        loaded,
        machine,
        tail,
        ..
    } = restore(stage)?;
    readable(stage, Found::held(loaded, machine, tail))
}

/// A further turn on a run that is held; unknown outcomes are asked about first.
fn turn_held(stage: &mut Stage, epoch: u64) -> Option<Phase> {
    let found = find(stage)?;
    if let Some(asking) = found.takes_turn().then(|| found.to_ask(epoch)).flatten() {
        if !asking.questions.is_empty() {
            stage.tally.asked += asking.questions.len() as u64;
            stage.shelf.park(asking).ok()?;
            return Some(Phase::Away);
        }
        return None;
    }
    turn(stage, found, Access::Held { epoch })
}

/// A further turn on the run as it is, if nobody drives it.
fn turn(stage: &mut Stage, found: Found, access: Access) -> Option<Phase> {
    if !found.takes_turn() {
        return None;
    }
    // Somebody may ask for a turn that is over.
    let turn = stage.dice.within(1, found.head.turn + 1);
    let token = Some(format!("turn {turn}"));
    let update = further_turn(found.machine.step() + 1);
    let step = found.turn(update, token.clone(), access, &rules_of(stage));
    let step = readable(stage, step)?;
    if step.commit.token != token {
        let claim = "a turn has the token of its request";
        stage.shelf.watch.report(claim, format!("{token:?}"));
    }
    Some(Phase::Begins(Box::new(step)))
}

/// Commits the first step of a run or of a turn, and drives it if it is new.
fn begin(stage: &mut Stage, step: OutsideStep) -> Phase {
    let OutsideStep {
        machine,
        tail,
        commit,
    } = step;
    let access = commit.access.clone();
    let left = LeftOpen::nothing(commit.record.frontier.clone());
    match stage.shelf.commit(commit) {
        Ok(Committed::Now(lease)) => Drive::begin(stage, machine, lease.epoch, tail, left),
        _ => {
            if let Access::Held { epoch } = access {
                let _ = stage.shelf.release(epoch);
            }
            Phase::Away
        }
    }
}

fn load(stage: &mut Stage, epoch: u64) -> Phase {
    match restore(stage) {
        Some(stored) => drive(stage, epoch, stored),
        None => Phase::Away,
    }
}

/// Continues a run as it was loaded.
fn drive(stage: &mut Stage, epoch: u64, stored: Stored) -> Phase {
    let Stored {
        loaded,
        graphs,
        machine,
        tail,
    } = stored;
    if loaded.head.status.is_final() {
        let _ = stage.shelf.release(epoch);
        return Phase::Away;
    }
    let left = LeftOpen::of(machine.program(), loaded, &graphs);
    let Some(left) = readable(stage, left) else {
        return Phase::Away;
    };
    let frontier = machine.frontier_keys();
    if let Some(stray) = left.finished().find(|task| !frontier.contains(task)) {
        let claim = "kept results are those of the open step";
        stage.shelf.watch.report(claim, stray.to_string());
    }
    Drive::begin(stage, machine, epoch, tail, left)
}
