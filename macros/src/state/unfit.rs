//! Types that no state can hold, told from how they are written: rustc would refuse them at
//! every mention of the state.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Type, TypeReference};

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
            let owned = owned(reference);
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

fn owned(reference: &TypeReference) -> String {
    let text = |ty: &dyn ToTokens| crate::text::joined(ty.to_token_stream());
    match &*reference.elem {
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        ty if types::is_named(ty, "str") => "String".into(),
        ty if types::is_named(ty, "Path") => "PathBuf".into(),
        ty => text(ty),
    }
}

/// A state is read by tasks on several threads.
pub(super) fn no_single_thread(field: &Field<'_>, errors: &mut Errors) {
    for (name, inner) in single_threaded(field.ty) {
        let inner = crate::text::joined(inner);
        let help = match name == "Rc" {
            true => format!("write `{inner}`, or `Arc<{inner}>` with serde's feature `rc`"),
            false => {
                format!("write `{inner}`: a node returns an update in place of changing the state")
            }
        };
        errors.at(
            name.span(),
            format!("a state is shared between threads, and `{name}` cannot be\nhelp: {help}"),
        );
    }
}

/// Every `Rc<T>` and `RefCell<T>` in `ty`, with its `T`.
pub(super) fn single_threaded(ty: &Type) -> impl Iterator<Item = (&Ident, &Type)> {
    parts(ty).into_iter().filter_map(|part| {
        let (name, arguments) = types::last_segment(part)?;
        match arguments.as_slice() {
            [inner] if name == "Rc" || name == "RefCell" => Some((name, *inner)),
            _ => None,
        }
    })
}

/// `ty` and the types in it whose values it holds.
fn parts(ty: &Type) -> Vec<&Type> {
    let inner = match ty {
        Type::Group(group) => return parts(&group.elem),
        Type::Paren(paren) => return parts(&paren.elem),
        Type::Array(array) => vec![&*array.elem],
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        _ => match types::last_segment(ty) {
            Some((name, _)) if name == "PhantomData" => Vec::new(),
            Some((_, arguments)) => arguments,
            None => Vec::new(),
        },
    };
    std::iter::once(ty)
        .chain(inner.into_iter().flat_map(parts))
        .collect()
}
