//! The check of a value against a schema.
//!
//! What fits is what JSON Schema 2020-12 says, except that the `format` of an
//! integer counts, and is as strict as serde: `1.0` is no `u64`. Other formats do not.

mod alternatives;
mod leaf;
mod list;
mod object;
mod pattern;
mod reference;

use std::collections::HashMap;

use self::pattern::Patterns;
use super::json::{Json, Object};
use super::misfit::{Fault, Misfit};

/// More schemas within schemas than this are not followed, so that no schema and no
/// value takes the stack. An answer that a decoder reads stays far below.
const DEEPEST: usize = 512;

/// Checks that `value`, a JSON text, fits `schema`, another one.
///
/// # Errors
/// The first place that does not fit. A text that the decoder would not read fits
/// nothing; nor does any value fit a schema that has no sense.
pub(crate) fn check(schema: &str, value: &str) -> Result<(), Misfit> {
    let schema = Json::read(schema)
        .map_err(|reason| Misfit::whole(format!("the schema cannot be read: {reason}")))?;
    let value = Json::read(value)
        .map_err(|reason| Misfit::whole(format!("this JSON cannot be read: {reason}")))?;
    let mut checker = Checker::new(&schema);
    let verdict = checker.check(&schema, &value);
    match checker.senseless {
        Some(reason) => Err(Misfit::whole(reason)),
        None => verdict.map_err(Misfit::from),
    }
}

type Verdict = Result<(), Fault>;

struct Checker<'s> {
    root: &'s Json<'s>,
    depth: usize,
    /// What a referenced schema said about a value, both by their address; `None`
    /// while it is being asked. Each is asked once: alternatives that refer to
    /// themselves would otherwise take exponential time.
    asked: HashMap<(usize, usize), Option<Verdict>>,
    patterns: Patterns<'s>,
    /// Why the schema has no sense, or none for this value. Then nothing fits, whatever
    /// a `not` or another alternative says.
    senseless: Option<String>,
}

impl<'s> Checker<'s> {
    fn new(root: &'s Json<'s>) -> Self {
        Self {
            root,
            depth: 0,
            asked: HashMap::new(),
            patterns: Patterns::default(),
            senseless: None,
        }
    }

    fn check(&mut self, schema: &'s Json<'s>, value: &Json<'_>) -> Verdict {
        if self.depth == DEEPEST {
            return self.give_up("value and schema are nested too deeply".into());
        }
        self.depth += 1;
        let verdict = match schema {
            Json::Bool(false) => Err(Fault::of_presence(value)),
            Json::Object(keywords) => self.keywords(keywords, value),
            _ => Ok(()),
        };
        self.depth -= 1;
        verdict
    }

    fn keywords(&mut self, keywords: &'s Object<'s>, value: &Json<'_>) -> Verdict {
        leaf::check(keywords, value)?;
        match value {
            Json::Text(text) => self.pattern(keywords, text)?,
            Json::List(items) => self.list(keywords, items)?,
            Json::Object(fields) => self.object(keywords, fields)?,
            _ => {}
        }
        self.reference(keywords, value)?;
        self.alternatives(keywords, value)?;
        match value {
            Json::Object(fields) => self.unevaluated(keywords, fields, value),
            _ => Ok(()),
        }
    }

    /// Ends the check: nothing fits.
    fn give_up(&mut self, reason: String) -> Verdict {
        self.senseless.get_or_insert(reason);
        Err(Fault::new("a schema with sense", "another one"))
    }
}
