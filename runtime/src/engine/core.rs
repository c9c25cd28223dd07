//! What all clones of an engine share.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;

use super::active::Active;
use super::drain::Drain;
use super::lookout::Lookouts;
use super::step::Limits;
use crate::cx::Rehearsal;
use crate::error::Error;
use crate::graph::GraphInfo;
use crate::hash::Digest;
use crate::machine::Blueprint;
use crate::options::Settings;
use crate::session::{Recent, Rules};
use crate::store::{Access, Claim, Creation, Store};

pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) identity: Arc<EngineIdentity>,
    pub(super) blueprint: Blueprint,
    pub(super) active: Active,
    pub(super) drain: Arc<Drain>,
    pub(super) lookouts: Lookouts,
    pub(super) recent: Recent,
    /// Who stands in for the world outside, in a test.
    pub(super) rehearsal: OnceLock<Arc<dyn Rehearsal>>,
}

impl Core {
    pub(super) fn store(&self, call: &'static str) -> Result<&Arc<dyn Store>, Error> {
        let store = self.store.as_ref().ok_or(Error::NoStore { call })?;
        // Reported before anything is written: a lease could not be renewed.
        Handle::try_current()
            .map(|_| store)
            .map_err(|_| Error::NoRuntime { call })
    }
}

/// Who an engine is to its store: all that does not depend on the types of its graph.
pub(super) struct EngineIdentity {
    pub(super) graph: &'static GraphInfo,
    /// Who it is to the store's leases, and for how long it takes one.
    pub(super) owner: String,
    pub(super) lease: Duration,
    /// The graph's canonical text and its fingerprint, once they are asked for.
    written: OnceLock<(String, Digest)>,
}

impl EngineIdentity {
    pub(super) fn new(graph: &'static GraphInfo, lease: Duration) -> Arc<Self> {
        Arc::new(Self {
            graph,
            owner: new_owner(),
            lease,
            written: OnceLock::new(),
        })
    }

    fn written(&self) -> &(String, Digest) {
        self.written
            .get_or_init(|| (self.graph.canonical(), self.graph.fingerprint()))
    }

    pub(super) fn fingerprint(&self) -> Digest {
        self.written().1
    }

    pub(super) fn creation(&self, seed: u64) -> Creation {
        Creation {
            graph: self.graph.name.to_owned(),
            fingerprint: self.fingerprint(),
            version: self.graph.version,
            description: self.written().0.clone(),
            seed,
            origin: None,
        }
    }

    pub(super) fn take_lease(&self) -> Access {
        Access::Take(self.claim())
    }

    pub(super) fn claim(&self) -> Claim {
        Claim::new(&*self.owner, self.lease)
    }
}

impl Settings {
    pub(super) fn rules(&self) -> Rules {
        Rules {
            max_steps: self.max_steps,
            run_budget: self.run_budget,
            snapshot_every: self.snapshot_every,
            check_round_trip: self.check_round_trip,
            pauses: self.pauses.clone(),
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        Limits {
            max_concurrency: self.max_concurrency,
            max_per_node: self.max_per_node,
            queue_depth: self.queue_depth,
            backpressure_timeout: self.backpressure_timeout,
        }
    }
}

/// A name for one engine of one process, for people and for leases.
fn new_owner() -> String {
    let random = RandomState::new().build_hasher().finish();
    format!("process {}, engine {random:016x}", std::process::id())
}
