//! Two versions of the program: the second writes a field in another way, and reads what
//! the first has written through its `migrate` function.

use std::cell::Cell;
use std::error::Error;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::graph::Part;

/// The version of the graph today.
pub(super) const TODAY: u32 = 2;

thread_local! {
    static AGE: Cell<u32> = const { Cell::new(TODAY) };
}

/// From now on this thread's program is that version; returns the previous one.
pub(super) fn become_version(version: u32) -> u32 {
    AGE.replace(version)
}

fn is_old() -> bool {
    AGE.get() < TODAY
}

/// A number, which the first version writes as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Plain(pub(super) u64);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match is_old() {
            true => serializer.collect_str(&self.0),
            false => serializer.serialize_u64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match is_old() {
            true => String::deserialize(deserializer)?
                .parse()
                .map_err(D::Error::custom)
                .map(Self),
            false => u64::deserialize(deserializer).map(Self),
        }
    }
}

/// What the first version wrote, as the second would have. The first never meets an
/// older one, and what the second wrote is not to get here.
pub(super) fn migrate(
    _from: u32,
    _part: Part,
    mut json: Value,
) -> Result<Value, Box<dyn Error + Send + Sync>> {
    let Some(plain) = json.get_mut("plain").filter(|_| !is_old()) else {
        return Ok(json);
    };
    let text = plain.as_str().ok_or("today's program wrote this")?;
    *plain = text.parse::<u64>()?.into();
    Ok(json)
}
