//! One of two runs, on the way through its steps.

use std::collections::{BTreeSet, VecDeque};

use super::RunRef;
use super::readable::ReadStep;
use crate::engine::replay::{lived_in, stored_graph};
use crate::error::Error;
use crate::graph::StoredGraph;
use crate::hash::Digest;
use crate::session::load::{check_head, check_snapshot, is_state, text_of};
use crate::store::{Head, LARGEST_PAGE, Page, StepRecord, StoreExt};

/// See the module.
pub(super) struct Side<'a> {
    run: RunRef<'a>,
    head: Head,
    /// The graph of the step that was read last.
    graph: Option<(Digest, StoredGraph)>,
    /// The numbers of the steps that are fork edits.
    edits: BTreeSet<u64>,
    /// The number of the next step.
    next: u64,
    /// The next steps' digests, as far as they have been read.
    digests: VecDeque<(u64, Digest)>,
    is_read: bool,
}

/// A step that is there.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) step: u64,
    pub(super) digest: Digest,
}

impl<'a> Side<'a> {
    /// At its input.
    pub(super) async fn of(run: RunRef<'a>) -> Result<Self, Error> {
        let head = run.head(run.run).await?;
        Ok(Self {
            run,
            edits: edits(run, &head).await?,
            head,
            graph: None,
            next: 0,
            digests: VecDeque::new(),
            is_read: false,
        })
    }

    pub(super) const fn run(&self) -> &'a str {
        self.run.run
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// As far as was known when the comparison began.
    pub(super) const fn has_ended(&self) -> bool {
        self.next > self.head.step
    }

    pub(super) fn is_at_edit(&self) -> bool {
        self.edits.contains(&self.next)
    }

    /// Moves to the next step.
    pub(super) fn pass(&mut self) {
        self.digests.pop_front();
        self.next += 1;
    }

    /// The next step; `None` at the end.
    pub(super) async fn look(&mut self) -> Result<Option<Found>, Error> {
        if self.digests.is_empty() && !self.is_read {
            let page = Page::first(LARGEST_PAGE);
            let page = match self.next.checked_sub(1) {
                Some(last) => page.after(last),
                None => page,
            };
            let listed = self.run.store.digests(self.run.run, page).await;
            let listed = listed.map_err(|error| self.run.error(error))?;
            self.is_read = listed.next.is_none();
            self.digests = listed.items.into();
        }
        match self.digests.front() {
            Some((first, _)) if *first != self.next => Err(Error::Pruned {
                run: self.run.run.to_owned(),
                step: self.next,
                first: *first,
            }),
            Some((step, digest)) => Ok(Some(Found {
                step: *step,
                digest: *digest,
            })),
            None => Ok(None),
        }
    }

    /// What a step did, to be read by people.
    pub(super) async fn read(&mut self, step: Option<u64>) -> Result<Option<ReadStep>, Error> {
        let Some(step) = step else { return Ok(None) };
        let record = self.run.step(step).await?;
        let record = record.ok_or_else(|| self.run.corrupt(&place(step), "it is missing"))?;
        let graph = self.graph_of(step).await?;
        let read = ReadStep::of(&record, graph);
        read.map(Some)
            .map_err(|error| self.run.corrupt(&place(step), error))
    }

    /// The graph that wrote `step`.
    async fn graph_of(&mut self, step: u64) -> Result<&StoredGraph, Error> {
        let run = self.run;
        let graphs = lived_in(run.store, self.head.fingerprint, &self.head).await?;
        let wanted = graphs.at(step).fingerprint;
        let kept = self.graph.take().filter(|(kept, _)| *kept == wanted);
        let graph = match kept {
            Some((_, graph)) => graph,
            None => {
                let text = stored_graph(run.store, &self.head, wanted).await?;
                StoredGraph::read(&text).map_err(|error| run.corrupt("the graph", error))?
            }
        };
        let (_, graph) = self.graph.insert((wanted, graph));
        Ok(graph)
    }

    /// The state after `step`, if it is on record as such: computing it from updates needs the
    /// graph's reducers.
    pub(super) async fn state_after(&self, step: u64) -> Result<Option<String>, Error> {
        let run = self.run;
        if let Some(record) = run.step(step).await?
            && is_state(&record)
        {
            return Ok(Some(record.updates));
        }
        let snapshot = run.store.snapshot(run.run, step).await;
        let snapshot = snapshot.map_err(|error| run.error(error))?;
        let Some(snapshot) = snapshot.filter(|snapshot| snapshot.step == step) else {
            return Ok(None);
        };
        check_snapshot(&self.head, &snapshot)?;
        Ok(Some(snapshot.state))
    }
}

/// The first steps of `run`, if it is a fork, and of the forks that it stands on.
async fn edits(run: RunRef<'_>, head: &Head) -> Result<BTreeSet<u64>, Error> {
    let mut edits = BTreeSet::new();
    let mut last = u64::MAX;
    let mut next = head.origin.clone();
    let mut passed = BTreeSet::new();
    while let Some(origin) = next {
        let edit = origin.step.saturating_add(1);
        if edit <= last {
            edits.insert(edit);
        }
        last = last.min(origin.step);
        if !passed.insert(origin.run.clone()) {
            let reason = "its origins stand on each other in a circle";
            return Err(run.corrupt("where it branches off", reason));
        }
        next = run.head(&origin.run).await?.origin;
    }
    Ok(edits)
}

fn place(step: u64) -> String {
    format!("step {step}")
}

impl RunRef<'_> {
    async fn head(&self, run: &str) -> Result<Head, Error> {
        let head = self.store.head(run).await;
        let head = head.map_err(|error| Error::from_store(run, error))?;
        let head = head.ok_or_else(|| Error::RunNotFound {
            run: run.to_owned(),
        })?;
        check_head(&head)?;
        Ok(head)
    }

    /// A step's record, if there is one; an error if it is not what was written.
    async fn step(&self, step: u64) -> Result<Option<StepRecord>, Error> {
        let records = self.store.all_steps(self.run, step, step).await;
        let records = records.map_err(|error| self.error(error))?;
        let record = records.into_iter().next();
        match &record {
            Some(record) if text_of(record).digest() != record.digest => {
                let reason = "it is not what was written: its hash differs";
                Err(self.corrupt(&place(step), reason))
            }
            _ => Ok(record),
        }
    }
}
