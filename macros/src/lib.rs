#![doc = include_str!("../README.md")]
//! # For contributors
//!
//! Each macro has a folder and the same stages: parse → model → check →
//! expand. Parsing gives a spanned model, checks read only the model and report
//! all of their findings together, and expansion cannot fail.

mod errors;
mod graph;
mod half_typed;
mod itself;
mod lint;
mod node;
mod optional;
mod parse;
mod route;
mod silenced;
mod spans;
mod state;
mod suggest;
mod text;
mod unknown;

use proc_macro::TokenStream;

/// Makes a struct the state of graphs, and writes its update with a setter for each field.
///
/// | attribute of a field | what a step does with it |
/// |---|---|
/// | none | the new value; two writers of different values conflict |
/// | `#[reduce(last)]`, `#[reduce(first)]` | the last or first value in merge order |
/// | `#[reduce(append)]` | adds to the end of a `Vec`, `VecDeque` or `String` |
/// | `#[reduce(sum)]` | is added; overflow is an error |
/// | `#[reduce(max)]`, `#[reduce(min)]` | the largest or smallest, the value so far included |
/// | `#[reduce(union)]` | adds elements to a `BTreeSet` |
/// | `#[reduce(merge)]` | adds keys to a `BTreeMap`; other types decide by `Merge` |
/// | `#[reduce(upsert = id)]` | replaces or adds records of a `Vec` by their field `id` |
/// | `#[reduce(with = path)]` | a `fn(&mut T, T)` decides |
/// | `#[reduce(ephemeral)]` | visible in the next step, then `Default` again |
///
/// `#[superstep(crate = path)]` on the struct says where the crate `superstep` is, if it was renamed. Names and codecs
/// of `#[serde(…)]` carry over to the update.
#[proc_macro_derive(State, attributes(reduce, serde, superstep))]
pub fn derive_state(item: TokenStream) -> TokenStream {
    state::derive(item.into()).into()
}

/// Makes an enum a route that nodes return, for the graph's `match` to take apart.
///
/// | attribute of the enum | meaning | default |
/// |---|---|---|
/// | `#[superstep(crate = path)]` | where the crate `superstep` is, if it was renamed | `::superstep` |
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

#[cfg(test)]
mod tests {
    use quote::quote;

    use crate::{graph, node, route, state};

    /// A caller of a library's macro need not have a crate called `superstep`.
    #[test]
    fn with_a_path_to_the_crate_nothing_is_taken_from_elsewhere() {
        let written = [
            node::expand(
                quote!(
                    crate = my::engine,
                    retry(attempts = 2),
                    writes(total),
                    blocking
                ),
                quote!(
                    fn add(_: &Sum, by: u64, llm: &Llm, cx: &Cx) -> SumUpdate {}
                ),
            ),
            node::expand(
                quote!(crate = my::engine),
                quote!(
                    fn add(_: Sum) {}
                ),
            ),
            graph::expand(
                quote!(crate = my::engine, state = Sum, start -> each add(all()) else end, add -> end, add on error -> end),
                quote!(
                    struct Adding {
                        llm: Llm,
                    }
                ),
            ),
            graph::expand(
                quote!(crate = my::engine, state = Sum, start -> add),
                quote!(
                    struct Adding;
                ),
            ),
            route::derive(quote!(
                #[superstep(crate = my::engine)]
                enum Next {
                    More,
                }
            )),
            state::derive(quote!(
                #[superstep(crate = my::engine)]
                struct Sum {
                    #[reduce(sum)]
                    total: u64,
                    #[reduce(upsert = id)]
                    parts: Vec<Part>,
                }
            )),
        ];
        for written in written {
            let text = written.to_string().replace(' ', "");
            assert!(!text.contains("superstep::"), "{text}");
            assert!(text.contains("my::engine::"), "{text}");
        }
    }
}
