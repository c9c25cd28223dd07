use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encode::{self, EncodeError};
use crate::state::Slot;

/// How the values of a field are encoded: by their own type, or by the
/// functions that `#[serde(with = …)]` names.
pub trait Codec<T> {
    /// Encodes a value.
    ///
    /// # Errors
    /// Those of the value or the serializer.
    fn encode<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;

    /// Decodes a value.
    ///
    /// # Errors
    /// Input that is no such value.
    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Values are encoded as their own type says.
#[derive(Debug)]
pub struct Plain;

impl<T: Serialize + for<'de> Deserialize<'de>> Codec<T> for Plain {
    fn encode<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// The canonical encoding of a field's value.
pub(super) fn canonical<C: Codec<T>, T>(value: &T) -> Result<String, EncodeError> {
    encode::to_string(&Encoded::<C, T>(value, PhantomData)).map_err(|error| EncodeError {
        ty: std::any::type_name::<T>(),
        ..error
    })
}

struct Encoded<'a, C, T>(&'a T, PhantomData<C>);

impl<C: Codec<T>, T> Serialize for Encoded<'_, C, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        C::encode(self.0, serializer)
    }
}

/// serde's `serialize_with` for a slot.
///
/// # Errors
/// Those of the codec.
pub fn encode_slot<C: Codec<T>, T, S: Serializer>(
    slot: &Slot<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match slot {
        Slot::Set(value) => C::encode(value, serializer),
        Slot::Unset => serializer.serialize_none(),
    }
}

/// serde's `deserialize_with` for a slot.
///
/// # Errors
/// Those of the codec.
pub fn decode_slot<'de, C: Codec<T>, T, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Slot<T>, D::Error> {
    C::decode(deserializer).map(Slot::Set)
}
