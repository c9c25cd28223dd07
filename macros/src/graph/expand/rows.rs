//! The rows. They see the route and nothing else, so that what a graph does next depends
//! only on what its node returned.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::Code;
use crate::graph::model::{Arm, END, OwnRow, START, Step};

/// A row that is more than a list of edges, as a closure: the type of the route may be private
/// to the node's module, and has no name here.
pub(super) fn closure(code: &Code<'_>, row: &OwnRow) -> TokenStream {
    let at = row.steps.iter().find_map(|step| match step {
        Step::Match(at, _) => Some(*at),
        _ => None,
    });
    let route = route(at.unwrap_or(row.at));
    let body = body(code, &row.steps);
    // An arm may take something out of a route by `ref mut`.
    let mutable = row.binds_mutably().then(|| quote!(mut));
    let taken = match row.matches() {
        true => code.path(row.at, quote!(glue::route)),
        false => code.path(row.at, quote!(glue::no_route)),
    };
    around(row.at, &quote!(#mutable #route), &taken, &body)
}

/// The closure that binds the route and evaluates `body`.
pub(super) fn around(
    at: Span,
    route: &TokenStream,
    taken: &TokenStream,
    body: &TokenStream,
) -> TokenStream {
    let given = Ident::new("__given", Span::mixed_site().located_at(at));
    quote_spanned!(at=> |#given| {
        let #route = #taken(::core::convert::identity(#given));
        #body
    })
}

/// `Graph::start`.
pub(super) fn start(code: &Code<'_>) -> TokenStream {
    let start = code.model.rows.iter().find(|row| row.from == START);
    let body = body(code, start.map_or(&[][..], |row| &row.steps));
    quote! {
        fn start() -> __rt::Hops {
            #body
        }
    }
}

/// `Graph::on_error`; without such rows it is the trait's own.
pub(super) fn on_error(code: &Code<'_>) -> TokenStream {
    if code.model.error_rows.is_empty() {
        return TokenStream::new();
    }
    let hops = hops();
    let failure = Ident::new("__failure", Span::mixed_site());
    let input = Ident::new("__input", Span::mixed_site());
    let arms = code.model.error_rows.iter().map(|row| {
        let from = row.from;
        let steps = row.edges.clone().map(|at| {
            let edge = &code.model.edges[at as usize];
            if edge.to == END {
                return quote!(__rt::Hops::to(&mut #hops, #at););
            }
            let node = code.node(edge.to, edge.at);
            let failed = code.path(edge.at, quote!(glue::failed));
            let of = code.node(from, edge.at);
            quote_spanned! {edge.at=>
                #failed::<#of, #node>(&mut #hops, #at, &#failure, #input);
            }
        });
        quote!(#from => { #(#steps)* })
    });
    quote! {
        fn on_error(
            __node: __rt::NodeId,
            #failure: __rt::Failure,
            #input: ::core::option::Option<&__rt::Input>,
        ) -> ::core::option::Option<__rt::Hops> {
            let mut #hops = __rt::Hops::none();
            let _ = (&#failure, #input);
            match __node {
                #(#arms)*
                _ => return ::core::option::Option::None,
            }
            ::core::option::Option::Some(#hops)
        }
    }
}

/// At the word `match`, where rustc reports a route that no arm takes, and invisible to what
/// users write in arms.
pub(super) fn route(at: Span) -> Ident {
    Ident::new("__route", Span::mixed_site().located_at(at))
}

/// Invisible to what users write in arms.
fn hops() -> Ident {
    Ident::new("__hops", Span::mixed_site())
}

fn body(code: &Code<'_>, steps: &[Step]) -> TokenStream {
    let hops = hops();
    let steps = all(code, steps);
    quote! {
        let mut #hops = __rt::Hops::none();
        #steps
        #hops
    }
}

fn all(code: &Code<'_>, steps: &[Step]) -> TokenStream {
    steps.iter().map(|one| step(code, one)).collect()
}

fn step(code: &Code<'_>, step: &Step) -> TokenStream {
    let hops = hops();
    let target = |edge: &u32| {
        let edge = &code.model.edges[*edge as usize];
        (code.node(edge.to, edge.at), edge.at)
    };
    match step {
        Step::To { edge } => quote!(__rt::Hops::to(&mut #hops, #edge);),
        Step::Input { edge, expr } => {
            let (node, at) = target(edge);
            let item = Ident::new("__item", at);
            let ty = code.path(at, quote!(glue::InputOf));
            let (with, wrap) = (quote!(__rt::Hops::with), code.path(at, quote!(glue::item)));
            // In a block, where no other expression of the row sees the name.
            quote_spanned! {at=> {
                let #item: #ty<#node> = #expr;
                #with(&mut #hops, #edge, #wrap::<#node>(#item));
            }}
        }
        Step::Each {
            edge,
            items,
            otherwise,
        } => {
            let (node, at) = target(edge);
            let otherwise = all(code, otherwise);
            let each = code.path(at, quote!(glue::each));
            let any = quote_spanned!(at=> #each::<#node>(&mut #hops, #edge, #items));
            quote!(if !#any { #otherwise })
        }
        Step::Match(at, arms) => {
            let route = route(*at);
            let arms = arms.iter().map(|arm| {
                let (pattern, steps) = (&arm.pattern, all(code, &arm.steps));
                let guard = arm.guard.as_ref().map(|guard| quote!(if #guard));
                let steps = arm_body(arm, steps);
                quote!(#pattern #guard => #steps)
            });
            let matching = Ident::new("match", *at);
            quote!(#matching #route { #(#arms)* })
        }
    }
}

/// In braces that are located at the arm's end, behind which rustc proposes a missing arm.
pub(super) fn arm_body(arm: &Arm, steps: TokenStream) -> Group {
    let mut body = Group::new(Delimiter::Brace, steps);
    body.set_span(Span::mixed_site().located_at(arm.end));
    body
}
