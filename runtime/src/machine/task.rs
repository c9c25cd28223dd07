use crate::cx::KeyId;
use crate::graph::{Graph, Hops, NodeId};
use crate::machine::UpdateOf;
use crate::node_error::Failure;

/// A task of the frontier: one node, to be run once.
#[derive(Clone, Debug)]
pub(crate) struct Task<I> {
    pub(crate) node: NodeId,
    /// Its own order key.
    pub(crate) key: KeyId,
    pub(crate) arrow: Arrow,
    /// Whether its arrow is an `each` of the graph that sent it here.
    pub(crate) of_each: bool,
    pub(crate) input: Option<I>,
}

impl<I> Task<I> {
    /// Which of the items of an `each` it has.
    pub(crate) fn item(&self) -> Option<u64> {
        self.of_each.then_some(u64::from(self.arrow.item))
    }

    /// The task as it is to be run, with its input.
    pub(crate) const fn start(&mut self) -> Self {
        Self {
            node: self.node,
            key: self.key,
            arrow: self.arrow,
            of_each: self.of_each,
            input: self.input.take(),
        }
    }
}

/// The arrow along which a task was reached first: what its order key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) parent: KeyId,
    pub(crate) edge: u32,
    pub(crate) item: u32,
}

/// The result of one task.
#[derive(Debug)]
pub(crate) struct Finished<G: Graph> {
    pub(crate) update: Option<UpdateOf<G>>,
    pub(crate) hops: Hops<G::Input>,
    /// Why it failed, if its `on error` row took over.
    pub(crate) failure: Option<Box<Failure>>,
    /// The attempt that gave this result, from 1.
    pub(crate) attempt: u32,
    /// The step whose state it saw, if an earlier process kept the result.
    pub(crate) saw: Option<u64>,
}

/// The updates of one step in merge order, apart from their tasks.
#[derive(Debug)]
pub(crate) struct Gathered<U> {
    pub(crate) updates: Vec<U>,
    /// For each update the position of its task in the frontier.
    pub(crate) writers: Vec<usize>,
}

impl<U> Gathered<U> {
    pub(crate) fn with_capacity(tasks: usize) -> Self {
        Self {
            updates: Vec::with_capacity(tasks),
            writers: Vec::with_capacity(tasks),
        }
    }

    pub(crate) fn push(&mut self, position: usize, update: U) {
        self.updates.push(update);
        self.writers.push(position);
    }
}

/// What one task did: its update, which may have been gathered, and the rest.
pub(crate) type DoneTask<'a, G> = (Option<&'a UpdateOf<G>>, &'a Finished<G>);

#[cfg(test)]
impl<U: Clone> Gathered<U> {
    /// A mistake: the updates of retried tasks are there twice.
    pub(super) fn merge_again<G: Graph>(&mut self, finished: &[Option<Finished<G>>]) {
        let is_retried = |writer: &usize| {
            let done = finished[*writer].as_ref();
            done.is_some_and(|done| done.attempt > 1 && mistake!(MergedTwice))
        };
        let writers = self.writers.iter().zip(&self.updates);
        let again = writers.filter(|(writer, _)| is_retried(writer));
        let again: Vec<U> = again.map(|(_, update)| update.clone()).collect();
        self.updates.extend(again);
    }
}

impl<U> Gathered<U> {
    /// The finished tasks, each paired with its update again.
    pub(crate) fn beside<'a, G: Graph>(
        &'a self,
        finished: &'a [Option<Finished<G>>],
    ) -> impl Iterator<Item = DoneTask<'a, G>>
    where
        G::State: crate::state::State<Update = U>,
    {
        let mut updates = self.writers.iter().zip(&self.updates).peekable();
        finished
            .iter()
            .flatten()
            .enumerate()
            .map(move |(position, done)| {
                let update = updates.next_if(|(writer, _)| **writer == position);
                (update.map(|(_, update)| update), done)
            })
    }
}
