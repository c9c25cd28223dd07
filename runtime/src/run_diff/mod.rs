//! Where two runs part.

mod divergence;
mod readable;

use std::sync::Arc;

pub use divergence::{Divergence, TaskDivergence};

use crate::engine::replay::{lived_in, stored_graph};
use crate::error::Error;
use crate::graph::StoredGraph;
use crate::hash::Digest;
use crate::session::load::text_of;
use crate::store::{Pages, StepRecord, Store, StoreExt};
use readable::ReadStep;

/// A run in a store, for [`diff`]: `(&store, "run-1")`.
#[derive(Clone, Copy)]
pub struct RunRef<'a> {
    store: &'a dyn Store,
    run: &'a str,
}

impl<'a> From<(&'a dyn Store, &'a str)> for RunRef<'a> {
    fn from((store, run): (&'a dyn Store, &'a str)) -> Self {
        Self { store, run }
    }
}

impl<'a, S: Store> From<(&'a S, &'a str)> for RunRef<'a> {
    fn from((store, run): (&'a S, &'a str)) -> Self {
        Self { store, run }
    }
}

impl<'a> From<(&'a Arc<dyn Store>, &'a str)> for RunRef<'a> {
    fn from((store, run): (&'a Arc<dyn Store>, &'a str)) -> Self {
        Self {
            store: &**store,
            run,
        }
    }
}

/// The first step in which two runs differ, and what differs there; `None` if
/// they committed the same steps.
///
/// Steps are compared by their [digests](crate::StepInfo::digest), which leave out
/// id and seed of a run, so it needs no graph, and the runs may be in two
/// stores. What a step that is still open did is not compared.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// use superstep::diff;
/// use superstep::prelude::*;
///
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Sum { parts: Vec<u32>, total: u32 }
/// # #[node]
/// # fn add(sum: &Sum) -> SumUpdate { Sum::update().total(sum.parts.iter().sum()) }
/// # #[graph(state = Sum, start -> add -> end)]
/// # struct Adder;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let store = MemoryStore::new();
/// let engine = Engine::builder(Adder).store(store.clone()).build()?;
/// engine.run("one", Sum { parts: vec![1, 2], total: 0 }).await?;
/// engine.run("other", Sum { parts: vec![1, 3], total: 0 }).await?;
///
/// let divergence = diff((&store, "one"), (&store, "other")).await?.expect("they differ");
/// assert_eq!(divergence.step, 0);
/// assert_eq!(divergence.state[0].to_string(), "`parts[1]`: 2 against 3");
/// # Ok::<(), Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::RunNotFound`]; [`Error::Pruned`] if the runs are equal up to a step
/// that was pruned.
pub async fn diff<'a>(
    a: impl Into<RunRef<'a>>,
    b: impl Into<RunRef<'a>>,
) -> Result<Option<Divergence>, Error> {
    let (a, b) = (a.into(), b.into());
    let Some(step) = parting(&a, &b).await? else {
        return Ok(None);
    };
    let (step_a, step_b) = (a.step(step).await?, b.step(step).await?);
    Ok(Some(Divergence::between(
        [a.run, b.run],
        step,
        [step_a, step_b],
    )))
}

/// The first step at which the digests differ, or one run has ended.
async fn parting(a: &RunRef<'_>, b: &RunRef<'_>) -> Result<Option<u64>, Error> {
    let (mut pages_a, mut pages_b) = (Pages::largest(), Pages::largest());
    let mut steps = 0..;
    loop {
        let digests_a = a.digests(&mut pages_a).await?;
        let digests_b = b.digests(&mut pages_b).await?;
        let most = digests_a.len().max(digests_b.len());
        if most == 0 {
            return Ok(None);
        }
        for (place, step) in (0..most).zip(steps.by_ref()) {
            let (one, other) = (digests_a.get(place), digests_b.get(place));
            a.check_kept(step, one)?;
            b.check_kept(step, other)?;
            if one != other {
                return Ok(Some(step));
            }
        }
    }
}

impl RunRef<'_> {
    fn error(&self, error: crate::store::StoreError) -> Error {
        Error::from_store(self.run, error)
    }

    fn not_found(&self) -> Error {
        Error::RunNotFound {
            run: self.run.to_owned(),
        }
    }

    fn corrupt(&self, place: &str, reason: impl ToString) -> Error {
        Error::Corrupt {
            run: self.run.to_owned(),
            place: place.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// The next ones; none at the end.
    async fn digests(&self, pages: &mut Pages<u64>) -> Result<Vec<(u64, Digest)>, Error> {
        let Some(page) = pages.next() else {
            return Ok(Vec::new());
        };
        let is_first = page.after.is_none();
        let digests = self.store.digests(self.run, page).await;
        let digests = pages.turn(digests.map_err(|error| self.error(error))?);
        // Every run has a step.
        if is_first && digests.is_empty() {
            return Err(self.not_found());
        }
        Ok(digests)
    }

    /// Steps without a gap: the first is 0, and so on.
    fn check_kept(&self, step: u64, found: Option<&(u64, Digest)>) -> Result<(), Error> {
        match found {
            Some((first, _)) if *first != step => Err(Error::Pruned {
                run: self.run.to_owned(),
                step,
                first: *first,
            }),
            _ => Ok(()),
        }
    }

    async fn step(&self, step: u64) -> Result<Option<ReadStep>, Error> {
        let said = |error| self.error(error);
        let record = self.store.all_steps(self.run, step, step).await;
        let Some(record) = record.map_err(said)?.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(self.read(&record).await?))
    }

    async fn read(&self, record: &StepRecord) -> Result<ReadStep, Error> {
        let said = |error| self.error(error);
        let head = self.store.head(self.run).await.map_err(said)?;
        let head = head.ok_or_else(|| self.not_found())?;
        let graphs = lived_in(self.store, head.fingerprint, &head).await?;
        let graph = graphs.at(record.step).fingerprint;
        let graph = stored_graph(self.store, &head, graph).await?;
        let graph = StoredGraph::read(&graph).map_err(|error| self.corrupt("the graph", error))?;
        let place = format!("step {}", record.step);
        if text_of(record).digest() != record.digest {
            return Err(self.corrupt(&place, "it is not what was written: its hash differs"));
        }
        ReadStep::of(record, &graph).map_err(|error| self.corrupt(&place, error))
    }
}

impl std::fmt::Debug for RunRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RunRef").field(&self.run).finish()
    }
}
