//! `#[graph]`: a table of arrows becomes an `impl Graph`.

mod ast;
mod build;
mod check;
mod expand;
mod expressions;
mod item;
mod model;
mod names;
mod parse;
mod settings;
#[cfg(test)]
mod tests;

use proc_macro2::{Span, TokenStream};

use crate::errors::{self, Errors};
use item::Item;
use model::Model;

pub(crate) fn expand(table: TokenStream, item: TokenStream) -> TokenStream {
    let mut found = Errors::new();
    let parsed = Item::parse(item.clone(), &mut found);
    let model = model(table, &mut found);
    let Some(item) = parsed else {
        return match found.finish() {
            Ok(()) => item,
            Err(error) => errors::beside(&error, &item),
        };
    };
    match found.finish() {
        Ok(()) => expand::graph(&model, &item),
        Err(error) => errors::beside(&error, &expand::stub(&model, &item, &error)),
    }
}

/// Reads the table, then, if it could be read, checks the graph.
fn model(table: TokenStream, found: &mut Errors) -> Model {
    let mut wrong = Errors::new();
    let table = parse::table(table, &mut wrong);
    let readable = wrong.finish().map_err(|error| found.push(error)).is_ok();
    if readable && table.is_empty() {
        let message = "a graph needs a state and rows\n\
            help: write `#[graph(state = YourState, start -> first_node -> end)]`";
        found.at(Span::call_site(), message);
        return build::model(table, found);
    }
    let mut faults = Errors::new();
    expressions::check(&table, &mut faults);
    let mut model = build::model(table, &mut faults);
    if model.state.is_none() {
        let message = "a graph needs a state\n\
            help: add `state = YourState`, a struct that derives `State`";
        faults.at(Span::call_site(), message);
    }
    check::graph(&mut model, &mut faults);
    // What an unreadable table lacks is not a fault of the graph.
    if let (Err(error), true) = (faults.finish(), readable) {
        found.push(error);
    }
    model
}
