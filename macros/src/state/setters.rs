//! The setters of the update.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::model::{Field, State};
use super::reducer::{Combine, Reducer};
use super::reducer_type;
use super::types::{self, Shape};

/// All setters of one field.
pub(super) fn of(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let plain = plain(state, field);
    let replacement = replacement(state, field);
    let removal = removal(state, field);
    quote!(#plain #replacement #removal)
}

/// `field(value)`
fn plain(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let (vis, ident) = (state.vis, field.ident);
    let combine = match &field.reducer {
        Reducer::Combine(combine) => Some(combine),
        Reducer::Pick(_) | Reducer::Upsert(_) | Reducer::With(_) | Reducer::Ephemeral => None,
    };
    let is_text = types::is_named(field.ty, "String");
    let (argument, value) = if is_text && combine.is_some_and(Combine::takes_parts) {
        part()
    } else {
        argument(field.ty)
    };
    let body = say(state, field, &value);
    let docs = docs(field);
    let can_fail = combine.is_some_and(Combine::can_fail);
    let track = can_fail.then(|| quote!(#[track_caller]));
    quote! {
        #docs
        #track
        #vis fn #ident(mut self, value: #argument) -> Self {
            #body
            self
        }
    }
}

/// What the field's own setter does with `value`: called again, it replaces
/// what is pending, or joins the two.
fn say(state: &State<'_>, field: &Field<'_>, value: &TokenStream) -> TokenStream {
    let (rt, ident) = (super::rt(), field.ident);
    match &field.reducer {
        Reducer::Pick(_) | Reducer::Ephemeral => quote!(#rt::Slot::set(&mut self.#ident, #value);),
        Reducer::Combine(combine) => {
            let label = format!("{}.{}", state.ident, field.name);
            let reducer = reducer_type::fit(field, &reducer_type::combine(field, combine));
            reducer_type::at_type(
                field,
                quote!(#rt::reduce::join(#reducer, #label, &mut self.#ident, #value);),
            )
        }
        Reducer::Upsert(id) => {
            let removal = field.removal();
            quote!(#rt::reduce::join_records(&mut self.#ident, &mut self.#removal, #value, |__record| &__record.#id);)
        }
        Reducer::With(_) => {
            let function = reducer_type::function(state, field);
            quote!(#rt::reduce::join_with(&mut self.#ident, #value, #function);)
        }
    }
}

/// `replace_field(value)`
fn replacement(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let ident = field.replacement()?;
    let (rt, vis) = (super::rt(), state.vis);
    let (argument, value) = argument(field.ty);
    let doc = format!(
        "Replaces `{}`; whatever else the step sets in it goes on top.",
        field.name
    );
    Some(quote! {
        #[doc = #doc]
        #vis fn #ident(mut self, value: #argument) -> Self {
            #rt::Slot::set(&mut self.#ident, #value);
            self
        }
    })
}

/// `remove_field(key)`
fn removal(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let id = field.reducer.id()?;
    let removal = field.removal()?;
    let (vis, ident) = (state.vis, field.ident);
    let rt = super::rt();
    let label = format!("{}.{removal}", state.ident);
    let doc = format!(
        "Removes the record of `{}` with this id, if there is one.",
        field.name
    );
    Some(quote! {
        #[doc = #doc]
        #[track_caller]
        #vis fn #removal(mut self, key: impl #rt::serde::Serialize) -> Self {
            #rt::reduce::remove_record(#label, &mut self.#ident, &mut self.#removal, |__record| &__record.#id, &key);
            self
        }
    })
}

/// What a setter that appends to a text takes.
fn part() -> (TokenStream, TokenStream) {
    (
        quote!(impl ::core::convert::AsRef<::core::primitive::str>),
        quote!(<::std::string::String as ::core::convert::From<
            &::core::primitive::str,
        >>::from(::core::convert::AsRef::<
            ::core::primitive::str,
        >::as_ref(&value))),
    )
}

/// The type that a setter takes and how `value` becomes the field's type.
pub(super) fn argument(ty: &Type) -> (TokenStream, TokenStream) {
    let rt = super::rt();
    match types::shape(ty) {
        Shape::Plain => (quote!(#ty), quote!(value)),
        Shape::Text => (
            quote!(impl ::core::convert::Into<#ty>),
            quote!(::core::convert::Into::into(value)),
        ),
        Shape::Items(item) if types::is_named(item, "String") => (
            quote!(impl #rt::ListOfTexts),
            quote!(::core::iter::Iterator::collect::<#ty>(#rt::ListOfTexts::into_texts(value))),
        ),
        Shape::Items(item) => collected(ty, &quote!(#item)),
        Shape::Pairs(key, value) => collected(ty, &quote!((#key, #value))),
    }
}

fn collected(ty: &Type, item: &TokenStream) -> (TokenStream, TokenStream) {
    let rt = super::rt();
    (
        quote!(impl #rt::ListOf<#item>),
        quote!(::core::iter::Iterator::collect::<#ty>(#rt::ListOf::into_values(value))),
    )
}

/// The field's own documentation, or the shortest that is true.
fn docs(field: &Field<'_>) -> TokenStream {
    if field.docs.is_empty() {
        let doc = format!("Says what becomes of `{}`.", field.name);
        quote!(#[doc = #doc])
    } else {
        let docs = &field.docs;
        quote!(#(#docs)*)
    }
}
