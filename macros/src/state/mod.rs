//! `#[derive(State)]`.

// A reducer that a match forgets must not compile.
#![deny(clippy::wildcard_enum_match_arm)]

mod check;
mod codec;
mod expand;
mod fallback;
mod generics;
mod impl_state;
mod model;
mod names;
mod parse;
mod reduce_attr;
mod reducer;
mod reducer_type;
#[expect(clippy::wildcard_enum_match_arm, reason = "of syn's enums")]
mod serde_attrs;
mod setters;
#[cfg(test)]
mod tests;
#[expect(clippy::wildcard_enum_match_arm, reason = "of syn's enums")]
mod types;
#[expect(clippy::wildcard_enum_match_arm, reason = "of syn's enums")]
mod unfit;
mod update;

use proc_macro2::TokenStream;
use quote::quote;

use crate::half_typed::{self, HalfTyped};
use crate::{errors, itself, silenced};

pub(crate) use parse::{krate, no_options};

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let input: syn::DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => return unread(item, &error),
    };
    let input = without_self(item, input);
    let checked = parse::state(&input).and_then(|state| check::state(&state).map(|()| state));
    match checked {
        Ok(state) => expand::state(&state, &silenced_of(&input)),
        Err(error) => errors::beside(&error, &fallback::state(&input)),
    }
}

/// In the update and its impls `Self` would be the update.
fn without_self(item: TokenStream, input: syn::DeriveInput) -> syn::DeriveInput {
    let named = itself::named(item, &input.ident, &input.generics);
    syn::parse2(named).unwrap_or(input)
}

/// Generated code mentions every field.
fn silenced_of(input: &syn::DeriveInput) -> TokenStream {
    let fields = parse::named_fields(input).unwrap_or_default();
    let of_fields = fields.iter().flat_map(|field| &field.attrs);
    silenced::of(input.attrs.iter().chain(of_fields))
}

/// What an editor shows while a field is being typed: rustc's parser has reported that, and
/// what can be read of the state stays known.
fn unread(item: TokenStream, error: &syn::Error) -> TokenStream {
    let Some(HalfTyped { item, is_reported }) = half_typed::read(item) else {
        return error.to_compile_error();
    };
    let (known, codec) = (fallback::state(&item), fallback::codec(&item));
    let known = quote!(#known #codec);
    match is_reported {
        true => known,
        false => errors::beside(error, &known),
    }
}

/// The module that generated code takes everything from.
fn runtime(state: &model::State<'_>) -> TokenStream {
    let krate = &state.krate;
    quote!(#krate::__private)
}

/// [`runtime`] by the short name that it has next to the impls.
fn rt() -> TokenStream {
    quote!(__rt)
}
