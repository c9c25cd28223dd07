//! What a run ended in, and where it ended in something else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::difference::{CrashDifference, Deviation, Place};
use super::point::CrashPoint;
use super::stage::{RUN, Stage};
use crate::engine::Engine;
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::json_diff::differences;
use crate::run::Run;
use crate::run_diff::{Divergence, diff};
use crate::state::whole;
use crate::store::{EffectKind, EffectRecord, Question, Status, Store, StoreExt};

/// How many differences are told.
const TOLD: usize = 3;

/// See the module.
pub(super) struct Ending {
    /// Why the driving call failed, if it did.
    error: Option<Error>,
    stands: Stands,
}

/// What is left in the store.
#[derive(PartialEq, Eq)]
struct Stands {
    /// Nothing if the run was never begun.
    head: Option<(Status, u64, Digest)>,
    /// Its state as text, or why there is none.
    state: String,
    /// The calls that it asks for.
    asks: BTreeSet<(Digest, String, u64)>,
    /// The calls that its committed steps made, by step.
    made: BTreeSet<(u64, Digest, String, u64)>,
}

impl Ending {
    /// What is in the store after the last driving call returned `result`. `reader` is
    /// an engine that took no part in it.
    pub(super) async fn of<G: Graph>(
        result: Result<Run<G::State>, Error>,
        stage: &Stage,
        reader: &Engine<G>,
    ) -> Result<Self, Error> {
        let said = |error| Error::from_store(RUN, error);
        let head = stage.look().await.map_err(said)?;
        let asks = open_questions(stage).await.map_err(said)?;
        let last = head.as_ref().map_or(0, |head| head.step);
        let effects = stage.store().all_effects(RUN, 0, last).await;
        let made = effects.map_err(said)?.into_iter().filter(is_made);
        let state = match reader.get(RUN).await {
            Ok(run) => whole::to_string(run.state()).unwrap_or_else(|error| error.to_string()),
            Err(error) => error.to_string(),
        };
        let stands = Stands {
            head: head.map(|head| (head.status, head.step, head.chain)),
            state,
            asks: asks.into_iter().map(asked).collect(),
            made: made
                .map(|effect| (effect.step, effect.task, effect.name, effect.n))
                .collect(),
        };
        let error = result.err();
        Ok(Self { error, stands })
    }

    /// The last committed step.
    pub(super) fn steps(&self) -> u64 {
        self.stands.head.map_or(0, |(_, step, _)| step)
    }

    /// The run's status.
    pub(super) fn status(&self) -> Status {
        (self.stands.head).map_or(Status::Running, |(status, ..)| status)
    }

    /// Whether there is a run at all.
    pub(super) const fn is_begun(&self) -> bool {
        self.stands.head.is_some()
    }

    /// Why the driving call failed.
    pub(super) const fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    fn is(&self, other: &Self) -> bool {
        self.stands == other.stands && self.message() == other.message()
    }

    fn message(&self) -> Option<String> {
        self.error.as_ref().map(Error::to_string)
    }

    /// How it is shown to people.
    fn told(&self) -> String {
        match (&self.error, self.stands.head) {
            (Some(error), _) => error.to_string(),
            (None, Some((status, step, _))) => format!("{} after step {step}", status.as_str()),
            (None, None) => "never begun".into(),
        }
    }

    /// Where this differs from `first`, whose store is `of_first`.
    pub(super) async fn difference(
        &self,
        first: &Self,
        of_first: &Stage,
        stage: &Stage,
    ) -> Option<CrashDifference> {
        if self.is(first) {
            return None;
        }
        let (one, other) = ((of_first.store(), RUN), (stage.store(), RUN));
        // Without a run there is nothing to compare.
        let divergence = diff(one, other).await.ok().flatten();
        let same_message = self.message() == first.message();
        if same_message
            && divergence.is_none()
            && let Some(place) = self.left_out(first)
        {
            let deviation = Deviation::MissingCall;
            return Some(CrashDifference::new(stage.point(), deviation, place, ""));
        }
        let (place, detail) = match divergence {
            _ if !same_message => {
                let (then, now) = (first.told(), self.told());
                let error = self.error.as_ref().or(first.error.as_ref());
                let place = error.map(Place::blamed).unwrap_or_default();
                (place, format!("{then} then, and now: {now}"))
            }
            Some(divergence) => diverged(&divergence),
            None => (Place::default(), self.apart(first)),
        };
        let (point, deviation) = (stage.point(), self.deviation(first));
        Some(CrashDifference::new(point, deviation, place, detail))
    }

    /// The first call of `first` that this run has not made.
    fn left_out(&self, first: &Self) -> Option<Place> {
        let (step, _, name, n) = first.stands.made.difference(&self.stands.made).next()?;
        Some(Place {
            step: Some(*step),
            node: None,
            call: Some((name.clone(), *n)),
        })
    }

    fn deviation(&self, first: &Self) -> Deviation {
        match &self.error {
            Some(Error::EffectChanged { .. } | Error::EffectPassedOver { .. })
                if self.message() != first.message() =>
            {
                Deviation::OtherRequest
            }
            _ => Deviation::OtherEnd,
        }
    }

    /// What differs when the same steps were committed.
    fn apart(&self, first: &Self) -> String {
        let states = differences(&first.stands.state, &self.stands.state);
        if !states.is_empty() {
            return told(states.iter(), "the state");
        }
        let (then, now) = (first.told(), self.told());
        if then != now {
            return format!("{then} then, {now} now");
        }
        let names = |ending: &Self| {
            let asks = ending.stands.asks.iter();
            let names: Vec<_> = asks.map(|(_, name, n)| format!("`{name}` ({n})")).collect();
            names.join(", ")
        };
        format!(
            "it asked for [{}] then, for [{}] now",
            names(first),
            names(self)
        )
    }
}

/// Whether the last attempt of a task made it, and got its response.
fn is_made(effect: &EffectRecord) -> bool {
    let has_come = matches!(effect.kind, EffectKind::Done | EffectKind::Answered);
    has_come && effect.call.is_some()
}

/// The questions of a run's open step that nobody has answered.
pub(super) async fn open_questions(
    stage: &Stage,
) -> Result<Vec<Question>, crate::store::StoreError> {
    let store = stage.store();
    let open = store.head(RUN).await?.map(|head| head.step + 1);
    let mut questions = store.questions(RUN).await?;
    questions.retain(|asked| asked.answer.is_none() && Some(asked.step) == open);
    Ok(questions)
}

fn asked(question: Question) -> (Digest, String, u64) {
    (question.task, question.name, question.n)
}

/// The first step that differs.
fn diverged(divergence: &Divergence) -> (Place, String) {
    let task = divergence.tasks.first();
    let place = Place {
        step: Some(divergence.step()),
        node: task.and_then(|task| task.node.clone()),
        call: None,
    };
    let detail = match task {
        Some(task) => told(task.differences.iter(), "what it did"),
        None => told(
            divergence.state.iter().chain(&divergence.next),
            "what comes next",
        ),
    };
    (place, detail)
}

fn told<'a>(
    differences: impl Iterator<Item = &'a crate::json_diff::Difference>,
    what: &str,
) -> String {
    differences
        .take(TOLD)
        .fold(what.to_owned(), |mut told, difference| {
            let _ = write!(told, ", {difference}");
            told
        })
}

impl CrashPoint {
    /// The harness itself failed.
    pub(super) fn failed(self, error: &Error) -> CrashDifference {
        CrashDifference::new(
            self,
            Deviation::OtherEnd,
            Place::blamed(error),
            error.to_string(),
        )
    }
}
