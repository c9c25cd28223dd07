//! A run of an engine's graph, in its store: what the engine's calls are about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active::RunResult;
use super::compatible::{check_fields_of, check_from, check_name, describe_results, graphs};
use super::core::Core;
use super::lease::{self, HeldLease};
use super::patience::Patience;
use super::shown::run_at;
use super::stored::{Stored, check_id};
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::Machine;
use crate::options::Settings;
use crate::session::{Graphs, Tail, check_version, restore, restore_state};
use crate::store::{GraphChange, Head, Lease, Loaded};

/// A store that waits for others reports that itself before the engine gives up.
const SLACK: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct RunHandle<G: Graph> {
    pub(super) core: Arc<Core<G>>,
    pub(super) at: Stored,
}

impl<G: Graph> RunHandle<G> {
    /// The run that `call` is for.
    pub(super) fn of(core: &Arc<Core<G>>, call: &'static str, run: &str) -> Result<Self, Error> {
        let at = Stored::new(core.store(call)?, run, Patience::once());
        check_id(run)?;
        let core = Arc::clone(core);
        Ok(Self { core, at })
    }

    /// The same for a call that drives the run, or writes to it: a store that is away is
    /// retried.
    pub(super) fn patient(self) -> Self {
        let Self { core, at } = self;
        let Settings {
            store_timeout,
            lease,
            ..
        } = core.settings;
        let timeout = store_timeout.max(at.store().waits().saturating_add(SLACK));
        let at = at.with(Patience::before_lease(timeout, lease));
        Self { core, at }
    }

    /// Another run in the same store.
    pub(super) fn beside(&self, run: &str) -> Self {
        let core = Arc::clone(&self.core);
        let at = self.at.beside(run);
        Self { core, at }
    }

    /// Takes the lease of an existing run.
    pub(super) async fn hold(&self) -> Result<HeldLease, Error> {
        let asked = Instant::now();
        let lease = lease::acquire(&self.at, self.core.claim()).await;
        let lease = lease.map_err(|error| self.at.said(error))?;
        Ok(self.held(&lease, asked))
    }

    /// The lease that was taken by a call made at `asked`.
    pub(super) fn held(&self, lease: &Lease, asked: Instant) -> HeldLease {
        HeldLease::new(&self.at, lease, asked, self.core.settings.lease)
    }

    /// The head of a run of this engine's graph, in whatever version: enough to read it.
    pub(super) async fn head(&self) -> Result<Head, Error> {
        let head = self.at.head().await?;
        check_name::<G>(&head)?;
        Ok(head)
    }

    /// Checks that the run may be continued, unless it has ended.
    pub(super) async fn check_open(&self, head: &Head) -> Result<(), Error> {
        match head.status.is_final() {
            true => Ok(()),
            false => self.check_from(head, head.last_graph()).await,
        }
    }

    /// Checks that the run may be written to where it stands, open or not.
    pub(super) async fn check_writable(&self, head: &Head) -> Result<(), Error> {
        match head.status.is_final() {
            true => self.check_fields(head, head.last_graph()).await,
            false => self.check_from(head, head.last_graph()).await,
        }
    }

    /// Checks that a step may be added behind the last one, if that left nothing open.
    pub(super) async fn check_fields(&self, head: &Head, graph: GraphChange) -> Result<(), Error> {
        check_fields_of::<G>(self.core.fingerprint(), &self.at, head, graph).await
    }

    /// Checks that the run may be continued from where it stood under `graph`.
    pub(super) async fn check_from(&self, head: &Head, graph: GraphChange) -> Result<(), Error> {
        check_from::<G>(self.core.fingerprint(), &self.at, head, graph).await
    }

    /// The graphs of the run's steps, those from `from` on to be redone.
    pub(super) async fn graphs(&self, head: &Head, from: u64) -> Result<Graphs, Error> {
        graphs::<G>(self.core.fingerprint(), &self.at, head, from).await
    }

    /// A run with its state, to be read.
    pub(super) async fn load(&self) -> Result<(Loaded, Machine<G>, Tail), Error> {
        let (loaded, graphs) = self.loaded().await?;
        let (machine, tail) = restore_state(&self.core.blueprint, &loaded, &graphs)?;
        Ok((loaded, machine, tail))
    }

    /// A run that is held, with what is to run next, unless it has ended.
    pub(super) async fn load_held(&self) -> Result<(Loaded, Graphs, Machine<G>, Tail), Error> {
        let (loaded, mut graphs) = self.loaded().await?;
        describe_results::<G>(&self.at, &loaded, &mut graphs).await?;
        // It may have moved, under another graph, since it was read.
        self.check_open(&loaded.head).await?;
        let restored = match loaded.head.status.is_final() {
            true => restore_state(&self.core.blueprint, &loaded, &graphs),
            false => restore(&self.core.blueprint, &loaded, &graphs),
        };
        let (machine, tail) = restored?;
        if !loaded.head.status.is_final() {
            check_version::<G>(&loaded.head, machine.made_by())?;
        }
        Ok((loaded, graphs, machine, tail))
    }

    async fn loaded(&self) -> Result<(Loaded, Graphs), Error> {
        let loaded = self.at.load().await?;
        let from = loaded.steps.first().map_or(0, |first| first.step);
        let graphs = self.graphs(&loaded.head, from).await?;
        Ok((loaded, graphs))
    }

    /// The machine at `head`: from memory if it is there, else loaded,
    /// with the head that was loaded.
    pub(super) async fn machine_at(&self, head: Head) -> Result<(Head, Machine<G>, Tail), Error> {
        if let Some((machine, tail)) = self.core.recent.take(&head.run, head.chain) {
            return Ok((head, machine, tail));
        }
        let (loaded, machine, tail) = self.load().await?;
        Ok((loaded.head, machine, tail))
    }

    /// A run as it stands, without moving it.
    pub(super) async fn look(&self, head: Head) -> RunResult<G> {
        let (head, questions, machine, tail) = match self.core.recent.take(&head.run, head.chain) {
            Some((machine, tail)) => (head.clone(), self.questions(&head).await?, machine, tail),
            // The questions of that moment, at which it may stand elsewhere than at `head`.
            None => {
                let (loaded, machine, tail) = self.load().await?;
                (loaded.head, loaded.questions, machine, tail)
            }
        };
        let run = run_at(&head, &machine, questions);
        self.core.recent.put(machine, tail);
        Ok(run)
    }
}
