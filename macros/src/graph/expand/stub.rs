//! What stands in for a graph with faults, so that its uses cause no further errors.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Generics, Lifetime, parse_quote};

use super::{Code, demands, rows, shared};
use crate::graph::item::Item;
use crate::graph::model::{Arm, Model, Node, Step};
use crate::{text, unknown};

pub(in crate::graph) fn stub(model: &Model, item: &Item, error: &syn::Error) -> TokenStream {
    let written = &item.item;
    let code = Code::new(model, item);
    let implementation = implementation(&code, error);
    let matches = matches(&code);
    let mentions = mentions(model);
    quote!(#written #implementation #matches #mentions)
}

/// Mentions the nodes that have a bare name, and the modules of others, so that no import of one
/// is reported as unused. A name that the module does not have is found in `__unknown`, and so is
/// no error more.
fn mentions(model: &Model) -> TokenStream {
    let nodes = || model.nodes.iter().chain(&model.merged);
    // Alone it would lack its arguments.
    let is_generic = |name: &Ident| {
        let mut segments = nodes().filter_map(|node| node.path.segments.last());
        segments.any(|last| last.ident == *name && !last.arguments.is_none())
    };
    let (mut names, mut modules) = (Vec::new(), Vec::new());
    for path in nodes().map(|node| &node.path) {
        match (path.get_ident(), path.segments.first()) {
            (Some(name), _) if names.contains(&name) || is_generic(name) => {}
            (Some(name), _) => names.push(name),
            (None, Some(first)) if path.segments.len() > 1 && path.leading_colon.is_none() => {
                modules.push(&first.ident);
            }
            _ => {}
        }
    }
    let aliases = (0..names.len()).map(|at| format_ident!("__N{at}"));
    quote! {
        #[allow(warnings)]
        const _: () = {
            #(use #modules::*;)*
        };
        #[allow(warnings)]
        const _: () = {
            mod __unknown {
                #(pub enum #names {})*
            }
            use __unknown::*;
            const _: () = {
                // The module that the graph is in.
                use self::*;
                #(type #aliases = #names;)*
            };
        };
    }
}

/// The table's `match`es without their targets: an arm that is missing may be why a node is
/// not reached, and rustc names it.
fn matches(code: &Code<'_>) -> TokenStream {
    let nodes = code.model.nodes.iter().filter(|node| !node.doubtful);
    let rows = nodes.filter_map(|node| {
        let mut steps = code.model.rows[node.row?].steps.iter();
        steps.find_map(|step| match step {
            Step::Match(at, arms) => Some(matching(code, node, *at, arms)),
            _ => None,
        })
    });
    rows.collect()
}

fn matching(code: &Code<'_>, node: &Node, at: Span, arms: &[Arm]) -> TokenStream {
    let (params, _, bounds) = code.generics.split_for_impl();
    let (matching, node) = (code.path(at, quote!(glue::arms)), &node.path);
    let runtime = &code.model.runtime;
    let arms = arms.iter().map(|arm| {
        let (pattern, body) = (&arm.pattern, rows::arm_body(arm, TokenStream::new()));
        // What a guard says may be a fault, and with any guard an arm does not take all.
        let guard = arm.guard.as_ref().map(|_| quote!(if true));
        quote!(#pattern #guard => #body)
    });
    let (word, route) = (Ident::new("match", at), rows::route(at));
    let body = quote!(#word #route { #(#arms)* });
    let taken = code.path(at, quote!(glue::route));
    let closure = rows::around(at, &quote!(mut #route), &taken, &body);
    quote! {
        #[allow(unused)]
        const _: () = {
            use #runtime as __rt;
            fn __row #params () #bounds {
                #matching::<#node, _, _, _>(#closure);
            }
        };
    }
}

fn implementation(code: &Code<'_>, error: &syn::Error) -> TokenStream {
    let name = code.name;
    let state = state(code, error);
    let generics = static_lifetimes(shared::clause(code));
    let (params, ty, bounds) = generics.split_for_impl();
    let runtime = &code.model.runtime;
    let text = text::name(name);
    quote! {
        const _: () = {
            use #runtime as __rt;
            #[automatically_derived]
            impl #params __rt::Graph for #name #ty #bounds {
                type State = #state;
                const INFO: &'static __rt::GraphInfo = &__rt::GraphInfo {
                    name: #text,
                    version: 1,
                    conflict: ::core::option::Option::None,
                    max_steps: ::core::option::Option::None,
                    compatible: &[],
                    migrate: ::core::option::Option::None,
                    nodes: &[],
                    edges: &[],
                    joins: &[],
                    state: __rt::glue::state_info::<Self>(),
                };
                fn start() -> __rt::Hops {
                    __rt::Hops::none()
                }
                fn call<'__a>(
                    &'__a self,
                    __node: __rt::NodeId,
                    _: ::core::option::Option<__rt::Input>,
                    _: &'__a Self::State,
                    _: &'__a __rt::Cx,
                ) -> __rt::Running<'__a> {
                    __rt::glue::no_such_node(__node)
                }
            }
        };
    }
}

/// A graph that borrows is reported as that, and is one for as long as it can be.
fn static_lifetimes(mut generics: Generics) -> Generics {
    let lifetimes: Vec<Lifetime> = (generics.lifetimes())
        .map(|parameter| parameter.lifetime.clone())
        .collect();
    for lifetime in lifetimes {
        let predicates = &mut generics.make_where_clause().predicates;
        predicates.push(parse_quote!(#lifetime: 'static));
    }
    generics
}

/// The state as set, else a type that is one of the errors.
fn state(code: &Code<'_>, error: &syn::Error) -> TokenStream {
    match &code.model.state {
        Some(state) => demands::state(code, state),
        None => unknown::because_of(error),
    }
}
