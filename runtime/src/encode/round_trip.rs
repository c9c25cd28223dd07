//! Finds what survives encoding only in part: decode, encode again, compare.

use std::any::type_name;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{EncodeError, from_str, to_string};

/// Checks that `json`, the encoding of some `T`, decodes into a `T` with the
/// same encoding.
pub(crate) fn check<T: Serialize + DeserializeOwned>(json: &str) -> Result<(), EncodeError> {
    let fail = |path: String, reason: String| EncodeError {
        ty: type_name::<T>(),
        path,
        reason,
    };
    let back: T = from_str(json).map_err(|error| {
        fail(
            ".".into(),
            format!("it does not decode again: {}", error.reason),
        )
    })?;
    let again = to_string(&back)?;
    if again == json {
        return Ok(());
    }
    let path = match (serde_json::from_str(json), serde_json::from_str(&again)) {
        (Ok(first), Ok(second)) => difference(&first, &second).unwrap_or_default(),
        _ => String::new(),
    };
    let path = path.trim_start_matches('.');
    Err(fail(
        if path.is_empty() { ".".into() } else { path.into() },
        "decoded and encoded again it is another value; look for untagged enums, unordered sets and custom serde code"
            .into(),
    ))
}

/// The path of the first difference.
fn difference(one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(index, (a, b))| difference(a, b).map(|rest| format!("[{index}]{rest}")))
            .or_else(|| {
                (one.len() != other.len()).then(|| format!("[{}]", one.len().min(other.len())))
            }),
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            .find_map(|(key, a)| match other.get(key) {
                Some(b) => difference(a, b).map(|rest| format!(".{key}{rest}")),
                None => Some(format!(".{key}")),
            })
            .or_else(|| {
                other
                    .keys()
                    .find(|key| !one.contains_key(*key))
                    .map(|key| format!(".{key}"))
            }),
        _ => (one != other).then(String::new),
    }
}
