//! An `Option` as an expression.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// `Some(value)` or `None`, by paths that no user's name takes.
pub(crate) fn optional(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
