//! The bounds of generated impls.
//!
//! They are on the types of the fields and not on the type parameters: a
//! `PhantomData<T>` or a `T::Item` then requires no more than it needs.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{GenericParam, Type};

use super::model::{Field, State};
use super::reducer::Reducer;
use super::types::{self, Shape};
use super::{codec, reducer_type};
use crate::spans;

/// The fields whose types depend on a parameter of the struct.
pub(super) fn open_fields<'a>(state: &'a State<'_>) -> Vec<&'a Field<'a>> {
    let is_open = |field: &&Field<'_>| {
        let mut parameters = state.generics.params.iter();
        parameters.any(|parameter| match parameter {
            GenericParam::Type(_) | GenericParam::Const(_) => {
                spans::mention(field.ty.to_token_stream(), spans::name_of(parameter))
            }
            GenericParam::Lifetime(_) => false,
        })
    };
    state.fields.iter().filter(is_open).collect()
}

/// The user's `where` clause and `predicates`.
pub(super) fn where_clause(
    state: &State<'_>,
    predicates: impl IntoIterator<Item = TokenStream>,
) -> TokenStream {
    let users = state.generics.where_clause.iter();
    let users = users.flat_map(|clause| clause.predicates.iter().map(ToTokens::to_token_stream));
    let all: Vec<TokenStream> = users.chain(predicates).collect();
    if all.is_empty() {
        TokenStream::new()
    } else {
        quote!(where #(#all,)*)
    }
}

/// What an auto trait or a lifetime says of a type, each of its fields has to say.
fn shared() -> TokenStream {
    quote!(::core::marker::Send + ::core::marker::Sync + 'static)
}

/// What serde was told to require.
pub(super) fn of_encoding(state: &State<'_>) -> impl Iterator<Item = TokenStream> {
    state.serde.bounds.iter().map(ToTokens::to_token_stream)
}

/// That the records of a field can be compared.
fn record(field: &Field<'_>) -> Option<TokenStream> {
    let rt = super::rt();
    match (field.reducer.id(), types::shape(field.ty)) {
        (Some(_), Shape::Items(record)) => Some(quote!(#record: #rt::serde::Serialize)),
        _ => None,
    }
}

/// What an update needs to be an update of its state.
pub(super) fn of_update(state: &State<'_>) -> Vec<TokenStream> {
    let (rt, shared) = (super::rt(), shared());
    let of_fields = open_fields(state)
        .into_iter()
        .flat_map(|field| {
            let ty: &Type = field.ty;
            let codec = codec::codec(state, field).map(|codec| quote!(<#codec>));
            let stored = quote!(#ty: #rt::slots::Stored #codec + #shared);
            let reducer = match &field.reducer {
                Reducer::Combine(combine) => {
                    let reducer = reducer_type::combine(field, combine);
                    Some(quote!(#reducer: #rt::reduce::Reducer<#ty>))
                }
                Reducer::Ephemeral => Some(quote!(#ty: ::core::default::Default)),
                Reducer::Pick(_) | Reducer::Upsert(_) | Reducer::With(_) => None,
            };
            [Some(stored), reducer, record(field)]
        })
        .flatten();
    let owned = state.generics.type_params().map(|parameter| {
        let ident = &parameter.ident;
        quote!(#ident: 'static)
    });
    of_encoding(state).chain(of_fields).chain(owned).collect()
}

/// That the struct is a state, if it is generic.
pub(super) fn is_state(state: &State<'_>) -> Option<TokenStream> {
    state.generics.type_params().next()?;
    let rt = super::rt();
    let (_, ty_generics, _) = state.generics.split_for_impl();
    let State { ident, update, .. } = state;
    Some(quote!(#ident #ty_generics: #rt::State<Update = #update #ty_generics>))
}

/// What the struct needs to be a state, if it is generic.
pub(super) fn for_state(state: &State<'_>) -> Option<TokenStream> {
    state.generics.type_params().next()?;
    let rt = super::rt();
    let (_, ty_generics, _) = state.generics.split_for_impl();
    let ident = state.ident;
    let shared = shared();
    Some(quote!(#ident #ty_generics: #rt::Whole<Self> + #shared))
}
