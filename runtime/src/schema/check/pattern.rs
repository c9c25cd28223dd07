use std::collections::HashMap;

use regex_lite::Regex;

use super::{Checker, Verdict};
use crate::schema::json::{Json, Object};
use crate::schema::misfit::{Fault, cut};

/// The regular expressions of a schema, each compiled once.
#[derive(Default)]
pub(super) struct Patterns<'s>(HashMap<&'s str, Option<Regex>>);

impl<'s> Patterns<'s> {
    /// Whether `pattern` matches anywhere in `text`; `None` if it is not in the common
    /// subset of JavaScript's expressions and `regex-lite`'s.
    pub(super) fn matches(&mut self, pattern: &'s str, text: &str) -> Option<bool> {
        let regex = self.0.entry(pattern);
        let regex = regex.or_insert_with(|| Regex::new(pattern).ok());
        regex.as_ref().map(|regex| regex.is_match(text))
    }
}

impl<'s> Checker<'s> {
    pub(super) fn pattern(&mut self, keywords: &'s Object<'s>, text: &str) -> Verdict {
        let Some(pattern) = keywords.get("pattern").and_then(Json::text) else {
            return Ok(());
        };
        if self.patterns.matches(pattern, text) != Some(false) {
            return Ok(());
        }
        let expected = format!("a text that matches `{}`", cut(pattern));
        Err(Fault::new(expected, Json::Text(text.to_owned()).shown()))
    }
}
