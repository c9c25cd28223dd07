//! What can be counted in one Rust file. Pure: text in, numbers out.

use proc_macro2::Span;
use serde::{Deserialize, Serialize};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItem, Item, ItemFn, Visibility};

/// Everything that one look at a file finds.
#[derive(Debug, Default)]
pub struct Measured {
    pub lines: usize,
    pub functions: Vec<Function>,
    pub remarks: Vec<Remark>,
}

/// One function with a body, outside tests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    pub name: String,
    pub line: usize,
    pub lines: usize,
    /// How deeply blocks of control flow are nested, at most.
    pub depth: usize,
    /// Where that is.
    pub deepest_line: usize,
}

/// One thing worth a second look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    pub line: usize,
    pub kind: Kind,
    /// The undocumented item's name; empty for the other kinds.
    pub name: String,
}

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Unwrap,
    Unsafe,
    Todo,
    Undocumented,
}

impl Kind {
    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unwrap => "unwrap",
            Self::Unsafe => "unsafe",
            Self::Todo => "todo",
            Self::Undocumented => "undocumented",
        }
    }
}

/// Parses a file and measures it; tests in it are left out.
pub fn measure(source: &str) -> syn::Result<Measured> {
    let file = syn::parse_file(source)?;
    let mut finder = Finder::default();
    if !is_test(&file.attrs) {
        finder.visit_file(&file);
    }
    let mut found = finder.found;
    found.lines = source.lines().count();
    found
        .remarks
        .sort_by_key(|remark| (remark.line, remark.kind));
    Ok(found)
}

#[derive(Default)]
struct Finder {
    found: Measured,
    /// The functions that the walk is in, innermost last.
    open: Vec<Nesting>,
}

#[derive(Default)]
struct Nesting {
    now: usize,
    deepest: usize,
    line: usize,
}

impl Finder {
    fn remark(&mut self, kind: Kind, at: Span, name: String) {
        let line = at.start().line;
        self.found.remarks.push(Remark { line, kind, name });
    }

    /// An `else if` adds nothing: it reads as one more arm, not one level more.
    fn nested(&mut self, at: Span, walk: impl FnOnce(&mut Self)) {
        if let Some(open) = self.open.last_mut() {
            open.now += 1;
            if open.now > open.deepest {
                (open.deepest, open.line) = (open.now, at.start().line);
            }
        }
        walk(self);
        if let Some(open) = self.open.last_mut() {
            open.now -= 1;
        }
    }

    fn function(&mut self, name: String, span: Span, walk: impl FnOnce(&mut Self)) {
        let (line, last) = (span.start().line, span.end().line);
        self.open.push(Nesting {
            line,
            ..Nesting::default()
        });
        walk(self);
        let Nesting {
            deepest,
            line: deepest_line,
            ..
        } = self.open.pop().unwrap_or_default();
        let lines = last - line + 1;
        self.found.functions.push(Function {
            name,
            line,
            lines,
            depth: deepest,
            deepest_line,
        });
    }

    fn public(&mut self, vis: &Visibility, attrs: &[Attribute], name: &syn::Ident) {
        let hidden_or_said = attrs.iter().any(|attr| attr.path().is_ident("doc"));
        if matches!(vis, Visibility::Public(_)) && !hidden_or_said {
            self.remark(Kind::Undocumented, name.span(), name.to_string());
        }
    }

    fn public_item(&mut self, item: &Item) {
        match item {
            Item::Const(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Enum(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Fn(i) => self.public(&i.vis, &i.attrs, &i.sig.ident),
            // The docs of `pub mod name;` may be in its own file.
            Item::Mod(i) if i.content.is_some() => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Static(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Struct(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Trait(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Type(i) => self.public(&i.vis, &i.attrs, &i.ident),
            Item::Union(i) => self.public(&i.vis, &i.attrs, &i.ident),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attrs_of(item)) {
            return;
        }
        self.public_item(item);
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let name = item.sig.ident.to_string();
        let span = item
            .sig
            .span()
            .join(item.block.span())
            .unwrap_or_else(|| item.span());
        self.function(name, span, |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.remark(Kind::Unsafe, token.span(), String::new());
        }
        if item.trait_.is_none() {
            for method in &item.items {
                if let ImplItem::Fn(method) = method {
                    self.public(&method.vis, &method.attrs, &method.sig.ident);
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let name = item.sig.ident.to_string();
        let span = item
            .sig
            .span()
            .join(item.block.span())
            .unwrap_or_else(|| item.span());
        self.function(name, span, |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        let name = item.sig.ident.to_string();
        match &item.default {
            Some(_) => self.function(
                name,
                item.sig
                    .span()
                    .join(item.span())
                    .unwrap_or_else(|| item.span()),
                |finder| {
                    visit::visit_trait_item_fn(finder, item);
                },
            ),
            None => visit::visit_trait_item_fn(self, item),
        }
    }

    fn visit_safety(&mut self, safety: &'ast syn::Safety) {
        if let syn::Safety::Unsafe(token) = safety {
            self.remark(Kind::Unsafe, token.span(), String::new());
        }
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.remark(Kind::Unsafe, expr.unsafe_token.span(), String::new());
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "unwrap" && call.args.is_empty() {
            self.remark(Kind::Unwrap, call.method.span(), String::new());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let unfinished = ["todo", "unimplemented"];
        if let Some(last) = call
            .path
            .segments
            .last()
            .filter(|last| unfinished.iter().any(|name| last.ident == name))
        {
            self.remark(Kind::Todo, last.ident.span(), String::new());
        }
        visit::visit_macro(self, call);
    }

    fn visit_expr_if(&mut self, expr: &'ast syn::ExprIf) {
        self.visit_expr(&expr.cond);
        self.nested(expr.if_token.span(), |finder| {
            finder.visit_block(&expr.then_branch)
        });
        match expr
            .else_branch
            .as_ref()
            .map(|(token, branch)| (token, &**branch))
        {
            Some((token, syn::Expr::Block(last))) => {
                self.nested(token.span(), |finder| finder.visit_block(&last.block));
            }
            Some((_, chained)) => self.visit_expr(chained),
            None => {}
        }
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        self.nested(expr.match_token.span(), |finder| {
            visit::visit_expr_match(finder, expr)
        });
    }

    fn visit_expr_for_loop(&mut self, expr: &'ast syn::ExprForLoop) {
        self.visit_expr(&expr.expr);
        self.looped(expr.for_token.span(), &expr.body);
    }

    fn visit_expr_while(&mut self, expr: &'ast syn::ExprWhile) {
        self.visit_expr(&expr.cond);
        self.looped(expr.while_token.span(), &expr.body);
    }

    fn visit_expr_loop(&mut self, expr: &'ast syn::ExprLoop) {
        self.looped(expr.loop_token.span(), &expr.body);
    }
}

impl Finder {
    fn looped(&mut self, at: Span, body: &Block) {
        self.nested(at, |finder| finder.visit_block(body));
    }
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]` and the like.
fn is_test(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let is_test = attr
            .path()
            .segments
            .last()
            .is_some_and(|last| last.ident == "test");
        let cfg_test = attr.path().is_ident("cfg")
            && attr
                .parse_args::<syn::Ident>()
                .is_ok_and(|flag| flag == "test");
        is_test || cfg_test
    })
}

fn attrs_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(usize, Kind)> {
        let found = measure(source).unwrap();
        found
            .remarks
            .iter()
            .map(|remark| (remark.line, remark.kind))
            .collect()
    }

    #[test]
    fn a_function_is_as_long_as_its_signature_and_body() {
        let found = measure("/// Says.\n#[inline]\nfn f(\n    a: u8,\n) {\n    a;\n}\n").unwrap();
        let f = &found.functions[0];
        assert_eq!(
            (f.name.as_str(), f.line, f.lines, found.lines),
            ("f", 3, 5, 7)
        );
    }

    #[test]
    fn nesting_counts_blocks_in_one_another_and_names_the_line() {
        let source = "fn f() {\n    for a in b {\n        if a {\n            match a { _ => {} }\n        }\n    }\n    while c {}\n}\n";
        let f = &measure(source).unwrap().functions[0];
        assert_eq!((f.depth, f.deepest_line), (3, 4));
    }

    #[test]
    fn a_chain_of_else_if_is_one_level() {
        let f = &measure("fn f() { if a {} else if b {} else if c {} else {} }")
            .unwrap()
            .functions[0];
        assert_eq!(f.depth, 1);
    }

    #[test]
    fn a_nested_function_keeps_its_own_depth() {
        let found = measure("fn outer() { if a { fn inner() { if b { if c {} } } } }").unwrap();
        let depths: Vec<_> = found
            .functions
            .iter()
            .map(|f| (f.name.as_str(), f.depth))
            .collect();
        assert_eq!(depths, [("inner", 2), ("outer", 1)]);
    }

    #[test]
    fn unwraps_unsafes_and_todos_are_found_with_their_lines() {
        let source = "fn f() {\n    a.unwrap();\n    unsafe { b() };\n    todo!();\n}\nunsafe impl X for Y {}\nunsafe fn g() {}\n";
        let expected = [
            (2, Kind::Unwrap),
            (3, Kind::Unsafe),
            (4, Kind::Todo),
            (6, Kind::Unsafe),
            (7, Kind::Unsafe),
        ];
        assert_eq!(kinds(source), expected);
    }

    #[test]
    fn unwrap_with_an_argument_or_another_name_is_none() {
        assert_eq!(
            kinds("fn f() { a.unwrap_or(1); a.unwrap(2); unwrap(); }"),
            []
        );
    }

    #[test]
    fn public_items_without_docs_are_named() {
        let source = "pub struct A;\n/// Said.\npub struct B;\nstruct C;\nimpl A {\n    pub fn m(&self) {}\n}\npub(crate) fn d() {}\npub mod e;\n";
        let found = measure(source).unwrap();
        let names: Vec<_> = found
            .remarks
            .iter()
            .map(|r| (r.line, r.name.as_str()))
            .collect();
        assert_eq!(names, [(1, "A"), (6, "m")]);
    }

    #[test]
    fn tests_are_left_out() {
        let source = "#[cfg(test)]\nmod tests { fn f() { a.unwrap(); } }\n#[test]\nfn g() { a.unwrap(); }\n#[tokio::test]\nasync fn h() { a.unwrap(); }\n";
        assert_eq!(kinds(source), []);
        assert!(measure(source).unwrap().functions.is_empty());
    }

    #[test]
    fn what_is_no_rust_is_an_error_with_a_line() {
        let error = measure("fn f() {}\nfn {").unwrap_err();
        assert_eq!(error.span().start().line, 2);
    }
}
