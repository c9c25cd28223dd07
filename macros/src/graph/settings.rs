//! `state = …`, `version = …` and the other settings.

use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprPath, Ident, LitStr, Token, Type, bracketed};

use super::ast::{Conflict, Settings};

use crate::errors::Errors;
use crate::{suggest, text};

const NAMES: [&str; 7] = [
    "state",
    "version",
    "conflict",
    "max_steps",
    "crate",
    "compatible",
    "migrate",
];

/// Reads the value of the setting `name`; false if there is no such setting.
pub(super) fn read(
    name: &Ident,
    input: ParseStream<'_>,
    settings: &mut Settings,
    errors: &mut Errors,
) -> syn::Result<bool> {
    let repeated = match name.to_string().as_str() {
        "state" => settings
            .state
            .replace(state(name, input, errors)?)
            .is_some(),
        "version" => settings
            .version
            .replace(number::<u32>(name, input)?)
            .is_some(),
        "max_steps" => settings
            .max_steps
            .replace(number::<u64>(name, input)?)
            .is_some(),
        "conflict" => settings.conflict.replace(conflict(input)?).is_some(),
        "crate" => settings
            .krate
            .replace(value(name, input, "::superstep")?)
            .is_some(),
        "compatible" => settings.compatible.replace(fingerprints(input)?).is_some(),
        "migrate" => settings.migrate.replace(function(name, input)?).is_some(),
        _ => return Ok(false),
    };
    if repeated {
        let message = format!("`{name}` is set twice\nhelp: keep one of the two");
        errors.at(name.span(), message);
    }
    Ok(true)
}

/// The error for a name with a value that cannot be a node either.
pub(super) fn unknown(name: &Ident) -> syn::Error {
    let help = match closest(name) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the settings are `{}`", NAMES.join("`, `")),
    };
    let message = format!("`{name}` is not a setting\nhelp: {help}");
    syn::Error::new(name.span(), message)
}

/// The setting that `name` may be a misspelling of.
pub(super) fn closest(name: &Ident) -> Option<&'static str> {
    suggest::nearest(&name.to_string().to_lowercase(), &NAMES)
}

/// Nodes take the state by reference, which is no part of its type.
fn state(name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Type> {
    match value(name, input, "Type")? {
        Type::Reference(reference) => {
            let ty = text::written(&reference.elem);
            let message = format!(
                "`state` is given by reference\nhelp: write the type without `&`: `state = {ty}`"
            );
            errors.at(reference.and_token.span, message);
            Ok(*reference.elem)
        }
        ty => Ok(ty),
    }
}

fn value<T: syn::parse::Parse>(
    name: &Ident,
    input: ParseStream<'_>,
    example: &str,
) -> syn::Result<T> {
    let missing = input.is_empty() || input.peek(Token![,]);
    input.parse().map_err(|error| {
        let what = match missing {
            true => "expected a value".to_owned(),
            false => error.to_string(),
        };
        let message = format!("{what}\nhelp: write `{name} = {example}`");
        syn::Error::new(error.span(), message)
    })
}

/// A number that fits `T` and is not 0.
fn number<T>(name: &Ident, input: ParseStream<'_>) -> syn::Result<syn::LitInt>
where
    T: std::str::FromStr + Default + PartialEq,
    T::Err: std::fmt::Display,
{
    let literal: syn::LitInt = value(name, input, "3")?;
    let wrong = match literal.base10_parse::<T>() {
        Ok(number) if number != T::default() => return Ok(literal),
        Ok(_) => format!("`{name}` starts at 1"),
        Err(_) if literal.to_string().starts_with('-') => format!("`{name}` starts at 1"),
        Err(_) => format!("`{literal}` is too large for `{name}`"),
    };
    let message = format!("{wrong}\nhelp: write `{name} = 3`");
    Err(syn::Error::new(literal.span(), message))
}

fn conflict(input: ParseStream<'_>) -> syn::Result<Conflict> {
    let help = "help: write `conflict = fail` or `conflict = last_writer_wins`";
    let policy: Ident = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), format!("expected a policy\n{help}")))?;
    match policy.to_string().as_str() {
        "fail" => Ok(Conflict::Fail),
        "last_writer_wins" => Ok(Conflict::LastWriterWins),
        other => {
            let message = format!("`{other}` is not a conflict policy\n{help}");
            Err(syn::Error::new(policy.span(), message))
        }
    }
}

/// A function by its path. Anything else is read to its end, so that it is one error.
fn function(name: &Ident, input: ParseStream<'_>) -> syn::Result<ExprPath> {
    let mut value: Expr = value(name, input, "bring_up_to_date")?;
    // What a `macro_rules!` passes on is in an invisible group.
    while let Expr::Group(group) = value {
        value = *group.expr;
    }
    match value {
        Expr::Path(path) => Ok(path),
        other => Err(syn::Error::new_spanned(
            other,
            format!(
                "expected a function\nhelp: write `{name} = bring_up_to_date`, the path of a `fn(u32, Part, Value) -> Result<Value, E>`"
            ),
        )),
    }
}

/// `["<fingerprint>", …]`
fn fingerprints(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    if !input.peek(syn::token::Bracket) {
        return Err(input.error(
            "expected a list\nhelp: write `compatible = [\"<fingerprint>\"]`, with the fingerprints of the older versions",
        ));
    }
    let content;
    bracketed!(content in input);
    let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    for literal in &list {
        let text = literal.value();
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(syn::Error::new(
                literal.span(),
                "not a fingerprint\nhelp: a fingerprint is 64 lower-case hexadecimal digits, as `GraphInfo::fingerprint` shows it",
            ));
        }
    }
    Ok(list.into_iter().collect())
}
