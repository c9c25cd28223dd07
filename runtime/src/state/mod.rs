//! The state of a run: what a field is, what an update is, how updates combine.
//!
//! Everything here is pure. `#[derive(State)]` writes the impls; the reducers
//! they call are in [`reduce`].

mod info;
mod laws;
mod lists;
mod merge;
pub mod reduce;
mod slot;
#[doc(hidden)]
pub mod slots;
pub(crate) mod whole;

use std::fmt::{self, Debug};

use serde::{Serialize, de::DeserializeOwned};

pub use info::{FieldInfo, FieldSet, StateInfo};
pub use laws::check_merge_laws;
pub use lists::{ListOf, ListOfTexts};
pub use merge::Merge;
pub use slot::Slot;
#[doc(hidden)]
pub use whole::{Unread, Whole};

use crate::encode::EncodeError;

/// What a run knows: a struct whose fields say how concurrent updates combine.
///
/// Derived with `#[derive(State)]`, never written by hand. What it needs of the struct's other
/// derives is asked there and not wherever the state is mentioned, so that it is missed once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state",
    label = "this type does not derive `State`",
    note = "add `#[derive(State, Clone, Debug, Serialize, Deserialize)]` to the struct"
)]
pub trait State: Sized + Send + Sync + 'static {
    /// The partial update that nodes return: every field may be absent.
    type Update: Update;

    /// The state itself, with what its other derives give it.
    #[doc(hidden)]
    type Whole: Whole<Self>;

    /// The table of fields.
    const INFO: StateInfo;

    /// Finds the first two contributions of one step that cannot both stand.
    ///
    /// `updates` are in merge order. Nothing is changed. Fields are checked
    /// in declared order; within a field, replacements come first.
    ///
    /// # Errors
    /// A value that two tasks write has to be encoded to be compared; one that
    /// has no encoding is an [`EncodeError`].
    fn conflict(updates: &[Self::Update]) -> Result<Option<Clash>, EncodeError>;

    /// Applies the updates of one step in merge order and leaves them empty.
    ///
    /// Conflicts are resolved in merge order, the last one wins; whether they
    /// are allowed is decided before, by [`conflict`](Self::conflict). Ephemeral
    /// fields go back to their default first, even when `updates` is empty.
    ///
    /// # Errors
    /// A checked sum that overflows, or a removal by a key that cannot be an id of the
    /// records. The state is then partly changed.
    fn apply(&mut self, updates: &mut [Self::Update]) -> Result<(), ReduceError>;

    /// Checks that what the user's functions made of the fields
    /// in `said` survives being stored.
    ///
    /// # Errors
    /// A value that has no encoding, or comes back from it as another.
    fn check_reduced(&self, said: FieldSet) -> Result<(), EncodeError> {
        let _ = said;
        Ok(())
    }

    /// Applies only what `updates` set in ephemeral fields that the state's
    /// own encoding skips; used after a snapshot of that step was decoded.
    fn restore_skipped(&mut self, updates: &mut [Self::Update]) {
        let _ = updates;
    }
}

/// A partial update of a state: what a node wants to change.
pub trait Update:
    Clone + Debug + Default + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The fields that this update sets.
    fn fields(&self) -> FieldSet;
}

/// Two contributions to one field that cannot both stand: `first` and `second`
/// are positions in the step's updates, in merge order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The field's position in [`StateInfo::fields`].
    pub field: usize,
    /// The update that wrote first in merge order.
    pub first: usize,
    /// The update that conflicts with it.
    pub second: usize,
}

/// A reducer that could not combine a contribution with the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReduceError {
    /// The field's position in [`StateInfo::fields`].
    pub field: usize,
    /// What happened, e.g. `250 + 10 overflows u8`.
    pub message: String,
}

impl fmt::Display for ReduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReduceError {}
