//! The inputs that tasks carry, and their encoding.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::Code;
use crate::graph::model::{Kind, Node};

/// The nodes with a variant: those that an edge gives an input, and those
/// after `on error`, which may take a `Failure`.
fn taking<'a>(code: &Code<'a>) -> impl Iterator<Item = (u32, &'a Node)> {
    let model = code.model;
    let mut failures = vec![false; model.nodes.len()];
    for edge in model.edges.iter().filter(|edge| edge.kind == Kind::Error) {
        if let Some(failure) = failures.get_mut(edge.to as usize) {
            *failure = true;
        }
    }
    let nodes = (0..).zip(&model.nodes).zip(failures);
    nodes
        .filter_map(|((at, node), failure)| (node.input.is_some() || failure).then_some((at, node)))
}

/// For each node, whether tasks of it may carry an input.
pub(super) fn have_variants(code: &Code<'_>) -> Vec<bool> {
    let mut have = vec![false; code.model.nodes.len()];
    for (at, _) in taking(code) {
        have[at as usize] = true;
    }
    have
}

/// `pub`, because an associated type must not be less visible than its trait;
/// the name cannot be reached from outside the block.
pub(super) fn definition(code: &Code<'_>) -> TokenStream {
    let Code { name, generics, .. } = code;
    let (params, ty, bounds) = generics.split_for_impl();
    let variants = taking(code).map(|(at, node)| {
        let (variant, node) = (variant(at), code.node(at, node.at.span()));
        quote!(#variant(__rt::glue::ItemOf<#node>))
    });
    let clones = taking(code).map(|(at, _)| {
        let variant = variant(at);
        quote!(Self::#variant(__item) => Self::#variant(::core::clone::Clone::clone(__item)),)
    });
    let generic = !generics.params.is_empty();
    let rest = generic.then(|| {
        quote!(__Never(::core::convert::Infallible, ::core::marker::PhantomData<fn() -> #name #ty>))
    });
    let never = generic.then(|| quote!(Self::__Never(__never, _) => match *__never {},));
    let matching = match generic || taking(code).next().is_some() {
        true => quote!(match self { #(#clones)* #never }),
        false => quote!(match *self {}),
    };
    quote! {
        // Nodes and their inputs may be private to the graph's module.
        #[allow(private_interfaces, private_bounds, unreachable_pub)]
        pub enum __Input #params #bounds {
            #(#variants,)*
            #rest
        }
        #[automatically_derived]
        impl #params ::core::clone::Clone for __Input #ty #bounds {
            fn clone(&self) -> Self {
                #matching
            }
        }
    }
}

/// What a task of `node` carries, of an `input` that may be any task's.
pub(super) fn carried(node: u32, input: &syn::Ident) -> TokenStream {
    let variant = variant(node);
    quote!(match #input {
        ::core::option::Option::Some(__Input::#variant(__item)) => ::core::option::Option::Some(__item),
        _ => ::core::option::Option::None,
    })
}

pub(super) fn variant(node: u32) -> syn::Ident {
    format_ident!("N{node}")
}

/// `write_input` and `decode_input`.
pub(super) fn codec(code: &Code<'_>) -> TokenStream {
    let encodings = taking(code).map(|(at, _)| {
        let variant = variant(at);
        quote!(__Input::#variant(__item) => __rt::encode::Draft::value(__out, __item),)
    });
    let generic = !code.generics.params.is_empty();
    let never = generic.then(|| quote!(__Input::__Never(__never, _) => match *__never {},));
    let encode = match generic || taking(code).next().is_some() {
        true => quote!(match __input { #(#encodings)* #never }),
        false => quote!(match *__input {}),
    };
    let decodings = taking(code).map(|(at, _)| {
        let variant = variant(at);
        quote!(#at => ::core::result::Result::map(__rt::encode::from_str(__json), __Input::#variant),)
    });
    let input = code.input();
    quote! {
        fn write_input(
            __input: &#input,
            __out: &mut __rt::encode::Draft,
        ) -> ::core::result::Result<(), __rt::encode::EncodeError> {
            let _ = &__out;
            #encode
        }
        fn decode_input(
            __node: __rt::NodeId,
            __json: &::core::primitive::str,
        ) -> ::core::result::Result<#input, __rt::encode::DecodeError> {
            let _ = __json;
            match __node {
                #(#decodings)*
                _ => ::core::result::Result::Err(__rt::glue::no_input(__node)),
            }
        }
    }
}
