//! Whether the program of today goes on with the runs of yesterday.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::replay::{ByName, Recorded, Replay, stored_graph};
use crate::error::Error;
use crate::graph::Graph;
use crate::store::{Head, Pages, RunFilter, Store};

/// A node that waits for something that is not on record is given up after this.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Replays every run of `graph` in `store` against the program of today, and
/// tells which of them come to something else than they came to then.
///
/// Every committed step of every run, finished or not, is executed again with
/// the effects on record; nothing is written and no effect is called. Nodes
/// and targets are found by name, so the graph may have changed: what counts
/// is whether each task still gives the update, the route and the next tasks
/// that are stored. Of a run whose early history was pruned, the steps since
/// its newest snapshot are replayed.
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
pub async fn replay_all<G: Graph>(graph: G, store: &dyn Store) -> Result<ReplayReport, Error> {
    let graph = Arc::new(graph);
    let of_graph = RunFilter::new().graph(G::INFO.name);
    let mut report = ReplayReport::default();
    let mut pages = Pages::largest();
    while let Some(page) = pages.next() {
        let heads = store.runs(&of_graph, page).await;
        let heads = heads.map_err(|error| Error::from_store("*", error))?;
        for head in pages.turn(heads) {
            report.runs += 1;
            let run = head.run.clone();
            if let Err(error) = replay(&graph, store, head).await {
                report.broken.push(BrokenRun { run, error });
            }
        }
    }
    Ok(report)
}

async fn replay<G: Graph>(graph: &Arc<G>, store: &dyn Store, head: Head) -> Result<(), Error> {
    let stored = stored_graph(store, &head).await?;
    let matching = ByName::new(G::INFO, &stored).map_err(|error| Error::Corrupt {
        run: head.run.clone(),
        place: "the graph".into(),
        reason: error.to_string(),
    })?;
    let recorded = Recorded::what_is_left(store, head).await?;
    Replay::new(graph, &recorded, matching, TIMEOUT)?
        .finish()
        .await
        .map(drop)
}

/// What [`replay_all`] found.
#[derive(Clone, Debug, Default)]
pub struct ReplayReport {
    /// How many runs of the graph there are.
    pub runs: usize,
    /// Those that come to something else today, with the first difference.
    pub broken: Vec<BrokenRun>,
}

/// A run that today's program does not replay.
#[derive(Clone, Debug)]
pub struct BrokenRun {
    /// The run.
    pub run: String,
    /// The first difference, or why nothing could be compared.
    pub error: Error,
}

impl ReplayReport {
    /// Whether every run comes to what it came to.
    pub const fn is_ok(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, broken } = self;
        write!(f, "{} of {runs} runs would break", broken.len())?;
        for run in broken {
            write!(f, "\n- {run}")?;
        }
        Ok(())
    }
}

/// The run and the place, in one line.
impl fmt::Display for BrokenRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, error } = self;
        match error.replays_otherwise() {
            Some(place) => write!(f, "{run}: {place}"),
            None => write!(f, "{run}: {error}"),
        }
    }
}
