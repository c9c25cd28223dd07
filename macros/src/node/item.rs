//! The function as it is emitted.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit::Visit;
use syn::{Attribute, Lifetime, Path};

use super::model::Function;
use crate::errors::Errors;
use crate::text;

pub(super) fn emitted(
    item: TokenStream,
    function: &mut Function,
    errors: &mut Errors,
) -> TokenStream {
    let item = once(function, errors).unwrap_or(item);
    match names_lifetimes(function) {
        true => item,
        false => bracketed(item),
    }
}

/// The function without a second `#[node]`, which would make the same once more; nothing if it
/// has none.
fn once(function: &mut Function, errors: &mut Errors) -> Option<TokenStream> {
    let again = function.attrs.extract_if(.., |attr| is_node(attr.path()));
    let again: Vec<Attribute> = again.collect();
    for attr in &again {
        let message = "a function is one node, and this is its second `#[node]`\n\
            help: keep one of the two";
        errors.push(syn::Error::new_spanned(attr, message));
    }
    (!again.is_empty()).then(|| function.to_token_stream())
}

fn is_node(path: &Path) -> bool {
    let written = text::joined(path);
    ["node", "superstep::node", "::superstep::node"].contains(&written.as_str())
}

/// With `<>` behind the function's name, if there is nothing: of a type in a signature that it
/// does not know, rustc would say in one more error that it may be meant as a parameter here.
fn bracketed(item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let is_fn = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word == "fn");
    let list = tokens.iter().position(is_fn).map(|word| word + 2);
    if let Some(list) = list.filter(|list| matches!(tokens.get(*list), Some(TokenTree::Group(_)))) {
        tokens.splice(list..list, quote!(<>));
    }
    tokens.into_iter().collect()
}

/// Whether a lifetime may be undeclared, which rustc proposes to declare behind the name.
fn names_lifetimes(function: &Function) -> bool {
    struct Named(bool);
    impl Visit<'_> for Named {
        fn visit_lifetime(&mut self, lifetime: &Lifetime) {
            self.0 |= lifetime.ident != "_" && lifetime.ident != "static";
        }
    }
    let mut found = Named(false);
    found.visit_signature(&function.sig);
    found.0
}
