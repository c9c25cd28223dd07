use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use super::is_of_the_graph;
use crate::encode::{Draft, EncodeError};
use crate::state::{FieldSet, ReduceError, State, Whole, whole};

/// The state of a run.
pub(crate) type SharedState = Arc<dyn AnyState>;

/// A state, whatever its type: see [`State`] and [`Whole`].
pub trait AnyState: Any + Send + Sync {
    /// Its type.
    fn name(&self) -> &'static str;

    /// Whether it has ephemeral fields.
    fn is_ephemeral(&self) -> bool;

    /// The state once more.
    fn copy(&self) -> Arc<dyn AnyState>;

    /// Its canonical JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold unchanged.
    fn draft(&self) -> Result<Draft, EncodeError>;

    /// Decodes `json`, which must be what such a state encodes to.
    ///
    /// # Errors
    /// Text that is not.
    fn read_back(&self, json: &str) -> Result<Arc<dyn AnyState>, EncodeError>;

    /// Checks that it is shown as `back` is.
    ///
    /// # Errors
    /// Where they differ.
    fn same_value(&self, back: &dyn AnyState) -> Result<(), EncodeError>;

    /// See [`State::check_reduced`].
    ///
    /// # Errors
    /// As there.
    fn check_reduced(&self, said: FieldSet) -> Result<(), EncodeError>;

    /// See [`State::apply`], with no updates.
    ///
    /// # Errors
    /// As there.
    fn apply_none(&mut self) -> Result<(), ReduceError>;
}

impl<S: State> AnyState for S {
    fn name(&self) -> &'static str {
        type_name::<S>()
    }

    fn is_ephemeral(&self) -> bool {
        S::INFO.ephemeral
    }

    fn copy(&self) -> Arc<dyn AnyState> {
        Arc::new(whole::copy(self))
    }

    fn draft(&self) -> Result<Draft, EncodeError> {
        S::Whole::draft(self)
    }

    fn read_back(&self, json: &str) -> Result<Arc<dyn AnyState>, EncodeError> {
        Ok(Arc::new(S::Whole::read_back(json)?))
    }

    fn same_value(&self, back: &dyn AnyState) -> Result<(), EncodeError> {
        S::Whole::same_value(self, typed(back))
    }

    fn check_reduced(&self, said: FieldSet) -> Result<(), EncodeError> {
        State::check_reduced(self, said)
    }

    fn apply_none(&mut self) -> Result<(), ReduceError> {
        self.apply(&mut [])
    }
}

impl dyn AnyState {
    /// Its canonical JSON, for whoever does not store it.
    pub(crate) fn to_text(&self) -> Result<String, EncodeError> {
        self.draft()?.finish()
    }
}

impl fmt::Debug for dyn AnyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A state of a graph whose states are `S`.
pub(crate) fn typed<S: State>(state: &dyn AnyState) -> &S {
    let state: &dyn Any = state;
    is_of_the_graph(state.downcast_ref())
}

/// The same, to be changed.
pub(crate) fn typed_mut<S: State>(state: &mut dyn AnyState) -> &mut S {
    let state: &mut dyn Any = state;
    is_of_the_graph(state.downcast_mut())
}

/// The same, shared.
pub(crate) fn shared<S: State>(state: SharedState) -> Arc<S> {
    let state: Arc<dyn Any + Send + Sync> = state;
    is_of_the_graph(state.downcast().ok())
}

/// As [`Arc::make_mut`].
pub(crate) fn make_mut(state: &mut SharedState) -> &mut dyn AnyState {
    // Cheaper than asking twice for what nobody else has.
    if Arc::strong_count(state) > 1 {
        *state = state.copy();
    }
    Arc::get_mut(state).expect("nobody else has a state that is held once")
}
