//! Where two runs part.

mod divergence;
mod readable;
mod side;
mod walk;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

pub use divergence::{Divergence, TaskDivergence};
pub use walk::Divergences;

use crate::error::Error;
use crate::store::Store;

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

/// Compares what two runs did, step by step. Awaited, it returns the first step in which they
/// differ, and what differs there; `None` if they committed the same steps.
/// [`after`](Diff::after) leaves out what is known already, [`all`](Diff::all) continues to the
/// later ones.
///
/// Steps are compared by their [digests](crate::StepInfo::digest), which leave out
/// id and seed of a run, so it needs no graph, and the runs may be in two
/// stores. What a step that is still open did is not compared.
///
/// The edit that a fork begins with is a step that its origin does not have. It is compared
/// with the edit of the other run at the same place, if that is a fork, too; else it is named by
/// itself. All other steps are compared in their order. So between a fork at step *n* and its
/// origin the edit is named once, and then the fork's step *n* + 2 is compared with the origin's
/// *n* + 1; between two forks of one step the edits are compared with each other, and then step
/// *n* + 2 with *n* + 2.
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
/// let first = diff((&store, "one"), (&store, "other")).await?.expect("they differ");
/// assert_eq!(first.step(), 0);
/// assert_eq!(first.state[0].to_string(), "`parts[1]`: 2 against 3");
///
/// let then = diff((&store, "one"), (&store, "other")).after(0).await?.expect("so do the sums");
/// assert_eq!(then.tasks[0].differences[0].to_string(), "`update.total`: 3 against 4");
/// # Ok::<(), Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::RunNotFound`]; [`Error::Pruned`] if a step that has to be compared was pruned: the
/// comparison can begin [`after`](Diff::after) the gap. [`Error::Corrupt`] for a step that is
/// not what was written.
pub fn diff<'a>(a: impl Into<RunRef<'a>>, b: impl Into<RunRef<'a>>) -> Diff<'a> {
    Diff {
        runs: [a.into(), b.into()],
        after: None,
    }
}

/// A comparison of two runs, from [`diff`]; await it, or walk through [all](Self::all) of it.
#[derive(Clone, Debug)]
#[must_use = "nothing is compared until it is awaited or walked through"]
pub struct Diff<'a> {
    runs: [RunRef<'a>; 2],
    after: Option<u64>,
}

impl<'a> Diff<'a> {
    /// Leaves out what differs in steps up to `step`. Where the two compared steps have
    /// different numbers, the higher one counts: that of the fork, if the other run is its
    /// origin. So `after(n + 1)` is what comes after the edit of a fork at step *n*.
    pub const fn after(self, step: u64) -> Self {
        Self {
            after: Some(step),
            ..self
        }
    }

    /// A walk through all steps in which the runs differ. They are read page by page on the way.
    pub const fn all(self) -> Divergences<'a> {
        Divergences::new(self.runs, self.after)
    }
}

impl<'a> IntoFuture for Diff<'a> {
    type Output = Result<Option<Divergence>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.all().next().await })
    }
}

impl RunRef<'_> {
    fn error(&self, error: crate::store::StoreError) -> Error {
        Error::from_store(self.run, error)
    }

    fn corrupt(&self, place: &str, reason: impl ToString) -> Error {
        Error::Corrupt {
            run: self.run.to_owned(),
            place: place.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Debug for RunRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunRef").field(&self.run).finish()
    }
}
