//! What comes to a run from outside: its input, a further turn, a correction, an
//! answer, a branch.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Rules;
use super::commit::{Pending, step_commit};
use super::effects::{OpenEffects, journal_digest, refusal};
use super::faults::{catch_reducers, step_error};
use super::graphs::Graphs;
use super::load::{corrupt, read_pending, recorded_state, restore_frontier, undecodable};
use super::snapshots::Tail;
use super::standing::Standing;
use super::what_if::{GivenResponse, WhatIf, key_with};
use crate::cx::{RunIdentity, UNRECORDED};
use crate::encode;
use crate::erased::{AnyState, Program, SharedState, Updates};
use crate::error::Error;
use crate::hash::Digest;
use crate::machine::{
    Blueprint, Machine, Turn, idempotency_key, is_end, outside_text, state_text, stored_tasks,
};
use crate::node_error::NodeError;
use crate::state::FieldSet;
use crate::store::{
    Access, Commit, Creation, EffectClass, EffectKind, EffectRecord, Head, Loaded, Park,
    PendingResult, Question, Status, StepKind, StepRecord, Wait,
};

/// A step from outside, merged and ready to be committed.
pub(crate) struct OutsideStep {
    pub(crate) machine: Machine,
    pub(crate) tail: Tail,
    pub(crate) commit: Commit,
}

/// What an earlier session left of the open step.
pub(crate) struct LeftOpen {
    pub(super) pending: Pending,
    pub(super) effects: OpenEffects,
    /// The frontier's text, from which the inputs of failed tasks can be told.
    pub(super) frontier: String,
    /// Whether nobody has begun the step, or stopped before it, as far as the store knows.
    pub(super) is_new: bool,
}

impl LeftOpen {
    /// Nothing: the step is new, behind one that left this frontier.
    pub(crate) fn nothing(frontier: String) -> Self {
        Self {
            pending: Pending::new(),
            effects: OpenEffects::default(),
            frontier,
            is_new: true,
        }
    }

    /// What is stored of it.
    pub(crate) fn of(
        program: &dyn Program,
        mut loaded: Loaded,
        graphs: &Graphs,
    ) -> Result<Self, Error> {
        let pending = read_pending(program, &loaded, graphs)?;
        let is_new = loaded.head.status == Status::Running;
        let effects = OpenEffects::stored(&mut loaded);
        let last = loaded.steps.into_iter().next_back();
        Ok(Self {
            pending,
            effects,
            frontier: last.map_or_else(String::new, |last| last.frontier),
            is_new,
        })
    }

    /// The tasks whose results are kept.
    #[cfg(test)]
    pub(crate) fn finished(&self) -> impl Iterator<Item = &Digest> {
        self.pending.keys()
    }
}

/// A run as somebody from outside finds it.
pub(crate) struct Found {
    pub(crate) head: Head,
    pub(crate) machine: Machine,
    pub(crate) tail: Tail,
    /// What is on record of the open step, if one may be open; then the run is held.
    open: Option<OpenRecords>,
}

struct OpenRecords {
    /// What was to run: keys and nodes.
    tasks: Vec<(Digest, String)>,
    effects: Vec<EffectRecord>,
    questions: Vec<Question>,
    waits: Vec<Wait>,
    pending: Vec<PendingResult>,
}

impl OpenRecords {
    fn is_finished(&self, task: Digest) -> bool {
        self.pending.iter().any(|kept| kept.task == task)
    }
}

impl Found {
    /// A run that is between two steps.
    pub(crate) const fn at_rest(head: Head, machine: Machine, tail: Tail) -> Self {
        Self {
            head,
            machine,
            tail,
            open: None,
        }
    }

    /// A run that is held, with what its open step has come to.
    pub(crate) fn held(loaded: Loaded, machine: Machine, tail: Tail) -> Result<Self, Error> {
        let frontier = loaded.steps.last().map(|last| stored_tasks(&last.frontier));
        let tasks = frontier.transpose().map_err(|error| {
            let place = format!("the frontier of step {}", loaded.head.step);
            undecodable(&loaded.head, place, error)
        })?;
        let open = OpenRecords {
            tasks: tasks.unwrap_or_default(),
            effects: loaded.effects,
            questions: loaded.questions,
            waits: loaded.waits,
            pending: loaded.pending,
        };
        Ok(Self {
            open: Some(open),
            ..Self::at_rest(loaded.head, machine, tail)
        })
    }

    /// Whether a further turn can begin.
    pub(crate) fn takes_turn(&self) -> bool {
        self.head.status == Status::Completed
            || leaves_a_step_open(self.head.status) && !mistake!(TurnRefused)
    }

    /// What else has to be asked before the open step may be dropped, if nobody knows
    /// whether one of its effects happened; `epoch` is that of
    /// the lease under which the run is held.
    pub(crate) fn to_ask(&self, epoch: u64) -> Option<Park> {
        let open = self.open.as_ref()?;
        let mut effects = OpenEffects::new(open.effects.clone(), open.questions.clone());
        let unknown = open.tasks.iter().filter(|(key, node)| {
            // A task that has finished continued without what it does not know.
            !open.is_finished(*key) && effects.ask_for_unknown(epoch, *key, node, UNRECORDED)
        });
        if unknown.count() == 0 || mistake!(TurnDropsUnknown) {
            return None;
        }
        let (effects, questions) = effects.leave();
        Some(Park {
            error: self.head.error.clone(),
            effects,
            questions,
            waits: open.waits.clone(),
            ..Park::new(&*self.head.run, epoch, self.head.status)
        })
    }

    /// The first step of a further turn; what is open is dropped, and on record.
    pub(crate) fn turn(
        self,
        update: Updates,
        token: Option<String>,
        access: Access,
        rules: &Rules,
    ) -> Result<OutsideStep, Error> {
        let dropped = self.open.as_ref();
        let dropped = dropped.and_then(|open| journal_digest(None, open.effects.iter()));
        let mut step = self.step(update, StepKind::Turn, access, rules)?;
        step.commit.record.journal = dropped.filter(|_| !mistake!(TurnUncovered));
        step.commit.token = token.filter(|_| !mistake!(TokenForgotten));
        Ok(step)
    }

    /// A correction of a run that is held under the lease with `epoch`, which goes back
    /// with it; refused if a task that still has to run has made or received something, since that may
    /// depend on what it saw.
    pub(crate) fn correction(
        self,
        update: Updates,
        epoch: u64,
        rules: &Rules,
    ) -> Result<OutsideStep, Error> {
        let has_done_nothing = |open: &OpenRecords| {
            let mut effects = open.effects.iter();
            effects.all(|effect| open.is_finished(effect.task) || !depends_on_the_state(effect))
        };
        if !self.open.as_ref().is_none_or(has_done_nothing) && !mistake!(OpenStepCorrected) {
            let (run, step) = (self.head.run, self.head.step + 1);
            return Err(Error::StepOpen { run, step });
        }
        let access = Access::Held { epoch };
        let mut step = self.step(update, StepKind::Update, access, rules)?;
        step.commit.release = true;
        Ok(step)
    }

    /// Merges an update from outside and seals it as a step of its own.
    fn step(
        self,
        update: Updates,
        kind: StepKind,
        access: Access,
        rules: &Rules,
    ) -> Result<OutsideStep, Error> {
        let Self {
            head,
            mut machine,
            tail,
            ..
        } = self;
        let run = &head.run;
        let step = machine.step() + 1;
        let cannot_store = |what| Error::not_round_trip(run, step, what);
        let updates = outside_text(update.first(), rules.check_round_trip);
        let updates = updates.map_err(cannot_store("the update"))?;
        let said = update.first().fields();
        let merged = catch_reducers(|| match kind {
            StepKind::Turn if !mistake!(TurnGoesOnAsBefore) => machine.next_turn(Some(update)),
            StepKind::Update if mistake!(CorrectionBeginsAnew) => machine.next_turn(Some(update)),
            _ => machine.correct(Some(update)),
        });
        merged.map_err(|error| step_error(run, step, error))?;
        check_merged(&mut machine, said, rules)?;
        let sealed = machine.seal(&[], updates);
        let sealed = sealed.map_err(|error| step_error(run, step, error))?;
        let mut snapshots = rules.snapshots(tail);
        let snapshot = snapshots
            .after(&machine, &sealed.updates)
            .map_err(cannot_store("the state"))?;
        let status = match kind {
            StepKind::Turn => Standing::of(&machine).status(),
            _ => head.status,
        };
        let commit = Commit {
            snapshot,
            ..step_commit(&machine, sealed, kind, status, access)
        };
        Ok(OutsideStep {
            machine,
            tail: snapshots.tail(),
            commit,
        })
    }
}

/// Whether what is on record may depend on what its task saw, so that it must not see anything else:
/// a clock, a time that has come and a failure say the same again.
fn depends_on_the_state(record: &EffectRecord) -> bool {
    let is_call = record.class == EffectClass::Effect;
    match record.kind {
        EffectKind::Clock | EffectKind::Elapsed => false,
        EffectKind::Failed => is_call && refusal(record).is_some(),
        EffectKind::Done | EffectKind::Intent | EffectKind::Answered => true,
    }
}

/// Whether a run with that status takes a turn although a step may be open.
pub(crate) const fn leaves_a_step_open(status: Status) -> bool {
    matches!(status, Status::Failed | Status::Cancelled)
}

/// The first step of a run: its input, whose text is `input`.
pub(crate) fn input(
    mut machine: Machine,
    input: String,
    create: Creation,
    access: Access,
    rules: &Rules,
) -> Result<OutsideStep, Error> {
    machine.begin();
    let tail = Tail::behind(0, input.len());
    check_merged(&mut machine, FieldSet::EMPTY, rules)?;
    let sealed = machine.seal_input(create.fingerprint, create.seed, input);
    let sealed = sealed.map_err(|error| step_error(machine.run(), 0, error))?;
    let status = Standing::of(&machine).status();
    let commit = Commit {
        create: Some(create),
        ..step_commit(&machine, sealed, StepKind::Input, status, access)
    };
    Ok(OutsideStep {
        machine,
        tail,
        commit,
    })
}

/// See [`Machine::check_merged`].
fn check_merged(machine: &mut Machine, said: FieldSet, rules: &Rules) -> Result<(), Error> {
    if !rules.check_round_trip {
        return Ok(());
    }
    let checked = machine.check_merged(said);
    checked.map_err(|error| step_error(machine.run(), machine.step(), error))
}

/// Where a fork branches off.
pub(crate) struct Branch<'a> {
    /// The head of its origin.
    pub(crate) head: &'a Head,
    /// The origin's last step that the fork shares, and the turn that it belongs to.
    pub(crate) record: &'a StepRecord,
    pub(crate) graphs: &'a Graphs,
    pub(crate) turn: Turn,
    /// What is otherwise in the step that comes next.
    pub(crate) what_if: WhatIf,
}

impl Branch<'_> {
    /// The first step of fork `run`: its state, and the frontier as its origin has it, which
    /// is not read unless another graph wrote it. Nothing runs until it is resumed, so the
    /// lease goes back with it.
    pub(crate) fn commit(
        &self,
        blueprint: &Blueprint,
        run: &str,
        state: SharedState,
        create: Creation,
        access: Access,
        rules: &Rules,
    ) -> Result<Commit, Error> {
        let Self {
            head,
            record,
            graphs,
            what_if,
            ..
        } = self;
        let step = record.step + 1;
        let cannot_store = |what| Error::not_round_trip(run, step, what);
        let text = state_text(&*state, rules.check_round_trip);
        let text = text.map_err(cannot_store("the edited state"))?;
        let identity = RunIdentity::new(run.to_owned(), Some(head.seed));
        let mut machine = blueprint.machine(identity, state);
        machine.restore(step, record.chain, self.turn);
        let other = graphs.next(record.step);
        machine.change_graph(other);
        let cannot_seal = |error| step_error(run, step, error);
        let sealed = if mistake!(ForkStartsAnew) {
            machine.begin();
            machine.seal(&[], text).map_err(cannot_seal)?
        } else if other.is_some() {
            restore_frontier(&mut machine, head, record, graphs)?;
            machine.seal(&[], text).map_err(cannot_seal)?
        } else {
            machine.seal_with(&[], text, record.frontier.clone())
        };
        let status = match is_end(&record.frontier) {
            true => Status::Completed,
            false => Status::Running,
        };
        let tasks = stored_tasks(&record.frontier).map_err(|error| {
            undecodable(head, format!("the frontier of step {}", record.step), error)
        })?;
        let effects = what_if.effects(&tasks, (&head.run, step), step + 1)?;
        let mut commit = Commit {
            create: Some(create),
            release: true,
            effects,
            ..step_commit(&machine, sealed, StepKind::Fork, status, access)
        };
        commit.record.key = key_with(&what_if.responses, commit.record.key);
        Ok(commit)
    }
}

/// Whether `record`, the first step of a fork with this head, is what a call would write that
/// gives it `state` and those responses. States are compared in today's types, so that an added
/// field with a default is no difference.
pub(crate) fn is_branch(
    program: &dyn Program,
    head: &Head,
    record: &StepRecord,
    state: &dyn AnyState,
    responses: &[GivenResponse],
) -> Result<bool, Error> {
    let text = |state: &dyn AnyState| {
        state.to_text().map_err(Error::not_round_trip(
            &head.run,
            record.step,
            "the edited state",
        ))
    };
    let stored = recorded_state(program, head, record)?;
    let key = idempotency_key(&head.run, record.step, &[], record.chain);
    Ok(key_with(responses, key) == record.key && text(&*stored)? == text(state)?)
}

/// An [`Outcome`](crate::Outcome) whose response stays text.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeText {
    Happened(Box<RawValue>),
    DidNotHappen,
    Refused(String),
}

/// The record of the effect that `asked` is about, as `answer` has it; `open` are the
/// effects of the open step.
pub(crate) fn outcome(
    head: &Head,
    asked: &Question,
    answer: &str,
    open: Vec<EffectRecord>,
) -> Result<EffectRecord, Error> {
    let run = &head.run;
    let outcome: OutcomeText = encode::from_str(answer).map_err(|_| Error::AnswerRefused {
        run: run.clone(),
        question: asked.id.clone(),
        reason: format!(
            "it asks what became of effect `{}`; answer with `Outcome::Happened(response)`, \
                 `Outcome::did_not_happen()` or `Outcome::refused(reason)`",
            asked.name
        ),
    })?;
    let is_it = |record: &EffectRecord| {
        record.class == EffectClass::Effect
            && (record.task, &record.name, record.n) == (asked.task, &asked.name, asked.n)
    };
    let begun = open.into_iter().find(is_it).ok_or_else(|| {
        let place = format!("effect `{}` of the open step", asked.name);
        let reason = "a question is open about it, and it is missing";
        corrupt(head, place, reason.into())
    })?;
    let failed = |error: NodeError, begun| EffectRecord {
        kind: EffectKind::Failed,
        error: Some(error.to_record()),
        ..begun
    };
    Ok(match outcome {
        OutcomeText::Happened(response) => EffectRecord {
            kind: EffectKind::Answered,
            response: Some(response.get().to_owned()),
            ..begun
        },
        OutcomeText::DidNotHappen => {
            let error = NodeError::not_sent("somebody answered that it did not happen");
            failed(error, begun)
        }
        OutcomeText::Refused(reason) => failed(NodeError::refused(reason), begun),
    })
}
