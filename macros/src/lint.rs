//! The determinism lint: calls that would give another value in the next attempt.
//!
//! It reads the tokens of a node's body, or of an expression in a graph's table, and
//! nothing more. What a helper does, and what is in another macro's arguments, escapes it.

mod banned;
mod imports;

use syn::parse::ParseStream;
use syn::visit::{self, Visit};
use syn::{
    Block, Expr, ExprMethodCall, ExprPath, Ident, Item, Local, Pat, Type, parenthesized, token,
};

use crate::errors::Errors;
use crate::text;
use imports::Imports;

/// What is read.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The body of a node, with the name of its `&Cx` parameter, if it has one.
    Node(Option<&'a str>),
    /// An expression in the table of a graph, where there is no context.
    Table,
}

/// The body of a node, whose context has that name.
pub(crate) fn body(block: &Block, context: Option<&str>, errors: &mut Errors) {
    let mut lint = Lint {
        imports: Imports::default(),
        effects: Vec::new(),
        place: Place::Node(context),
        errors,
    };
    lint.visit_block(block);
}

/// An expression in the table of a graph.
pub(crate) fn expression(expr: &Expr, errors: &mut Errors) {
    let mut lint = Lint {
        imports: Imports::default(),
        effects: Vec::new(),
        place: Place::Table,
        errors,
    };
    lint.visit_expr(expr);
}

/// Reads the `(nondeterminism)` that follows the word `allow`.
pub(crate) fn allow(input: ParseStream<'_>) -> syn::Result<()> {
    let wrong = |span, what: &str| {
        syn::Error::new(span, format!("{what}\nhelp: write `allow(nondeterminism)`"))
    };
    if !input.peek(token::Paren) {
        return Err(wrong(input.span(), "expected a list"));
    }
    let content;
    parenthesized!(content in input);
    let what: Ident = content
        .parse()
        .map_err(|error| wrong(error.span(), "expected a lint"))?;
    match what == "nondeterminism" {
        true => Ok(()),
        false => Err(wrong(
            what.span(),
            &format!("`{what}` cannot be allowed here"),
        )),
    }
}

struct Lint<'a> {
    imports: Imports,
    /// Variables that hold an effect not yet run.
    effects: Vec<String>,
    place: Place<'a>,
    errors: &'a mut Errors,
}

impl Visit<'_> for Lint<'_> {
    fn visit_block(&mut self, block: &Block) {
        self.imports.enter(block);
        visit::visit_block(self, block);
        self.imports.leave();
    }

    fn visit_expr_path(&mut self, path: &ExprPath) {
        let segments = segments(path);
        let resolved = self.imports.resolve(&segments);
        if let Some(call) = resolved.iter().find_map(|path| banned::find(path)) {
            let message = call.message(&segments.join("::"), self.place);
            self.errors.push(syn::Error::new_spanned(path, message));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &ExprMethodCall) {
        self.visit_expr(&call.receiver);
        let excused = match call.method.to_string().as_str() {
            "untracked" => true,
            "run" => self.is_effect(&call.receiver),
            _ => false,
        };
        if !excused {
            call.args.iter().for_each(|arg| self.visit_expr(arg));
        }
    }

    fn visit_local(&mut self, local: &Local) {
        visit::visit_local(self, local);
        if let (Pat::Ident(name), Some(init)) = (untyped(&local.pat), &local.init)
            && self.is_effect(&init.expr)
        {
            self.effects.push(name.ident.to_string());
        }
    }

    // Helpers escape, even those inside the body.
    fn visit_item(&mut self, _: &Item) {}
}

impl Lint<'_> {
    /// Whether `expr` is `….effect(…)`, with or without settings after it, or
    /// a variable that holds one.
    fn is_effect(&self, expr: &Expr) -> bool {
        match expr {
            Expr::MethodCall(call) => call.method == "effect" || self.is_effect(&call.receiver),
            Expr::Paren(inner) => self.is_effect(&inner.expr),
            Expr::Path(path) => (path.path.get_ident())
                .is_some_and(|name| self.effects.iter().any(|effect| name == effect)),
            _ => false,
        }
    }
}

/// The path's words: of `<Type>::name` the type's, and then the name.
fn segments(path: &ExprPath) -> Vec<String> {
    let of_type = path.qself.as_ref().and_then(|qself| match &*qself.ty {
        Type::Path(ty) => Some((ty, qself.position)),
        _ => None,
    });
    let (ty, position) = of_type.map_or((None, 0), |(ty, position)| (Some(ty), position));
    let of_type = ty.into_iter().flat_map(|ty| &ty.path.segments);
    let own = path.path.segments.iter().skip(position);
    let words = of_type.chain(own).map(|part| text::name(&part.ident));
    words.collect()
}

fn untyped(pat: &Pat) -> &Pat {
    match pat {
        Pat::Type(typed) => &typed.pat,
        other => other,
    }
}
