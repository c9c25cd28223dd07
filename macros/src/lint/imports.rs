use std::collections::HashMap;

use syn::visit::{self, Visit};
use syn::{Block, ItemUse, UseTree};

/// What the `use` items inside a function bring into scope.
#[derive(Default)]
pub(super) struct Imports {
    names: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

impl Imports {
    /// Every import of the body, in whichever block.
    pub(super) fn of(block: &Block) -> Self {
        let mut imports = Self::default();
        imports.visit_block(block);
        imports
    }

    /// The full paths that `path` may stand for, itself included.
    pub(super) fn resolve(&self, path: &[String]) -> Vec<Vec<String>> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        if let Some(full) = self.names.get(first) {
            return vec![[full, rest].concat()];
        }
        let globbed = self.globs.iter().map(|glob| [glob, path].concat());
        std::iter::once(path.to_vec()).chain(globbed).collect()
    }

    fn add(&mut self, mut prefix: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add(prefix, &path.tree);
            }
            UseTree::Name(name) => self.name(prefix, &name.ident, &name.ident),
            UseTree::Rename(name) => self.name(prefix, &name.ident, &name.rename),
            UseTree::Glob(_) => self.globs.push(prefix),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(prefix.clone(), tree);
                }
            }
        }
    }

    /// `use prefix::name as alias`, where `prefix::self` is `prefix`.
    fn name(&mut self, mut prefix: Vec<String>, name: &syn::Ident, alias: &syn::Ident) {
        let is_self = name == "self";
        if !is_self {
            prefix.push(name.to_string());
        }
        let alias = match (is_self && alias == "self", prefix.last()) {
            (true, Some(last)) => last.clone(),
            _ => alias.to_string(),
        };
        self.names.insert(alias, prefix);
    }
}

impl Visit<'_> for Imports {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.add(Vec::new(), &item.tree);
        visit::visit_item_use(self, item);
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn resolve(path: &str) -> Vec<String> {
        let imports = Imports::of(&parse_quote!({
            use std::{
                env::{self, var as v},
                time::SystemTime,
            };
            if true {
                use rand::*;
            }
        }));
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let resolved = imports.resolve(&path);
        resolved.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn names_renames_groups_and_globs_are_followed() {
        assert_eq!(resolve("v"), ["std::env::var"]);
        assert_eq!(resolve("env::var"), ["std::env::var"]);
        assert_eq!(resolve("SystemTime::now"), ["std::time::SystemTime::now"]);
        assert_eq!(resolve("random"), ["random", "rand::random"]);
    }
}
