//! Comma-separated `name`, `name = …` and `name(…)` items, read so that one
//! wrong item does not hide the next.

use proc_macro2::{TokenStream, TokenTree};
use syn::Ident;
use syn::ext::IdentExt;
use syn::parse::ParseStream;

use crate::errors::Errors;
use crate::{parse, suggest};

/// Calls `read` with the name of each item and what follows the name. Unknown
/// and repeated names are errors; `what` says what the names are.
pub(super) fn each(
    tokens: TokenStream,
    known: &[&str],
    what: &str,
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let mut seen = Vec::new();
    for item in split(tokens) {
        let parser = |input: ParseStream<'_>| {
            let name = input.call(Ident::parse_any).map_err(|error| {
                let known = known.join("`, `");
                let message = format!("expected {what}\nhelp: the options are `{known}`");
                syn::Error::new(error.span(), message)
            });
            let name = name.inspect_err(|_| drop(skip(input)))?;
            let text = name.to_string();
            if !known.contains(&text.as_str()) {
                skip(input)?;
                return Err(unknown(&name, known, what));
            }
            if seen.contains(&text) {
                skip(input)?;
                let message = format!("`{text}` is given twice\nhelp: keep one of the two");
                return Err(syn::Error::new(name.span(), message));
            }
            let result = read(&name, input, errors);
            seen.push(text);
            result.inspect_err(|_| drop(skip(input)))
        };
        let result = parse::all(item, parser);
        errors.keep(result);
    }
}

/// The slices between top-level commas; a trailing comma ends the list.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut items = vec![TokenStream::new()];
    for token in tokens {
        match (&token, items.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => {
                items.push(TokenStream::new());
            }
            (_, Some(last)) => last.extend([token]),
            (_, None) => {}
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

/// What follows an error is not reported any more.
fn skip(input: ParseStream<'_>) -> syn::Result<()> {
    input.parse::<TokenStream>().map(drop)
}

fn unknown(name: &Ident, known: &[&str], what: &str) -> syn::Error {
    let text = name.to_string();
    let close = suggest::nearest(&text, known);
    let known = known.join("`, `");
    let help = match close {
        Some(close) => format!("help: did you mean `{close}`?\nnote: the options are `{known}`"),
        None => format!("help: the options are `{known}`"),
    };
    syn::Error::new(name.span(), format!("`{text}` is not {what}\n{help}"))
}
