//! Parsing whose errors are at a token, also where one is missing.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::parenthesized;
use syn::parse::{ParseStream, Parser};

/// Reads all of `tokens`. What is missing at their end is an error at the last of them, where
/// `parse2` has nothing better than the whole macro.
pub(crate) fn all<T>(
    tokens: TokenStream,
    parser: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
) -> syn::Result<T> {
    let last = tokens.clone().into_iter().last();
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(last.as_ref().map_or_else(Span::call_site, end));
    let inside = |input: ParseStream<'_>| {
        let content;
        parenthesized!(content in input);
        parser(&content)
    };
    inside.parse2(TokenTree::from(group).into())
}

/// Where a token ends: a group at its closing bracket.
pub(crate) fn end(token: &TokenTree) -> Span {
    match token {
        TokenTree::Group(group) => group.span_close(),
        other => other.span(),
    }
}
