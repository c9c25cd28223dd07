use std::collections::HashMap;

use syn::{Block, Ident, Item, ItemType, Stmt, Type, UseTree};

use crate::text;

/// What the `use` and `type` items of the blocks around an expression bring into scope, the
/// innermost last.
#[derive(Default)]
pub(super) struct Imports(Vec<Scope>);

/// Those of one block.
#[derive(Default)]
struct Scope {
    names: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

impl Imports {
    pub(super) fn enter(&mut self, block: &Block) {
        self.0.push(Scope::of(block));
    }

    pub(super) fn leave(&mut self) {
        self.0.pop();
    }

    /// The full paths that `path` may stand for, itself included.
    pub(super) fn resolve(&self, path: &[String]) -> Vec<Vec<String>> {
        let path = self.renamed(path);
        let globs = self.0.iter().flat_map(|scope| &scope.globs);
        let globbed: Vec<_> = globs.map(|glob| [glob, &path[..]].concat()).collect();
        std::iter::once(path).chain(globbed).collect()
    }

    /// The path, with what its first word was imported as; that may be an import in its turn,
    /// but only as often as there are names.
    fn renamed(&self, path: &[String]) -> Vec<String> {
        let mut path = path.to_vec();
        for _ in self.0.iter().flat_map(|scope| &scope.names) {
            let mut scopes = self.0.iter().rev();
            let Some(full) = scopes.find_map(|scope| scope.names.get(path.first()?)) else {
                break;
            };
            let is_itself = full.first() == path.first();
            path.splice(..1, full.iter().cloned());
            if is_itself {
                break;
            }
        }
        path
    }
}

impl Scope {
    fn of(block: &Block) -> Self {
        let mut scope = Self::default();
        for stmt in &block.stmts {
            match stmt {
                Stmt::Item(Item::Use(item)) => scope.add(Vec::new(), &item.tree),
                Stmt::Item(Item::Type(item)) => scope.alias(item),
                _ => {}
            }
        }
        scope
    }

    fn alias(&mut self, item: &ItemType) {
        if let Type::Path(path) = &*item.ty {
            let segments = path.path.segments.iter();
            let full = segments.map(|part| text::name(&part.ident)).collect();
            self.names.insert(text::name(&item.ident), full);
        }
    }

    fn add(&mut self, mut prefix: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(text::name(&path.ident));
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
    fn name(&mut self, mut prefix: Vec<String>, name: &Ident, alias: &Ident) {
        let is_self = name == "self";
        if !is_self {
            prefix.push(text::name(name));
        }
        let alias = match (is_self && alias == "self", prefix.last()) {
            (true, Some(last)) => last.clone(),
            _ => text::name(alias),
        };
        self.names.insert(alias, prefix);
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn resolve(imports: &Imports, path: &str) -> Vec<String> {
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        let resolved = imports.resolve(&path);
        resolved.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn names_renames_groups_and_globs_are_followed() {
        let mut imports = Imports::default();
        imports.enter(&parse_quote!({
            use std as s;
            use std::{
                env::{self, var as v},
                time::SystemTime,
            };
            type Clock = SystemTime;
        }));
        imports.enter(&parse_quote!({
            use rand::*;
            use s::env as e;
        }));
        let resolved = |path| resolve(&imports, path).remove(0);
        assert_eq!(resolved("v"), "std::env::var");
        assert_eq!(resolved("env::var"), "std::env::var");
        assert_eq!(resolved("e::var"), "std::env::var");
        assert_eq!(resolved("SystemTime::now"), "std::time::SystemTime::now");
        assert_eq!(resolved("Clock::now"), "std::time::SystemTime::now");
        assert_eq!(resolve(&imports, "random"), ["random", "rand::random"]);
    }

    #[test]
    fn an_import_ends_with_its_block() {
        let mut imports = Imports::default();
        imports.enter(&parse_quote!({
            use std::env::var;
        }));
        imports.leave();
        assert_eq!(resolve(&imports, "var"), ["var"]);
    }
}
