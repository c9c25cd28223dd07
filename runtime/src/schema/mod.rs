//! JSON Schema of what a question is answered with.
//!
//! A question is stored with the [schema](of) of its answer's type, so that whoever
//! shows it knows what to ask for, and so that a process that does not know the type
//! can [check] an answer. A question whose schema is not the [same] any more is
//! another question.
//!
//! Schemas are those that `schemars` writes in draft 2020-12, and [check] knows their
//! vocabulary; keywords that it does not know ask for nothing.

mod check;
mod json;
mod misfit;
mod number;
mod same;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;

pub(crate) use check::check;
pub(crate) use same::same;

use crate::encode;
use crate::panics::caught;

/// The schema of the JSON that a `T` is decoded from, as canonical text.
///
/// # Errors
/// The reason, if a `JsonSchema` of the user's panics or nests too deeply.
pub(crate) fn of<T: JsonSchema + ?Sized>() -> Result<String, String> {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let schema = caught(|| settings.into_generator().into_root_schema_for::<T>())
        .map_err(|panic| format!("its `JsonSchema` panicked: {panic}"))?;
    encode::to_string(&schema).map_err(|error| format!("its JSON Schema: {}", error.reason))
}
