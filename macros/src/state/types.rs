//! What can be told from a type as it is written.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{GenericArgument, PathArguments, Type};

/// Which argument the setter of a field takes.
pub(super) enum Shape<'a> {
    /// `T` itself.
    Plain,
    /// `String`, `PathBuf`, `Box<str>`, `Arc<str>`: `impl Into<T>`.
    Text,
    /// An ordered collection of these items.
    Items(&'a Type),
    /// An ordered map of these keys and values.
    Pairs(&'a Type, &'a Type),
}

pub(super) fn shape(ty: &Type) -> Shape<'_> {
    let Some((name, arguments)) = last_segment(ty) else {
        return Shape::Plain;
    };
    match (name.to_string().as_str(), arguments.as_slice()) {
        ("String" | "PathBuf", []) => Shape::Text,
        ("Box" | "Arc", [inner]) if is_named(inner, "str") => Shape::Text,
        ("Vec" | "VecDeque" | "BTreeSet", [item]) => Shape::Items(item),
        ("BTreeMap", [key, value]) => Shape::Pairs(key, value),
        _ => Shape::Plain,
    }
}

/// Whether `ty` is written as `name`, by whatever path, without arguments.
pub(super) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|(last, arguments)| last == name && arguments.is_empty())
}

/// The last segment of a type that is a path, and its type arguments.
pub(super) fn last_segment(ty: &Type) -> Option<(&Ident, Vec<&Type>)> {
    let path = match ty {
        Type::Path(path) => &path.path,
        // What a macro passed on may be wrapped in invisible delimiters.
        Type::Group(group) => return last_segment(&group.elem),
        Type::Paren(paren) => return last_segment(&paren.elem),
        _ => return None,
    };
    let last = path.segments.last()?;
    let arguments = match &last.arguments {
        PathArguments::AngleBracketed(list) => list
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some((&last.ident, arguments))
}

/// A name without `r#`.
pub(super) fn unraw(ident: &Ident) -> String {
    ident.unraw().to_string()
}
