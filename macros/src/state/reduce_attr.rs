//! `#[reduce(…)]`: how the reducers are written.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, LitStr, Meta, Path, Token};

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
        argument(input, name, &UPSERT).map(Reducer::Upsert)
    }),
    ("with = path", |name, input| {
        argument(input, name, &WITH).map(Reducer::With)
    }),
    ("ephemeral", |_, _| Ok(Reducer::Ephemeral)),
];

/// What a reducer takes behind its `=`.
struct Value {
    what: &'static str,
    help: &'static str,
}

const UPSERT: Value = Value {
    what: "the name of a field",
    help: "write `upsert = id`, where `id` is the field that names a record",
};

const WITH: Value = Value {
    what: "the path of a function",
    help: "write `with = path`, the path of a `fn(&mut T, T)`",
};

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
        if !matches!(attr.meta, Meta::List(_)) {
            let message = format!("a reducer stands in parentheses\n{}", list_of_reducers());
            return Err(syn::Error::new_spanned(attr, message));
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

fn argument<T: Parse>(input: ParseStream<'_>, name: &Ident, value: &Value) -> syn::Result<T> {
    let Value { what, help } = value;
    let has_value = input.parse::<Option<Token![=]>>()?.is_some() && !input.is_empty();
    if !has_value {
        let message = format!("`{name}` needs a value\nhelp: {help}");
        return Err(syn::Error::new(name.span(), message));
    }
    let ahead = input.fork();
    match ahead.parse() {
        Ok(read) if ahead.is_empty() || ahead.peek(Token![,]) => {
            input.advance_to(&ahead);
            return Ok(read);
        }
        _ => {}
    }
    let written: TokenStream = input.parse()?;
    let message = format!(
        "`{name}` takes {what}\nhelp: {}",
        unquoted(&written, name, help)
    );
    Err(syn::Error::new_spanned(written, message))
}

/// What was written with quotes, without them, if that helps.
fn unquoted(written: &TokenStream, name: &Ident, help: &str) -> String {
    let text = syn::parse2::<LitStr>(written.clone()).map(|text| text.value());
    match text
        .ok()
        .filter(|text| syn::parse_str::<Path>(text).is_ok())
    {
        Some(text) => format!("write it without quotes: `{name} = {text}`"),
        None => help.to_owned(),
    }
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
