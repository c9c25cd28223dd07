//! A struct one of whose fields cannot be read, as an editor has it at every keystroke.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Field, Ident, Token, Visibility, parse2};

pub(crate) struct HalfTyped<T> {
    /// With the fields that can be read; those of which only the name can be are units.
    pub(crate) item: T,
    /// Whether rustc's parser reports each of the others, too.
    pub(crate) is_reported: bool,
}

/// Reads what can be read of an item with fields; nothing if the fault is not in the fields.
pub(crate) fn read<T: Parse>(item: TokenStream) -> Option<HalfTyped<T>> {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.last() else {
        return None;
    };
    if body.delimiter() != Delimiter::Brace {
        return None;
    }
    let (fields, is_reported) = fields.parse2(body.stream()).ok()?;
    let repaired = Group::new(Delimiter::Brace, quote!(#(#fields),*));
    *tokens.last_mut()? = TokenTree::Group(repaired);
    let item = parse2(tokens.into_iter().collect()).ok()?;
    Some(HalfTyped { item, is_reported })
}

fn fields(input: ParseStream<'_>) -> syn::Result<(Vec<TokenStream>, bool)> {
    let (mut fields, mut is_reported) = (Vec::new(), true);
    while !input.is_empty() {
        let ahead = input.fork();
        match ahead.call(Field::parse_named) {
            Ok(_) if ahead.is_empty() || ahead.peek(Token![,]) => {
                let field = input.call(Field::parse_named)?;
                add(&mut fields, field.ident.clone(), field.into_token_stream());
            }
            _ => {
                let (name, no_type) = name(input);
                if let Some(name) = name {
                    let unread = quote!(#name: ());
                    add(&mut fields, Some(name), unread);
                }
                is_reported &= no_type;
                // Without a comma behind it, too, the next field is one.
                if no_type && input.fork().call(Field::parse_named).is_ok() {
                    continue;
                }
                rest(input)?;
            }
        }
        input.parse::<Option<Token![,]>>()?;
    }
    let fields = fields.into_iter().map(|(_, field)| field);
    Ok((fields.collect(), is_reported))
}

/// Adds a field; while it is being written its name may stand there twice.
fn add(fields: &mut Vec<(Option<Ident>, TokenStream)>, name: Option<Ident>, field: TokenStream) {
    fields.retain(|(other, _)| *other != name);
    fields.push((name, field));
}

/// The name of a field that cannot be read, and whether it has no type at all yet.
fn name(input: ParseStream<'_>) -> (Option<Ident>, bool) {
    let _ = input.call(Attribute::parse_outer);
    let _ = input.parse::<Visibility>();
    let name = input.call(Ident::parse_any).ok();
    let ends = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
    let has_colon = input.parse::<Option<Token![:]>>().ok().flatten().is_some();
    (name, ends(input) || !has_colon)
}

/// Leaves what comes before the next comma unread.
pub(crate) fn rest(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
