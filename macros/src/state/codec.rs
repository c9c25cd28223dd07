//! Fields whose encoding is given by functions (`#[serde(with = …)]`).

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::generics;
use super::model::{Field, State};

/// The name of the type that stands for the functions.
pub(super) fn ident(state: &State<'_>, field: &Field<'_>) -> Option<Ident> {
    let codec = || format_ident!("__{}_{}", state.ident, field.name);
    field.serde.has_codec().then(codec)
}

/// That type, for a field that has such functions.
pub(super) fn of(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let ident = ident(state, field)?;
    let rt = super::runtime(state);
    let ty = field.ty;
    let encode = match &field.serde.encode {
        Some(function) => quote!(#function(__value, __serializer)),
        None => quote!(<#ty as #rt::serde::Serialize>::serialize(__value, __serializer)),
    };
    let decode = match &field.serde.decode {
        Some(function) => quote!(#function(__deserializer)),
        None => quote!(<#ty as #rt::serde::Deserialize<'de>>::deserialize(__deserializer)),
    };
    let (impl_generics, _, _) = state.generics.split_for_impl();
    let clause = generics::where_clause(state, []);
    Some(quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        struct #ident;
        #[automatically_derived]
        impl #impl_generics #rt::reduce::Codec<#ty> for #ident #clause {
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
