use std::convert::Infallible;

use crate::erased::{Input, Updates};
use crate::graph::Route;
use crate::node_error::NodeError;
use crate::state::State;

/// What a node's return type becomes: an update, and a route if it has one.
///
/// Implemented for the state's update, `(update, route)`, a route alone, `()`,
/// and any of these in a `Result`.
#[diagnostic::on_unimplemented(
    message = "a node over `{S}` cannot return `{Self}`",
    label = "not an update of `{S}`, a route, or a `Result` of one",
    note = "return `{S}`'s update, `(update, route)` in this order, a type that derives `Route`, or `()`, each bare or in a `Result`",
    note = "if it is meant as a route, add `#[derive(Route)]` to the enum"
)]
pub trait IntoOutcome<S> {
    /// The route type, or [`NoRoute`].
    type Route;
    /// The node's own error. Whether it can be one is asked apart, so that a type that
    /// cannot is named.
    type Error;

    /// Takes it apart.
    ///
    /// # Errors
    /// The node's own error.
    #[expect(
        clippy::type_complexity,
        reason = "it is written once more, by the macro"
    )]
    fn into_outcome(self) -> Result<(Option<S::Update>, Self::Route), Self::Error>
    where
        S: State;
}

/// What a node over `S` may return. `OK` is that of [`Node`](crate::graph::Node).
#[doc(hidden)]
pub trait Returns<S, const OK: bool>: Sized {
    /// The route type, or [`NoRoute`].
    type Route;

    /// Takes it apart.
    ///
    /// # Errors
    /// The node's own error.
    fn outcome(self) -> Result<(Option<S::Update>, Self::Route), NodeError>
    where
        S: State;
}

#[diagnostic::do_not_recommend]
impl<S, R: IntoOutcome<S, Error: IntoNodeError>, const OK: bool> Returns<S, OK> for R {
    type Route = R::Route;

    #[inline]
    fn outcome(self) -> Result<(Option<S::Update>, R::Route), NodeError>
    where
        S: State,
    {
        self.into_outcome().map_err(IntoNodeError::into_node_error)
    }
}

impl<S> IntoOutcome<S> for () {
    type Route = NoRoute;
    type Error = Infallible;

    #[inline]
    fn into_outcome(self) -> Result<(Option<S::Update>, NoRoute), Infallible>
    where
        S: State,
    {
        Ok((None, NoRoute))
    }
}

// Like that of every derived route. One impl for all of them would hide from rustc what is
// wrong with a part of a pair or a `Result`.
impl<S> IntoOutcome<S> for bool {
    type Route = Self;
    type Error = Infallible;

    #[inline]
    fn into_outcome(self) -> Result<(Option<S::Update>, Self), Infallible>
    where
        S: State,
    {
        Ok((None, self))
    }
}

impl<S, U: Before<R, S>, R> IntoOutcome<S> for (U, R) {
    type Route = U::Route;
    type Error = Infallible;

    #[inline]
    fn into_outcome(self) -> Result<(Option<S::Update>, U::Route), Infallible>
    where
        S: State,
    {
        let (update, route) = U::pair(self.0, self.1);
        Ok((Some(update), route))
    }
}

/// Says of a pair that it is the state's update and a route, in this order.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a node over `{S}` cannot return `({Self}, {R})`",
    label = "of two values, the first is `{S}`'s update and the second a route",
    note = "return `(update, route)` in this order; a route is `bool` or an enum that derives `Route`"
)]
pub trait Before<R, S>: Sized {
    /// The route.
    type Route;

    /// The two as they are.
    fn pair(update: Self, route: R) -> (S::Update, Self::Route)
    where
        S: State;
}

#[diagnostic::do_not_recommend]
impl<S: State<Update = U>, U, R: Route> Before<R, S> for U {
    type Route = R;

    #[inline]
    fn pair(update: U, route: R) -> (U, R) {
        (update, route)
    }
}

/// No `Option` is a route, nor does it hold an update.
impl<S, T: Absent<S>> IntoOutcome<S> for Option<T> {
    type Route = NoRoute;
    type Error = Infallible;

    #[inline]
    fn into_outcome(self) -> Result<(Option<S::Update>, NoRoute), Infallible>
    where
        S: State,
    {
        Ok((None, NoRoute))
    }
}

/// Never implemented: says what to return in place of an `Option`.
#[diagnostic::on_unimplemented(
    message = "a node over `{S}` cannot return `Option<{Self}>`",
    label = "an `Option` is neither an update nor a route",
    note = "for a route, give the enum a variant of its own for `None`; for an update, return one that sets nothing: `{S}::update()`"
)]
pub trait Absent<S> {}

impl<S, T, E> IntoOutcome<S> for Result<T, E>
where
    T: IntoOutcome<S, Error = Infallible>,
{
    type Route = T::Route;
    type Error = E;

    #[inline]
    fn into_outcome(self) -> Result<(Option<S::Update>, T::Route), E>
    where
        S: State,
    {
        let Ok(outcome) = self?.into_outcome();
        Ok(outcome)
    }
}

/// Says that a node's error type is one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a node can return",
    label = "`{Self}` is neither `std::error::Error + Send + Sync` nor text",
    note = "return `NodeError`, or implement `std::error::Error` for `{Self}`"
)]
pub trait IntoNodeError {
    /// The error as the engine takes it.
    fn into_node_error(self) -> NodeError;
}

// The trait's message names the type; the bound would speak of `From` and `Box`.
#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> IntoNodeError for E {
    fn into_node_error(self) -> NodeError {
        NodeError::transient(self)
    }
}

/// The route of a node that returns none.
#[derive(Clone, Copy, Debug)]
pub struct NoRoute;

/// Says that a node returns no route, so that its row needs no `match`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this node returns a route, so its row needs a `match`",
    label = "returns the route `{Self}`; write `node -> match {{ pattern => target, … }}`"
)]
pub trait RoutesNowhere<const OK: bool> {}

/// Says that a node returns a route that a `match` can take.
#[diagnostic::on_unimplemented(
    message = "this node returns no route, so its row cannot `match`",
    label = "returns no route: return `(update, route)` or a type that derives `Route`, or name the targets alone"
)]
pub trait HasRoute {
    /// The route itself; an error, and so silent, where there is none.
    type Route;

    /// Takes it out.
    fn route(self) -> Self::Route;
}

/// The result of running one task: the update it wants and where it goes.
#[derive(Debug)]
pub struct Done {
    /// The update, if the node returned one.
    pub update: Option<Updates>,
    /// The hops of the node's row.
    pub hops: Hops,
}

/// Where a finished task goes, in declared order.
#[derive(Clone, Debug)]
pub enum Hops {
    /// Along its row's [static edges](crate::graph::RowInfo::Static).
    Row,
    /// Along these.
    Taken(Vec<Hop>),
}

/// One hop: an edge, which of its items, and the input for the target.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The edge's position in [`GraphInfo::edges`](crate::graph::GraphInfo::edges).
    pub edge: u32,
    /// The item's position under `each`, else 0.
    pub item: u32,
    /// The input, for a target that takes one.
    pub input: Option<Input>,
}

impl Hops {
    /// No hop yet; what generated code starts a dynamic row with.
    pub const fn none() -> Self {
        Self::Taken(Vec::new())
    }

    /// Goes along `edge` without an input.
    #[inline]
    pub fn to(&mut self, edge: u32) {
        self.push(Hop {
            edge,
            item: 0,
            input: None,
        });
    }

    /// Goes along `edge` with `input`.
    #[inline]
    pub fn with(&mut self, edge: u32, input: Input) {
        self.push(Hop {
            edge,
            item: 0,
            input: Some(input),
        });
    }

    /// Goes along `edge` once for each of `inputs`; returns whether there were any.
    pub fn each(&mut self, edge: u32, inputs: impl IntoIterator<Item = Input>) -> bool {
        let mut items = 0;
        for input in inputs {
            self.push(Hop {
                edge,
                item: items,
                input: Some(input),
            });
            items += 1;
        }
        items > 0
    }

    /// Puts what `number` gives for it in the place of each edge.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        if let Self::Taken(hops) = self {
            hops.iter_mut().for_each(|hop| hop.edge = number(hop.edge));
        }
    }

    #[inline]
    fn push(&mut self, hop: Hop) {
        if let Self::Taken(hops) = self {
            hops.push(hop);
        }
    }
}
