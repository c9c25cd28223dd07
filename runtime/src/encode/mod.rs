//! The canonical JSON in which everything is stored and hashed.
//!
//! Equal values give equal bytes: no white space, struct fields in declared
//! order, map entries sorted by the encoded bytes of their keys (by our own
//! serializer: `serde_json::Map`'s order depends on a feature that any crate
//! can switch on). What JSON would change silently is refused: NaN and the
//! infinities, a `Some` whose content encodes as `null`, two map keys with one
//! encoding, and nesting deeper than the decoder reads.

mod draft;
mod key;
mod round_trip;
mod serializer;
mod shown;

use std::any::type_name;

use serde::{Serialize, de::DeserializeOwned};

pub use draft::Draft;
pub(crate) use round_trip::{lost, lost_as, read_back, same_text, same_value};

use crate::panics::caught;

/// A value that no encoding would bring back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{ty}` does not survive its encoding at `{path}`: {reason}")]
pub struct EncodeError {
    /// The Rust type of the whole value.
    pub ty: &'static str,
    /// Where in the value, e.g. `prices[3].amount`; `.` for the value itself.
    pub path: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// Text that is not an encoding of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a `{ty}`: {reason}")]
pub struct DecodeError {
    /// The Rust type that was expected.
    pub ty: &'static str,
    /// What is wrong and where in the text.
    pub reason: String,
}

/// Encodes `value` as canonical JSON.
///
/// ```
/// use std::collections::HashMap;
///
/// let map = HashMap::from([("b", 2), ("a", 1)]);
/// assert_eq!(superstep::encode::to_string(&map)?, r#"{"a":1,"b":2}"#);
/// assert!(superstep::encode::to_string(&f64::NAN).is_err());
/// # Ok::<(), superstep::encode::EncodeError>(())
/// ```
///
/// # Errors
/// A value that JSON cannot hold unchanged, with its path.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, EncodeError> {
    Draft::of(value)?.finish()
}

/// Decodes what [`to_string`] returned.
///
/// # Errors
/// Text that is not a `T`.
pub fn from_str<T: DeserializeOwned>(json: &str) -> Result<T, DecodeError> {
    let fail = |reason| DecodeError {
        ty: type_name::<T>(),
        reason,
    };
    caught(|| serde_json::from_str(json))
        .map_err(|panic| fail(format!("its `Deserialize` panicked: {panic}")))?
        .map_err(|error| fail(error.to_string()))
}

/// Text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    // A `&str` always has an encoding.
    to_string(text).unwrap_or_default()
}
