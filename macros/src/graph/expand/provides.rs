//! What the nodes may ask for.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use super::Code;

pub(super) fn impls(code: &Code<'_>) -> TokenStream {
    let name = code.name;
    let (params, ty, bounds) = code.generics.split_for_impl();
    let fields = code.item.provided.iter().map(|provided| {
        let (field, expr, cfgs) = (&provided.ty, &provided.expr, &provided.cfgs);
        // Spanned at the field's type, where rustc reports an overlap.
        let provides = quote!(__rt::Provides);
        let head = quote_spanned!(provided.at=> #provides<#field> for #name #ty);
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[automatically_derived]
            impl #params #head #bounds {
                fn provide<'__a>(&'__a self, _: &'__a __rt::Cx) -> &'__a __rt::glue::Itself<#field> {
                    #expr
                }
            }
        }
    });
    fields.collect()
}
