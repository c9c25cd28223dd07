//! The reducers as types and values of the runtime.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::Type;
use syn::spanned::Spanned;

use super::model::{Field, State};
use super::reducer::{Combine, Pick, Reducer};
use super::{generics, types};

/// The type that picks one of the field's contributions.
pub(super) fn pick(pick: &Pick) -> TokenStream {
    let rt = super::rt();
    match pick {
        // Where two differ was asked before.
        Pick::Replace | Pick::Last => quote!(#rt::reduce::Last),
        Pick::First => quote!(#rt::reduce::First),
    }
}

/// The type that combines the field's contributions.
pub(super) fn combine(field: &Field<'_>, combine: &Combine) -> TokenStream {
    let rt = super::rt();
    let ranked = |by: TokenStream| {
        let rank = rank(&rt, field.ty);
        quote!(#rt::reduce::#by<#rank>)
    };
    match combine {
        Combine::Append => quote!(#rt::reduce::Append),
        Combine::Sum => quote!(#rt::reduce::Sum),
        Combine::Union => quote!(#rt::reduce::Union),
        Combine::Merge => quote!(#rt::reduce::MergeIn),
        Combine::Max => ranked(quote!(Max)),
        Combine::Min => ranked(quote!(Min)),
    }
}

/// A reducer as a value, for this field.
pub(super) fn fit(field: &Field<'_>, reducer: &TokenStream) -> TokenStream {
    let (rt, ty) = (super::rt(), as_written(field.ty));
    quote!(#rt::reduce::fit::<#reducer, #ty>())
}

/// The user's function as a value.
pub(super) fn function(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let (name, (_, ty_generics, _)) = (function_name(field), state.generics.split_for_impl());
    let turbofish = ty_generics.as_turbofish();
    quote!(#name #turbofish())
}

/// What returns it: outside the setters, whose parameters may have its name.
pub(super) fn function_of(state: &State<'_>, field: &Field<'_>) -> Option<TokenStream> {
    let Reducer::With(path) = &field.reducer else {
        return None;
    };
    let (rt, ty, name) = (super::rt(), field.ty, function_name(field));
    let (impl_generics, _, _) = state.generics.split_for_impl();
    let clause = generics::where_clause(state, []);
    Some(quote! {
        #[allow(non_snake_case)]
        fn #name #impl_generics() -> fn(&mut #ty, #ty) #clause {
            #rt::reduce::function::<#ty>(#path)
        }
    })
}

fn function_name(field: &Field<'_>) -> Ident {
    format_ident!("__with_{}", field.name)
}

/// The order of a type: that of `Ord`, but floats have none and `None` takes no part.
fn rank(rt: &TokenStream, ty: &Type) -> TokenStream {
    match types::last_segment(ty) {
        Some((name, arguments)) if name == "Option" && arguments.len() == 1 => {
            let inner = rank(rt, arguments[0]);
            quote!(#rt::reduce::Present<#inner>)
        }
        Some((name, _)) if name == "f32" || name == "f64" => quote!(#rt::reduce::ByTotalCmp),
        _ => quote!(#rt::reduce::ByOrd),
    }
}

/// The type in invisible brackets, in which nothing is moved: what is wrong with a part of it is
/// reported at that part.
fn as_written(ty: &Type) -> TokenTree {
    Group::new(Delimiter::None, ty.to_token_stream()).into()
}

/// Moves tokens to the field's type, so that a reducer that does not fit is
/// reported there, once; what their names resolve to stays the same.
pub(super) fn at_type(field: &Field<'_>, tokens: TokenStream) -> TokenStream {
    place(tokens, field.ty.span())
}

fn place(tokens: TokenStream, span: Span) -> TokenStream {
    let place = |mut token: TokenTree| {
        let span = span.resolved_at(token.span());
        if let TokenTree::Group(group) = &token {
            if group.delimiter() == Delimiter::None {
                return token;
            }
            token = Group::new(group.delimiter(), place(group.stream(), span)).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(place).collect()
}
