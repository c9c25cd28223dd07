//! What all clones of an engine share.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher as _};
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;

use super::active::Active;
use super::step::Limits;
use crate::cx::Rehearsal;
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::Blueprint;
use crate::options::Settings;
use crate::session::{Recent, Rules};
use crate::store::{Access, Claim, Creation, Store};

pub(super) struct Core<G: Graph> {
    pub(super) graph: Arc<G>,
    pub(super) settings: Settings,
    pub(super) store: Option<Arc<dyn Store>>,
    /// Who this engine is to a store's leases.
    pub(super) owner: String,
    pub(super) blueprint: Blueprint,
    /// The graph's canonical text and its fingerprint.
    pub(super) identity: OnceLock<(String, Digest)>,
    pub(super) active: Active<G>,
    pub(super) recent: Recent<G>,
    /// Who stands in for the world outside, in a test.
    pub(super) rehearsal: OnceLock<Arc<dyn Rehearsal>>,
}

impl<G: Graph> Core<G> {
    fn identity(&self) -> &(String, Digest) {
        self.identity
            .get_or_init(|| (G::INFO.canonical(), G::INFO.fingerprint()))
    }

    pub(super) fn fingerprint(&self) -> Digest {
        self.identity().1
    }

    pub(super) fn store(&self, call: &'static str) -> Result<&Arc<dyn Store>, Error> {
        let store = self.store.as_ref().ok_or(Error::NoStore { call })?;
        // Reported before anything is written: a lease could not be renewed.
        Handle::try_current()
            .map(|_| store)
            .map_err(|_| Error::NoRuntime { call })
    }

    pub(super) fn creation(&self, seed: u64) -> Creation {
        Creation {
            graph: G::INFO.name.to_owned(),
            fingerprint: self.fingerprint(),
            version: G::INFO.version,
            description: self.identity().0.clone(),
            seed,
            origin: None,
        }
    }

    pub(super) fn take_lease(&self) -> Access {
        Access::Take(self.claim())
    }

    pub(super) fn claim(&self) -> Claim {
        Claim::new(&*self.owner, self.settings.lease)
    }
}

impl Settings {
    pub(super) const fn rules(&self) -> Rules {
        Rules {
            max_steps: self.max_steps,
            run_budget: self.run_budget,
            snapshot_every: self.snapshot_every,
            check_round_trip: self.check_round_trip,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        Limits {
            max_concurrency: self.max_concurrency,
            max_per_node: self.max_per_node,
        }
    }
}

/// A name for one engine of one process, for people and for leases.
pub(super) fn new_owner() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("process {}, engine {random:016x}", std::process::id())
}
