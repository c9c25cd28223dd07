//! A graph, its state, updates and inputs without their types, so that all that drives a run
//! is compiled once, and not again for each graph.

mod input;
mod state;
mod updates;

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

pub use input::{Input, ReadInput};
pub use state::AnyState;
pub(crate) use state::{SharedState, make_mut, shared, typed, typed_mut};
pub(crate) use updates::UpdateRef;
pub use updates::Updates;

use crate::cx::Cx;
use crate::encode::{self, DecodeError};
use crate::graph::{Graph, GraphInfo, Hops, NodeId, Part, Running};
use crate::machine::TaskText;
use crate::node_error::Failure;
use crate::state::{State, whole};

/// The update of a graph's state.
pub(crate) type UpdateOf<G> = <<G as Graph>::State as State>::Update;

/// What a run is a run of.
pub(crate) trait Program: Send + Sync {
    fn info(&self) -> &'static GraphInfo;

    /// See [`Graph::start`].
    fn start(&self) -> Hops;

    /// See [`Graph::call`].
    fn call<'a>(
        &'a self,
        node: NodeId,
        input: Option<Input>,
        state: &'a dyn AnyState,
        cx: &'a Cx,
    ) -> Running<'a>;

    /// See [`Graph::on_error`].
    fn on_error(&self, node: NodeId, failure: Failure, input: Option<&Input>) -> Option<Hops>;

    /// The type of states, or of updates.
    fn name_of(&self, part: Part) -> &'static str;

    /// The state that `json` is.
    fn read_state(&self, json: &str) -> Result<SharedState, DecodeError>;

    /// The update that `json` is.
    fn read_update(&self, json: &str) -> Result<Updates, DecodeError>;

    /// The updates in the text of a step, if there are any.
    fn read_updates(&self, step: &str) -> Result<Option<Updates>, DecodeError>;
}

impl fmt::Debug for dyn Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.info().name)
    }
}

impl<G: Graph> Program for G {
    fn info(&self) -> &'static GraphInfo {
        G::INFO
    }

    fn start(&self) -> Hops {
        G::start()
    }

    fn call<'a>(
        &'a self,
        node: NodeId,
        input: Option<Input>,
        state: &'a dyn AnyState,
        cx: &'a Cx,
    ) -> Running<'a> {
        Graph::call(self, node, input, typed(state), cx)
    }

    fn on_error(&self, node: NodeId, failure: Failure, input: Option<&Input>) -> Option<Hops> {
        G::on_error(node, failure, input)
    }

    fn name_of(&self, part: Part) -> &'static str {
        match part {
            Part::State => type_name::<G::State>(),
            Part::Update => type_name::<UpdateOf<G>>(),
        }
    }

    fn read_state(&self, json: &str) -> Result<SharedState, DecodeError> {
        let state: G::State = whole::from_str(json)?;
        Ok(Arc::new(state))
    }

    fn read_update(&self, json: &str) -> Result<Updates, DecodeError> {
        encode::from_str(json).map(Updates::of::<G::State>)
    }

    fn read_updates(&self, step: &str) -> Result<Option<Updates>, DecodeError> {
        let tasks: Vec<TaskText<UpdateOf<G>>> = encode::from_str(step)?;
        let updates = tasks.into_iter().filter_map(|task| task.update);
        Ok(Updates::all::<G::State>(updates.collect()))
    }
}

/// A run and its graph have the same types, which a check that was made before guarantees.
fn is_of_the_graph<T>(value: Option<T>) -> T {
    value.expect("what a run has is of its graph's types")
}
