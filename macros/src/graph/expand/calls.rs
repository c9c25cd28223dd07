//! `Graph::call`: static dispatch to the nodes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use super::{Code, inputs, rows};
use crate::graph::model::{NodeId, OwnRow};

/// How many nodes share one function: the time that rustc takes for a function
/// grows faster than its length.
const TOGETHER: usize = 32;

/// The arms of `Graph::call`, in functions of at most [`TOGETHER`] nodes; none,
/// if they are all in `call` itself.
pub(super) fn parts(code: &Code<'_>) -> TokenStream {
    let arms = arms(code);
    if arms.len() <= TOGETHER {
        return TokenStream::new();
    }
    let Code { rt, name, .. } = code;
    let (params, ty, bounds) = code.generics.split_for_impl();
    let (state, input) = (&code.model.state, code.input());
    let parts = arms.chunks(TOGETHER).enumerate().map(|(at, arms)| {
        let part = format_ident!("__call_{at}");
        quote! {
            // The closure limits a row that cannot `match` to one error.
            #[allow(clippy::redundant_closure)]
            async fn #part #params (
                __graph: &#name #ty,
                __node: #rt::NodeId,
                __input: ::core::option::Option<#input>,
                __state: &#state,
                __cx: &#rt::Cx,
            ) -> ::core::result::Result<#rt::Done<#name #ty>, #rt::NodeError> #bounds {
                match __node {
                    #(#arms)*
                    _ => #rt::glue::no_such_node(__node),
                }
            }
        }
    });
    parts.collect()
}

pub(super) fn call(code: &Code<'_>) -> TokenStream {
    let rt = code.rt;
    let arms = arms(code);
    let arms = match arms.len() {
        ..=TOGETHER => quote!(#(#arms)*),
        nodes => {
            let turbofish = code.turbofish();
            let parts = (0..nodes.div_ceil(TOGETHER)).map(|at| {
                let part = format_ident!("__call_{at}");
                let end = ((at + 1) * TOGETHER) as u32;
                quote!(..#end => #part #turbofish (__graph, __node, __input, __state, __cx).await,)
            });
            parts.collect()
        }
    };
    quote! {
        #[allow(clippy::redundant_closure)]
        async fn call(
            &self,
            __node: #rt::NodeId,
            __input: ::core::option::Option<Self::Input>,
            __state: &Self::State,
            __cx: &#rt::Cx,
        ) -> ::core::result::Result<#rt::Done<Self>, #rt::NodeError> {
            let __graph = self;
            match __node {
                #arms
                _ => #rt::glue::no_such_node(__node),
            }
        }
    }
}

/// One arm for each node.
fn arms(code: &Code<'_>) -> Vec<TokenStream> {
    let (_, graph, _) = code.generics.split_for_impl();
    let name = code.name;
    let variants = inputs::have_variants(code);
    let arms = (0..).zip(&code.model.nodes).map(|(at, node)| {
        let ty = code.node(at, node.at.span());
        let input = match variants[at as usize] {
            true => inputs::carried(at, &format_ident!("__input")),
            false => quote_spanned!(node.at.span()=> ::core::option::Option::None),
        };
        let row = row(code, at, node.row.map(|row| &code.model.rows[row]));
        let arguments = quote!(__graph, #input, __state, __cx, #row);
        // Spanned at the node, so that what rustc finds wrong is reported there, once.
        let step = code.path(node.at.span(), quote!(glue::step));
        let call = quote_spanned!(node.at.span()=> #step::<#name #graph, #ty>(#arguments).await);
        quote!(#at => #call,)
    });
    arms.collect()
}

/// The function that expands the node's row.
fn row(code: &Code<'_>, node: NodeId, row: Option<&OwnRow>) -> TokenStream {
    match row {
        Some(row) if !row.is_static() => {
            let name = rows::name(code, row);
            quote_spanned!(row.at=> |__route| #name(__route))
        }
        _ => {
            let at = row.map_or(code.model.nodes[node as usize].at.span(), |row| row.at);
            code.path(at, quote!(glue::along_row))
        }
    }
}
