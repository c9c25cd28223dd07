//! `#[reduce(…)]`: how the reducers are written.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Token};

use super::reducer::{Combine, Pick, Reducer};
use crate::suggest;

/// Reads what follows a reducer's word.
type Read = fn(&Ident, ParseStream<'_>) -> syn::Result<Reducer>;

/// Every reducer that has a word, as messages show it; `replace` has none.
const REDUCERS: [(&str, Read); 11] = [
    ("last", |_, _| Ok(Reducer::Pick(Pick::Last))),
    ("first", |_, _| Ok(Reducer::Pick(Pick::First))),
    ("append", |_, _| Ok(Reducer::Combine(Combine::Append))),
    ("sum", |_, _| Ok(Reducer::Combine(Combine::Sum))),
    ("max", |_, _| Ok(Reducer::Combine(Combine::Max))),
    ("min", |_, _| Ok(Reducer::Combine(Combine::Min))),
    ("union", |_, _| Ok(Reducer::Combine(Combine::Union))),
    ("merge", |_, _| Ok(Reducer::Combine(Combine::Merge))),
    ("upsert = id", |name, input| {
        let help = "write `upsert = id`, where `id` is the field that names a record";
        argument(input, name, help).map(Reducer::Upsert)
    }),
    ("with = path", |name, input| {
        let help = "write `with = path`, the path of a `fn(&mut T, T)`";
        argument(input, name, help).map(Reducer::With)
    }),
    ("ephemeral", |_, _| Ok(Reducer::Ephemeral)),
];

/// The reducer as written, for the table of fields.
pub(super) fn text(reducer: &Reducer) -> String {
    match reducer {
        Reducer::Pick(Pick::Replace) => "replace".into(),
        Reducer::Pick(Pick::Last) => "last".into(),
        Reducer::Pick(Pick::First) => "first".into(),
        Reducer::Combine(Combine::Append) => "append".into(),
        Reducer::Combine(Combine::Sum) => "sum".into(),
        Reducer::Combine(Combine::Max) => "max".into(),
        Reducer::Combine(Combine::Min) => "min".into(),
        Reducer::Combine(Combine::Union) => "union".into(),
        Reducer::Combine(Combine::Merge) => "merge".into(),
        Reducer::Upsert(id) => format!("upsert={id}"),
        Reducer::With(path) => format!("with={}", crate::text::joined(path)),
        Reducer::Ephemeral => "ephemeral".into(),
    }
}

/// The one `#[reduce(…)]` of a field; none means replace.
pub(super) fn read(attrs: &[Attribute]) -> syn::Result<Reducer> {
    let mut found = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("reduce")) {
        if found.is_some() {
            return Err(syn::Error::new_spanned(
                attr,
                "a field has one reducer, and this is the second `#[reduce(…)]`\n\
                 help: remove one of them",
            ));
        }
        found = Some(attr.parse_args::<Reducer>()?);
    }
    Ok(found.unwrap_or_default())
}

impl Default for Reducer {
    fn default() -> Self {
        Self::Pick(Pick::Replace)
    }
}

impl Parse for Reducer {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Err(syn::Error::new(
                input.span(),
                format!("`#[reduce()]` names no reducer\n{}", list_of_reducers()),
            ));
        }
        let name = Ident::parse_any(input)?;
        let Some((_, read)) = REDUCERS.iter().find(|(usage, _)| name == word(usage)) else {
            return Err(unknown(&name));
        };
        let reducer = read(&name, input)?;
        if input.is_empty() {
            return Ok(reducer);
        }
        let span = input.span();
        Err(syn::Error::new(
            span,
            if input.peek(Token![=]) {
                format!("`{name}` takes no value\nhelp: write `#[reduce({name})]`")
            } else {
                format!("a field has only one reducer\nhelp: remove what follows `{name}`")
            },
        ))
    }
}

fn argument<T: Parse>(input: ParseStream<'_>, name: &Ident, help: &str) -> syn::Result<T> {
    let missing = |span| syn::Error::new(span, format!("`{name}` needs a value\nhelp: {help}"));
    if !input.peek(Token![=]) {
        return Err(missing(name.span()));
    }
    input.parse::<Token![=]>()?;
    let span = if input.is_empty() {
        name.span()
    } else {
        input.span()
    };
    input.parse().map_err(|_| missing(span))
}

/// The word of a reducer, without its value.
fn word(usage: &'static str) -> &'static str {
    usage.split(' ').next().unwrap_or(usage)
}

fn unknown(name: &Ident) -> syn::Error {
    let words = REDUCERS.map(|(usage, _)| word(usage));
    let help = match suggest::nearest(&name.to_string(), &words) {
        Some(word) => format!("help: did you mean `{word}`?\nnote: {}", reducers()),
        None => list_of_reducers(),
    };
    syn::Error::new(name.span(), format!("there is no reducer `{name}`\n{help}"))
}

fn list_of_reducers() -> String {
    format!("help: {}", reducers())
}

fn reducers() -> String {
    format!(
        "the reducers are `{}`; without `#[reduce(…)]` a field is replaced",
        REDUCERS.map(|(usage, _)| usage).join("`, `")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reducer_is_kept_as_it_is_written() {
        for (usage, _) in REDUCERS {
            let reducer: Reducer = syn::parse_str(usage).unwrap();
            assert_eq!(text(&reducer), usage.replace(' ', ""));
        }
    }
}
