//! Tokens where an error about them belongs.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{GenericParam, Generics};

/// The tokens, moved to `at`; those in brackets stay.
pub(crate) fn moved(at: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        token.set_span(at);
        token
    });
    moved.collect()
}

/// A const argument that is an error at `at` if the bounds of the function `check` do not hold:
/// rustc is then silent about everything that needs the type. Naming the function is enough,
/// and rustc need not evaluate a call.
///
/// A const argument cannot mention parameters, so of what is generic nothing is checked here.
pub(crate) fn holds(generics: &Generics, at: Span, check: &TokenStream) -> TokenStream {
    match generics.params.is_empty() {
        true => quote_spanned!(at=> { let _ = #check; true }),
        false => quote!(true),
    }
}

/// Whether the tokens mention the name.
pub(crate) fn mention<N: ?Sized>(tokens: TokenStream, name: &N) -> bool
where
    Ident: PartialEq<N>,
{
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(other) => other == *name,
        TokenTree::Group(group) => mention(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// What a parameter is called.
pub(crate) fn name_of(parameter: &GenericParam) -> &Ident {
    match parameter {
        GenericParam::Type(ty) => &ty.ident,
        GenericParam::Const(value) => &value.ident,
        GenericParam::Lifetime(lifetime) => &lifetime.lifetime.ident,
    }
}
