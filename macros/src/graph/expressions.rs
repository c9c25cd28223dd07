//! What users' expressions in the table must not do. Where a run goes is to depend on what
//! its nodes returned, and on nothing else.

use syn::visit::{self, Visit};
use syn::{Expr, ExprAsync, ExprClosure, ExprReturn, ExprTry, Item, parse2};

use super::ast::{Row, Table, Target};
use crate::errors::Errors;
use crate::lint;

pub(super) fn check(table: &Table, errors: &mut Errors) {
    let mut all = Vec::new();
    for row in &table.rows {
        let (Row::Flow { target, .. } | Row::OnError { target, .. }) = row;
        collect(target, &mut all);
    }
    for expr in &all {
        Leaving { errors }.visit_expr(expr);
        if !table.settings.nondeterminism {
            lint::expression(expr, errors);
        }
    }
}

/// The inputs and guards of a target, in the order in which they are written.
fn collect(target: &Target, all: &mut Vec<Expr>) {
    match target {
        Target::To(_) | Target::Defer(_) => {}
        Target::Input(_, expr) => all.push(expr.clone()),
        Target::Each(each) => {
            all.push(each.items.clone());
            if let Some(otherwise) = &each.otherwise {
                collect(otherwise, all);
            }
        }
        Target::List(targets, _) => targets.iter().for_each(|target| collect(target, all)),
        Target::Match(found) => {
            for arm in &found.arms {
                all.extend(arm.guard.clone().and_then(|guard| parse2(guard).ok()));
                collect(&arm.target, all);
            }
        }
    }
}

/// Finds what would leave the function that the row becomes.
struct Leaving<'e> {
    errors: &'e mut Errors,
}

impl Leaving<'_> {
    fn refuse(&mut self, what: impl quote::ToTokens, word: &str) {
        let message = format!(
            "`{word}` in a row, which has nothing to leave\n\
             help: let the node before decide, by its route, and write a target for each outcome"
        );
        self.errors.push(syn::Error::new_spanned(what, message));
    }
}

impl Visit<'_> for Leaving<'_> {
    fn visit_expr_return(&mut self, expr: &ExprReturn) {
        self.refuse(expr.return_token, "return");
        visit::visit_expr_return(self, expr);
    }

    fn visit_expr_try(&mut self, expr: &ExprTry) {
        self.refuse(expr.question_token, "?");
        visit::visit_expr_try(self, expr);
    }

    // They are left on their own.
    fn visit_expr_closure(&mut self, _: &ExprClosure) {}

    fn visit_expr_async(&mut self, _: &ExprAsync) {}

    fn visit_item(&mut self, _: &Item) {}
}
