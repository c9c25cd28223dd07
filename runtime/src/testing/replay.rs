//! Whether today's program agrees with yesterday's runs.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::engine::replay::{
    ByName, NodeLimits, Recorded, Replay, lived_in, state_after, stored_graph,
};
use crate::erased::Program;
use crate::error::Error;
use crate::graph::Graph;
use crate::session::load::check_head;
use crate::session::{check_open, check_version};
use crate::store::{Head, Pages, RunFilter, Store, StoreExt};

/// A node that waits for something that is not on record is given up after this.
const LIMITS: NodeLimits = NodeLimits {
    timeout: Duration::from_secs(30),
    budget: Duration::from_secs(600),
};

/// Replays the open runs of `graph` in `store` with today's program, and
/// tells which of them give another result than they did then.
///
/// Every run must be readable, with today's types and reducers.
/// Every committed step of the open turn is executed again with the recorded
/// effects; nothing is written and no effect is called. Nodes and targets are found by
/// name, so the graph may have changed: what counts is whether each task still gives the
/// update, the route and the next tasks that are stored. Of a turn whose beginning was
/// pruned, the steps since the run's newest snapshot are replayed.
///
/// Runs and turns that have ended are bound to no graph, and nothing of them runs again, so
/// they are left out; [`with_ended`](ReplayAll::with_ended) includes them. Whether an engine of
/// the graph may continue a run is another question: see [`ReplayReport::refused`].
///
/// Run it over a copy of a production database before a deployment:
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use superstep::prelude::*;
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Order { paid: bool }
/// # #[node]
/// # fn pay(_: &Order) -> OrderUpdate { Order::update().paid(true) }
/// # #[graph(state = Order, start -> pay -> end)]
/// # struct Shop;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// # let store = MemoryStore::new();
/// # Engine::builder(Shop).store(store.clone()).build()?.run("order-1", Order::default()).await?;
/// let report = superstep::testing::replay_all(Shop, &store).await?;
/// assert!(report.is_ok(), "{report}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A store that cannot be read. What is wrong with one run is in the report.
pub fn replay_all<G: Graph>(graph: G, store: &dyn Store) -> ReplayAll<'_, G> {
    ReplayAll {
        program: Arc::new(graph),
        store,
        with_ended: false,
        graph: PhantomData,
    }
}

/// Runs to be replayed, by [`replay_all`]; await it.
#[must_use = "nothing happens until it is awaited"]
pub struct ReplayAll<'a, G: Graph> {
    program: Arc<dyn Program>,
    store: &'a dyn Store,
    with_ended: bool,
    graph: PhantomData<fn() -> G>,
}

impl<G: Graph> ReplayAll<'_, G> {
    /// Includes what has ended: every committed step of every run.
    pub const fn with_ended(mut self) -> Self {
        self.with_ended = true;
        self
    }

    async fn report(self) -> Result<ReplayReport, Error> {
        let of_graph = RunFilter::new().graph(G::INFO.name);
        let mut report = ReplayReport::default();
        let mut pages = Pages::largest();
        while let Some(page) = pages.next() {
            let heads = self.store.runs(&of_graph, page).await;
            let heads = heads.map_err(|error| Error::from_store("*", error))?;
            for head in pages.turn(heads) {
                if head.status.is_final() && !self.with_ended {
                    report.ended += 1;
                    continue;
                }
                report.runs += 1;
                let run = head.run.clone();
                if let Err(error) = self.check_open(&head).await {
                    let run = run.clone();
                    report.refused.push(BrokenRun { run, error });
                }
                if let Err(error) = self.agrees(head).await {
                    report.broken.push(BrokenRun { run, error });
                }
            }
        }
        Ok(report)
    }

    /// Whether this graph may continue the run, as an engine would see it.
    async fn check_open(&self, head: &Head) -> Result<(), Error> {
        if head.status.is_final() {
            return Ok(());
        }
        let last = head.last_graph();
        if last.fingerprint != G::INFO.fingerprint() {
            let text = stored_graph(self.store, head, last.fingerprint).await?;
            check_open(G::INFO, head, last, &G::INFO.differences(&text))?;
        }
        let steps = self.store.all_steps(&head.run, head.step, head.step).await;
        let steps = steps.map_err(|error| Error::from_store(&head.run, error))?;
        let newest = steps.iter().map(|record| record.version).max();
        check_version(G::INFO, head, newest.unwrap_or_default())
    }

    /// Whether the run gives the same as then, and can be read.
    async fn agrees(&self, head: Head) -> Result<(), Error> {
        check_head(&head)?;
        self.replay(head.clone()).await?;
        let read = state_after(&self.program, self.store, &head, head.step).await;
        read.map(drop)
    }

    async fn replay(&self, head: Head) -> Result<(), Error> {
        let store = self.store;
        // What is gone is before the newest snapshot.
        let has_turn = head.turn > 0 && head.pruned < head.turn_step;
        if self.with_ended || !has_turn {
            return self
                .replay_from(Recorded::what_is_left(store, head).await?)
                .await;
        }
        let state = match state_after(&self.program, store, &head, head.turn_step - 1).await {
            Ok(state) => state,
            // What a reducer merged that has changed since lies behind a whole state.
            Err(Error::GraphChanged { .. }) => {
                return self.replay_from(Recorded::newest(store, head).await?).await;
            }
            Err(error) => return Err(error),
        };
        let recorded = Recorded::open_turn(store, head).await?;
        let matching = self.matching(&recorded).await?;
        let replay = Replay::behind(&self.program, &recorded, matching, LIMITS, state)?;
        replay.finish().await.map(drop)
    }

    /// From the whole state that the record begins with.
    async fn replay_from(&self, recorded: Recorded) -> Result<(), Error> {
        let matching = self.matching(&recorded).await?;
        let replay = Replay::new(&self.program, &recorded, matching, LIMITS)?;
        replay.finish().await.map(drop)
    }

    async fn matching(&self, recorded: &Recorded) -> Result<ByName, Error> {
        let head = &recorded.head;
        let graphs = lived_in(self.store, G::INFO.fingerprint(), head).await?;
        let mut texts = Vec::new();
        for graph in graphs.of(recorded.first_step(), head.step) {
            texts.push((graph, stored_graph(self.store, head, graph).await?));
        }
        ByName::new(Arc::clone(&self.program), graphs, &texts).map_err(|error| Error::Corrupt {
            run: head.run.clone(),
            place: "the graph".into(),
            reason: error.to_string(),
        })
    }
}

impl<'a, G: Graph> IntoFuture for ReplayAll<'a, G> {
    type Output = Result<ReplayReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.report())
    }
}

impl<G: Graph> fmt::Debug for ReplayAll<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayAll")
            .field("with_ended", &self.with_ended)
            .finish_non_exhaustive()
    }
}

/// What [`replay_all`] found.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ReplayReport {
    /// How many runs were replayed.
    pub runs: usize,
    /// How many have ended, and were left out.
    pub ended: usize,
    /// Those that give another result today, with the first difference, and those that this
    /// program cannot read, with the reason.
    pub broken: Vec<BrokenRun>,
    /// Open runs that an engine of this graph would not continue, each with
    /// [`Error::GraphChanged`]: they are of another graph, which this one does not list as
    /// compatible, or a newer version has gone on with them.
    pub refused: Vec<BrokenRun>,
}

/// A run that today's program does not replay.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BrokenRun {
    /// The run.
    pub run: String,
    /// The first difference, or why nothing could be compared.
    pub error: Error,
}

impl ReplayReport {
    /// Whether every run can be read and gives the same result as then. That says nothing of
    /// [`refused`](Self::refused) runs: a graph is first replayed, and then listed as
    /// compatible.
    pub const fn is_ok(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, broken, .. } = self;
        write!(f, "{} of {runs} runs would break", broken.len())?;
        for run in broken {
            write!(f, "\n- {run}")?;
        }
        if let [first, ..] = &self.refused[..] {
            let refused = self.refused.len();
            write!(
                f,
                "\n{refused} of {runs} runs would not be continued by this graph; the first: {first}"
            )?;
        }
        Ok(())
    }
}

/// The run and the place, in one line.
impl fmt::Display for BrokenRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, error } = self;
        match error.replays_otherwise() {
            Some(place) => write!(f, "run `{run}`, {place}"),
            None => write!(f, "{error}"),
        }
    }
}
