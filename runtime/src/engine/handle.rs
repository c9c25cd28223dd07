//! A run of an engine's graph, in its store: what the engine's calls are about.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::patience::Patience;
use super::shown::{OpenStep, asks, run_at};
use super::stored::{Asked, Stored, check_id};
use crate::error::Error;
use crate::machine::Machine;
use crate::options::Settings;
use crate::run::AnyRun;
use crate::session::{Graphs, Tail, restore, restore_state};
use crate::store::{Head, Loaded};

/// A store that waits for others reports that itself before the engine gives up.
const SLACK: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct RunHandle {
    pub(super) core: Arc<Core>,
    pub(super) at: Stored,
}

impl RunHandle {
    /// The run that `call` is for.
    pub(super) fn of(core: &Arc<Core>, call: &'static str, run: &str) -> Result<Self, Error> {
        let at = Stored::new(core.store(call)?, run, &core.identity);
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

    /// A run with its state, to be read.
    pub(super) async fn load(&self) -> Result<(Loaded, Machine, Tail), Error> {
        let (loaded, graphs) = self.at.loaded().await?;
        let (machine, tail) = restore_state(&self.core.blueprint, &loaded, &graphs)?;
        Ok((loaded, machine, tail))
    }

    /// A run that is held, with what is to run next, unless it has ended.
    pub(super) fn load_held(&self) -> Asked<'_, (Loaded, Graphs, Machine, Tail)> {
        Box::pin(async {
            let (loaded, graphs) = self.at.loaded_held().await?;
            let restored = match loaded.head.status.is_final() {
                true => restore_state(&self.core.blueprint, &loaded, &graphs),
                false => restore(&self.core.blueprint, &loaded, &graphs),
            };
            let (machine, tail) = restored?;
            if !loaded.head.status.is_final() {
                self.at.check_version(&loaded.head, machine.made_by())?;
            }
            Ok((loaded, graphs, machine, tail))
        })
    }

    /// The machine at `head`: from memory if it is there, else loaded,
    /// with the head that was loaded.
    pub(super) async fn machine_at(&self, head: Head) -> Result<(Head, Machine, Tail), Error> {
        if let Some((machine, tail)) = self.core.recent.take(&head.run, head.chain) {
            return Ok((head, machine, tail));
        }
        let (loaded, machine, tail) = self.load().await?;
        Ok((loaded.head, machine, tail))
    }

    /// A run as it stands, without moving it.
    pub(super) fn look(&self, head: Head) -> Asked<'_, AnyRun> {
        Box::pin(async move {
            let recent = || self.core.recent.take(&head.run, head.chain);
            let recent = (!asks(head.status)).then(recent).flatten();
            let (head, open, machine, tail) = match recent {
                Some((machine, tail)) => (head, OpenStep::default(), machine, tail),
                // What is open at that moment, at which it may stand elsewhere than at `head`.
                None => {
                    let (loaded, machine, tail) = self.load().await?;
                    let open = OpenStep {
                        questions: loaded.questions,
                        waits: loaded.waits,
                    };
                    (loaded.head, open, machine, tail)
                }
            };
            let run = run_at(&head, &machine, open);
            self.core.recent.put(machine, tail);
            Ok(run)
        })
    }
}
