//! What the nodes may ask for.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, TypeParamBound};

use super::Code;

pub(super) fn impls(code: &Code<'_>) -> TokenStream {
    let Code { rt, name, .. } = code;
    let (params, ty, bounds) = code.generics.split_for_impl();
    let fields = code.item.provided.iter().map(|provided| {
        let (field, expr) = (&provided.ty, &provided.expr);
        // Spanned at the field's type, where rustc reports an overlap.
        let head = quote_spanned!(provided.at=> #rt::Provides<#field> for #name #ty);
        let given = given(field);
        quote! {
            #[automatically_derived]
            impl #params #head #bounds {
                fn provide<'a>(&'a self, _: &'a #rt::Cx) -> &'a #given {
                    #expr
                }
            }
        }
    });
    quote! {
        #(#fields)*
        #[automatically_derived]
        impl #params #rt::Provides<#rt::Cx> for #name #ty #bounds {
            fn provide<'a>(&'a self, cx: &'a #rt::Cx) -> &'a #rt::Cx {
                cx
            }
        }
    }
}

/// The type behind the reference. Behind a reference `dyn Trait` would mean
/// `dyn Trait + 'a`, and in the list of a trait's arguments `dyn Trait + 'static`.
fn given(field: &Type) -> TokenStream {
    match field {
        Type::TraitObject(object)
            if !object
                .bounds
                .iter()
                .any(|bound| matches!(bound, TypeParamBound::Lifetime(_))) =>
        {
            quote!((#object + 'static))
        }
        other => other.to_token_stream(),
    }
}
