use crate::cx::KeyId;
#[cfg(test)]
use crate::erased::Program;
use crate::erased::{Input, UpdateRef, Updates};
use crate::graph::{Hops, NodeId};
use crate::node_error::Failure;

/// A task of the frontier: one node, to be run once.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) node: NodeId,
    /// Its own order key.
    pub(crate) key: KeyId,
    pub(crate) arrow: Arrow,
    /// Whether its arrow is an `each` of the graph that sent it here.
    pub(crate) of_each: bool,
    pub(crate) input: Option<Input>,
}

impl Task {
    /// Which of the items of an `each` it has.
    pub(crate) fn item(&self) -> Option<u64> {
        self.of_each.then_some(u64::from(self.arrow.item))
    }

    /// The task as it is to be run, with its input.
    pub(crate) fn start(&mut self) -> Self {
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
pub(crate) struct Finished {
    pub(crate) update: Option<Updates>,
    pub(crate) hops: Hops,
    /// Why it failed, if its `on error` row took over.
    pub(crate) failure: Option<Box<Failure>>,
    /// The attempt that gave this result, from 1.
    pub(crate) attempt: u32,
    /// The step whose state it saw, if an earlier process kept the result.
    pub(crate) saw: Option<u64>,
}

/// The updates of one step in merge order, apart from their tasks.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) updates: Option<Updates>,
    /// For each update the position of its task in the frontier.
    pub(crate) writers: Vec<usize>,
}

/// What one task did: its update, which may have been gathered, and the rest.
pub(crate) type DoneTask<'a> = (Option<UpdateRef<'a>>, &'a Finished);

impl Gathered {
    /// The finished tasks, each paired with its update again.
    pub(crate) fn beside<'a>(
        &'a self,
        finished: &'a [Option<Finished>],
    ) -> impl Iterator<Item = DoneTask<'a>> {
        let updates = self.updates.iter().flat_map(Updates::iter);
        let mut updates = self.writers.iter().zip(updates).peekable();
        finished
            .iter()
            .flatten()
            .enumerate()
            .map(move |(position, done)| {
                let update = updates.next_if(|(writer, _)| **writer == position);
                (update.map(|(_, update)| update), done)
            })
    }

    /// Mistakes: the updates of retried tasks are there twice; the order is the wrong way round.
    #[cfg(test)]
    pub(super) fn mistake(&mut self, program: &dyn Program, finished: &[Option<Finished>]) {
        let is_retried = |(_, done): &DoneTask<'_>| done.attempt > 1 && mistake!(MergedTwice);
        let done = self.beside(finished);
        let again: Vec<_> = done
            .filter(is_retried)
            .filter_map(|(update, _)| update)
            .collect();
        let all = self.updates.iter().flat_map(Updates::iter);
        let mut all: Vec<_> = all.chain(again).collect();
        if mistake!(MergedBackwards) {
            all.reverse();
        }
        let copy = |update: UpdateRef<'_>| {
            let text = update.to_text().expect("it was written before");
            program.read_update(&text).expect("it was read before")
        };
        self.updates = Updates::merged(all.into_iter().map(copy));
    }
}
