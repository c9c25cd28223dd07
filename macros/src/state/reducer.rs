//! The reducers as types of the runtime, and as text.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::codec;
use super::model::{Field, Reducer, State};
use super::types;

/// The type that combines the field's contributions. `upsert` and `with` have
/// none: they need an accessor and a function.
pub(super) fn of(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let name = match &field.reducer {
        Reducer::First => quote!(First),
        Reducer::Append => quote!(Append),
        Reducer::Sum => quote!(Sum),
        Reducer::Union => quote!(Union),
        Reducer::Merge => quote!(MergeIn),
        Reducer::Max => ranked(state, field, &quote!(Max)),
        Reducer::Min => ranked(state, field, &quote!(Min)),
        _ => return replace(state, field),
    };
    at_type(state, field, &name)
}

/// The type that replaces the field's value, and compares by its encoding.
pub(super) fn replace(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let codec = match codec::ident(state, field) {
        Some(codec) => quote!(#codec),
        None => at_type(state, field, &quote!(Plain)),
    };
    at_type(state, field, &quote!(Replace<#codec>))
}

fn ranked(state: &State<'_>, field: &Field<'_>, side: &TokenStream) -> TokenStream {
    let rank = rank(state, field, field.ty);
    quote!(#side<#rank>)
}

fn rank(state: &State<'_>, field: &Field<'_>, ty: &Type) -> TokenStream {
    if let Some((name, arguments)) = types::last_segment(ty)
        && let ("Option", [inner]) = (name.as_str(), arguments.as_slice())
    {
        let inner = rank(state, field, inner);
        return at_type(state, field, &quote!(Present<#inner>));
    }
    let float = types::is_named(ty, "f32") || types::is_named(ty, "f64");
    let order = if float {
        quote!(ByTotalCmp)
    } else {
        quote!(ByOrd)
    };
    at_type(state, field, &order)
}

/// A type of the runtime's, spanned so that a reducer that does not fit is
/// reported at the field's type.
fn at_type(state: &State<'_>, field: &Field<'_>, name: &TokenStream) -> TokenStream {
    let rt = super::runtime(state);
    let prefix = quote_spanned!(field.ty.span()=> #rt::reduce::);
    let name = respan(name.clone(), field.ty.span());
    quote!(#prefix #name)
}

fn respan(tokens: TokenStream, span: proc_macro2::Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}

/// The reducer as written, for the table of fields.
pub(super) fn text(reducer: &Reducer) -> String {
    match reducer {
        Reducer::Replace => "replace".into(),
        Reducer::Last => "last".into(),
        Reducer::First => "first".into(),
        Reducer::Append => "append".into(),
        Reducer::Sum => "sum".into(),
        Reducer::Max => "max".into(),
        Reducer::Min => "min".into(),
        Reducer::Union => "union".into(),
        Reducer::Merge => "merge".into(),
        Reducer::Upsert(id) => format!("upsert={id}"),
        Reducer::With(path) => format!("with={}", types::joined(path)),
        Reducer::Ephemeral => "ephemeral".into(),
    }
}
