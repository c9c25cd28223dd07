use std::any::type_name;
use std::fmt::Debug;
use std::marker::PhantomData;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::encode::{self, DecodeError, EncodeError};
use crate::panics::caught;
use crate::state::{FieldSet, State};

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
    /// Input that is not such a value.
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
    encode::to_string(&Encoded::<C, T>::of(value)).map_err(|error| EncodeError {
        ty: type_name::<T>(),
        ..error
    })
}

/// A value that encodes as `C` says.
pub(in crate::state) struct Encoded<'a, C, T>(&'a T, PhantomData<C>);

impl<'a, C, T> Encoded<'a, C, T> {
    pub(in crate::state) const fn of(value: &'a T) -> Self {
        Self(value, PhantomData)
    }
}

impl<C: Codec<T>, T> Serialize for Encoded<'_, C, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        C::encode(self.0, serializer)
    }
}

/// Checks that what a user's function made of the field at `position` of state
/// `S` survives its encoding, if the field is in `said`.
///
/// # Errors
/// A value that has no encoding, or comes back from it as another.
pub fn check_reduced<C: Codec<T>, T: Debug, S: State>(
    said: FieldSet,
    position: usize,
    value: &T,
) -> Result<(), EncodeError> {
    if !said.contains(position) {
        return Ok(());
    }
    let name = S::INFO.fields[position].name;
    survives::<C, T>(value).map_err(|error| EncodeError {
        ty: type_name::<S>(),
        path: match error.path.as_str() {
            "." => name.to_owned(),
            path if path.starts_with('[') => format!("{name}{path}"),
            path => format!("{name}.{path}"),
        },
        ..error
    })
}

fn survives<C: Codec<T>, T: Debug>(value: &T) -> Result<(), EncodeError> {
    let json = canonical::<C, T>(value)?;
    let decoded = caught(|| C::decode(&mut serde_json::Deserializer::from_str(&json)));
    let lost = |reason: String| DecodeError {
        ty: type_name::<T>(),
        reason,
    };
    let back = decoded
        .map_err(|panic| lost(format!("its `Deserialize` panicked: {panic}")))
        .and_then(|decoded| decoded.map_err(|error| lost(error.to_string())))
        .map_err(encode::lost::<T>)?;
    encode::same_text::<T>(&json, &canonical::<C, T>(&back)?)?;
    encode::same_value(value, &back)
}

/// What decodes a value as `C` says.
pub(in crate::state) struct Decoded<C, T>(pub(in crate::state) PhantomData<(C, T)>);

impl<'de, C: Codec<T>, T> DeserializeSeed<'de> for Decoded<C, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        C::decode(deserializer)
    }
}
