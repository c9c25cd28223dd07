//! A function that cannot be read, as an editor has it at every keystroke.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, FnArg, Ident, Token, Visibility, parse2};

use super::Read;
use super::model::Faults;
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

/// The function with the parameters that can be read.
pub(super) fn read(item: TokenStream) -> Option<Read> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let word = tokens
        .iter()
        .position(|token| matches!(token, TokenTree::Ident(word) if word == "fn"))?;
    let list = tokens[word..].iter_mut().find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group),
        _ => None,
    })?;
    let parameters = Parameters::parse.parse2(list.stream()).ok()?;
    let (unread, read) = (list.clone(), parameters.read);
    *list = Group::new(Delimiter::Parenthesis, quote!(#(#read),*));
    Some(Read {
        function: parse2(tokens.into_iter().collect()).ok()?,
        faults: Faults {
            state: parameters.lacks_first,
            parameters: parameters.lacks,
            output: false,
        },
        unread: Some(unread),
    })
}

/// The parameters that can be read.
#[derive(Default)]
struct Parameters {
    read: Vec<FnArg>,
    /// Whether that is not all of them.
    lacks: bool,
    /// Whether the first is not among them.
    lacks_first: bool,
}

impl Parse for Parameters {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut parameters = Self::default();
        while !input.is_empty() {
            parameters.next(input)?;
            // What is missing between two is no fault of either.
            input.parse::<Option<Token![,]>>()?;
            input.parse::<Option<Token![;]>>()?;
        }
        Ok(parameters)
    }
}

impl Parameters {
    fn next(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let ahead = input.fork();
        if ahead.parse::<FnArg>().is_ok() {
            self.read.push(input.parse()?);
            // A default is refused, and the type is as written.
            return match input.peek(Token![=]) {
                true => rest(input),
                false => Ok(()),
            };
        }
        self.lacks = true;
        self.lacks_first |= self.read.is_empty();
        rest(input)
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn names(item: TokenStream) -> Option<Vec<String>> {
        let read = read(item)?;
        let inputs = read.function.sig.inputs.iter();
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
        assert_eq!(names(quote!(fn a(s: , n: u32) {})).unwrap(), ["n:u32"]);
        assert_eq!(
            names(quote!(fn a(s: &S n: u32 = 3, web: &Web; cx: &Cx) {})).unwrap(),
            ["s:&S", "n:u32", "web:&Web", "cx:&Cx"]
        );
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
