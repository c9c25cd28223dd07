//! The static edge table.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::Code;
use crate::graph::ast::Conflict;
use crate::graph::model::{Edge, Join, Kind, Node};
use crate::optional::optional;
use crate::text;

pub(super) fn constant(code: &Code<'_>) -> TokenStream {
    let model = code.model;
    let name = text::name(code.name);
    let version = model.version;
    let conflict = optional(model.conflict.map(|policy| match policy {
        Conflict::Fail => quote!(__rt::ConflictPolicy::Fail),
        Conflict::LastWriterWins => quote!(__rt::ConflictPolicy::LastWriterWins),
    }));
    let max_steps = optional(model.max_steps);
    let compatible = &model.compatible;
    let migrate = optional(model.migrate.as_ref().map(|path| {
        let call = code.path(path.span(), quote!(glue::migrate));
        quote_spanned!(path.span()=> |__from, __part, __json| #call(#path, __from, __part, __json))
    }));
    let nodes = (0..).zip(&model.nodes).map(|(at, one)| node(code, at, one));
    let edges = model.edges.iter().map(edge);
    let joins = model.joins.iter().map(join);
    quote! {
        const INFO: &'static __rt::GraphInfo = &{
            const __AT: __rt::Span = __rt::Span::in_file(::core::file!());
            __rt::GraphInfo {
                name: #name,
                version: #version,
                conflict: #conflict,
                max_steps: #max_steps,
                compatible: &[#(#compatible),*],
                migrate: #migrate,
                nodes: &[#(#nodes),*],
                edges: &[#(#edges),*],
                joins: &[#(#joins),*],
                state: __rt::glue::state_info::<Self>(),
            }
        };
    }
}

fn node(code: &Code<'_>, at: u32, node: &Node) -> TokenStream {
    let model = code.model;
    let ty = code.node(at, node.at.span());
    let (name, joins) = (&node.name, &node.joins);
    let called = node.named.then(|| quote!(.called(#name)));
    let is_handled = model.error_rows.iter().any(|row| row.from == at);
    let handled = is_handled.then(|| quote!(.handled()));
    let row = match node.row.map(|row| &model.rows[row]) {
        None => quote!(__rt::RowInfo::None),
        Some(row) if row.is_static() => {
            let (from, to) = (row.edges.start, row.edges.end);
            quote!(__rt::RowInfo::Static { from: #from, to: #to })
        }
        Some(_) => quote!(__rt::RowInfo::Dynamic),
    };
    let (line, column) = position(node.at.span());
    let of = code.path(node.at.span(), quote!(NodeInfo::of));
    let arguments = quote!(#name, #row, &[#(#joins),*], __AT.at(#line, #column));
    quote_spanned!(node.at.span()=> #of::<#ty>(#arguments) #called #handled)
}

fn edge(edge: &Edge) -> TokenStream {
    let (from, to) = (edge.from, edge.to);
    let kind = match edge.kind {
        Kind::Direct => None,
        Kind::Input => Some(quote!(Input)),
        Kind::Each => Some(quote!(Each)),
        Kind::Else => Some(quote!(Else)),
        Kind::Defer => Some(quote!(Defer)),
        Kind::Error => Some(quote!(Error)),
        Kind::Join(join) => Some(quote!(Join(#join))),
    };
    let kind = kind.map(|kind| quote!(.of_kind(__rt::EdgeKind::#kind)));
    let label = edge.label.as_ref().map(|label| quote!(.labelled(#label)));
    let (line, column) = position(edge.at);
    quote!(__rt::EdgeInfo::of(#from, #to, __AT.at(#line, #column)) #kind #label)
}

fn join(join: &Join) -> TokenStream {
    let sources = join.sources.iter().map(|(node, _)| node);
    let (edges, deferred) = (join.edges.clone(), &join.deferred);
    let (line, column) = position(join.at);
    quote! {
        __rt::JoinInfo {
            sources: &[#(#sources),*],
            edges: &[#(#edges),*],
            deferred: &[#(#deferred),*],
            span: __AT.at(#line, #column),
        }
    }
}

/// Line and column, from 1; unit tests run outside rustc and have none.
fn position(span: Span) -> (u32, u32) {
    if !proc_macro::is_available() {
        return (1, 1);
    }
    let span = span.unwrap();
    (span.line() as u32, span.column() as u32)
}
