//! What users have silenced where generated code uses what they wrote.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Attribute;

/// For what is generated next to an item with these attributes: what is silenced there, and
/// that something deprecated mentions itself.
pub(crate) fn of<'a>(attrs: impl IntoIterator<Item = &'a Attribute>) -> TokenStream {
    attrs.into_iter().filter_map(silencing).collect()
}

fn silencing(attr: &Attribute) -> Option<TokenStream> {
    let path = attr.path();
    if path.is_ident("deprecated") {
        return Some(quote!(#[allow(deprecated)]));
    }
    // What is expected of the item need not come true of the rest.
    if path.is_ident("allow") || path.is_ident("expect") {
        let lints = &attr.meta.require_list().ok()?.tokens;
        return Some(quote!(#[allow(#lints)]));
    }
    None
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn what_silences_is_copied_and_nothing_else() {
        let attrs: [Attribute; 5] = [
            parse_quote!(#[allow(dead_code, clippy::all)]),
            parse_quote!(#[expect(unused, reason = "later")]),
            parse_quote!(#[deny(warnings)]),
            parse_quote!(#[deprecated(since = "1")]),
            parse_quote!(#[doc = "text"]),
        ];
        let expected = quote! {
            #[allow(dead_code, clippy::all)]
            #[allow(unused, reason = "later")]
            #[allow(deprecated)]
        };
        assert_eq!(of(&attrs).to_string(), expected.to_string());
    }
}
