//! One owner of the run: a process that takes its lease, loads it, drives it
//! and may die at any moment. Each call of [`Owner::act`] is one atomic action.

use super::bugs::Bug;
use super::commit::status_of;
use super::drama::Drama;
use super::drive::{Drive, failed_by_chance};
use super::load::{Stored, read_kept, restore};
use super::open_step::OpenStep;
use super::reference::new_machine;
use super::shelf::TERM;
use super::tale::further_turn;
use super::world::Stage;
use crate::encode;
use crate::machine::{Machine, outside_text};
use crate::session::{OpenEffects, SnapshotRule, Tail, journal_digest, step_commit};
use crate::store::{Access, Claim, Commit, Committed, Creation, Status, StepKind};

pub(super) struct Owner {
    name: String,
    phase: Phase,
}

/// What an owner has of the run.
pub(super) enum Phase {
    /// Knows nothing of the run.
    Away,
    /// Has the lease, and has not loaded yet.
    Granted(u64),
    Driving(Box<Drive>),
    /// Has the lease of a run that failed, to begin a turn on it.
    Turning(u64),
    /// Is about to commit that turn.
    Turned(Box<(Machine<Drama>, Commit)>),
    /// Has loaded and has no lease: nobody gets here but by
    /// [`Bug::LoadedBeforeLease`].
    Looked(Box<Stored>),
}

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
            Phase::Turning(epoch) => {
                let turn = turn(stage, Access::Held { epoch });
                turn.unwrap_or_else(|| {
                    let _ = stage.shelf.release(epoch);
                    Phase::Away
                })
            }
            Phase::Turned(turn) => {
                let (machine, commit) = *turn;
                begin(stage, machine, commit)
            }
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
            let turn = has_turns.then(|| turn(stage, self.take())).flatten();
            return turn.unwrap_or(Phase::Away);
        }
        // What failed by chance may as well be resumed; what met an end may not.
        let by_chance = failed_by_chance(&head);
        if head.status == Status::Failed && has_turns && !(by_chance && stage.dice.one_in(2)) {
            return self.approach_turn(stage);
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

    /// The lease comes before the look at the step that is to be dropped: else
    /// somebody could still journal an effect there.
    fn approach_turn(&self, stage: &mut Stage) -> Phase {
        if stage.bug == Some(Bug::TurnWithoutLease) {
            return turn(stage, self.take()).unwrap_or(Phase::Away);
        }
        match stage.shelf.acquire(&self.name) {
            Ok(lease) => Phase::Turning(lease.epoch),
            Err(_) => Phase::Away,
        }
    }
}

/// A further turn on the run as it stands, if it stands still.
fn turn(stage: &mut Stage, access: Access) -> Option<Phase> {
    let Stored {
        loaded,
        mut machine,
        ..
    } = restore(stage)?;
    let status = loaded.head.status;
    if !status.is_final() && status != Status::Failed {
        return None;
    }
    // Somebody may ask for a turn that has been.
    let turn = stage.dice.within(1, loaded.head.turn + 1);
    let update = further_turn(machine.step() + 1);
    let updates = outside_text(&update, false).expect("a tale has an encoding");
    machine.next_turn(update).expect("nothing overflows");
    let sealed = machine.seal(&[], updates).expect("a tale has an encoding");
    let status = status_of(&mut machine);
    let mut commit = Commit {
        token: Some(format!("turn {turn}")),
        ..step_commit(&machine, sealed, StepKind::Turn, status, access)
    };
    commit.record.journal = journal_digest(None, loaded.effects.iter());
    Some(Phase::Turned(Box::new((machine, commit))))
}

/// Commits the first step of a run or of a turn, and drives it if it is new.
fn begin(stage: &mut Stage, machine: Machine<Drama>, commit: Commit) -> Phase {
    let done = commit.release;
    match stage.shelf.commit(commit) {
        Ok(Committed::Now(lease)) if !done => Phase::Driving(Box::new(Drive {
            machine,
            epoch: lease.epoch,
            effects: OpenEffects::default(),
            open: None,
            sealed: None,
            snapshots: snapshots(stage, Tail::default()),
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
fn drive(stage: &mut Stage, epoch: u64, stored: Stored) -> Phase {
    let Stored {
        loaded,
        machine,
        tail,
    } = stored;
    if loaded.head.status.is_final() {
        let _ = stage.shelf.release(epoch);
        return Phase::Away;
    }
    let kept = read_kept(stage, &loaded);
    let frontier = machine.frontier_keys();
    if let Some(stray) = kept.keys().find(|task| !frontier.contains(task)) {
        let claim = "kept results are those of the open step";
        stage.shelf.watch.report(claim, stray.to_string());
    }
    let open = (!kept.is_empty()).then(|| OpenStep::new(&machine, kept));
    Phase::Driving(Box::new(Drive {
        snapshots: snapshots(stage, tail),
        machine,
        epoch,
        effects: OpenEffects::new(loaded.effects, loaded.questions),
        open,
        sealed: None,
    }))
}

const fn snapshots(stage: &Stage, tail: Tail) -> SnapshotRule {
    SnapshotRule::new(Some(stage.snapshot_every), false, tail)
}
