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
    let Code { rt, model, .. } = code;
    let name = text::name(code.name);
    let version = model.version;
    let conflict = optional(model.conflict.map(|policy| match policy {
        Conflict::Fail => quote!(#rt::ConflictPolicy::Fail),
        Conflict::LastWriterWins => quote!(#rt::ConflictPolicy::LastWriterWins),
    }));
    let max_steps = optional(model.max_steps);
    let compatible = &model.compatible;
    let migrate = optional(model.migrate.as_ref().map(|path| {
        let call = code.path(path.span(), quote!(glue::migrate));
        quote_spanned!(path.span()=> |__from, __part, __json| #call(#path, __from, __part, __json))
    }));
    let nodes = (0..).zip(&model.nodes).map(|(at, one)| node(code, at, one));
    let edges = model.edges.iter().map(|one| edge(code, one));
    let joins = model.joins.iter().map(|one| join(code, one));
    quote! {
        const INFO: &'static #rt::GraphInfo = &{
            const __FILE: &::core::primitive::str = ::core::file!();
            const fn __at(__line: ::core::primitive::u32, __column: ::core::primitive::u32) -> #rt::Span {
                #rt::Span { file: __FILE, line: __line, column: __column }
            }
            const fn __edge(
                __from: ::core::primitive::u32,
                __to: ::core::primitive::u32,
                __kind: #rt::EdgeKind,
                __label: ::core::option::Option<&'static ::core::primitive::str>,
                __span: #rt::Span,
            ) -> #rt::EdgeInfo {
                #rt::EdgeInfo { from: __from, to: __to, kind: __kind, label: __label, span: __span }
            }
            #rt::GraphInfo {
                name: #name,
                version: #version,
                conflict: #conflict,
                max_steps: #max_steps,
                compatible: &[#(#compatible),*],
                migrate: #migrate,
                nodes: &[#(#nodes),*],
                edges: &[#(#edges),*],
                joins: &[#(#joins),*],
                state: #rt::glue::state_info::<Self>(),
            }
        };
    }
}

fn node(code: &Code<'_>, at: u32, node: &Node) -> TokenStream {
    let Code { rt, model, .. } = code;
    let ty = code.node(at, node.at.span());
    let (name, joins) = (&node.name, &node.joins);
    let called = node.named.then(|| quote!(.called(#name)));
    let is_handled = model.error_rows.iter().any(|row| row.from == at);
    let handled = is_handled.then(|| quote!(.handled()));
    let row = match node.row.map(|row| &model.rows[row]) {
        None => quote!(#rt::RowInfo::None),
        Some(row) if row.is_static() => {
            let (from, to) = (row.edges.start, row.edges.end);
            quote!(#rt::RowInfo::Static { from: #from, to: #to })
        }
        Some(_) => quote!(#rt::RowInfo::Dynamic),
    };
    let (line, column) = position(node.at.span());
    let of = code.path(node.at.span(), quote!(NodeInfo::of));
    let arguments = quote!(#name, #row, &[#(#joins),*], __at(#line, #column));
    quote_spanned!(node.at.span()=> #of::<#ty>(#arguments) #called #handled)
}

fn edge(code: &Code<'_>, edge: &Edge) -> TokenStream {
    let rt = code.rt;
    let (from, to, label) = (edge.from, edge.to, optional(edge.label.as_ref()));
    let kind = match edge.kind {
        Kind::Direct => quote!(Direct),
        Kind::Input => quote!(Input),
        Kind::Each => quote!(Each),
        Kind::Else => quote!(Else),
        Kind::Defer => quote!(Defer),
        Kind::Error => quote!(Error),
        Kind::Join(join) => quote!(Join(#join)),
    };
    let (line, column) = position(edge.at);
    quote!(__edge(#from, #to, #rt::EdgeKind::#kind, #label, __at(#line, #column)))
}

fn join(code: &Code<'_>, join: &Join) -> TokenStream {
    let rt = code.rt;
    let sources = join.sources.iter().map(|(node, _)| node);
    let (edges, deferred) = (join.edges.clone(), &join.deferred);
    let (line, column) = position(join.at);
    quote! {
        #rt::JoinInfo {
            sources: &[#(#sources),*],
            edges: &[#(#edges),*],
            deferred: &[#(#deferred),*],
            span: __at(#line, #column),
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
