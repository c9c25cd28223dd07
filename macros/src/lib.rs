//! The macros of `superstep`; use them through that crate.
//!
//! Each macro has a folder and goes the same way: parse → model → check →
//! expand. Parsing gives a spanned model, checks read only the model and report
//! all of their findings together, and expansion cannot fail.

mod errors;
mod graph;
mod node;
mod route;
mod state;
mod suggest;

use proc_macro::TokenStream;

/// Makes a struct the state of graphs. See the crate `superstep`.
#[proc_macro_derive(State, attributes(reduce, serde, superstep))]
pub fn derive_state(item: TokenStream) -> TokenStream {
    state::derive(item.into()).into()
}

/// Makes an enum a route that nodes return. See the crate `superstep`.
#[proc_macro_derive(Route, attributes(superstep))]
pub fn derive_route(item: TokenStream) -> TokenStream {
    route::derive(item.into()).into()
}

#[doc = include_str!("node/node.md")]
#[proc_macro_attribute]
pub fn node(options: TokenStream, item: TokenStream) -> TokenStream {
    node::expand(options.into(), item.into()).into()
}

#[doc = include_str!("graph/graph.md")]
#[proc_macro_attribute]
pub fn graph(rows: TokenStream, item: TokenStream) -> TokenStream {
    graph::expand(rows.into(), item.into()).into()
}
