//! Runs that branch off from others.

use std::sync::Arc;

use super::Engine;
use super::active::RunResult;
use super::call::{Edit, ForkCall, Responses};
use super::core::Core;
use super::handle::RunHandle;
use super::of_run;
use super::stored::{Stored, check_new_id};
use crate::erased::{self, AnyState, SharedState, make_mut};
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{Machine, is_end};
use crate::panics::caught;
use crate::session::load::check_step;
use crate::session::{Branch, GivenResponse, Graphs, WhatIf, is_branch};
use crate::store::{Commit, Creation, Head, Loaded, Origin, StepRecord, StoreError};

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
    /// After the last committed step.
    Last,
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
    /// not the fork's. The same call again changes nothing and returns the fork, whatever became
    /// of its origin.
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
    /// What a call answered can be another thing in it, too: see
    /// [`ForkCall::with_response`].
    ///
    /// # Errors
    /// [`Error::StepNotFound`], [`Error::Pruned`], [`Error::LabelNotFound`],
    /// [`Error::RunExists`] if `new_id` is already another run,
    /// [`Error::EditPanicked`], [`Error::NotRoundTrip`], [`Error::InvalidRunId`];
    /// [`Error::GraphChanged`] in the middle of a turn that this graph may not continue, and
    /// where it lacks a stored field or a higher version of it wrote the step;
    /// [`Error::EffectNotFound`] and [`Error::ResponseRefused`] for a response.
    pub fn fork<'a>(
        &self,
        id: &str,
        at: impl Into<At>,
        new_id: &str,
        edit: impl FnOnce(&mut G::State) + Send + 'a,
    ) -> ForkCall<'a, G> {
        let edit = |state: &mut dyn AnyState| edit(erased::typed_mut(state));
        let core = Arc::clone(&self.core);
        ForkCall::new(core, (id, at.into()), new_id, Box::new(edit))
    }
}

impl Core {
    /// What a [`ForkCall`] does.
    pub(super) async fn make_fork(
        self: Arc<Self>,
        (id, at): (&str, At),
        new_id: &str,
        edit: Edit<'_>,
        responses: Responses,
    ) -> RunResult {
        let origin = self.handle("fork", id)?.patient();
        check_new_id(new_id)?;
        let head = origin.at.head().await?;
        let step = step_at(&origin.at, &head, at).await?;
        let responses = responses.map_err(|(what, error)| {
            Error::not_round_trip(new_id, step.saturating_add(2), what)(error)
        })?;
        let made = origin.fork(&head, step, new_id, edit, responses);
        of_run(new_id, made).await
    }
}

/// The number of the step at `place`, in the run with this head.
pub(super) async fn step_at(at: &Stored, head: &Head, place: At) -> Result<u64, Error> {
    let label = match place {
        At::Step(step) => return Ok(step),
        At::Last => return Ok(head.step),
        At::Label(label) => label,
    };
    let mut labels = at.labels().await?.into_iter();
    let named = labels.find(|(name, _)| *name == label);
    named
        .map(|(_, step)| step)
        .ok_or_else(|| Error::LabelNotFound {
            run: at.id().to_owned(),
            label,
        })
}

impl RunHandle {
    async fn fork(
        &self,
        head: &Head,
        step: u64,
        run: &str,
        edit: Edit<'_>,
        responses: Vec<GivenResponse>,
    ) -> RunResult {
        let fork = self.beside(run);
        let (machine, record, graphs) = self.past(head, step).await?;
        let state = edited(&machine, edit).map_err(|message| Error::EditPanicked {
            run: head.run.clone(),
            message,
        })?;
        // First of all: what its origin has lost since, or may do by now, does not concern it.
        if let Some(made) = fork.made(head, step, &*state, &responses).await? {
            return fork.look(made).await;
        }
        self.check_branch(head, &record, &graphs).await?;
        let branch = Branch {
            head,
            record: &record,
            graphs: &graphs,
            turn: self.at.turn_at(head, step).await?,
            what_if: self.what_if(head, step, responses).await?,
        };
        let commit = self.branch(&branch, run, Arc::clone(&state)).await?;
        match fork.at.commit(&commit).await {
            Ok(_) => fork.look(fork.at.head().await?).await,
            Err(error @ (StoreError::IdempotencyViolation { .. } | StoreError::NotNext { .. })) => {
                let responses = &branch.what_if.responses;
                match fork.made(head, step, &*state, responses).await? {
                    Some(made) => fork.look(made).await,
                    None => Err(fork.at.said(error)),
                }
            }
            Err(error @ StoreError::NoSuchStep { .. }) => {
                // It was removed while the fork was made, and this says how.
                let head = self.at.head().await?;
                self.past(&head, step).await?;
                Err(fork.at.said(error))
            }
            Err(error) => Err(fork.at.said(error)),
        }
    }

    /// The head of this run, if it is there: it has to be the fork of that step of `origin` with
    /// that state and those responses.
    async fn made(
        &self,
        origin: &Head,
        step: u64,
        state: &dyn AnyState,
        responses: &[GivenResponse],
    ) -> Result<Option<Head>, Error> {
        let head = match self.at.any_head().await {
            Err(Error::RunNotFound { .. }) => return Ok(None),
            head => head?,
        };
        let is_from = |from: &Origin| (&from.run, from.step) == (&origin.run, step);
        let first = match head.origin.as_ref().is_some_and(is_from) {
            true => self.at.steps(step + 1, step + 1).await?.pop(),
            false => None,
        };
        if let Some(first) = first {
            check_step(&head, &first)?;
            if is_branch(
                &*self.core.blueprint.program,
                &head,
                &first,
                state,
                responses,
            )? {
                return Ok(Some(head));
            }
        }
        let run = self.at.id().to_owned();
        Err(Error::RunExists { run })
    }

    /// Checks that this engine may add a step behind `record`.
    async fn check_branch(
        &self,
        head: &Head,
        record: &StepRecord,
        graphs: &Graphs,
    ) -> Result<(), Error> {
        let graph = graphs.at(record.step);
        match is_end(&record.frontier) {
            true => self.at.check_fields(head, graph).await?,
            false => self.at.check_from(head, graph).await?,
        }
        self.at.check_version(head, record.version)
    }

    /// What is to be otherwise in the step after `step`.
    async fn what_if(
        &self,
        head: &Head,
        step: u64,
        responses: Vec<GivenResponse>,
    ) -> Result<WhatIf, Error> {
        if responses.is_empty() {
            return Ok(WhatIf::default());
        }
        let open = match step < head.step {
            true => None,
            // It may be committed by now.
            false => Some(self.at.load().await?).filter(|loaded| loaded.head.step == step),
        };
        let next = step.saturating_add(1);
        let (recorded, finished) = match open {
            Some(Loaded {
                effects, pending, ..
            }) => {
                let finished = pending.into_iter().map(|kept| kept.task);
                (effects, Some(finished.collect()))
            }
            None => (self.at.effects(next, next).await?, None),
        };
        if recorded.is_empty() && step < head.step {
            // If it is pruned, this says so.
            self.past(head, next).await?;
        }
        Ok(WhatIf {
            responses,
            recorded,
            finished,
        })
    }

    /// The commit of a fork's first step.
    async fn branch(
        &self,
        branch: &Branch<'_>,
        run: &str,
        state: SharedState,
    ) -> Result<Commit, Error> {
        let Branch { head, record, .. } = branch;
        let create = Creation {
            description: self.at.graph_text(head, head.fingerprint).await?,
            graph: head.graph.clone(),
            fingerprint: head.fingerprint,
            version: head.version,
            seed: head.seed,
            origin: Some(Origin {
                run: head.run.clone(),
                step: record.step,
            }),
        };
        let (access, rules) = (self.core.identity.take_lease(), self.core.settings.rules());
        branch.commit(&self.core.blueprint, run, state, create, access, &rules)
    }
}

/// The state as `edit` leaves it; the error is what its panic said.
fn edited(machine: &Machine, edit: Edit<'_>) -> Result<SharedState, String> {
    caught(|| {
        let mut state = machine.state().copy();
        edit(make_mut(&mut state));
        state
    })
}
