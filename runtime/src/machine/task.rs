use crate::graph::{Graph, Hops, NodeId};
use crate::machine::keys::KeyId;
use crate::node_error::Failure;
use crate::state::State;

/// A task of the frontier: one node, to be run once.
#[derive(Clone, Debug)]
pub(crate) struct Task<I> {
    pub(crate) node: NodeId,
    /// Its own order key.
    pub(crate) key: KeyId,
    pub(crate) arrow: Arrow,
    pub(crate) input: Option<I>,
}

/// The arrow along which a task was reached first: what its order key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) parent: KeyId,
    pub(crate) edge: u32,
    pub(crate) item: u64,
}

/// What one task came to.
#[derive(Debug)]
pub(crate) struct Finished<G: Graph> {
    pub(crate) update: Option<<G::State as State>::Update>,
    pub(crate) hops: Hops<G::Input>,
    /// Why it failed, if its `on error` row took over.
    pub(crate) failure: Option<Failure>,
}
