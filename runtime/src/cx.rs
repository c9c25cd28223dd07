//! What a node may ask for about itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::graph::GraphInfo;
use crate::hash::{Digest, Hasher};
use crate::machine::{KeyId, Keyring};

/// The context of one attempt of one task; a node that takes `&Cx` gets it.
pub struct Cx {
    keys: Keyring,
    key: KeyId,
    step: u64,
    node: &'static str,
    attempt: u32,
    /// Set when the attempt is given up; only blocking nodes can see that.
    given_up: Option<Arc<AtomicBool>>,
}

/// What all tasks of a driven run share.
#[derive(Debug)]
pub(crate) struct RunIdentity {
    pub(crate) id: String,
    /// If it was set; else it follows from the id.
    pub(crate) seed: Option<u64>,
    /// Set when nobody drives the run any more.
    pub(crate) dropped: AtomicBool,
}

impl RunIdentity {
    pub(crate) fn new(id: String, seed: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            id,
            seed,
            dropped: AtomicBool::new(false),
        })
    }

    /// The run's seed: the hash of its id unless it was set.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| default_seed(&self.id))
    }
}

/// The seed of a run that was given none.
pub(crate) fn default_seed(run: &str) -> u64 {
    Hasher::new().part("seed").part(run).finish().to_u64()
}

impl Cx {
    pub(crate) fn new(
        keys: Keyring,
        key: KeyId,
        step: u64,
        node: &'static str,
        attempt: u32,
    ) -> Self {
        Self {
            keys,
            key,
            step,
            node,
            attempt,
            given_up: None,
        }
    }

    /// A context for unit tests of a node: run `test`, step 1, node `test`,
    /// first attempt.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// assert_eq!((cx.run_id(), cx.step(), cx.attempt()), ("test", 1, 1));
    /// ```
    pub fn test() -> Self {
        let keys = Keyring::new(&NO_GRAPH, RunIdentity::new("test".into(), None));
        let key = keys.known(Hasher::new().part("test").finish());
        Self::new(keys, key, 1, "test", 1)
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.keys.run().id
    }

    /// The step in which the task runs, from 1.
    pub const fn step(&self) -> u64 {
        self.step
    }

    /// The node's name in the graph.
    pub const fn node(&self) -> &'static str {
        self.node
    }

    /// The task's order key: `SHA-256(parent_path, node_id, edge_index)`,
    /// unique in the run and the same on every attempt and after a resume.
    pub fn order_key(&self) -> Digest {
        self.keys.get(self.key)
    }

    /// Which attempt this is, from 1.
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A key to hand to the outside world, so that it can recognise a repeated
    /// call: `SHA-256(run_id, order_key)`, the same on every attempt.
    pub fn idempotency_key(&self) -> Digest {
        Hasher::new()
            .part(&self.keys.run().id)
            .part(self.order_key().as_bytes())
            .finish()
    }

    /// Whether nobody waits for this attempt any more: its run is no longer
    /// driven, or its timeout is over. Async nodes are dropped then and need
    /// not ask; a `blocking` node in a long loop should.
    pub fn cancelled(&self) -> bool {
        let given_up = self
            .given_up
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed));
        given_up || self.keys.run().dropped.load(Ordering::Relaxed)
    }

    /// Runs `f` and gives its value. It says to readers, and to the check in
    /// `#[node]`, that this one expression may read the clock or a global
    /// random source: its value is not recorded, so it must not reach an
    /// update, a route or an input.
    ///
    /// ```
    /// let cx = superstep::Cx::test();
    /// let started = cx.untracked(std::time::Instant::now);
    /// # let _ = started;
    /// ```
    pub fn untracked<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// This context, with a flag that tells when the attempt is abandoned.
    pub(crate) fn abandoned_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.given_up = Some(flag);
        self
    }
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx")
            .field("run", &self.keys.run().id)
            .field("step", &self.step)
            .field("node", &self.node)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The table behind [`Cx::test`]: its key is known, so that no node is looked up.
static NO_GRAPH: GraphInfo = GraphInfo::EMPTY;
