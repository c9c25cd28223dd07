//! Schemas about the same value: all, any, one or none of which it has to fit.

use super::{Checker, Verdict};
use crate::schema::json::{Json, Object};
use crate::schema::misfit::Fault;

impl<'s> Checker<'s> {
    pub(super) fn alternatives(&mut self, keywords: &'s Object<'s>, value: &Json<'_>) -> Verdict {
        let schemas = |keyword| keywords.get(keyword).and_then(Json::list);
        for schema in schemas("allOf").unwrap_or_default() {
            self.check(schema, value)?;
        }
        if let Some(schemas) = schemas("anyOf") {
            self.any_of(schemas, value)?;
        }
        if let Some(schemas) = schemas("oneOf") {
            self.one_of(schemas, value)?;
        }
        match keywords.get("not") {
            Some(schema) if self.check(schema, value).is_ok() => Err(excluded(schema, value)),
            _ => Ok(()),
        }
    }

    fn any_of(&mut self, schemas: &'s [Json<'s>], value: &Json<'_>) -> Verdict {
        let mut faults = Vec::new();
        for schema in schemas {
            match self.check(schema, value) {
                Ok(()) => return Ok(()),
                Err(fault) => faults.push(fault),
            }
        }
        Err(Fault::of_alternatives(faults, value))
    }

    fn one_of(&mut self, schemas: &'s [Json<'s>], value: &Json<'_>) -> Verdict {
        let verdicts = schemas.iter().map(|schema| self.check(schema, value));
        let faults: Vec<_> = verdicts.filter_map(Result::err).collect();
        match schemas.len() - faults.len() {
            0 => Err(Fault::of_alternatives(faults, value)),
            1 => Ok(()),
            fit => {
                let found = format!("{} that fits {fit} of them", value.shown());
                Err(Fault::new("a value that fits one alternative", found))
            }
        }
    }
}

fn excluded(schema: &Json<'_>, value: &Json<'_>) -> Fault {
    let literal = schema.object().and_then(|keywords| keywords.get("const"));
    let expected = match literal {
        Some(literal) => format!("anything but {}", literal.shown()),
        None => "a value that does not fit what is excluded".into(),
    };
    Fault::new(expected, value.shown())
}
