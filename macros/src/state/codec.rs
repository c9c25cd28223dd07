//! Fields whose encoding is given by functions (`#[serde(with = …)]`).

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::generics;
use super::model::{Field, State};
use super::reducer_type::at_type;

/// What generated code may do with the field's values, in place of `ty`'s own methods.
pub(super) fn stored(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let (rt, ty) = (super::rt(), field.ty);
    let codec = codec(state, field).map(|codec| quote!(<#codec>));
    let stored = at_type(field, quote!(#rt::slots::Stored #codec));
    quote!(<#ty as #stored>)
}

/// The type that stands for the functions.
pub(super) fn codec(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let (_, ty_generics, _) = state.generics.split_for_impl();
    let ident = format_ident!("__Codec_{}", field.name);
    field.serde.has_codec().then(|| quote!(#ident #ty_generics))
}

/// That type, for a field that has such functions.
pub(super) fn of(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let codec = codec(state, field)?;
    let (rt, ty, ident) = (super::rt(), field.ty, state.ident);
    let encode = match &field.serde.encode {
        Some(function) => quote!(#function(__value, __serializer)),
        None => quote!(<#ty as #rt::serde::Serialize>::serialize(__value, __serializer)),
    };
    let decode = match &field.serde.decode {
        Some(function) => quote!(#function(__deserializer)),
        None => quote!(<#ty as #rt::serde::Deserialize<'de>>::deserialize(__deserializer)),
    };
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let name = format_ident!("__Codec_{}", field.name);
    let users = generics::where_clause(state, []);
    let clause = generics::where_clause(state, generics::of_encoding(state));
    Some(quote! {
        #[allow(non_camel_case_types)]
        pub struct #name #impl_generics (::core::marker::PhantomData<fn() -> #ident #ty_generics>) #users;
        #[automatically_derived]
        impl #impl_generics #rt::reduce::Codec<#ty> for #codec #clause {
            fn encode<__S: #rt::serde::Serializer>(
                __value: &#ty,
                __serializer: __S,
            ) -> ::core::result::Result<__S::Ok, __S::Error> {
                #encode
            }
            fn decode<'de, __D: #rt::serde::Deserializer<'de>>(
                __deserializer: __D,
            ) -> ::core::result::Result<#ty, __D::Error> {
                #decode
            }
        }
    })
}
