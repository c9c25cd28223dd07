use std::fmt::Debug;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess};
use serde::ser::SerializeStruct;

use super::{Encoding, Entry, Shown};
use crate::encode::EncodeError;
use crate::state::reduce::{Codec, Conflicts, Plain, Replace, codec};
use crate::state::{FieldSet, Slot, State};

/// What a field can be, encoded by `C`.
///
/// The only place where generated code asks what a field's type can do: one that cannot is then
/// one error, however often the field is mentioned.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a state",
    label = "not `Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static`",
    note = "add `#[derive(Clone, Debug, Serialize, Deserialize)]` to the type; one that serde does not know needs `#[serde(with = \"…\")]`, and `Arc<T>` serde's feature `rc`"
)]
pub trait Stored<C = Plain>: Sized + 'static {
    /// Encodes the next slot of an update.
    ///
    /// # Errors
    /// Those of the value and the serializer.
    fn encode<S: SerializeStruct>(slot: &Slot<Self>, to: &mut Encoding<S>) -> Result<(), S::Error>;

    /// Decodes a slot.
    ///
    /// # Errors
    /// A slot that is set already, and input that is no such value.
    fn decode<'de, M: MapAccess<'de>>(
        slot: &mut Slot<Self>,
        from: Entry<'_, M>,
    ) -> Result<(), M::Error>;

    /// The slot, for people.
    fn show(slot: &Slot<Self>) -> &dyn Shown;

    /// The slot once more.
    fn copy(slot: &Slot<Self>) -> Slot<Self>;

    /// Looks for two updates that replace the field at `position` by different values.
    fn look<'a, U>(
        among: Conflicts<'a, U>,
        position: usize,
        slot: fn(&'a U) -> &'a Slot<Self>,
    ) -> Conflicts<'a, U>;

    /// Checks that what a user's function made of the field at `position` survives its
    /// encoding, if the field is in `said`.
    ///
    /// # Errors
    /// A value that has no encoding, or comes back from it as another.
    fn check<S: State>(&self, said: FieldSet, position: usize) -> Result<(), EncodeError>;
}

#[diagnostic::do_not_recommend]
impl<C: Codec<T>, T: Clone + Debug + Send + Sync + 'static> Stored<C> for T {
    fn encode<S: SerializeStruct>(slot: &Slot<T>, to: &mut Encoding<S>) -> Result<(), S::Error> {
        let value = slot.as_ref();
        to.next(value.map(codec::Encoded::<C, T>::of).as_ref())
    }

    fn decode<'de, M: MapAccess<'de>>(
        slot: &mut Slot<T>,
        from: Entry<'_, M>,
    ) -> Result<(), M::Error> {
        if slot.is_set() {
            return Err(M::Error::duplicate_field(from.name));
        }
        slot.set(
            from.map
                .next_value_seed(codec::Decoded::<C, T>(PhantomData))?,
        );
        Ok(())
    }

    fn show(slot: &Slot<T>) -> &dyn Shown {
        slot
    }

    fn copy(slot: &Slot<T>) -> Slot<T> {
        slot.clone()
    }

    fn look<'a, U>(
        among: Conflicts<'a, U>,
        position: usize,
        slot: fn(&'a U) -> &'a Slot<T>,
    ) -> Conflicts<'a, U> {
        among.field(Replace::<C>(PhantomData), position, slot)
    }

    fn check<S: State>(&self, said: FieldSet, position: usize) -> Result<(), EncodeError> {
        codec::check_reduced::<C, T, S>(said, position, self)
    }
}
