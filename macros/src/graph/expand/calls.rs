//! `Graph::call`: static dispatch to the nodes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse_quote;

use super::{Code, rows};
use crate::graph::model::{Node, NodeId, OwnRow};

/// How many nodes share one function: the time that rustc takes for a function
/// grows faster than its length.
const TOGETHER: usize = 32;

/// The functions behind `Graph::call`. They are free, so that what users write in rows sees
/// no `self`.
pub(super) fn functions(code: &Code<'_>) -> TokenStream {
    let arms = arms(code);
    if arms.len() <= TOGETHER {
        return function(code, &format_ident!("__call"), &arms);
    }
    let turbofish = code.turbofish();
    let Given {
        graph,
        input,
        state,
        cx,
    } = Given::new();
    let (parts, calls): (TokenStream, Vec<TokenStream>) = (arms.chunks(TOGETHER).enumerate())
        .map(|(at, arms)| {
            let part = format_ident!("__call_{at}");
            let end = ((at + 1) * TOGETHER) as u32;
            let call = quote!(#part #turbofish (#graph, __node, #input, #state, #cx));
            (function(code, &part, arms), quote!(..#end => #call,))
        })
        .unzip();
    let call = function(code, &format_ident!("__call"), &calls);
    quote!(#parts #call)
}

/// Runs the node that has an arm for its number.
fn function(code: &Code<'_>, name: &Ident, arms: &[TokenStream]) -> TokenStream {
    let graph = code.name;
    let mut generics = code.generics.clone();
    generics.params.insert(0, parse_quote!('__a));
    let (params, _, bounds) = generics.split_for_impl();
    let (_, ty, _) = code.generics.split_for_impl();
    let state = &code.model.state;
    let given = Given::new();
    let (of, task, read, cx) = (given.graph, given.input, given.state, given.cx);
    quote! {
        fn #name #params (
            #of: &'__a #graph #ty,
            __node: __rt::NodeId,
            #task: ::core::option::Option<__rt::Input>,
            #read: &'__a #state,
            #cx: &'__a __rt::Cx,
        ) -> __rt::Running<'__a> #bounds {
            match __node {
                #(#arms)*
                _ => __rt::glue::no_such_node(__node),
            }
        }
    }
}

pub(super) fn call(code: &Code<'_>) -> TokenStream {
    let turbofish = code.turbofish();
    let state = &code.model.state;
    quote! {
        fn call<'__a>(
            &'__a self,
            __node: __rt::NodeId,
            __input: ::core::option::Option<__rt::Input>,
            __state: &'__a #state,
            __cx: &'__a __rt::Cx,
        ) -> __rt::Running<'__a> {
            __call #turbofish (self, __node, __input, __state, __cx)
        }
    }
}

/// What a node is given, under names that no expression in a row can mention.
struct Given {
    graph: Ident,
    input: Ident,
    state: Ident,
    cx: Ident,
}

impl Given {
    fn new() -> Self {
        let hidden = |name| Ident::new(name, Span::mixed_site());
        Self {
            graph: hidden("__graph"),
            input: hidden("__input"),
            state: hidden("__state"),
            cx: hidden("__cx"),
        }
    }
}

/// One arm for each node.
fn arms(code: &Code<'_>) -> Vec<TokenStream> {
    let (_, graph, _) = code.generics.split_for_impl();
    let name = code.name;
    let arms = (0..).zip(&code.model.nodes).map(|(at, node)| {
        let ty = called(code, at, node);
        let Given {
            graph: given,
            input,
            state,
            cx,
        } = Given::new();
        let row = row(code, at, node.row.map(|row| &code.model.rows[row]));
        let arguments = quote!(#given, #input, #state, #cx, #row);
        // Spanned at the node, so that what rustc finds wrong is reported there, once.
        let step = code.path(node.at.span(), quote!(glue::step));
        let call = quote_spanned!(node.at.span()=> #step::<#name #graph, #ty, _, _, _>(#arguments));
        quote!(#at => #call,)
    });
    arms.collect()
}

/// The node's type. If it takes no input and an edge gives one, that is told at the edge, and
/// not what else the graph does not have for it.
fn called(code: &Code<'_>, at: NodeId, node: &Node) -> TokenStream {
    match node.input {
        Some(edge) => {
            let (taking, ty) = (code.path(edge, quote!(glue::Taking)), code.node(at, edge));
            quote_spanned!(edge=> #taking<#ty>)
        }
        None => code.node(at, node.at.span()),
    }
}

/// The function that expands the node's row.
fn row(code: &Code<'_>, node: NodeId, row: Option<&OwnRow>) -> TokenStream {
    match row {
        Some(row) if !row.is_static() => rows::closure(code, row),
        _ => {
            let at = row.map_or(code.model.nodes[node as usize].at.span(), |row| row.at);
            code.path(at, quote!(glue::along_row))
        }
    }
}
