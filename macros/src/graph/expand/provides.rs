//! What the nodes may ask for.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::Code;

pub(super) fn impls(code: &Code<'_>) -> TokenStream {
    let Code { rt, name, .. } = code;
    let (params, ty, bounds) = code.generics.split_for_impl();
    let fields = code.item.provided.iter().map(|provided| {
        let (field, expr, cfgs) = (&provided.ty, &provided.expr, &provided.cfgs);
        // Spanned at the field's type, where rustc reports an overlap.
        let head = quote_spanned!(provided.at=> #rt::Provides<#field> for #name #ty);
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[automatically_derived]
            impl #params #head #bounds {
                fn provide<'a>(&'a self, _: &'a #rt::Cx) -> &'a #rt::glue::Itself<#field> {
                    #expr
                }
            }
        }
    });
    quote! {
        #(#fields)*
        #[doc(hidden)]
        #[automatically_derived]
        impl #params #rt::Provides<#rt::Cx> for #name #ty #bounds {
            fn provide<'a>(&'a self, __cx: &'a #rt::Cx) -> &'a #rt::Cx {
                __cx
            }
        }
    }
}
