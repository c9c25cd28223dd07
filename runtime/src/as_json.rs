//! How what people look at becomes JSON: times are RFC 3339, durations milliseconds, and
//! what is stored as JSON text appears as the JSON that it is, to the last digit.

#[cfg(feature = "sqlite")]
use std::time::Duration;
use std::time::SystemTime;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::encode::quoted;
use crate::rfc3339;

pub(crate) fn time<Z: Serializer>(time: &SystemTime, to: Z) -> Result<Z::Ok, Z::Error> {
    to.serialize_str(&rfc3339::text(*time))
}

pub(crate) fn optional_time<Z: Serializer>(
    time: &Option<SystemTime>,
    to: Z,
) -> Result<Z::Ok, Z::Error> {
    time.map(rfc3339::text).serialize(to)
}

/// Under a key that ends with `_ms`.
#[cfg(feature = "sqlite")]
pub(crate) fn millis<Z: Serializer>(time: &Option<Duration>, to: Z) -> Result<Z::Ok, Z::Error> {
    let whole = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    time.as_ref().map(whole).serialize(to)
}

pub(crate) fn text<Z: Serializer>(text: &Option<String>, to: Z) -> Result<Z::Ok, Z::Error> {
    text.as_deref().map(raw).serialize(to)
}

/// JSON text as the JSON that it is; text that is not JSON, as in a store that somebody
/// has altered, as a string.
pub(crate) fn raw(text: &str) -> Box<RawValue> {
    let json = serde_json::from_str(text).or_else(|_| serde_json::from_str(&quoted(text)));
    // A quoted text is JSON.
    json.unwrap_or_else(|_| RawValue::NULL.to_owned())
}
