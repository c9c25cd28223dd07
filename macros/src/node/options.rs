use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Nothing, Parse, ParseStream};
use syn::{Ident, LitInt, LitStr, Path, Token, parenthesized};

use super::list;
use super::time::Time;
use crate::errors::Errors;
use crate::{lint, parse};

const NODE: [&str; 8] = [
    "timeout", "idle", "retry", "blocking", "writes", "name", "allow", "crate",
];
const RETRY: [&str; 4] = ["attempts", "base", "max", "when"];

/// What is in `#[node(…)]`.
#[derive(Default)]
pub(super) struct Options {
    crate_path: Option<Path>,
    pub(super) timeout: Option<Duration>,
    pub(super) idle: Option<Duration>,
    pub(super) retry: Retry,
    pub(super) blocking: Option<Span>,
    pub(super) writes: Option<Vec<Ident>>,
    pub(super) name: Option<LitStr>,
    pub(super) nondeterminism: bool,
}

/// What is in `retry(…)`.
#[derive(Default)]
pub(super) struct Retry {
    pub(super) attempts: Option<u32>,
    pub(super) base: Option<Duration>,
    pub(super) max: Option<Duration>,
    pub(super) when: Option<Path>,
}

impl Options {
    /// Reads the list; an option with an error is left out.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let what = "an option of `#[node]`";
        list::each(tokens, &NODE, what, errors, |name, input, errors| {
            match name.to_string().as_str() {
                "timeout" => options.timeout = Some(timeout(input)?),
                "idle" => options.idle = Some(idle(input)?),
                "retry" => options.retry = Retry::parse(name, input, errors)?,
                "blocking" => options.blocking = Some(name.span()),
                "writes" => options.writes = Some(writes(input, errors)?),
                "name" => options.name = Some(display_name(input)?),
                "allow" => {
                    lint::allow(input)?;
                    options.nondeterminism = true;
                }
                _ => options.crate_path = Some(value(input, "crate = ::superstep")?),
            }
            input.parse::<Nothing>().map(drop)
        });
        options
    }

    /// Where generated code finds the runtime's private module.
    pub(super) fn runtime(&self) -> Path {
        let krate = self.crate_path.clone();
        let mut path = krate.unwrap_or_else(|| syn::parse_quote!(::superstep));
        path.segments.push(syn::parse_quote!(__private));
        path
    }
}

impl Retry {
    fn parse(name: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Self> {
        let mut retry = Self::default();
        let (mut base, mut max, mut named) = (None, None, false);
        let tokens = in_parens(input, "retry(attempts = 4, base = \"250ms\", max = \"8s\")")?;
        check_named(&tokens)?;
        let what = "an option of `retry`";
        list::each(tokens, &RETRY, what, errors, |name, input, errors| {
            match name.to_string().as_str() {
                "attempts" => {
                    named = true;
                    retry.attempts = Some(attempts(input, errors)?);
                }
                "base" => base = Some(value::<Time>(input, "base = \"250ms\"")?),
                "max" => max = Some(value::<Time>(input, "max = \"8s\"")?),
                _ => retry.when = Some(value(input, "when = is_worth_it")?),
            }
            input.parse::<Nothing>().map(drop)
        });
        if !named {
            let message = "`retry` without `attempts` never retries\n\
                help: say how often to try, the first try included: `retry(attempts = 4)`";
            errors.at(name.span(), message);
        }
        if let (Some(base), Some(max)) = (&base, &max)
            && max.value < base.value
        {
            let message = "`max` is the longest delay and cannot be shorter than `base`, the first\n\
                help: raise `max` or lower `base`";
            errors.at(max.span, message);
        }
        retry.base = base.map(|time| time.value);
        retry.max = max.map(|time| time.value);
        Ok(retry)
    }
}

/// `retry(3)` is what people try first, and can only mean one thing.
fn check_named(tokens: &TokenStream) -> syn::Result<()> {
    match tokens.clone().into_iter().next() {
        Some(TokenTree::Literal(literal)) => {
            let attempts = syn::parse2::<LitInt>(tokens.clone());
            let attempts = attempts.map_or("4".into(), |given| given.to_string());
            let message =
                format!("`retry` takes named settings\nhelp: write `retry(attempts = {attempts})`");
            Err(syn::Error::new(literal.span(), message))
        }
        _ => Ok(()),
    }
}

fn timeout(input: ParseStream<'_>) -> syn::Result<Duration> {
    let time: Time = value(input, "timeout = \"30s\"")?;
    if time.value.is_zero() {
        let message = "a timeout of zero leaves the node no time\n\
            help: give it some, or leave `timeout` out for the engine's default";
        return Err(syn::Error::new(time.span, message));
    }
    Ok(time.value)
}

fn idle(input: ParseStream<'_>) -> syn::Result<Duration> {
    let time: Time = value(input, "idle = \"30s\"")?;
    if time.value.is_zero() {
        let message = "an idle limit of zero leaves the node no time\n\
            help: give it some, or leave `idle` out: then the node may be silent until its timeout";
        return Err(syn::Error::new(time.span, message));
    }
    Ok(time.value)
}

fn attempts(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<u32> {
    let literal: LitInt = value(input, "attempts = 4")?;
    let attempts = literal.base10_parse()?;
    if attempts == 0 {
        let message = "`attempts` counts the first try, so it is at least 1\n\
            help: write `attempts = 1` for no retry";
        errors.at(literal.span(), message);
    }
    Ok(attempts)
}

fn writes(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Ident>> {
    let tokens = in_parens(input, "writes(field, …)")?;
    let fields = |input: ParseStream<'_>| input.parse_terminated(field, Token![,]);
    let mut unique: Vec<Ident> = Vec::new();
    for field in parse::all(tokens, fields)? {
        if unique.contains(&field) {
            let message = format!("`{field}` is listed twice\nhelp: keep one of the two");
            errors.at(field.span(), message);
        } else {
            unique.push(field);
        }
    }
    Ok(unique)
}

fn field(input: ParseStream<'_>) -> syn::Result<Ident> {
    let Some(text) = input.fork().parse::<LitStr>().ok() else {
        return input.parse();
    };
    let help = "help: write the field's name without quotes";
    let message = format!("expected a name\n{help}");
    Err(syn::Error::new(text.span(), message))
}

fn display_name(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let name: LitStr = value(input, "name = \"…\"")?;
    if name.value().trim().is_empty() {
        let message = "a node's name cannot be empty\n\
            help: leave `name` out, then the node is called like its function";
        return Err(syn::Error::new(name.span(), message));
    }
    if ["start", "end"].contains(&name.value().as_str()) {
        let message = "`start` and `end` are the ends of every graph\n\
            help: give the node another name";
        return Err(syn::Error::new(name.span(), message));
    }
    Ok(name)
}

/// `= value`; `example` shows it in the error.
fn value<T: Parse>(input: ParseStream<'_>, example: &str) -> syn::Result<T> {
    if !input.peek(Token![=]) {
        return Err(input.error(format!("expected a value\nhelp: write `{example}`")));
    }
    input.parse::<Token![=]>()?;
    input.parse().map_err(|error| {
        // Our own errors name their help already.
        let message = error.to_string();
        match message.contains("\nhelp: ") {
            true => error,
            false => syn::Error::new(error.span(), format!("{message}\nhelp: write `{example}`")),
        }
    })
}

/// The tokens of `(…)`; `example` shows it in the error.
fn in_parens(input: ParseStream<'_>, example: &str) -> syn::Result<TokenStream> {
    if !input.peek(syn::token::Paren) {
        return Err(input.error(format!("expected a list\nhelp: write `{example}`")));
    }
    let content;
    parenthesized!(content in input);
    content.parse()
}
