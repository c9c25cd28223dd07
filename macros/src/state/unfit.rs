//! Types that no state can hold, told from how they are written: rustc would refuse them at
//! every mention of the state.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{PathArguments, Type, TypeParamBound};

use super::model::{Field, State};
use super::types;
use crate::errors::Errors;

/// A state is stored and loaded again: it cannot borrow.
pub(super) fn no_references(state: &State<'_>, field: &Field<'_>, errors: &mut Errors) {
    // A function may know where to borrow from, and a lifetime of the struct is refused itself.
    if field.serde.decode.is_some() || state.generics.lifetimes().next().is_some() {
        return;
    }
    for part in parts(field.ty) {
        if let Type::Reference(reference) = part {
            let owned = owned(&reference.elem);
            errors.push(syn::Error::new_spanned(
                reference,
                format!(
                    "a state owns its data: it is stored and loaded again\n\
                     help: own it: `{owned}`"
                ),
            ));
        }
    }
}

/// What holds a `ty`, which may have no size.
fn owned(ty: &Type) -> String {
    let text = |ty: &dyn ToTokens| crate::text::joined(ty.to_token_stream());
    match ty {
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        ty if types::is_named(ty, "str") => "String".into(),
        ty if types::is_named(ty, "Path") => "PathBuf".into(),
        ty => text(ty),
    }
}

/// A state is read by tasks on several threads.
pub(super) fn no_single_thread(field: &Field<'_>, errors: &mut Errors) {
    // Of what holds a function no part would help.
    if functions(field.ty).next().is_some() {
        return;
    }
    for (name, inner) in single_threaded(field.ty) {
        let owned = owned(inner);
        let help = match name.to_string().as_str() {
            "Rc" => format!(
                "write `{owned}`, or `Arc<{}>` with serde's feature `rc`",
                crate::text::joined(inner)
            ),
            "OnceCell" => format!(
                "write `Option<{owned}>`: a node returns an update in place of changing the state"
            ),
            "Cell" => format!(
                "write `{owned}`: a node returns an update in place of changing the state\n\
                 note: a `Cell` of your own is told by its path: `self::Cell`"
            ),
            _ => {
                format!("write `{owned}`: a node returns an update in place of changing the state")
            }
        };
        errors.at(
            name.span(),
            format!("a state is shared between threads, and `{name}` cannot be\nhelp: {help}"),
        );
    }
}

/// Types of the standard library with one argument that threads cannot share.
const SINGLE_THREADED: [&str; 5] = ["Rc", "RefCell", "Cell", "OnceCell", "UnsafeCell"];

/// Every `Rc<T>` and cell of a `T` in `ty`, with its `T`.
fn single_threaded(ty: &Type) -> impl Iterator<Item = (&Ident, &Type)> {
    parts(ty).into_iter().filter_map(|part| {
        let (name, arguments) = types::last_segment(part)?;
        match arguments.as_slice() {
            [inner] if SINGLE_THREADED.iter().any(|it| name == it) && may_be_of_std(part) => {
                Some((name, *inner))
            }
            _ => None,
        }
    })
}

/// Whether the path is none, or one into a module of the standard library.
fn may_be_of_std(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    match path.path.segments.iter().rev().nth(1) {
        Some(module) => module.ident == "rc" || module.ident == "cell",
        None => true,
    }
}

/// A state is stored: a function is not.
pub(super) fn no_functions(field: &Field<'_>, errors: &mut Errors) {
    if field.serde.has_codec() {
        return;
    }
    for function in functions(field.ty) {
        errors.push(syn::Error::new_spanned(
            function,
            "a state is stored and loaded again, and a function cannot be\n\
             help: store what tells which one to call, e.g. an enum; what nodes call is a field of the graph",
        ));
    }
}

/// What holds its arguments for certain; anything else may only be marked by them.
const HOLDERS: [&str; 7] = ["Box", "Arc", "Rc", "Option", "Vec", "VecDeque", "BTreeMap"];

/// Every `fn(…)` and `dyn Fn(…)` that `ty` holds.
fn functions(ty: &Type) -> impl Iterator<Item = &Type> {
    let parts = parts_through(ty, |name| HOLDERS.iter().any(|it| name == it));
    parts.into_iter().filter(|part| match part {
        Type::FnPtr(_) => true,
        Type::TraitObject(object) => object.bounds.iter().any(is_of_functions),
        _ => false,
    })
}

fn is_of_functions(bound: &TypeParamBound) -> bool {
    let TypeParamBound::Trait(bound) = bound else {
        return false;
    };
    let last = bound.path.segments.last();
    last.is_some_and(|last| matches!(last.arguments, PathArguments::Parenthesized(_)))
}

/// Whether `ty` has a part that rustc would say of everywhere that threads cannot share it.
pub(super) fn is_unshared(ty: &Type) -> bool {
    single_threaded(ty).next().is_some() || functions(ty).next().is_some()
}

/// `ty` and the types in it whose values it holds.
fn parts(ty: &Type) -> Vec<&Type> {
    parts_through(ty, |name| name != "PhantomData")
}

/// `ty` and the types in it, but for the arguments of a type that is no holder.
fn parts_through(ty: &Type, is_holder: fn(&Ident) -> bool) -> Vec<&Type> {
    let inner = match ty {
        Type::Group(group) => return parts_through(&group.elem, is_holder),
        Type::Paren(paren) => return parts_through(&paren.elem, is_holder),
        Type::Array(array) => vec![&*array.elem],
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        _ => match types::last_segment(ty) {
            Some((name, arguments)) if is_holder(name) => arguments,
            _ => Vec::new(),
        },
    };
    let inner = inner.into_iter();
    let inner = inner.flat_map(|ty| parts_through(ty, is_holder));
    std::iter::once(ty).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn what_has_no_size_is_owned_by_what_has_one() {
        for (ty, expected) in [
            (parse_quote!(str), "String"),
            (parse_quote!([Line]), "Vec<Line>"),
            (parse_quote!(Path), "PathBuf"),
            (parse_quote!(Option<u8>), "Option<u8>"),
        ] {
            assert_eq!(owned(&ty), expected);
        }
    }
}
