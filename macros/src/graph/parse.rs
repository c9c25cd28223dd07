//! Reads the argument list of `#[graph(…)]`, continuing after an error with the
//! next entry, so that one wrong entry does not hide the others.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Ident, Lit, Pat, Path, Token, braced, bracketed, parenthesized, token};

use super::ast::{Arm, Each, Instance, Match, Place, Row, Source, Table, Target};
use super::settings;
use crate::errors::Errors;
use crate::{lint, parse, text};

mod kw {
    syn::custom_keyword!(allow);
    syn::custom_keyword!(each);
    syn::custom_keyword!(defer);
    syn::custom_keyword!(on);
    syn::custom_keyword!(error);
}

/// The words that cannot name a node.
pub(super) const RESERVED: [&str; 6] = ["start", "end", "each", "defer", "match", "on"];

pub(super) fn table(tokens: TokenStream, errors: &mut Errors) -> Table {
    let mut table = Table::default();
    let mut failed = false;
    let read = parse::all(tokens, |input| {
        while !input.is_empty() {
            if let Err(error) = entry(input, &mut table, errors) {
                failed = true;
                errors.push(error);
                skip_to_comma(input);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    });
    // What an error left unread is not an error of its own.
    if let (Err(error), false) = (read, failed) {
        errors.push(error);
    }
    table
}

fn entry(input: ParseStream<'_>, table: &mut Table, errors: &mut Errors) -> syn::Result<()> {
    no_attributes(input, "a row")?;
    if input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![=>]) {
        let name = input.call(Ident::parse_any)?;
        input.parse::<Token![=]>()?;
        if !settings::read(&name, input, &mut table.settings, errors)? {
            table.instances.push(instance(name, input)?);
        }
    } else if input.peek(kw::allow) && input.peek2(token::Paren) {
        input.parse::<kw::allow>()?;
        lint::allow(input)?;
        table.settings.nondeterminism = true;
    } else {
        table.rows.push(row(input)?);
    }
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    if input.peek(Token![=>]) {
        return Err(input.error("`=>` belongs in the arms of a `match`\nhelp: rows go `a -> b`"));
    }
    Err(input.error(
        "expected `,` or `->`\nhelp: entries end with a comma: `start -> a, a -> b, b -> end`",
    ))
}

/// Leaves the rest of a wrong entry unread.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

fn instance(name: Ident, input: ParseStream<'_>) -> syn::Result<Instance> {
    reserved(&name)?;
    if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
        skip_to_comma(input);
        return Err(settings::unknown(&name));
    }
    let path = input.parse()?;
    Ok(Instance { name, path })
}

fn reserved(name: &Ident) -> syn::Result<()> {
    if RESERVED.iter().any(|word| name == word) {
        let message = format!(
            "`{name}` is a word of the graph language\nhelp: choose another name for the node"
        );
        return Err(syn::Error::new(name.span(), message));
    }
    Ok(())
}

fn row(input: ParseStream<'_>) -> syn::Result<Row> {
    let first = target(input)?;
    if input.peek(kw::on) {
        input.parse::<kw::on>()?;
        input.parse::<kw::error>().map_err(|error| {
            syn::Error::new(
                error.span(),
                "expected `error`\nhelp: write `node on error -> target`",
            )
        })?;
        arrow(input)?;
        let source = match source(first)? {
            Source::One(place) => place,
            Source::Join(_, span) => {
                let message = "`on error` takes one node\nhelp: write a row for each: `a on error -> x, b on error -> x`";
                return Err(syn::Error::new(span, message));
            }
        };
        let target = target(input)?;
        if input.peek(Token![->]) {
            return Err(second_arrow(&target, input));
        }
        return Ok(Row::OnError { source, target });
    }
    arrow(input)?;
    let from = source(first)?;
    let (mut hops, mut last) = (Vec::new(), target(input)?);
    while input.peek(Token![->]) {
        input.parse::<Token![->]>()?;
        hops.push(source(last)?);
        last = target(input)?;
    }
    Ok(Row::Flow {
        source: from,
        hops,
        target: last,
    })
}

/// The error for an `on error` row that goes on after its target.
fn second_arrow(first: &Target, input: ParseStream<'_>) -> syn::Error {
    let at = input.span();
    let mut row = written(first);
    while input.peek(Token![->]) && input.parse::<Token![->]>().is_ok() {
        let next = target(input);
        row.push_str(" -> ");
        row.push_str(&next.map_or("…".to_owned(), |next| written(&next)));
    }
    let message = format!(
        "an `on error` row ends at its target\nhelp: write what follows as a row of its own: `{row}`"
    );
    syn::Error::new(at, message)
}

fn written(target: &Target) -> String {
    match target {
        Target::To(place) => text::written(&place.path),
        Target::List(items, _) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        _ => "…".to_owned(),
    }
}

fn arrow(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![->]) {
        return input.parse::<Token![->]>().map(drop);
    }
    Err(input.error("expected `->`\nhelp: a row goes `source -> target`, a setting `name = value`"))
}

/// What is followed by an arrow must be a node or a list of nodes.
fn source(target: Target) -> syn::Result<Source> {
    let wrong = |span: Span, what: &str, help: &str| {
        let message = format!("{what} ends its row\nhelp: {help}");
        Err(syn::Error::new(span, message))
    };
    let own_row = "start the next row with the node's name alone: `a -> …, b -> …`";
    match target {
        Target::To(place) => Ok(Source::One(place)),
        Target::List(items, span) => {
            let places = items.into_iter().map(|item| match source(item)? {
                Source::One(place) => Ok(place),
                Source::Join(_, span) => Err(syn::Error::new(
                    span,
                    "a join is one list of nodes\nhelp: write the nodes in one list: `[a, b, c]`",
                )),
            });
            Ok(Source::Join(places.collect::<syn::Result<_>>()?, span))
        }
        Target::Defer(place) => wrong(place.span(), "`defer`", own_row),
        Target::Input(place, _) => wrong(place.span(), "a node with an input", own_row),
        Target::Each(each) => wrong(each.place.span(), "`each`", own_row),
        Target::Match(found) => wrong(
            found.span,
            "`match`",
            "continue in the arms, or start a row for each node they name",
        ),
    }
}

fn target(input: ParseStream<'_>) -> syn::Result<Target> {
    if input.peek(token::Bracket) {
        return list(input);
    }
    if input.peek(Token![match]) {
        return matching(input).map(Target::Match);
    }
    if input.peek(kw::each) {
        return each(input);
    }
    if input.peek(kw::defer) && !input.peek2(Token![->]) {
        input.parse::<kw::defer>()?;
        let place = place(input)?;
        if input.peek(token::Paren) {
            return Err(input.error(
                "a deferred node takes no input\nhelp: let it read the state, or leave `defer` out",
            ));
        }
        return Ok(Target::Defer(place));
    }
    let place = place(input)?;
    if input.peek(token::Paren) {
        let (expr, _) = input_of(&place, input)?;
        return Ok(Target::Input(place, expr));
    }
    Ok(Target::To(place))
}

fn place(input: ParseStream<'_>) -> syn::Result<Place> {
    if !input.peek(Ident::peek_any) && !input.peek(Token![::]) {
        return Err(input.error(
            "expected a node, `start`, `end`, `each`, `defer`, `match` or a list `[a, b]`",
        ));
    }
    if input.peek2(Token![<-]) && !input.peek3(Lit) {
        input.call(Ident::parse_any)?;
        return Err(input.error("`<-` is no arrow of a graph\nhelp: write the row from its source on: `source -> target`"));
    }
    let path: Path = input.parse()?;
    if let Some(ident) = path.get_ident()
        && ident != "start"
        && ident != "end"
    {
        reserved(ident)?;
    }
    Ok(Place { path })
}

/// The expression in `node(expr)`, and its parentheses.
fn input_of(place: &Place, input: ParseStream<'_>) -> syn::Result<(Expr, Span)> {
    let name = place.ident();
    let content;
    let paren = parenthesized!(content in input);
    if content.is_empty() {
        let message = format!(
            "no input between these parentheses\nhelp: write `{name}` alone if the node takes no input"
        );
        return Err(syn::Error::new(paren.span.join(), message));
    }
    let message = format!(
        "the input is one expression\nhelp: write `{name}(value)`, or `each {name}(values) else end`"
    );
    let mut exprs = separated(&content, Parse::parse, &message)?.into_iter();
    match (exprs.next(), exprs.next()) {
        (Some(expr), None) => Ok((expr, paren.span.join())),
        (_, Some(second)) => {
            let message = format!(
                "a node takes one input\nhelp: put the values into one struct or tuple: `{name}((a, b))`"
            );
            Err(syn::Error::new_spanned(second, message))
        }
        (None, None) => Err(content.error("expected an expression")),
    }
}

/// All of `input`, separated by commas; the message is that of another token in place of one.
fn separated<T>(
    input: ParseStream<'_>,
    read: impl Fn(ParseStream<'_>) -> syn::Result<T>,
    message: &str,
) -> syn::Result<Vec<T>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(read(input)?);
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error(message));
        }
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(items)
}

fn each(input: ParseStream<'_>) -> syn::Result<Target> {
    input.parse::<kw::each>()?;
    let place = place(input)?;
    if !input.peek(token::Paren) {
        let message = format!(
            "`each` needs the items\nhelp: write `each {}(items) else end` for one task per item",
            place.ident()
        );
        return Err(syn::Error::new(place.span(), message));
    }
    let (items, paren) = input_of(&place, input)?;
    let otherwise = match input.peek(Token![else]) {
        true => {
            input.parse::<Token![else]>()?;
            Some(target(input)?)
        }
        false => None,
    };
    Ok(Target::Each(Box::new(Each {
        place,
        items,
        paren,
        otherwise,
    })))
}

fn list(input: ParseStream<'_>) -> syn::Result<Target> {
    let content;
    let bracket = bracketed!(content in input);
    let span = bracket.span.open();
    let items = separated(
        &content,
        target,
        "expected `,`\nhelp: write a comma between nodes: `[a, b]`",
    )?;
    if items.is_empty() {
        let message = "an empty list\nhelp: name the nodes, or write `end`";
        return Err(syn::Error::new(bracket.span.join(), message));
    }
    Ok(Target::List(items, span))
}

fn matching(input: ParseStream<'_>) -> syn::Result<Match> {
    let span = input.parse::<Token![match]>()?.span;
    if !input.peek(token::Brace) {
        let message = "expected `{`\nhelp: a graph matches on the route that the node returned: `node -> match { pattern => target, … }`";
        return Err(input.error(message));
    }
    let content;
    let brace = braced!(content in input);
    let arms = separated(
        &content,
        arm,
        "expected `,`\nhelp: arms end with a comma: `pattern => a, pattern => b`",
    )?;
    if arms.is_empty() {
        let message = "a `match` without arms\nhelp: write `pattern => target` for every route";
        return Err(syn::Error::new(brace.span.join(), message));
    }
    Ok(Match { span, arms })
}

/// Numbers, checks and fingerprint depend on every row and arm.
fn no_attributes(input: ParseStream<'_>, what: &str) -> syn::Result<()> {
    if !input.peek(Token![#]) {
        return Ok(());
    }
    let message = format!(
        "{what} has no attributes\n\
         help: if it depends on a `cfg`, write the whole graph twice, each under a `#[cfg(…)]` of its own"
    );
    Err(input.error(message))
}

fn arm(input: ParseStream<'_>) -> syn::Result<Arm> {
    no_attributes(input, "an arm")?;
    let pattern = Pat::parse_multi_with_leading_vert(input)?.into_token_stream();
    let guard = match input.peek(Token![if]) {
        true => {
            input.parse::<Token![if]>()?;
            Some(input.parse::<Expr>()?.into_token_stream())
        }
        false => None,
    };
    if !input.peek(Token![=>]) {
        return Err(input.error("expected `=>`\nhelp: an arm goes `pattern => target`"));
    }
    input.parse::<Token![=>]>()?;
    let ahead = input.fork();
    let target = target(input)?;
    let end = last_between(&ahead, input);
    if input.peek(Token![->]) {
        return Err(input.error(
            "an arm names its targets only\nhelp: write what follows as a row of its own: `a -> b`",
        ));
    }
    Ok(Arm {
        pattern,
        guard,
        target,
        end,
    })
}

/// The last token that `read` has read and `ahead`, a fork of it, has not.
fn last_between(ahead: ParseStream<'_>, read: ParseStream<'_>) -> Span {
    let mut last = ahead.span();
    while ahead.cursor() != read.cursor() {
        match ahead.parse() {
            Ok(token) => last = parse::end(&token),
            Err(_) => break,
        }
    }
    last
}
