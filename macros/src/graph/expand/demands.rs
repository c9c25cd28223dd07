//! What rustc has to find true of the graph in addition to the calls themselves.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Type};

use super::Code;
use crate::graph::ast::Conflict;
use crate::graph::model::{END, Edge, Kind, Step};
use crate::spans;

pub(super) fn functions(code: &Code<'_>) -> TokenStream {
    let plain = plain(code);
    let writers = writers(code);
    quote!(#plain #writers)
}

/// The state, which is an error if it is none. Of a generic graph rustc says it where it
/// finds it.
pub(super) fn state(code: &Code<'_>, state: &Type) -> TokenStream {
    checked(code, &code.generics, state, quote!(glue::is_state))
}

/// A node that may be none: one error where the rows first mention it.
pub(super) fn node(code: &Code<'_>, path: &syn::Path) -> TokenStream {
    // Such a node mentions no parameter of its graph.
    checked(code, &Generics::default(), path, quote!(glue::is_node))
}

/// The type, which is an error if the bounds of the function `is` do not hold for it.
fn checked(
    code: &Code<'_>,
    generics: &Generics,
    ty: &impl ToTokens,
    is: TokenStream,
) -> TokenStream {
    let at = ty.span();
    let (checked, is) = (code.path(at, quote!(glue::Checked)), code.path(at, is));
    let is = quote_spanned!(at=> #is::<#ty>);
    let holds = spans::holds(generics, at, &is);
    quote_spanned!(at=> #checked<#ty, #holds>)
}

/// Nodes that an edge gives no input take none.
fn plain(code: &Code<'_>) -> TokenStream {
    let (params, _, bounds) = code.generics.split_for_impl();
    let is_plain = |edge: &&Edge| {
        let other = matches!(edge.kind, Kind::Input | Kind::Each | Kind::Error);
        edge.to != END && !other
    };
    let demands = code.model.edges.iter().filter(is_plain).map(|edge| {
        let node = code.node(edge.to, edge.at);
        let check = match edge.kind {
            Kind::Join(_) | Kind::Defer => quote!(glue::awaited),
            _ => quote!(glue::plain),
        };
        let check = code.path(edge.at, check);
        // A bound that the graph lacks is asked as elsewhere, or it would be one error more.
        let is_node = code.has_parameters(edge.to).then(|| {
            let is_node = code.path(edge.at, quote!(glue::is_node));
            quote_spanned!(edge.at=> #is_node::<#node>();)
        });
        quote_spanned!(edge.at=> #is_node #check::<#node>();)
    });
    quote! {
        // Never called: it only needs to be type-checked.
        #[allow(dead_code)]
        fn __plain #params () #bounds {
            #(#demands)*
        }
    }
}

/// Direct siblings of one fan-out do not declare one field that takes one writer.
fn writers(code: &Code<'_>) -> TokenStream {
    // A free constant cannot name the parameters of a generic graph; then the
    // engine finds the conflict at run time.
    if code.model.conflict == Some(Conflict::LastWriterWins) || !code.generics.params.is_empty() {
        return TokenStream::new();
    }
    let mut fan_outs = Vec::new();
    for row in &code.model.rows {
        siblings(code, &row.steps, &mut fan_outs);
    }
    for row in &code.model.error_rows {
        fan_outs.push(row.edges.clone().collect());
    }
    for join in &code.model.joins {
        fan_outs.push(join.edges.clone().collect());
    }
    let checks = fan_outs.iter().map(|edges| writers_of(code, edges));
    checks.collect()
}

/// The edges of each list of targets.
fn siblings(code: &Code<'_>, steps: &[Step], fan_outs: &mut Vec<Vec<u32>>) {
    let mut edges = Vec::new();
    for step in steps {
        match step {
            Step::To { edge } | Step::Input { edge, .. } => edges.push(*edge),
            Step::Each {
                edge, otherwise, ..
            } => {
                edges.push(*edge);
                siblings(code, otherwise, fan_outs);
            }
            Step::Match(_, arms) => {
                for arm in arms {
                    siblings(code, &arm.steps, fan_outs);
                }
            }
        }
    }
    // Deferred nodes run in a step of their own.
    let kind = |edge: &u32| code.model.edges[*edge as usize].kind;
    edges.retain(|edge| kind(edge) != Kind::Defer);
    fan_outs.push(edges);
}

fn writers_of(code: &Code<'_>, edges: &[u32]) -> TokenStream {
    let model = code.model;
    let edges = edges.iter().map(|edge| &model.edges[*edge as usize]);
    let mut seen = std::collections::HashSet::new();
    let nodes: Vec<&Edge> = edges
        .filter(|edge| edge.to != END && seen.insert(edge.to))
        .collect();
    if nodes.len() < 2 {
        return TokenStream::new();
    }
    let (count, graph) = (nodes.len(), code.name);
    let calls = nodes.iter().map(|edge| {
        let (node, name) = (code.node(edge.to, edge.at), model.name(edge.to));
        let writers = writers_at(edge.at);
        // The call is where rustc reports a conflict.
        let declared = quote!(<#node as __rt::NodeFn>::WRITES);
        quote_spanned!(edge.at=> let #writers = #writers.and(#name, #declared);)
    });
    let writers = writers_at(Span::mixed_site());
    quote! {
        const _: () = {
            let #writers = __rt::Writers::<#count>::new(__rt::glue::state_info::<#graph>());
            #(#calls)*
            let _ = #writers;
        };
    }
}

/// One name, wherever the mentions come from: a `macro_rules!` may have made some of them.
fn writers_at(at: Span) -> Ident {
    Ident::new("__writers", Span::mixed_site().located_at(at))
}
