use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use super::{EffectJournal, Rehearsal};
use crate::hash::Hasher;

/// What all tasks of a driven run share.
pub(crate) struct RunIdentity {
    pub(crate) id: String,
    /// If it was set; else it follows from the id.
    pub(crate) seed: Option<u64>,
    /// Set when nobody drives the run any more.
    pub(crate) dropped: AtomicBool,
    /// Known when the lease is.
    journal: OnceLock<Arc<dyn EffectJournal>>,
    /// Who stands in for the world outside.
    rehearsal: OnceLock<Arc<dyn Rehearsal>>,
}

impl RunIdentity {
    pub(crate) fn new(id: String, seed: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            id,
            seed,
            dropped: AtomicBool::new(false),
            journal: OnceLock::new(),
            rehearsal: OnceLock::new(),
        })
    }

    /// The run's seed: the hash of its id unless it was set.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| default_seed(&self.id))
    }

    /// From now on effects are recorded there. Set once each time the run is driven.
    pub(crate) fn record_in(&self, journal: Arc<dyn EffectJournal>) {
        // A second journal would belong to the same drive, and so be the same.
        let _ = self.journal.set(journal);
    }

    pub(crate) fn journal(&self) -> Option<&Arc<dyn EffectJournal>> {
        self.journal.get()
    }

    /// From now on `rehearsal` stands in for the world outside. Set once each time the run is driven.
    pub(crate) fn rehearse(&self, rehearsal: Arc<dyn Rehearsal>) {
        // A second one would belong to the same engine, and so be the same.
        let _ = self.rehearsal.set(rehearsal);
    }

    #[inline]
    pub(crate) fn rehearsal(&self) -> Option<&Arc<dyn Rehearsal>> {
        self.rehearsal.get()
    }
}

impl fmt::Debug for RunIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunIdentity")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The seed of a run that was given none.
pub(crate) fn default_seed(run: &str) -> u64 {
    Hasher::new().part("seed").part(run).finish().to_u64()
}
