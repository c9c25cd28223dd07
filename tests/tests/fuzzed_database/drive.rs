//! Everything that reads a run, called on what may be damaged.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use superstep::Outcome;
use superstep::prelude::*;
use superstep::store::{Prune, StoreError, StoreExt};
use superstep::testing::replay_all;
use superstep_tests::Dice;

use crate::desk::{Desk, Papers, RUNS, engine};

/// Longer than any call takes.
const LONG: Duration = Duration::from_secs(20);

/// A call, for run number `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Get(usize),
    History(usize),
    StateAt(usize, u64),
    Labels(usize),
    Diff(usize, usize),
    Replay(usize),
    ReplayAll,
    Stuck,
    Resume(usize),
    Run(usize),
    Turn(usize),
    TokenTurn(usize),
    Update(usize),
    Fork(usize, u64),
    ForkLabel(usize),
    Label(usize, u64),
    Answer(usize),
    Prune,
    PruneRuns,
    Snapshot(usize),
}

/// Most often the run that was damaged.
pub fn some_run(dice: &Dice, damaged: usize) -> usize {
    match dice.below(3) {
        0 => dice.below(RUNS.len() as u64) as usize,
        _ => damaged,
    }
}

impl Call {
    pub fn reading(dice: &Dice, run: usize) -> Self {
        match dice.below(10) {
            0 | 1 => Self::Get(run),
            2 => Self::History(run),
            3 | 4 => Self::StateAt(run, dice.below(18)),
            5 => Self::Labels(run),
            6 => Self::Diff(run, dice.below(RUNS.len() as u64) as usize),
            7 => Self::Replay(run),
            8 => Self::ReplayAll,
            _ => Self::Stuck,
        }
    }

    /// One of each, for one run.
    pub fn all(run: usize) -> Vec<Self> {
        let mut calls = vec![
            Self::Get(run),
            Self::History(run),
            Self::Labels(run),
            Self::Replay(run),
            Self::ReplayAll,
            Self::Stuck,
            Self::Resume(run),
            Self::Run(run),
            Self::Turn(run),
            Self::TokenTurn(run),
            Self::Update(run),
            Self::ForkLabel(run),
            Self::Answer(run),
            Self::Prune,
            Self::PruneRuns,
            Self::Snapshot(run),
        ];
        calls.extend((0..RUNS.len()).map(|other| Self::Diff(run, other)));
        let steps = [0, 1, 7];
        calls.extend(steps.map(|step| Self::StateAt(run, step)));
        calls.extend(steps.map(|step| Self::Fork(run, step)));
        calls.extend(steps.map(|step| Self::Label(run, step)));
        calls
    }

    pub fn writing(dice: &Dice, run: usize) -> Self {
        match dice.below(14) {
            0..3 => Self::Resume(run),
            3 => Self::Run(run),
            4 | 5 => Self::Turn(run),
            6 => Self::TokenTurn(run),
            7 => Self::Update(run),
            8 => Self::Fork(run, dice.below(18)),
            9 => Self::ForkLabel(run),
            10 => Self::Label(run, dice.below(18)),
            11 => Self::Answer(run),
            12 if dice.below(2) == 0 => Self::Prune,
            12 => Self::PruneRuns,
            _ => Self::Snapshot(run),
        }
    }
}

/// The result of a call: its value as text, or its error.
pub type Came = Result<String, Error>;

fn told(run: Run<Papers>) -> String {
    format!(
        "{:?} {:?} {} {:?} {:?}",
        run.state(),
        run.status(),
        run.steps(),
        run.fingerprint(),
        run.interrupts()
    )
}

fn shown<T: Debug>(value: T) -> String {
    format!("{value:?}")
}

/// Makes the calls, one after the other, in an engine of their own.
pub async fn drive(store: &Arc<dyn Store>, calls: &[Call]) -> Vec<Came> {
    let engine = engine(Arc::clone(store));
    let mut came = Vec::new();
    for call in calls {
        let made = tokio::time::timeout(LONG, make(&engine, store, *call)).await;
        came.push(made.unwrap_or_else(|_| {
            Err(Error::Panicked {
                run: String::new(),
                message: "it hangs".to_owned(),
            })
        }));
    }
    came
}

async fn make(engine: &Engine<Desk>, store: &Arc<dyn Store>, call: Call) -> Came {
    let said = |source| Error::PruneFailed { source };
    match call {
        Call::Get(run) => engine.get(RUNS[run]).await.map(told),
        Call::History(run) => engine.history(RUNS[run]).await.map(shown),
        Call::StateAt(run, step) => engine.state_at(RUNS[run], step).await.map(shown),
        Call::Labels(run) => engine.labels(RUNS[run]).await.map(shown),
        Call::Diff(a, b) => {
            let diff = superstep::diff((store, RUNS[a]), (store, RUNS[b])).await;
            diff.map(|found| match found {
                Some(divergence) => format!("{divergence:?}\n{divergence}"),
                None => String::new(),
            })
        }
        Call::Replay(run) => engine.replay(RUNS[run]).await.map(told),
        Call::ReplayAll => {
            let report = replay_all(Desk, &**store).with_ended().await?;
            match report.broken.into_iter().next() {
                Some(broken) => Err(broken.error),
                None => Ok(report.runs.to_string()),
            }
        }
        Call::Stuck => {
            let stuck = store.all_stuck().await.map_err(said)?;
            let runs = store.all_runs().await.map_err(said)?;
            let outbox = store.outbox(10).await.map_err(said)?;
            Ok(shown((stuck, runs, outbox)))
        }
        Call::Resume(run) => engine.resume(RUNS[run]).await.map(told),
        Call::Run(run) => {
            let trouble = ["", "", "", "", "", "fails", "asks", "fails"][run];
            let again = engine.run(RUNS[run], Papers::with(trouble)).await;
            again.map(told)
        }
        Call::Turn(run) => engine.turn(RUNS[run], Papers::corrected(1)).await.map(told),
        Call::TokenTurn(run) => {
            let turn = engine.turn(RUNS[run], Papers::corrected(7)).token("second");
            turn.await.map(told)
        }
        Call::Update(run) => engine
            .update(RUNS[run], Papers::corrected(2))
            .await
            .map(told),
        Call::Fork(run, step) => {
            let edit = |papers: &mut Papers| papers.trouble.push('x');
            let fork = engine.fork(RUNS[run], step, "branch", edit).await;
            fork.map(told)?;
            engine.resume("branch").await.map(told)
        }
        Call::ForkLabel(run) => {
            let fork = engine.fork(RUNS[run], "early", "branch", |_| {}).await;
            fork.map(told)
        }
        Call::Label(run, step) => engine.label(RUNS[run], step, "fresh").await.map(shown),
        Call::Answer(run) => {
            let questions = engine.get(RUNS[run]).await?;
            let question = questions.interrupts().first();
            let id = question.map_or_else(|| "none".to_owned(), |asked| asked.id.clone());
            engine
                .answer(RUNS[run], &id, Outcome::Happened(5_u64))
                .await?;
            engine.resume(RUNS[run]).await.map(told)
        }
        Call::Prune => engine.prune(Prune::history()).await.map(shown),
        Call::PruneRuns => engine.prune(Prune::runs().keep_newest(1)).await.map(shown),
        Call::Snapshot(run) => engine.snapshot(RUNS[run]).await.map(shown),
    }
}

/// The kind of an error, if what a database holds may lead to it.
pub fn kind(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Corrupt { .. } => "Corrupt",
        Error::Undecodable { .. } => "Undecodable",
        Error::GraphChanged { .. } => "GraphChanged",
        Error::WrongGraph { .. } => "WrongGraph",
        Error::RunNotFound { .. } => "RunNotFound",
        Error::Pruned { .. } => "Pruned",
        Error::ReplayMismatch { .. } => "ReplayMismatch",
        Error::StepNotFound { .. } => "StepNotFound",
        Error::LabelNotFound { .. } => "LabelNotFound",
        Error::LabelTaken { .. } => "LabelTaken",
        Error::QuestionNotFound { .. } => "QuestionNotFound",
        Error::AlreadyAnswered { .. } => "AlreadyAnswered",
        Error::RunNotFinished { .. } => "RunNotFinished",
        Error::RunExists { .. } => "RunExists",
        Error::InputMismatch { .. } => "InputMismatch",
        Error::LeaseHeld { .. } => "LeaseHeld",
        Error::StepOpen { .. } => "StepOpen",
        Error::EffectChanged { .. } => "EffectChanged",
        Error::EffectPassedOver { .. } => "EffectPassedOver",
        Error::NoProgress { .. } => "NoProgress",
        Error::MaxStepsExceeded { .. } => "MaxStepsExceeded",
        Error::MergeConflict { .. } => "MergeConflict",
        Error::IdempotencyViolation { .. } => "IdempotencyViolation",
        Error::MergeFailed { message, .. } if !message.contains("panic") => "MergeFailed",
        // Only what a node says itself.
        Error::NodeFailed { source, .. } if !source.to_string().contains("lost") => "NodeFailed",
        Error::PruneFailed {
            source: StoreError::Corrupt { .. },
        } => "Corrupt",
        Error::PruneFailed { source } | Error::Store { source, .. } => refused(source)?,
        _ => return None,
    })
}

/// What the store says when a number is beyond what it can count, or a row is
/// in the way of what it writes.
fn refused(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Backend { .. } => Some("Store"),
        StoreError::NotNext { .. } => Some("NotNext"),
        StoreError::NoSuchStep { .. } => Some("NoSuchStep"),
        _ => None,
    }
}

/// How often each result came.
#[derive(Default)]
pub struct Counts {
    pub cases: u64,
    calls: u64,
    values: u64,
    unchanged: u64,
    errors: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub fn note(&mut self, came: &Came, before: &Came) {
        self.calls += 1;
        match came {
            Ok(value) => {
                self.values += 1;
                self.unchanged += u64::from(before.as_ref().ok() == Some(value));
            }
            Err(error) => *self.errors.entry(kind(error).unwrap_or("?")).or_default() += 1,
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            cases,
            calls,
            values,
            unchanged,
            errors,
        } = self;
        write!(
            f,
            "{cases} cases, {calls} calls, {values} values ({unchanged} unchanged)"
        )?;
        errors
            .iter()
            .try_for_each(|(kind, count)| write!(f, ", {kind} {count}"))
    }
}
