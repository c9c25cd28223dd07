use std::ptr;

use super::{Checker, DEEPEST, Verdict};
use crate::schema::json::{Json, Object};
use crate::schema::misfit::{Fault, cut};

impl<'s> Checker<'s> {
    pub(super) fn object(&mut self, keywords: &'s Object<'s>, fields: &Object<'_>) -> Verdict {
        // The fields come first: a tag that does not fit says more than what is missing.
        for (name, value) in fields {
            self.field(keywords, name, value)
                .map_err(|fault| fault.in_field(name))?;
        }
        let required = keywords.get("required").and_then(Json::list);
        let mut required = required.into_iter().flatten().filter_map(Json::text);
        match required.find(|name| !fields.contains_key(*name)) {
            None => Ok(()),
            Some(missing) => {
                let expected = format!("a property `{}`", cut(missing));
                Err(Fault::new(expected, "an object without it"))
            }
        }
    }

    fn field(&mut self, keywords: &'s Object<'s>, name: &str, value: &Json<'_>) -> Verdict {
        let mut is_named = false;
        if let Some(schema) = schemas(keywords, "properties").and_then(|named| named.get(name)) {
            is_named = true;
            self.check(schema, value)?;
        }
        for (pattern, schema) in schemas(keywords, "patternProperties").into_iter().flatten() {
            let matches = self.patterns.matches(pattern, name);
            is_named |= matches != Some(false);
            if matches == Some(true) {
                self.check(schema, value)?;
            }
        }
        match keywords.get("additionalProperties") {
            Some(schema) if !is_named => self.check(schema, value),
            _ => Ok(()),
        }
    }

    /// Checks the fields that no schema for this very object has looked at.
    pub(super) fn unevaluated(
        &mut self,
        keywords: &'s Object<'s>,
        fields: &Object<'_>,
        value: &Json<'_>,
    ) -> Verdict {
        let Some(schema) = keywords.get("unevaluatedProperties") else {
            return Ok(());
        };
        for (name, field) in fields {
            if !self.is_evaluated_by(keywords, value, name, &mut Vec::new()) {
                self.check(schema, field)
                    .map_err(|fault| fault.in_field(name))?;
            }
        }
        Ok(())
    }

    /// Whether `schema`, which `value` fits, has looked at its field `name`.
    /// `passed` are referenced schemas that need not be asked again.
    fn is_evaluated(
        &mut self,
        schema: &'s Json<'s>,
        value: &Json<'_>,
        name: &str,
        passed: &mut Vec<&'s Json<'s>>,
    ) -> bool {
        let Some(keywords) = schema.object() else {
            return false;
        };
        if self.depth == DEEPEST {
            return false;
        }
        self.depth += 1;
        let is_evaluated = keywords.contains_key("unevaluatedProperties")
            || self.is_evaluated_by(keywords, value, name, passed);
        self.depth -= 1;
        is_evaluated
    }

    fn is_evaluated_by(
        &mut self,
        keywords: &'s Object<'s>,
        value: &Json<'_>,
        name: &str,
        passed: &mut Vec<&'s Json<'s>>,
    ) -> bool {
        let is_named =
            schemas(keywords, "properties").is_some_and(|named| named.contains_key(name));
        let mut patterns = schemas(keywords, "patternProperties").into_iter().flatten();
        if is_named
            || keywords.contains_key("additionalProperties")
            || patterns.any(|(pattern, _)| self.patterns.matches(pattern, name) != Some(false))
        {
            return true;
        }
        if let Some(target) = self.target(keywords)
            && !passed.iter().any(|schema| ptr::eq(*schema, target))
        {
            passed.push(target);
            if self.is_evaluated(target, value, name, passed) {
                return true;
            }
        }
        ["allOf", "anyOf", "oneOf"]
            .into_iter()
            .filter_map(|keyword| keywords.get(keyword)?.list())
            .flatten()
            .any(|schema| {
                self.is_evaluated(schema, value, name, passed) && self.ask(schema, value).is_ok()
            })
    }
}

fn schemas<'s>(keywords: &'s Object<'s>, keyword: &str) -> Option<&'s Object<'s>> {
    keywords.get(keyword)?.object()
}
