//! What a graph is: the traits that the macros implement and the static table
//! that describes the edges.

mod draw;
mod fingerprint;
#[doc(hidden)]
pub mod glue;
mod info;
mod input;
mod node;
mod outcome;
mod provides;
mod route;
mod writes;

pub use fingerprint::Differences;
pub(crate) use fingerprint::StoredGraph;
pub(crate) use fingerprint::keep_name;
pub use info::{
    END, EdgeInfo, EdgeKind, GraphInfo, JoinInfo, Migrate, NodeId, NodeInfo, NodeOptions, Part,
    RetryOptions, RowInfo, START, Span,
};
pub use node::{Node, NodeFn};
pub use outcome::IntoOutcome;
pub use provides::Provides;
pub use route::Route;

// What only generated code names.
#[doc(hidden)]
pub use self::{
    input::{
        Fails, Given, HandedTo, HandlesFailure, NoInput, NoItem, TakesInput, TakesNoInput,
        TaskInput, Waits,
    },
    node::{Call, Is, Running, Then},
    outcome::{Done, HasRoute, Hop, Hops, IntoNodeError, NoRoute, Returns, RoutesNowhere},
    provides::{Dependency, Lends},
    writes::Writers,
};

use crate::cx::Cx;
use crate::erased::Input;
use crate::node_error::Failure;
use crate::state::State;

/// A graph of nodes over one state: written by `#[graph]`, never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a graph",
    label = "this type does not carry `#[graph(…)]`",
    note = "annotate the struct with `#[graph(state = …, start -> …, … -> end)]`"
)]
pub trait Graph: Send + Sync + Sized + 'static {
    /// The state that the graph's nodes read and update.
    type State: State;

    /// The edge table.
    const INFO: &'static GraphInfo;

    /// Where `start` leads: the hops of the row `start -> …`.
    #[doc(hidden)]
    fn start() -> Hops;

    /// Runs one node and expands its row.
    ///
    /// `input` is given exactly for nodes that take one; the runtime checks that
    /// when it decodes a task, so that a mismatch cannot come from a database.
    ///
    /// # Errors
    /// Whatever the node returns as its error.
    #[doc(hidden)]
    fn call<'a>(
        &'a self,
        node: NodeId,
        input: Option<Input>,
        state: &'a Self::State,
        cx: &'a Cx,
    ) -> Running<'a>;

    /// The hops of `node`'s `on error` row for a task with that input; `None` if it has none.
    #[doc(hidden)]
    fn on_error(node: NodeId, failure: Failure, input: Option<&Input>) -> Option<Hops> {
        let _ = (node, failure, input);
        None
    }
}
