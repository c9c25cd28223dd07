//! Runs that branch off from others.

use std::sync::Arc;

use super::active::RunResult;
use super::compatible::stored_graph;
use super::core::Core;
use super::start::{check_id, state_text};
use super::{Engine, of_run};
use crate::cx::RunIdentity;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{Machine, StepError};
use crate::panics::caught;
use crate::run::Run;
use crate::session::load::undecodable;
use crate::session::{step_commit, step_error};
use crate::store::{Commit, Creation, Head, Origin, Status, StepKind, Store, StoreError};

/// A place in a run's history: a step by its number, or by a label.
///
/// ```
/// use superstep::At;
///
/// assert_eq!(At::from(3), At::Step(3));
/// assert_eq!(At::from("before-review"), At::Label("before-review".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// After the step with this number; 0 is the input.
    Step(u64),
    /// After the step that has this label.
    Label(String),
}

impl From<u64> for At {
    fn from(step: u64) -> Self {
        Self::Step(step)
    }
}

impl From<&str> for At {
    fn from(label: &str) -> Self {
        Self::Label(label.to_owned())
    }
}

impl From<String> for At {
    fn from(label: String) -> Self {
        Self::Label(label)
    }
}

impl<G: Graph> Engine<G> {
    /// A new run `new_id` that branches off from run `id` after step `at`, a
    /// number or a label, with its state edited.
    ///
    /// The fork has the history of its origin up to there; the edit is its first
    /// step of its own, and what was to run next in the origin runs next in it.
    /// Nothing runs until it is resumed. The origin stays as it is and goes its
    /// own way; results, effects and questions of a step that is open there are
    /// not the fork's. The same call again changes nothing and gives the fork.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Draft { tone: String, text: String }
    /// # #[node]
    /// # fn write(draft: &Draft) -> DraftUpdate { Draft::update().text(format!("a {} letter", draft.tone)) }
    /// # #[graph(state = Draft, start -> write -> end)]
    /// # struct Writer;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Writer).build()?;
    /// let dry = Draft { tone: "dry".into(), ..Default::default() };
    /// engine.run("letter", dry).await?;
    ///
    /// engine.fork("letter", 0, "warmer", |draft| draft.tone = "warm".into()).await?;
    /// let warmer = engine.resume("warmer").await?;
    /// assert_eq!(warmer.state().text, "a warm letter");
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::StepNotFound`], [`Error::Pruned`], [`Error::LabelNotFound`],
    /// [`Error::RunExists`] if `new_id` is another run already,
    /// [`Error::EditPanicked`], [`Error::NotRoundTrip`], [`Error::InvalidRunId`].
    pub async fn fork(
        &self,
        id: &str,
        at: impl Into<At>,
        new_id: &str,
        edit: impl FnOnce(&mut G::State),
    ) -> Result<Run<G::State>, Error> {
        let store = self.core.store("fork")?;
        check_id(id)?;
        check_id(new_id)?;
        let head = self.core.head(store, id).await?;
        let step = self.core.step_at(store, &head, at.into()).await?;
        of_run(new_id, self.core.fork(store, &head, step, new_id, edit)).await
    }
}

impl<G: Graph> Core<G> {
    async fn step_at(&self, store: &Arc<dyn Store>, head: &Head, at: At) -> Result<u64, Error> {
        let label = match at {
            At::Step(step) => return Ok(step),
            At::Label(label) => label,
        };
        let labels = store.labels(&head.run).await;
        let labels = labels.map_err(|error| Error::from_store(&head.run, error))?;
        let named = labels.into_iter().find(|(name, _)| *name == label);
        named
            .map(|(_, step)| step)
            .ok_or_else(|| Error::LabelNotFound {
                run: head.run.clone(),
                label,
            })
    }

    async fn fork(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        step: u64,
        run: &str,
        edit: impl FnOnce(&mut G::State),
    ) -> RunResult<G> {
        let said = |error| Error::from_store(run, error);
        let origin = Origin {
            run: head.run.clone(),
            step,
        };
        let commit = self.branch(store, head, origin, run, edit).await?;
        match store.commit(commit).await {
            Ok(_) => self.look(store, self.head(store, run).await?).await,
            Err(StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. }) => {
                let run = run.to_owned();
                Err(Error::RunExists { run })
            }
            Err(error @ StoreError::NoSuchStep { .. }) => {
                // It went while the fork was made, and this says how.
                let head = self.head(store, &head.run).await?;
                self.past(store, &head, step).await?;
                Err(said(error))
            }
            Err(error) => Err(said(error)),
        }
    }

    /// The commit of a fork's first step: the edited state, and the frontier as
    /// its origin has it.
    async fn branch(
        &self,
        store: &Arc<dyn Store>,
        head: &Head,
        origin: Origin,
        run: &str,
        edit: impl FnOnce(&mut G::State),
    ) -> Result<Commit, Error> {
        let (machine, record) = self.past(store, head, origin.step).await?;
        let step = origin.step + 1;
        let state = edited(&machine, edit).map_err(|message| Error::EditPanicked {
            run: head.run.clone(),
            message,
        })?;
        let text = state_text(self, run, step, &state)?;

        let turn = self.turn_at(store, head, origin.step).await?;
        let identity = RunIdentity::new(run.to_owned(), Some(head.seed));
        let mut machine: Machine<G> = self.blueprint.machine(identity, state);
        machine.restore(step, record.chain, turn);
        machine
            .restore_frontier(&record.frontier)
            .map_err(|error| {
                undecodable(head, format!("the frontier of step {}", record.step), error)
            })?;
        let sealed = machine
            .seal(&[], text)
            .map_err(Error::not_round_trip(run, step))?;
        let status = status_of(&mut machine)?;
        let create = Creation {
            description: stored_graph(&**store, head).await?,
            graph: head.graph.clone(),
            fingerprint: head.fingerprint,
            version: head.version,
            seed: head.seed,
            origin: Some(origin),
        };
        Ok(Commit {
            create: Some(create),
            release: true,
            ..step_commit(&machine, sealed, StepKind::Fork, status, self.take_lease())
        })
    }
}

/// The state as `edit` leaves it; the error is what its panic said.
fn edited<G: Graph>(
    machine: &Machine<G>,
    edit: impl FnOnce(&mut G::State),
) -> Result<G::State, String> {
    caught(|| {
        let mut state = G::State::clone(machine.state());
        edit(&mut state);
        state
    })
}

/// Where a run stands that is to go on from here. One that cannot is not
/// finished: it says why when it is resumed.
fn status_of<G: Graph>(machine: &mut Machine<G>) -> Result<Status, Error> {
    if !machine.is_done() {
        return Ok(Status::Running);
    }
    let stuck = machine.stuck().map_err(StepError::Encode);
    let stuck = stuck.map_err(|error| step_error(machine.run(), machine.step(), error))?;
    Ok(if stuck.is_some() {
        Status::Running
    } else {
        Status::Completed
    })
}
