//! The generated code.

mod calls;
mod demands;
mod info;
mod provides;
mod rows;
mod shared;
mod stub;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Path, TypeParamBound, parse_quote};

use super::item::Item;
use super::model::{Model, NodeId};
use crate::{silenced, spans};
pub(super) use stub::stub;

pub(super) fn graph(model: &Model, item: &Item) -> TokenStream {
    let code = Code::new(model, item);
    let written = &item.item;
    let aliases = code.aliases();
    let demands = demands::functions(&code);
    let shared = shared::constants(&code);
    let provides = provides::impls(&code);
    let calls = calls::functions(&code);
    let implementation = implementation(&code);
    let of_fields = written.fields.iter().flat_map(|field| &field.attrs);
    let silenced = silenced::of(written.attrs.iter().chain(of_fields));
    let runtime = &model.runtime;
    // A graph's parameters are bounded by what every graph needs, whatever is written.
    let is_generic = !code.generics.params.is_empty();
    let repeated = is_generic.then(|| quote!(#[allow(clippy::trait_duplication_in_bounds)]));
    quote! {
        #written
        #silenced
        #repeated
        const _: () = {
            use #runtime as __rt;
            #aliases
            #demands
            #shared
            #provides
            #calls
            #implementation
        };
    }
}

/// What all parts of the expansion share.
struct Code<'a> {
    model: &'a Model,
    item: &'a Item,
    name: &'a Ident,
    /// The graph's generics, with the bounds that every graph needs.
    generics: Generics,
}

impl<'a> Code<'a> {
    fn new(model: &'a Model, item: &'a Item) -> Self {
        Self {
            model,
            item,
            name: &item.item.ident,
            generics: bounded(&item.item.generics),
        }
    }

    /// One alias for each node, so that an unknown node is one error, where it
    /// is first mentioned.
    fn aliases(&self) -> TokenStream {
        let alias = |(number, node): (usize, &super::model::Node)| {
            let at = node.at.span();
            let (name, path) = (format_ident!("__N{number}"), &node.path);
            let used = self.used(&path.to_token_stream());
            let bare = used.iter().map(|parameter| match parameter {
                GenericParam::Const(value) => {
                    let (name, ty) = (&value.ident, &value.ty);
                    quote!(const #name: #ty)
                }
                other => spans::name_of(other).to_token_stream(),
            });
            let parameters = (!used.is_empty()).then(|| quote!(<#(#bare),*>));
            let node = match used.is_empty() && looks_like_a_type(path) {
                true => demands::node(self, path),
                false => path.to_token_stream(),
            };
            quote_spanned!(at=> type #name #parameters = #node;)
        };
        self.model.nodes.iter().enumerate().map(alias).collect()
    }

    /// The path of a function or type of the runtime, spanned at `at` from end
    /// to end: errors about a partly spanned path are reported at the whole macro.
    fn path(&self, at: Span, rest: TokenStream) -> TokenStream {
        spans::moved(at, quote!(__rt::#rest))
    }

    /// The node's type, spanned where the rows mention it.
    fn node(&self, node: NodeId, at: Span) -> TokenStream {
        let name = Ident::new(&format!("__N{node}"), at);
        let path = &self.model.nodes[node as usize].path;
        let used = self.used(&path.to_token_stream());
        let names = used.iter().map(|parameter| spans::name_of(parameter));
        let arguments = (!used.is_empty()).then(|| spans::moved(at, quote!(<#(#names),*>)));
        quote!(#name #arguments)
    }

    /// Whether the node mentions parameters of its graph.
    fn has_parameters(&self, node: NodeId) -> bool {
        let path = &self.model.nodes[node as usize].path;
        !self.used(&path.to_token_stream()).is_empty()
    }

    /// The graph's parameters that `tokens` mention.
    fn used(&self, tokens: &TokenStream) -> Vec<&GenericParam> {
        let parameters = self.generics.params.iter();
        parameters
            .filter(|parameter| spans::mention(tokens.clone(), spans::name_of(parameter)))
            .collect()
    }

    /// `::<T, U>` for a generic graph.
    fn turbofish(&self) -> TokenStream {
        let (_, ty, _) = self.generics.split_for_impl();
        ty.as_turbofish().to_token_stream()
    }
}

/// Functions are not written like this.
fn looks_like_a_type(path: &Path) -> bool {
    let last = path.segments.last();
    last.is_some_and(|last| last.ident.to_string().starts_with(char::is_uppercase))
}

/// A graph is `Send + Sync + 'static`, and so are its parameters. Added where the
/// user bounds them, since clippy warns of bounds in two places.
fn bounded(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let mut clause = generics.where_clause.take();
    for parameter in generics.type_params_mut() {
        let name = &parameter.ident;
        match &mut clause {
            Some(clause) if parameter.bounds.is_empty() => clause.predicates.push(parse_quote!(
                #name: ::core::marker::Send + ::core::marker::Sync + 'static
            )),
            _ => parameter.bounds.extend::<[TypeParamBound; 3]>([
                parse_quote!(::core::marker::Send),
                parse_quote!(::core::marker::Sync),
                parse_quote!('static),
            ]),
        }
    }
    generics.where_clause = clause;
    generics
}

fn implementation(code: &Code<'_>) -> TokenStream {
    let name = code.name;
    let generics = shared::clause(code);
    let (params, ty, bounds) = generics.split_for_impl();
    // Where rustc reports that the struct cannot be shared, and that the state is private.
    // As the macro's own code, which is not for lints of users'.
    let at = Span::call_site().located_at(name.span());
    let graph = code.path(at, quote!(Graph));
    let state = code.model.state.as_ref().map(|state| {
        let checked = demands::state(code, state);
        // What users read is the state's name.
        quote_spanned!(state.span()=>
            #[cfg(not(doc))]
            type State = #checked;
            #[cfg(doc)]
            type State = #state;
        )
    });
    let info = info::constant(code);
    let start = rows::start(code);
    let call = calls::call(code);
    let on_error = rows::on_error(code);
    quote! {
        #[automatically_derived]
        impl #params #graph for #name #ty #bounds {
            #state
            #info
            #start
            #call
            #on_error
        }
    }
}
