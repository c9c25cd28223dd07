//! Runs that are being driven: two calls for one run share one execution.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::error::Error;
use crate::graph::Graph;
use crate::run::Run;

/// What driving a run comes to.
pub(super) type RunResult<G> = Result<Run<<G as Graph>::State>, Error>;

pub(super) type Driving<G> = Pin<Box<dyn Future<Output = RunResult<G>> + Send>>;

/// One execution. It goes on as long as anybody waits for it: whoever holds
/// the lock drives, and when that one goes away the next goes on from there.
pub(super) struct Execution<G: Graph> {
    /// What it was started with, unless the run was there before.
    pub(super) origin: Option<Origin>,
    progress: Mutex<Progress<G>>,
}

/// What a run is started with: its input as text, and its seed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) input: String,
    pub(super) seed: u64,
}

/// Whether an execution is new.
pub(super) enum Entered<G: Graph> {
    New(Arc<Execution<G>>),
    UnderWay(Arc<Execution<G>>),
}

enum Progress<G: Graph> {
    Driving(Driving<G>),
    Done(RunResult<G>),
}

impl<G: Graph> Execution<G> {
    pub(super) async fn join(self: Arc<Self>) -> RunResult<G> {
        let mut progress = self.progress.lock().await;
        let result = match &mut *progress {
            Progress::Driving(driving) => driving.await,
            Progress::Done(result) => return result.clone(),
        };
        *progress = Progress::Done(result.clone());
        result
    }
}

/// The executions of an engine, by run. Each has a number, so that one that
/// was dropped cannot take away the entry of its successor.
pub(super) struct Active<G: Graph>(SyncMutex<Executions<G>>);

struct Executions<G: Graph> {
    started: u64,
    by_run: HashMap<String, (u64, Weak<Execution<G>>)>,
    /// Runs that are written to without being driven, for as long as that lasts.
    claims: HashMap<String, Arc<Mutex<()>>>,
}

impl<G: Graph> Executions<G> {
    /// The execution of `run`, if one is under way.
    fn get(&self, run: &str) -> Option<Arc<Execution<G>>> {
        let (_, execution) = self.by_run.get(run)?;
        execution.upgrade()
    }
}

/// The right to write to a run without driving it: an execution that is begun
/// meanwhile waits, so that neither takes the other's lease.
pub(super) struct Claim<'a, G: Graph> {
    active: &'a Active<G>,
    run: String,
    _held: OwnedMutexGuard<()>,
}

impl<G: Graph> Drop for Claim<'_, G> {
    fn drop(&mut self) {
        self.active.executions().claims.remove(&self.run);
    }
}

impl<G: Graph> Active<G> {
    pub(super) fn new() -> Self {
        Self(SyncMutex::new(Executions {
            started: 0,
            by_run: HashMap::new(),
            claims: HashMap::new(),
        }))
    }

    fn executions(&self) -> MutexGuard<'_, Executions<G>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims `run`, after whoever has claimed it; `None` if it is being driven.
    pub(super) async fn claim(&self, run: &str) -> Option<Claim<'_, G>> {
        loop {
            let other = {
                let mut executions = self.executions();
                if executions.get(run).is_some() {
                    return None;
                }
                match executions.claims.get(run) {
                    Some(other) => Arc::clone(other),
                    None => {
                        let lock = Arc::new(Mutex::new(()));
                        let held = Arc::clone(&lock).try_lock_owned().ok()?;
                        executions.claims.insert(run.to_owned(), lock);
                        return Some(Claim {
                            active: self,
                            run: run.to_owned(),
                            _held: held,
                        });
                    }
                }
            };
            drop(other.lock().await);
        }
    }

    /// The execution of `run` that is under way, or else a new one that `drive` makes.
    pub(super) fn get_or_start(
        &self,
        run: &str,
        origin: Option<Origin>,
        drive: impl FnOnce(u64) -> Driving<G>,
    ) -> Entered<G> {
        let mut executions = self.executions();
        if let Some(execution) = executions.get(run) {
            return Entered::UnderWay(execution);
        }
        executions.started += 1;
        let number = executions.started;
        let driving = drive(number);
        let driving: Driving<G> = match executions.claims.get(run) {
            None => driving,
            Some(claim) => {
                let claim = Arc::clone(claim);
                Box::pin(async move {
                    drop(claim.lock().await);
                    driving.await
                })
            }
        };
        let execution = Arc::new(Execution {
            origin,
            progress: Mutex::new(Progress::Driving(driving)),
        });
        executions
            .by_run
            .insert(run.to_owned(), (number, Arc::downgrade(&execution)));
        Entered::New(execution)
    }

    /// Forgets execution `number` of `run`.
    pub(super) fn end(&self, run: &str, number: u64) {
        let mut executions = self.executions();
        if executions
            .by_run
            .get(run)
            .is_some_and(|(current, _)| *current == number)
        {
            executions.by_run.remove(run);
        }
    }
}
