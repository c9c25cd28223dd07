//! Finds what comes back from its text as another value.

use std::any::type_name;
use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::shown::{self, Difference};
use super::{DecodeError, EncodeError, from_str, to_string};

const LOOK_FOR: &str =
    "look for untagged enums, skipped fields, unordered sets and custom serde code";

/// The `T` that `json`, the encoding of one, decodes into; it must have the same
/// encoding.
pub(crate) fn read_back<T: Serialize + DeserializeOwned>(json: &str) -> Result<T, EncodeError> {
    let back: T = from_str(json).map_err(lost::<T>)?;
    same_text::<T>(json, &to_string(&back)?)?;
    Ok(back)
}

/// Checks that two values have the same `Debug` output, up to the order of maps.
pub(crate) fn same_value<T: Debug>(value: &T, back: &T) -> Result<(), EncodeError> {
    let difference = shown::difference(value, back)
        .map_err(|panic| fail::<T>("", format!("its `Debug` panicked: {panic}")))?;
    let Some(Difference { path, lost, found }) = difference else {
        return Ok(());
    };
    let change = match (lost, found) {
        (Some(lost), Some(found)) => format!("`{found}` instead of `{lost}`"),
        (Some(lost), None) => format!("without `{lost}`"),
        (None, found) => format!("with `{}` added", found.unwrap_or_default()),
    };
    let reason = format!("decoded it is another value, {change}; {LOOK_FOR}");
    Err(fail::<T>(&path, reason))
}

/// A `T` that does not decode again.
pub(crate) fn lost<T>(error: DecodeError) -> EncodeError {
    lost_as(type_name::<T>(), error)
}

/// The same of a type with that name.
pub(crate) fn lost_as(ty: &'static str, error: DecodeError) -> EncodeError {
    EncodeError {
        ty,
        path: ".".into(),
        reason: format!("it does not decode again: {}", error.reason),
    }
}

/// Checks that a `T`, decoded and encoded again, has the text that it had.
pub(crate) fn same_text<T>(json: &str, again: &str) -> Result<(), EncodeError> {
    if again == json {
        return Ok(());
    }
    let path = match (serde_json::from_str(json), serde_json::from_str(again)) {
        (Ok(first), Ok(second)) => difference(&first, &second).unwrap_or_default(),
        _ => String::new(),
    };
    let reason = format!("decoded and encoded again it is another value; {LOOK_FOR}");
    Err(fail::<T>(path.trim_start_matches('.'), reason))
}

fn fail<T>(path: &str, reason: String) -> EncodeError {
    let path = if path.is_empty() { "." } else { path };
    EncodeError {
        ty: type_name::<T>(),
        path: path.into(),
        reason,
    }
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
