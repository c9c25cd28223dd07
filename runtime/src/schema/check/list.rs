use std::collections::HashSet;

use super::{Checker, Verdict};
use crate::schema::json::{Json, Object};
use crate::schema::misfit::Fault;

impl<'s> Checker<'s> {
    pub(super) fn list(&mut self, keywords: &'s Object<'s>, items: &[Json<'_>]) -> Verdict {
        if keywords.get("uniqueItems") == Some(&Json::Bool(true)) {
            unique(items)?;
        }
        let first = keywords.get("prefixItems").and_then(Json::list);
        let first = first.unwrap_or_default();
        let rest = keywords.get("items").into_iter().cycle();
        for (index, (schema, item)) in first.iter().chain(rest).zip(items).enumerate() {
            self.check(schema, item)
                .map_err(|fault| fault.in_item(index))?;
        }
        Ok(())
    }
}

fn unique(items: &[Json<'_>]) -> Verdict {
    let mut seen = HashSet::new();
    match items.iter().position(|item| !seen.insert(item)) {
        None => Ok(()),
        Some(twice) => {
            let found = format!("{} again", items[twice].shown());
            Err(Fault::new("no item twice", found).in_item(twice))
        }
    }
}
