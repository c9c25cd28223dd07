//! `Self` in what the user wrote, where it would be another type in generated code.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::Generics;

use crate::spans;

/// The tokens with the type's own name for `Self`.
pub(crate) fn named(tokens: TokenStream, name: &Ident, generics: &Generics) -> TokenStream {
    let (_, ty, _) = generics.split_for_impl();
    let mut tokens = tokens.into_iter().peekable();
    let mut named = TokenStream::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(word) if word == "Self" => {
                let in_a_path =
                    matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':');
                named.extend(match in_a_path {
                    true => quote_spanned!(word.span()=> <#name #ty>),
                    false => quote_spanned!(word.span()=> #name #ty),
                });
            }
            // A group that is made anew has lost where its brackets are.
            TokenTree::Group(group) if spans::mention(group.stream(), "Self") => {
                let inner = self::named(group.stream(), name, generics);
                let mut outer = Group::new(group.delimiter(), inner);
                outer.set_span(group.span());
                named.extend([TokenTree::Group(outer)]);
            }
            token => named.extend([token]),
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    #[test]
    fn wherever_it_stands() {
        let generics: Generics = parse_quote!(<T: Clone>);
        let name = parse_quote!(Task);
        let tokens = named(quote!(Vec<(Self, [Self::Of; 2])>), &name, &generics);
        let expected = "Vec<(Task<T>, [<Task<T>>::Of; 2])>";
        let without_spaces = |text: &str| text.replace(' ', "");
        assert_eq!(
            without_spaces(&tokens.to_string()),
            without_spaces(expected)
        );
    }
}
