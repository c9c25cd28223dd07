use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Engine;
use super::active::Active;
use super::core::{Core, EngineIdentity};
use super::drain::Drain;
use super::lookout::Lookouts;
use super::unhurried::Unhurried;
use crate::error::Error;
use crate::graph::{Graph, GraphInfo};
use crate::machine::{Blueprint, closed_circles};
use crate::options::{ConflictPolicy, Options};
use crate::session::Recent;
use crate::store::{IntoStore, MemoryStore, Store};

/// Settings for an [`Engine`]; of two calls for one setting the later wins.
#[must_use = "call `build` for the engine"]
pub struct EngineBuilder<G: Graph> {
    graph: G,
    options: Options,
    store: Place,
}

/// Where runs are kept.
enum Place {
    Memory,
    Store(Arc<dyn Store>),
    Nowhere,
}

impl<G: Graph> EngineBuilder<G> {
    pub(super) fn new(graph: G) -> Self {
        Self {
            graph,
            options: Options::default(),
            store: Place::Memory,
        }
    }

    /// Keeps runs in `store`: a store, or one in an [`Arc`] that others may share. Default: a
    /// [`MemoryStore`] of this engine's own.
    ///
    /// ```
    /// use std::sync::Arc;
    /// # use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Count { n: u64 }
    /// # #[node]
    /// # fn one(_: &Count) -> CountUpdate { Count::update().n(1) }
    /// # #[graph(state = Count, start -> one -> end)]
    /// # struct Counter;
    ///
    /// let shared: Arc<dyn Store> = Arc::new(MemoryStore::new());
    /// let one = Engine::builder(Counter).store(Arc::clone(&shared)).build()?;
    /// let other = Engine::builder(Counter).store(shared).build()?;
    /// # let _ = (one, other);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn store(mut self, store: impl IntoStore) -> Self {
        self.store = Place::Store(store.into_store());
        self
    }

    /// Keeps nothing and encodes nothing: no history, no resume, no
    /// fingerprint. For graphs whose runs live only as long as their call, and so never stop for a
    /// look: [`build`](Self::build) refuses [`pause_before`](Self::pause_before) with it.
    pub fn no_store(mut self) -> Self {
        self.store = Place::Nowhere;
        self
    }

    /// Takes every setting that `options` has.
    pub fn options(mut self, options: Options) -> Self {
        let Options {
            max_concurrency,
            max_per_node,
            queue_depth,
            backpressure_timeout,
            default_timeout,
            run_budget,
            max_steps,
            conflict,
            lease,
            store_timeout,
            snapshot_every,
            check_round_trip,
            pause_before,
            pause_after,
            max_signals,
        } = options;
        let own = &mut self.options;
        own.max_concurrency = max_concurrency.or(own.max_concurrency);
        own.max_per_node = max_per_node.or(own.max_per_node);
        own.queue_depth = queue_depth.or(own.queue_depth);
        own.backpressure_timeout = backpressure_timeout.or(own.backpressure_timeout);
        own.default_timeout = default_timeout.or(own.default_timeout);
        own.run_budget = run_budget.or(own.run_budget);
        own.max_steps = max_steps.or(own.max_steps);
        own.conflict = conflict.or(own.conflict);
        own.lease = lease.or(own.lease);
        own.store_timeout = store_timeout.or(own.store_timeout);
        own.snapshot_every = snapshot_every.or(own.snapshot_every);
        own.check_round_trip = check_round_trip.or(own.check_round_trip);
        own.pause_before = pause_before.or(own.pause_before.take());
        own.pause_after = pause_after.or(own.pause_after.take());
        own.max_signals = max_signals.or(own.max_signals);
        self
    }

    /// How many tasks of a run work at once. Default 8.
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        self.options.max_concurrency = Some(tasks);
        self
    }

    /// How many tasks of one node of a run work at once. Default: no limit
    /// other than `max_concurrency`.
    pub fn max_per_node(mut self, tasks: usize) -> Self {
        self.options.max_per_node = Some(tasks);
        self
    }

    /// How many tasks of a step wait in the queue for those that work. The others are admitted in
    /// frontier order as these start: backpressure. Default 1,024.
    pub fn queue_depth(mut self, tasks: usize) -> Self {
        self.options.queue_depth = Some(tasks);
        self
    }

    /// How long tasks wait to be admitted to the [queue](Self::queue_depth) while no task of the step
    /// finishes, waits for an answer, or goes into or out of a back-off. Then what finished is kept,
    /// what still runs is dropped as if its caller had gone, the run is
    /// [`Status::Paused`](crate::Status::Paused), and the driving call is [`Error::Backpressure`];
    /// [`resume`](Engine::resume) goes on at once. No time counts in which a task is in a back-off or
    /// the store is away.
    ///
    /// Default: the longer of 30 s and the longest time that an attempt of one of the graph's nodes
    /// may take, which is its timeout or the [default](Self::default_timeout); for one with `idle`
    /// and no timeout it is the [budget](Self::run_budget).
    pub fn backpressure_timeout(mut self, timeout: Duration) -> Self {
        self.options.backpressure_timeout = Some(timeout);
        self
    }

    /// The timeout of one attempt of a node that has none of its own, and no `idle`. Default 30 s.
    pub fn default_timeout(mut self, timeout: Duration) -> Self {
        self.options.default_timeout = Some(timeout);
        self
    }

    /// The wall-clock time of one driving call. Default 10 min.
    pub fn run_budget(mut self, budget: Duration) -> Self {
        self.options.run_budget = Some(budget);
        self
    }

    /// How many steps a turn may take; an operator's update restarts the count. Default 1,000, or what the graph says.
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.options.max_steps = Some(steps);
        self
    }

    /// How many [signals](crate::Engine::signal) a run may have that it has not received; a further
    /// one is [`Error::MailboxFull`]. 0 refuses every signal. Default 10,000.
    pub fn max_signals(mut self, signals: u64) -> Self {
        self.options.max_signals = Some(signals);
        self
    }

    /// What two different writes to one field in one step do. Default
    /// [`ConflictPolicy::Fail`], or what the graph says.
    pub fn conflict(mut self, policy: ConflictPolicy) -> Self {
        self.options.conflict = Some(policy);
        self
    }

    /// How long a lease lasts unless it is renewed, and how long a driving call
    /// may go without being polled; at least 1 s. Default 30 s.
    pub fn lease(mut self, term: Duration) -> Self {
        self.options.lease = Some(term);
        self
    }

    /// How long one call to the store may take while a run is driven, before the store
    /// counts as away: see [`Options::store_timeout`](crate::Options::store_timeout).
    /// Default 10 s.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.options.store_timeout = Some(timeout);
        self
    }

    /// Writes a snapshot at least every `steps` steps. By default one is
    /// written when the steps since the last one have outgrown it.
    pub fn snapshot_every(mut self, steps: u64) -> Self {
        self.options.snapshot_every = Some(steps);
        self
    }

    /// Whether every new value is decoded and compared to see that it survives
    /// being stored, and tasks get their inputs decoded. Default: only in builds
    /// with debug assertions; run your tests with it on.
    pub fn check_round_trip(mut self, check: bool) -> Self {
        self.options.check_round_trip = Some(check);
        self
    }

    /// The names of nodes before which a run stops for a look. Default: none.
    ///
    /// A run stops between two steps: if one of these is to run in the next one, that step waits
    /// as a whole. The driving call returns `Ok` with [`Status::Paused`](crate::Status::Paused)
    /// and gives the lease back. Look, correct the run with [`update`](Engine::update) if need
    /// be, and [`resume`](Engine::resume) it, or repeat [`run`](Engine::run): it goes on from
    /// there, and stops again the next time that such a node is to run, in another round of a loop
    /// or in a further turn. A step that has failed, or waits for an answer, was begun: the run
    /// does not stop before it again, unless its driver lost its process or its store in it.
    ///
    /// Whoever drives decides: an engine over the same store without this setting goes on.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Post { text: String, is_published: bool }
    /// # #[node]
    /// # fn draft(_: &Post) -> PostUpdate { Post::update().text("Helo") }
    /// # #[node]
    /// # fn publish(_: &Post) -> PostUpdate { Post::update().is_published(true) }
    ///
    /// #[graph(state = Post, start -> draft -> publish -> end)]
    /// struct Blog;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let engine = Engine::builder(Blog).pause_before(["publish"]).build()?;
    ///
    /// let run = engine.run("post-7", Post::default()).await?;
    /// assert_eq!(run.status(), Status::Paused);
    ///
    /// engine.update("post-7", Post::update().text("Hello")).await?;
    /// let run = engine.resume("post-7").await?;
    /// assert_eq!(run.status(), Status::Completed);
    /// assert_eq!(run.state().text, "Hello");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A later call replaces the names of an earlier one; an empty list switches the stops off.
    ///
    /// # Errors
    /// [`build`](Self::build) refuses a name that no node of the graph has, and any name
    /// together with [`no_store`](Self::no_store), since nothing could continue the run.
    pub fn pause_before(mut self, nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.pause_before = Some(names(nodes));
        self
    }

    /// The names of nodes after which a run stops for a look: after the commit of a step in
    /// which one of these ran. Default: none.
    ///
    /// Everything else is as with [`pause_before`](Self::pause_before); where both apply the
    /// run stops once. After its last step a run is
    /// [`Completed`](crate::Status::Completed), whatever ran in it.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Post { text: String, is_published: bool }
    /// # #[node]
    /// # fn draft(_: &Post) -> PostUpdate { Post::update().text("Hello") }
    /// # #[node]
    /// # fn publish(_: &Post) -> PostUpdate { Post::update().is_published(true) }
    ///
    /// #[graph(state = Post, start -> draft -> publish -> end)]
    /// struct Blog;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Error> {
    /// let engine = Engine::builder(Blog).pause_after(["draft"]).build()?;
    ///
    /// let run = engine.run("post-7", Post::default()).await?;
    /// assert_eq!((run.status(), run.steps()), (Status::Paused, 1));
    /// assert_eq!(run.state().text, "Hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pause_after(mut self, nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.pause_after = Some(names(nodes));
        self
    }

    /// The engine.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a setting that makes no sense,
    /// [`Error::DuplicateNode`] for two nodes of one name.
    pub fn build(self) -> Result<Engine<G>, Error> {
        check_names(G::INFO)?;
        let is_stored = !matches!(self.store, Place::Nowhere);
        let settings = self.options.settle(G::INFO, is_stored)?;
        let store: Option<Arc<dyn Store>> = match self.store {
            Place::Memory => Some(Arc::new(MemoryStore::new())),
            Place::Store(store) => Some(store),
            Place::Nowhere => None,
        };
        let store = store.map(|store| Arc::new(Unhurried(store)) as _);
        let blueprint = Blueprint {
            program: Arc::new(self.graph),
            circles: closed_circles(G::INFO),
            conflict: settings.conflict,
        };
        let core = Core {
            lookouts: Lookouts::default(),
            identity: EngineIdentity::new(G::INFO, settings.lease),
            settings,
            store,
            blueprint,
            active: Active::new(),
            drain: Drain::new(),
            recent: Recent::new(),
            rehearsal: OnceLock::new(),
        };
        Ok(Engine::over(Arc::new(core)))
    }
}

fn names(nodes: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    nodes.into_iter().map(Into::into).collect()
}

/// A node's name is its identity in stored runs. The macro checks the names
/// that the graph writes; those that nodes give themselves are known only here.
fn check_names(graph: &GraphInfo) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match graph.nodes.iter().find(|node| !seen.insert(node.name)) {
        None => Ok(()),
        Some(node) => Err(Error::DuplicateNode {
            graph: graph.name,
            node: node.name,
        }),
    }
}

impl<G: Graph> fmt::Debug for EngineBuilder<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
