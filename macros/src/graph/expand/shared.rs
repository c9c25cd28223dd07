//! That nodes on several threads can share the graph's fields: an error at a field, if not.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Field, GenericArgument, Generics, PathArguments, PathSegment, Type, TypeParamBound, TypePath,
    parse_quote,
};

use super::Code;
use crate::graph::item;
use crate::itself;

/// The generics of `impl Graph`, with a clause that is an error if a field cannot be shared:
/// everything that needs the graph depends on it, and rustc is silent about that.
///
/// Only of fields whose type says all by itself. What any other type has in it may be an engine
/// of this very graph, which can be shared if this is a graph.
pub(super) fn clause(code: &Code<'_>) -> Generics {
    let mut generics = code.generics.clone();
    let checks: Vec<TokenStream> = (fields(code).filter(|field| is_known(&field.ty)))
        .map(|field| {
            let (cfgs, check) = (item::cfgs(field), check(code, field));
            quote_spanned!(field.ty.span()=> #(#cfgs)* let _ = #check;)
        })
        .collect();
    if !checks.is_empty() {
        let clause = parse_quote! {
            __rt::glue::Fields<{ #(#checks)* true }>: ::core::marker::Send + ::core::marker::Sync
        };
        generics.make_where_clause().predicates.push(clause);
    }
    generics
}

/// The same of the other fields; rustc says it of the struct as well.
pub(super) fn constants(code: &Code<'_>) -> TokenStream {
    let others = fields(code).filter(|field| !is_known(&field.ty));
    let checks = others.map(|field| {
        let (cfgs, check) = (item::cfgs(field), check(code, field));
        quote_spanned!(field.ty.span()=> #(#cfgs)* const _: fn() = #check;)
    });
    checks.collect()
}

/// Those whose types mention no parameter, which only rustc can judge.
fn fields<'a>(code: &'a Code<'_>) -> impl Iterator<Item = &'a Field> {
    let fields = code.item.item.fields.iter();
    fields.filter(|field| code.used(&named(code, field)).is_empty())
}

fn named(code: &Code<'_>, field: &Field) -> TokenStream {
    itself::named(field.ty.to_token_stream(), code.name, &code.generics)
}

fn check(code: &Code<'_>, field: &Field) -> TokenStream {
    let ty = named(code, field);
    let shared = code.path(ty.span(), quote!(glue::shared));
    quote_spanned!(ty.span()=> #shared::<#ty>)
}

/// Whether the type is made of nothing but traits without arguments and types of the standard
/// library.
fn is_known(ty: &Type) -> bool {
    match ty {
        Type::TraitObject(object) => object.bounds.iter().all(is_plain),
        Type::Path(path) => is_known_path(path),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_known),
        Type::Array(array) => is_known(&array.elem),
        Type::Slice(slice) => is_known(&slice.elem),
        Type::Reference(reference) => is_known(&reference.elem),
        Type::Ptr(pointer) => is_known(&pointer.elem),
        Type::Group(group) => is_known(&group.elem),
        Type::Paren(paren) => is_known(&paren.elem),
        _ => false,
    }
}

fn is_plain(of: &TypeParamBound) -> bool {
    match of {
        TypeParamBound::Trait(of) => (of.path.segments.iter())
            .all(|segment| matches!(segment.arguments, PathArguments::None)),
        _ => true,
    }
}

fn is_known_path(path: &TypePath) -> bool {
    let segments = &path.path.segments;
    let is_elsewhere = |first: &PathSegment| !HOMES.iter().any(|home| first.ident == home);
    if segments.len() > 1 && segments.first().is_some_and(is_elsewhere) {
        return false;
    }
    let Some(last) = path.path.segments.last() else {
        return false;
    };
    let arguments_are = match &last.arguments {
        PathArguments::None => true,
        PathArguments::AngleBracketed(list) => list
            .args
            .iter()
            .all(|argument| matches!(argument, GenericArgument::Type(ty) if is_known(ty))),
        PathArguments::Parenthesized(_) => false,
    };
    path.qself.is_none() && KNOWN.iter().any(|name| last.ident == name) && arguments_are
}

const HOMES: [&str; 3] = ["std", "core", "alloc"];

const KNOWN: [&str; 38] = [
    "Arc",
    "BTreeMap",
    "BTreeSet",
    "Box",
    "Cell",
    "Duration",
    "HashMap",
    "HashSet",
    "Mutex",
    "OnceCell",
    "OnceLock",
    "Option",
    "PathBuf",
    "Rc",
    "RefCell",
    "RwLock",
    "String",
    "UnsafeCell",
    "Vec",
    "VecDeque",
    "Weak",
    "bool",
    "char",
    "f32",
    "f64",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "str",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
];
