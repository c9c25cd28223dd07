//! What older versions of a graph wrote, as today's would have written it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::encode::{self, DecodeError, EncodeError};
use crate::erased::{Program, SharedState, Updates};
use crate::graph::{GraphInfo, Migrate, Part};
use crate::panics::caught;

/// The state whose text graph version `from` wrote.
pub(crate) fn state(
    program: &dyn Program,
    from: u32,
    text: &str,
) -> Result<SharedState, DecodeError> {
    let Some(hook) = hook(program.info(), from) else {
        return program.read_state(text);
    };
    let encode = |state: &SharedState| state.to_text();
    let read = |json: &str| program.read_state(json);
    let ty = program.name_of(Part::State);
    let today = todays((hook, from), (Part::State, ty), text, read, encode)?;
    program.read_state(&today)
}

/// The text of a step's updates that graph version `from` wrote.
pub(crate) fn updates<'a>(
    program: &dyn Program,
    from: u32,
    text: &'a str,
) -> Result<Cow<'a, str>, DecodeError> {
    let Some(hook) = hook(program.info(), from) else {
        return Ok(Cow::Borrowed(text));
    };
    let mut tasks: Vec<BTreeMap<String, Box<RawValue>>> = encode::from_str(text)?;
    let updates = tasks.iter_mut().filter_map(|task| task.get_mut("update"));
    let encode = |update: &Updates| update.first().to_text();
    let read = |json: &str| program.read_update(json);
    let ty = program.name_of(Part::Update);
    for update in updates {
        let today = todays((hook, from), (Part::Update, ty), update.get(), read, encode)?;
        *update = RawValue::from_string(today).map_err(unreadable(ty))?;
    }
    let text = serde_json::to_string(&tasks).map_err(unreadable(ty))?;
    Ok(Cow::Owned(text))
}

/// Whether what graph version `from` wrote goes through `migrate`.
pub(crate) fn is_needed(graph: &GraphInfo, from: u32) -> bool {
    hook(graph, from).is_some()
}

fn hook(graph: &GraphInfo, from: u32) -> Option<Migrate> {
    graph
        .migrate
        .filter(|_| from < graph.version && !mistake!(OlderTakenForTodays))
}

/// What `hook` makes of `text`, in the canonical form of a value of type `ty`.
fn todays<T>(
    (hook, from): (Migrate, u32),
    (part, ty): (Part, &'static str),
    text: &str,
    decode: impl Fn(&str) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Result<String, EncodeError>,
) -> Result<String, DecodeError> {
    let fail = |reason: String| DecodeError { ty, reason };
    if let Some(number) = too_large(text) {
        return Err(fail(format!(
            "graph version {from} wrote the number {number}, which cannot be passed to `migrate` unchanged"
        )));
    }
    let json: Value = serde_json::from_str(text).map_err(unreadable(ty))?;
    let json = caught(|| hook(from, part, json).map_err(|error| error.to_string()))
        .map_err(|panic| {
            fail(format!(
                "`migrate` from graph version {from} panicked: {panic}"
            ))
        })?
        .map_err(|error| {
            fail(format!(
                "`migrate` from graph version {from} failed: {error}"
            ))
        })?;
    let after = |reason: &dyn std::fmt::Display| {
        fail(format!(
            "after `migrate` from graph version {from}: {reason}"
        ))
    };
    let value = decode(&json.to_string()).map_err(|error| after(&error.reason))?;
    encode(&value).map_err(|error| after(&error))
}

fn unreadable(ty: &'static str) -> impl FnOnce(serde_json::Error) -> DecodeError {
    move |error| DecodeError {
        ty,
        reason: error.to_string(),
    }
}

/// An integer in `json` that a [`Value`] would round to a float.
fn too_large(json: &str) -> Option<&str> {
    outside_strings(json)
        .flat_map(|part| {
            part.split(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'))
        })
        .filter(|number| number.bytes().any(|b| b.is_ascii_digit()))
        .filter(|number| !number.contains(['.', 'e', 'E']))
        .find(|number| number.parse::<u64>().is_err() && number.parse::<i64>().is_err())
}

/// The parts of a JSON text that are outside strings.
fn outside_strings(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (part, string) = rest.split_once('"').unwrap_or((rest, ""));
        let mut escaped = false;
        let end = string.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        rest = end.map_or("", |end| &string[end + 1..]);
        Some(part)
    })
}
