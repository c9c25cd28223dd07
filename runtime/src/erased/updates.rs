use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use super::is_of_the_graph;
use super::state::{AnyState, typed_mut};
use crate::encode::{self, Draft, EncodeError};
use crate::state::{Clash, FieldSet, ReduceError, State, Update as _};

/// One or more updates of a state, in merge order.
pub struct Updates(Box<dyn List>);

trait List: Any + Send + Sync {
    fn copy(&self) -> Updates;
    fn len(&self) -> usize;
    fn fields(&self, at: usize) -> FieldSet;
    fn write(&self, at: usize, levels: usize, out: &mut Draft) -> Result<(), EncodeError>;
    fn survives(&self, at: usize, text: &str, check: bool) -> Result<(), EncodeError>;
    fn conflict(&self) -> Result<Option<Clash>, EncodeError>;
    fn apply(&mut self, state: &mut dyn AnyState) -> Result<(), ReduceError>;
    fn restore_skipped(&mut self, state: &mut dyn AnyState);
    fn with(self: Box<Self>, further: &mut dyn Iterator<Item = Updates>) -> Updates;
}

/// Updates of `S`: a single one takes no list.
struct Of<S, L>(L, PhantomData<fn() -> S>);

impl<S, L> Of<S, L>
where
    S: State,
    L: AsRef<[S::Update]> + AsMut<[S::Update]> + IntoIterator<Item = S::Update>,
    Self: List,
{
    fn boxed(list: L) -> Updates {
        Updates(Box::new(Self(list, PhantomData)))
    }
}

impl<S, L> List for Of<S, L>
where
    S: State,
    L: AsRef<[S::Update]> + AsMut<[S::Update]> + IntoIterator<Item = S::Update>,
    L: Clone + Send + Sync + 'static,
{
    fn copy(&self) -> Updates {
        Self::boxed(self.0.clone())
    }

    fn len(&self) -> usize {
        self.0.as_ref().len()
    }

    fn fields(&self, at: usize) -> FieldSet {
        self.0.as_ref()[at].fields()
    }

    fn write(&self, at: usize, levels: usize, out: &mut Draft) -> Result<(), EncodeError> {
        out.nested(levels, &self.0.as_ref()[at])
    }

    fn survives(&self, at: usize, text: &str, check: bool) -> Result<(), EncodeError> {
        let back: S::Update = encode::read_back(text)?;
        match check {
            true => encode::same_value(&self.0.as_ref()[at], &back),
            false => Ok(()),
        }
    }

    fn conflict(&self) -> Result<Option<Clash>, EncodeError> {
        S::conflict(self.0.as_ref())
    }

    fn apply(&mut self, state: &mut dyn AnyState) -> Result<(), ReduceError> {
        typed_mut::<S>(state).apply(self.0.as_mut())
    }

    fn restore_skipped(&mut self, state: &mut dyn AnyState) {
        typed_mut::<S>(state).restore_skipped(self.0.as_mut());
    }

    fn with(self: Box<Self>, further: &mut dyn Iterator<Item = Updates>) -> Updates {
        let mut all: Vec<S::Update> = self.0.into_iter().collect();
        all.extend(further.map(Updates::take::<S>));
        Of::<S, _>::boxed(all)
    }
}

impl Updates {
    /// A single one.
    pub fn of<S: State>(update: S::Update) -> Self {
        Of::<S, _>::boxed([update])
    }

    /// All of them, if there are any.
    pub(crate) fn all<S: State>(updates: Vec<S::Update>) -> Option<Self> {
        (!updates.is_empty()).then(|| Of::<S, _>::boxed(updates))
    }

    /// Those of several tasks.
    pub(crate) fn merged(mut of_tasks: impl Iterator<Item = Self>) -> Option<Self> {
        let first = of_tasks.next()?;
        Some(first.0.with(&mut of_tasks))
    }

    /// The single one.
    pub fn take<S: State>(self) -> S::Update {
        let single: Box<dyn Any> = self.0;
        let single = is_of_the_graph(single.downcast::<Of<S, [S::Update; 1]>>().ok());
        let Of([update], _) = *single;
        update
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = UpdateRef<'_>> {
        (0..self.len()).map(|at| UpdateRef { of: self, at })
    }

    /// The first of them, or the only one.
    pub(crate) fn first(&self) -> UpdateRef<'_> {
        UpdateRef { of: self, at: 0 }
    }

    /// See [`State::conflict`].
    pub(crate) fn conflict(&self) -> Result<Option<Clash>, EncodeError> {
        self.0.conflict()
    }

    /// See [`State::apply`].
    pub(crate) fn apply(&mut self, state: &mut dyn AnyState) -> Result<(), ReduceError> {
        self.0.apply(state)
    }

    /// See [`State::restore_skipped`].
    pub(crate) fn restore_skipped(&mut self, state: &mut dyn AnyState) {
        self.0.restore_skipped(state);
    }
}

impl Clone for Updates {
    fn clone(&self) -> Self {
        self.0.copy()
    }
}

impl fmt::Debug for Updates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updates")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// One update of several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpdateRef<'a> {
    of: &'a Updates,
    at: usize,
}

impl UpdateRef<'_> {
    /// The fields that it sets.
    pub(crate) fn fields(self) -> FieldSet {
        self.of.0.fields(self.at)
    }

    /// Writes it into a text in which it is nested in so many lists and objects.
    pub(crate) fn write(self, levels: usize, out: &mut Draft) -> Result<(), EncodeError> {
        self.of.0.write(self.at, levels, out)
    }

    /// Its canonical JSON.
    pub(crate) fn to_text(self) -> Result<String, EncodeError> {
        let mut out = Draft::default();
        self.write(0, &mut out)?;
        out.finish()
    }

    /// Checks that `text`, which is its encoding, decodes into what has the same; with `check`
    /// also that it is shown as the same.
    pub(crate) fn survives(self, text: &str, check: bool) -> Result<(), EncodeError> {
        self.of.0.survives(self.at, text, check)
    }
}
