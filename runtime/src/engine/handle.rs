//! A run of an engine's graph, in its store: what the engine's calls are about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::active::RunResult;
use super::compatible::{check_graph, reducers};
use super::core::Core;
use super::lease::{self, HeldLease};
use super::patience::Patience;
use super::shown::run_at;
use super::stored::{Stored, check_id};
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::Machine;
use crate::options::Settings;
use crate::session::load::check_head;
use crate::session::{LeftOpen, Tail, restore};
use crate::store::{Head, Lease, Loaded};

/// A store that waits for others says so itself before the engine gives up.
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
    /// asked again.
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

    /// Takes the lease of a run that is there.
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

    /// The head of a run of this engine's graph.
    pub(super) async fn head(&self) -> Result<Head, Error> {
        let head = self.at.head().await?;
        check_head(&head)?;
        check_graph::<G>(self.core.fingerprint(), &self.at, &head).await?;
        Ok(head)
    }

    pub(super) async fn load(&self) -> Result<(Loaded, Machine<G>, Tail), Error> {
        let loaded = self.at.load().await?;
        let reducers = reducers::<G>(self.core.fingerprint(), &self.at, &loaded.head).await?;
        let (machine, tail) = restore(&self.core.blueprint, &loaded, &reducers)?;
        Ok((loaded, machine, tail))
    }

    /// A run to be gone on with, and what is left of its open step.
    pub(super) async fn open(&self) -> Result<(Head, Machine<G>, Tail, LeftOpen<G>), Error> {
        let (loaded, machine, tail) = self.load().await?;
        let head = loaded.head.clone();
        Ok((head, machine, tail, LeftOpen::of(loaded)?))
    }

    /// The machine at `head`: from memory if it stands there, else loaded,
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
        let interrupts = self.open_questions(&head).await?;
        let (head, machine, tail) = self.machine_at(head).await?;
        let run = run_at(&head, &machine, interrupts);
        self.core.recent.put(machine, tail);
        Ok(run)
    }
}
