use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};

use crate::node_error::{Failed, Failure};

/// The input of a node that takes none.
#[derive(Clone, Copy, Debug)]
pub struct NoInput;

/// The input of a node that takes a `T` by value.
///
/// `OK` is that of [`Node`](crate::graph::Node), about the type: where a task cannot carry it,
/// rustc says so at the function, and is silent about what the input is needed for.
#[derive(Clone, Copy, Debug)]
pub struct Given<T, const OK: bool = true>(pub T);

/// What a task can carry to its node: nothing, or a value that survives a crash.
///
/// Every node's input is one, whether the node takes a value or not, so that a
/// wrong edge is one error at that edge.
#[diagnostic::on_unimplemented(
    message = "the node's by-value parameter cannot be a task's input",
    label = "stored with the task, so it must be `Serialize + DeserializeOwned + Clone + Send + 'static`",
    note = "a by-value parameter is the task's input; take by reference what is lent: a dependency as `&Bank`, the context as `&Cx`"
)]
pub trait TaskInput: Send + Sized {
    /// The value; [`NoItem`] if the node takes none.
    type Item: Serialize + DeserializeOwned + Clone + Send + 'static;

    /// The node's argument; `None` if the task lacks what the node takes.
    fn from_item(item: Option<Self::Item>) -> Option<Self>;
}

impl TaskInput for NoInput {
    type Item = NoItem;

    fn from_item(_: Option<NoItem>) -> Option<Self> {
        Some(Self)
    }
}

// The trait's message says it all at once; the bounds would say it one by one.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Clone + Send + 'static, const OK: bool> TaskInput
    for Given<T, OK>
{
    type Item = T;

    fn from_item(item: Option<T>) -> Option<Self> {
        item.map(Self)
    }
}

/// The value of an input that cannot exist.
#[derive(Clone, Copy, Debug)]
pub enum NoItem {}

impl Serialize for NoItem {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for NoItem {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("the node takes no input"))
    }
}

/// Says that a node takes no input.
#[diagnostic::on_unimplemented(
    message = "this node takes an input, and this edge gives none",
    label = "needs an input: `node(value)`, or `each node(values) else end` for one task per value",
    note = "`Failure` and `Failed<T>` come from an `on error` row only: `other on error -> node`"
)]
pub trait TakesNoInput {}

impl TakesNoInput for NoInput {}

/// The same of a node that waits for others: by a join or by `defer`.
#[diagnostic::on_unimplemented(
    message = "this node takes an input, and a join or `defer` gives none",
    label = "waits for others, and then takes no input",
    note = "let it read the state, or put a node between that gives the input: `[a, b] -> between, between -> node(value)`"
)]
pub trait Waits {}

impl Waits for NoInput {}

/// Says that a node takes an input, and of which type.
#[diagnostic::on_unimplemented(
    message = "this node takes no input, and this edge gives one",
    label = "takes no input: add a by-value parameter to the function, or write the node's name alone",
    note = "a task's input is taken by value: `item: Item`; by reference, as `item: &Item`, a node takes one of the graph's fields"
)]
pub trait TakesInput: TaskInput {
    /// The type of the by-value parameter.
    type Value;
    /// The node itself. An error, and so silent, where none is taken.
    type Of<N>;

    /// What a task with this value carries.
    fn carried(value: Self::Value) -> Self::Item;
}

impl<T, const OK: bool> TakesInput for Given<T, OK>
where
    Self: TaskInput<Item = T>,
{
    type Value = T;
    type Of<N> = N;

    fn carried(value: T) -> T {
        value
    }
}

/// Says what a node whose input this is hands on when it fails, if the node behind its
/// `on error` row has the input `N`.
pub trait Fails<N: TaskInput>: TaskInput {
    /// The input that says what failed, and on what; `None` if the node takes none.
    fn item(failure: Failure, input: Option<&Self::Item>) -> Option<N::Item>;
}

impl<N: HandlesFailure> Fails<N> for NoInput {
    fn item(failure: Failure, _: Option<&NoItem>) -> Option<N::Item> {
        N::item(failure)
    }
}

impl<T: HandedTo<N>, N: TaskInput, const OK: bool> Fails<N> for Given<T, OK>
where
    Self: TaskInput<Item = T>,
{
    fn item(failure: Failure, input: Option<&T>) -> Option<N::Item> {
        T::item(failure, input)
    }
}

/// Says that a node can be the target of `on error` of a node without input.
#[diagnostic::on_unimplemented(
    message = "the failed node takes no input, so the node behind its `on error` takes `Failure` or no input",
    label = "takes neither of these"
)]
pub trait HandlesFailure: TaskInput {
    /// The input that says what failed; `None` if the node takes none.
    fn item(failure: Failure) -> Option<Self::Item>;
}

impl HandlesFailure for NoInput {
    fn item(_: Failure) -> Option<NoItem> {
        None
    }
}

impl<const OK: bool> HandlesFailure for Given<Failure, OK> {
    fn item(failure: Failure) -> Option<Failure> {
        Some(failure)
    }
}

/// Says that a node with the input `N` can be the target of `on error` of a node that takes
/// this by value. Not a trait of `N`, since rustc shows no other message if `N` is the failed
/// node's own input.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the failed node takes `{Self}`, so the node behind its `on error` takes `Failure`, `Failed<{Self}>` or no input",
    label = "takes none of these"
)]
pub trait HandedTo<N: TaskInput>: Sized {
    /// The input that says what failed, and on what; `None` if the node takes none.
    fn item(failure: Failure, input: Option<&Self>) -> Option<N::Item>;
}

impl<T> HandedTo<NoInput> for T {
    fn item(_: Failure, _: Option<&T>) -> Option<NoItem> {
        None
    }
}

impl<T, const OK: bool> HandedTo<Given<Failure, OK>> for T {
    fn item(failure: Failure, _: Option<&T>) -> Option<Failure> {
        Some(failure)
    }
}

impl<T: Clone, const OK: bool> HandedTo<Given<Failed<T>, OK>> for T
where
    Given<Failed<T>, OK>: TaskInput<Item = Failed<T>>,
{
    fn item(failure: Failure, input: Option<&T>) -> Option<Failed<T>> {
        let input = input.cloned()?;
        Some(Failed { failure, input })
    }
}
