//! A function that cannot be read, as an editor has it at every keystroke.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, FnArg, Ident, Token, Visibility, parse2};

use super::model::Function;
use crate::half_typed::rest;

/// Whether this is meant as a function: then rustc's parser has reported what is wrong with it.
pub(super) fn is_function(item: TokenStream) -> bool {
    let head = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        while !input.peek(Token![fn]) {
            let word = input.call(Ident::parse_any)?;
            if !["async", "const", "unsafe", "extern"].contains(&&*word.to_string()) {
                return Err(input.error("not a function"));
            }
            input.parse::<Option<syn::LitStr>>()?;
        }
        input.parse::<TokenStream>()
    };
    head.parse2(item).is_ok()
}

/// The function with the parameters that can be read; nothing if the state is not among them.
pub(super) fn read(item: TokenStream) -> Option<Function> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let word = tokens
        .iter()
        .position(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))?;
    let list = tokens[word..].iter_mut().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group),
        _ => None,
    })?;
    let parameters = parameters.parse2(list.stream()).ok()?;
    *list = Group::new(Delimiter::Parenthesis, quote!(#(#parameters),*));
    parse2(tokens.into_iter().collect()).ok()
}

fn parameters(input: ParseStream<'_>) -> syn::Result<Vec<TokenStream>> {
    let mut read = Vec::new();
    let mut is_first = true;
    while !input.is_empty() {
        let ahead = input.fork();
        match ahead.parse::<FnArg>() {
            Ok(_) if ahead.is_empty() || ahead.peek(Token![,]) => {
                read.push(input.parse::<FnArg>()?.into_token_stream());
            }
            _ if is_first => return Err(input.error("no state")),
            _ => rest(input)?,
        }
        is_first = false;
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(item: TokenStream) -> Option<Vec<String>> {
        let function = read(item)?;
        let inputs = function.sig.inputs.iter();
        Some(
            inputs
                .map(|input| crate::text::joined(input.to_token_stream()))
                .collect(),
        )
    }

    #[test]
    fn the_parameters_that_can_be_read_are_known() {
        let all = names(quote!(pub async fn a(s: &S, web: , n: u32, cx: &) -> SUpdate { s. }));
        assert_eq!(all.unwrap(), ["s:&S", "n:u32"]);
        assert_eq!(names(quote!(fn a(s: &S, web: Vec<) {})).unwrap(), ["s:&S"]);
        assert_eq!(names(quote!(fn a(s: , n: u32) {})), None);
        assert_eq!(names(quote!(fn a {})), None);
    }

    #[test]
    fn what_is_meant_as_a_function_is_told_from_what_is_not() {
        for function in [
            quote!(pub(crate) async fn a {}),
            quote!(#[doc = "text"] unsafe extern "C" fn),
        ] {
            assert!(is_function(function.clone()), "{function}");
        }
        for other in [
            quote!(
                const A: fn() = a;
            ),
            quote!(
                struct A {
                    a: fn(),
                }
            ),
            quote!(impl A { fn a() {} }),
        ] {
            assert!(!is_function(other.clone()), "{other}");
        }
    }
}
