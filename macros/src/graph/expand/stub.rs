//! What stands in for a graph with faults, so that its uses cause no further errors.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use super::Code;
use crate::graph::item::Item;
use crate::graph::model::Model;
use crate::text;

pub(in crate::graph) fn stub(model: &Model, item: &Item) -> TokenStream {
    let written = &item.item;
    let code = Code::new(model, item);
    let implementation = implementation(&code);
    quote!(#written #implementation)
}

/// Nothing, if neither a state nor a node is known or the struct cannot be a graph.
fn implementation(code: &Code<'_>) -> Option<TokenStream> {
    if code.generics.lifetimes().next().is_some() {
        return None;
    }
    let Code { rt, name, .. } = code;
    let state = state(code)?;
    let (params, ty, bounds) = code.generics.split_for_impl();
    let text = text::name(name);
    Some(quote! {
        const _: () = {
            #[automatically_derived]
            impl #params #rt::Graph for #name #ty #bounds {
                type State = #state;
                type Input = ::core::convert::Infallible;
                const INFO: &'static #rt::GraphInfo = &#rt::GraphInfo {
                    name: #text,
                    version: 1,
                    conflict: ::core::option::Option::None,
                    max_steps: ::core::option::Option::None,
                    compatible: &[],
                    migrate: ::core::option::Option::None,
                    nodes: &[],
                    edges: &[],
                    joins: &[],
                    state: <Self::State as #rt::State>::INFO,
                };
                fn start() -> #rt::Hops<Self::Input> {
                    #rt::Hops::none()
                }
                async fn call(
                    &self,
                    __node: #rt::NodeId,
                    _: ::core::option::Option<Self::Input>,
                    _: &Self::State,
                    _: &#rt::Cx,
                ) -> ::core::result::Result<#rt::Done<Self>, #rt::NodeError> {
                    #rt::glue::no_such_node(__node)
                }
                fn on_error(
                    _: #rt::NodeId,
                    _: #rt::Failure,
                    _: ::core::option::Option<&Self::Input>,
                ) -> ::core::option::Option<#rt::Hops<Self::Input>> {
                    ::core::option::Option::None
                }
                fn encode_input(
                    __input: &Self::Input,
                ) -> ::core::result::Result<::std::string::String, #rt::encode::EncodeError> {
                    match *__input {}
                }
                fn decode_input(
                    __node: #rt::NodeId,
                    _: &::core::primitive::str,
                ) -> ::core::result::Result<Self::Input, #rt::encode::DecodeError> {
                    ::core::result::Result::Err(#rt::glue::no_input(__node))
                }
            }
        };
    })
}

/// The state as set, else that of the node that the table mentions most.
fn state(code: &Code<'_>) -> Option<TokenStream> {
    let Code { model, rt, .. } = code;
    if let Some(state) = &model.state {
        return Some(state.to_token_stream());
    }
    let node = model.nodes.iter().max_by_key(|node| node.mentions)?;
    let path = &node.path;
    Some(quote_spanned!(node.at.span()=> <#path as #rt::NodeFn>::State))
}
