//! What stands in for the derive's output when there are errors, so that they
//! cause no others: an update that takes everything.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Field, Type, Visibility};

use super::{parse, setters, types, unfit};

pub(super) fn state(input: &DeriveInput) -> TokenStream {
    if is_beyond(input) {
        return TokenStream::new();
    }
    let rt = runtime(input);
    let (vis, update, ident) = (&input.vis, parse::update_ident(input), lasting(input));
    let (parameters, own, _) = input.generics.split_for_impl();
    let name = &input.ident;
    let setters = setters(input, vis);
    let codec = unreachable_codec(&rt, &quote!(#update));
    let shared = shared(input);
    quote! {
        #[derive(::core::default::Default, ::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq)]
        #vis struct #update;
        const _: () = {
            use #rt as __rt;
            impl #parameters #name #own {
                #vis fn update() -> #update { #update }
            }
            #[allow(private_interfaces)]
            impl #update { #setters }
            #codec
            #shared
            impl #rt::Update for #update {
                fn fields(&self) -> #rt::FieldSet { #rt::FieldSet::EMPTY }
            }
            impl #rt::IntoOutcome<#ident> for #update {
                type Route = #rt::NoRoute;
                type Error = ::core::convert::Infallible;
                fn into_outcome(self) -> ::core::result::Result<(::core::option::Option<Self>, #rt::NoRoute), Self::Error> {
                    ::core::unreachable!()
                }
            }
            impl #rt::State for #ident {
                type Update = #update;
                type Whole = #rt::Unread;
                const INFO: #rt::StateInfo = #rt::StateInfo { name: "", fields: &[], ephemeral: false };
                fn conflict(_: &[#update]) -> ::core::result::Result<::core::option::Option<#rt::Clash>, #rt::encode::EncodeError> {
                    ::core::unreachable!()
                }
                fn apply(&mut self, _: &mut [#update]) -> ::core::result::Result<(), #rt::ReduceError> {
                    ::core::unreachable!()
                }
            }
        };
    }
}

/// What serde's derives would give the state, where they cannot read it either.
pub(super) fn codec(input: &DeriveInput) -> TokenStream {
    match is_beyond(input) {
        true => TokenStream::new(),
        false => unreachable_codec(&runtime(input), &lasting(input)),
    }
}

/// A generic state is rare, and its bounds could be what is wrong; a union cannot be
/// serialized at all.
fn is_beyond(input: &DeriveInput) -> bool {
    let lifetimes = input.generics.lifetimes().count();
    input.generics.params.len() > lifetimes || matches!(input.data, Data::Union(_))
}

/// The state that borrows for ever, if it borrows: lifetimes are refused, but what is said of
/// the state stays true.
fn lasting(input: &DeriveInput) -> TokenStream {
    let ident = &input.ident;
    let lifetimes = input.generics.lifetimes().map(|_| quote!('static));
    let lifetimes: Vec<TokenStream> = lifetimes.collect();
    match lifetimes.is_empty() {
        true => quote!(#ident),
        false => quote!(#ident<#(#lifetimes),*>),
    }
}

fn runtime(input: &DeriveInput) -> TokenStream {
    let krate = parse::krate(&input.attrs).unwrap_or_else(|_| parse::default_krate());
    quote!(#krate::__private)
}

/// That the state is one for several threads, where its definition has been refused because it
/// is not: nothing of this program will run.
fn shared(input: &DeriveInput) -> Option<TokenStream> {
    let fields = parse::named_fields(input).unwrap_or_default();
    let is_unshared = fields.iter().any(|field| unfit::is_unshared(&field.ty));
    let ident = lasting(input);
    is_unshared.then(|| {
        quote! {
            unsafe impl ::core::marker::Send for #ident {}
            unsafe impl ::core::marker::Sync for #ident {}
        }
    })
}

fn unreachable_codec(rt: &TokenStream, ident: &TokenStream) -> TokenStream {
    quote! {
        impl #rt::serde::Serialize for #ident {
            fn serialize<__S: #rt::serde::Serializer>(&self, _: __S) -> ::core::result::Result<__S::Ok, __S::Error> {
                ::core::unreachable!()
            }
        }
        impl<'de> #rt::serde::Deserialize<'de> for #ident {
            fn deserialize<__D: #rt::serde::Deserializer<'de>>(_: __D) -> ::core::result::Result<Self, __D::Error> {
                ::core::unreachable!()
            }
        }
    }
}

/// `field`, `replace_field` and `remove_field` for every field, whatever its
/// reducer was meant to be.
fn setters(input: &DeriveInput, vis: &Visibility) -> TokenStream {
    let fields = parse::named_fields(input).unwrap_or_default();
    let taken: Vec<_> = fields
        .iter()
        .filter_map(|field| field.ident.clone())
        .collect();
    let setters = fields.iter().filter_map(|field| {
        let (ident, argument) = (field.ident.as_ref()?, argument(input, field));
        let [replace, remove] = ["replace", "remove"].map(|verb| {
            let name = format_ident!("{verb}_{}", ident.unraw());
            (!taken.contains(&name)).then_some(name)
        });
        let replace =
            replace.map(|name| quote!(#vis fn #name(self, _: #argument) -> Self { self }));
        let remove = remove.map(|name| quote!(#vis fn #name<__V>(self, _: __V) -> Self { self }));
        Some(quote!(#vis fn #ident(self, _: #argument) -> Self { self } #replace #remove))
    });
    setters.collect()
}

/// What the real setter takes, so that types are inferred from it as before; anything, where
/// that cannot be told.
fn argument(input: &DeriveInput, field: &Field) -> TokenStream {
    let borrows = input.generics.lifetimes().next().is_some();
    let is_reduced = field
        .attrs
        .iter()
        .any(|attr| attr.path().is_ident("reduce"));
    let is_unread = matches!(&field.ty, Type::Tuple(tuple) if tuple.elems.is_empty());
    match borrows || is_unread || is_reduced && types::is_named(&field.ty, "String") {
        true => quote!(impl ::core::marker::Sized),
        false => setters::argument(&field.ty).0,
    }
}
