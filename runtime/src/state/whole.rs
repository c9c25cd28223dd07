use std::fmt::Debug;
use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use super::State;
use crate::encode::{self, DecodeError, Draft, EncodeError};

/// What every state of type `S` can do, as a whole; implemented for `S` itself.
///
/// It is asked once, where the state is defined, and not of the state wherever that is mentioned.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a state needs more derives than `{Self}` has",
    label = "not all of `Clone`, `Debug`, `Serialize` and `Deserialize`",
    note = "write `#[derive(State, Clone, Debug, Serialize, Deserialize)]`; a derive that reports an error itself writes nothing"
)]
pub trait Whole<S> {
    /// The state once more.
    fn copy(state: &S) -> S;

    /// As [`Arc::make_mut`].
    fn make_mut(state: &mut Arc<S>) -> &mut S;

    /// Encodes the state.
    ///
    /// # Errors
    /// A value that JSON cannot hold unchanged.
    fn draft(state: &S) -> Result<Draft, EncodeError>;

    /// As [`encode::from_str`].
    ///
    /// # Errors
    /// Text that is no such state.
    fn from_str(json: &str) -> Result<S, DecodeError>;

    /// Decodes `json`, which must be what the state encodes to.
    ///
    /// # Errors
    /// Text that is not.
    fn read_back(json: &str) -> Result<S, EncodeError>;

    /// Checks that two states are shown as the same.
    ///
    /// # Errors
    /// Where they differ.
    fn same_value(state: &S, back: &S) -> Result<(), EncodeError>;
}

#[diagnostic::do_not_recommend]
impl<S: Clone + Debug + Serialize + DeserializeOwned> Whole<S> for S {
    fn copy(state: &S) -> S {
        state.clone()
    }

    fn make_mut(state: &mut Arc<S>) -> &mut S {
        Arc::make_mut(state)
    }

    fn draft(state: &S) -> Result<Draft, EncodeError> {
        Draft::of(state)
    }

    fn from_str(json: &str) -> Result<S, DecodeError> {
        encode::from_str(json)
    }

    fn read_back(json: &str) -> Result<S, EncodeError> {
        encode::read_back(json)
    }

    fn same_value(state: &S, back: &S) -> Result<(), EncodeError> {
        encode::same_value(state, back)
    }
}

/// In place of a state whose definition has faults, in a program that does not compile.
#[derive(Debug)]
pub struct Unread;

#[diagnostic::do_not_recommend]
impl<S> Whole<S> for Unread {
    fn copy(_: &S) -> S {
        unreachable!()
    }

    fn make_mut(_: &mut Arc<S>) -> &mut S {
        unreachable!()
    }

    fn draft(_: &S) -> Result<Draft, EncodeError> {
        unreachable!()
    }

    fn from_str(_: &str) -> Result<S, DecodeError> {
        unreachable!()
    }

    fn read_back(_: &str) -> Result<S, EncodeError> {
        unreachable!()
    }

    fn same_value(_: &S, _: &S) -> Result<(), EncodeError> {
        unreachable!()
    }
}

/// `state` once more.
pub(crate) fn copy<S: State>(state: &S) -> S {
    S::Whole::copy(state)
}

/// As [`encode::to_string`].
pub(crate) fn to_string<S: State>(state: &S) -> Result<String, EncodeError> {
    S::Whole::draft(state)?.finish()
}

/// As [`encode::from_str`].
pub(crate) fn from_str<S: State>(json: &str) -> Result<S, DecodeError> {
    S::Whole::from_str(json)
}
