//! The determinism lint: calls that would give another value in the next attempt.
//!
//! It reads the function's own tokens and nothing more. What a helper does, and
//! what is in another macro's arguments, escapes it.

mod banned;
mod imports;

use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprMethodCall, ExprPath, Item, Local, Pat};

use super::model::Function;
use super::options::Options;
use crate::errors::Errors;
use imports::Imports;

pub(super) fn body(function: &Function, options: &Options, errors: &mut Errors) {
    if options.nondeterminism {
        return;
    }
    // A body that does not parse is rustc's to report.
    let Ok(block) = syn::parse2::<Block>(function.body.clone()) else {
        return;
    };
    let mut lint = Lint {
        imports: Imports::of(&block),
        effects: Vec::new(),
        context: function.context(),
        errors,
    };
    lint.visit_block(&block);
}

struct Lint<'e> {
    imports: Imports,
    /// Variables that hold an effect not yet run.
    effects: Vec<String>,
    /// The name of the `&Cx` parameter.
    context: Option<String>,
    errors: &'e mut Errors,
}

impl Visit<'_> for Lint<'_> {
    fn visit_expr_path(&mut self, path: &ExprPath) {
        let segments = path.path.segments.iter();
        let segments: Vec<String> = segments.map(|part| part.ident.to_string()).collect();
        let resolved = self.imports.resolve(&segments);
        if let Some(call) = resolved.iter().find_map(|path| banned::find(path)) {
            let message = call.message(&segments.join("::"), self.context.as_deref());
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

fn untyped(pat: &Pat) -> &Pat {
    match pat {
        Pat::Type(typed) => &typed.pat,
        other => other,
    }
}
