use std::borrow::Cow;
use std::ptr;

use super::{Checker, Verdict};
use crate::schema::json::{Json, Object};
use crate::schema::misfit::cut;

impl<'s> Checker<'s> {
    /// Checks `value` against the schema that `$ref` names, if there is one.
    pub(super) fn reference(&mut self, keywords: &'s Object<'s>, value: &Json<'_>) -> Verdict {
        let Some(target) = self.target(keywords) else {
            return match keywords.get("$ref") {
                None => Ok(()),
                Some(to) => self.give_up(format!(
                    "the schema refers to {}, which it does not have",
                    cut(&to.shown())
                )),
            };
        };
        self.ask(target, value)
    }

    /// What `schema` says about `value`: the same as before, if it was asked before.
    pub(super) fn ask(&mut self, schema: &'s Json<'s>, value: &Json<'_>) -> Verdict {
        let question = (ptr::from_ref(schema).addr(), ptr::from_ref(value).addr());
        let verdict = match self.asked.insert(question, None) {
            Some(None) => return self.give_up("the schema refers to itself without end".into()),
            Some(Some(verdict)) => verdict,
            None => self.check(schema, value),
        };
        self.asked.insert(question, Some(verdict.clone()));
        verdict
    }

    /// The schema that `$ref` names: a JSON pointer into the whole.
    pub(super) fn target(&self, keywords: &'s Object<'s>) -> Option<&'s Json<'s>> {
        let pointer = keywords.get("$ref")?.text()?.strip_prefix('#')?;
        let mut steps = pointer.split('/');
        if steps.next() != Some("") {
            return None;
        }
        let root = self.root;
        steps.try_fold(root, |schema, step| {
            let name = decoded(step)?.replace("~1", "/").replace("~0", "~");
            schema.object()?.get(&*name)
        })
    }
}

/// A part of a URI without its percent signs.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code.trim_start(), 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}
