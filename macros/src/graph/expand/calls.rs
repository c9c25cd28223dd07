//! `Graph::call`: static dispatch to the nodes.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::{Code, inputs, rows};
use crate::graph::model::{NodeId, OwnRow};

pub(super) fn call(code: &Code<'_>) -> TokenStream {
    let rt = code.rt;
    let variants = inputs::have_variants(code);
    let arms = (0..).zip(&code.model.nodes).map(|(at, node)| {
        let ty = code.node(at, node.at.span());
        let input = match variants[at as usize] {
            true => {
                let variant = inputs::variant(at);
                quote!(match input { Some(__Input::#variant(item)) => Some(item), _ => None })
            }
            false => quote!(None),
        };
        let row = row(code, at, node.row.map(|row| &code.model.rows[row]));
        let arguments = quote!(self, #input, state, cx, #row);
        // Spanned at the node, so that what rustc finds wrong is said there, once.
        let step = code.path(node.at.span(), quote!(glue::step));
        let call = quote_spanned!(node.at.span()=> #step::<Self, #ty>(#arguments).await);
        quote!(#at => #call,)
    });
    quote! {
        async fn call(
            &self,
            node: #rt::NodeId,
            input: ::core::option::Option<Self::Input>,
            state: &Self::State,
            cx: &#rt::Cx,
        ) -> ::core::result::Result<#rt::Done<Self>, #rt::NodeError> {
            match node {
                #(#arms)*
                _ => #rt::glue::no_such_node(node),
            }
        }
    }
}

/// The function that expands the node's row.
fn row(code: &Code<'_>, node: NodeId, row: Option<&OwnRow>) -> TokenStream {
    match row {
        Some(row) if !row.is_static() => {
            let name = rows::name(code, row);
            quote_spanned!(row.at=> |route| #name(route))
        }
        _ => {
            let at = row.map_or(code.model.nodes[node as usize].at.span(), |row| row.at);
            code.path(at, quote!(glue::along_row))
        }
    }
}
