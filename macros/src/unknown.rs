//! Types of which nothing is known, in what is emitted beside an error.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

/// A type that is one of the errors: rustc says nothing more of such a type, and shows the same
/// error once.
pub(crate) fn because_of(error: &syn::Error) -> TokenStream {
    let first = error.clone().into_iter().next();
    let first = first.map(|error| as_expression(error.to_compile_error()));
    quote!(__rt::glue::Unknown<{ #first }>)
}

/// A type that is an error because rustc cannot read a function's parameters either: it shows
/// what is wrong with them once.
pub(crate) fn as_unread(parameters: &Group) -> TokenStream {
    // Naming the function does not make its types the block's own; a pointer to it does.
    let read = quote!(fn __unread #parameters {} let _ = __unread as *const (););
    quote!(__rt::glue::Checked<(), { #read true }>)
}

/// `compile_error!{…}` is a statement, `compile_error!(…)` is an expression.
fn as_expression(call: TokenStream) -> TokenStream {
    let in_parens = |token| match token {
        TokenTree::Group(group) => {
            let mut parens = Group::new(Delimiter::Parenthesis, group.stream());
            parens.set_span(group.span());
            parens.into()
        }
        other => other,
    };
    call.into_iter().map(in_parens).collect()
}
