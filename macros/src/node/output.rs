//! Return types that no node can have, told from how they are written.

use syn::{
    AssocType, GenericArgument, PathArguments, PathSegment, TraitBound, Type, TypeParamBound,
    TypeTraitObject,
};

use super::model::peel;
use crate::text;

/// What an `impl Future<Output = T>` gives.
pub(super) fn future(ty: &Type) -> Option<&Type> {
    let Type::ImplTrait(opaque) = peel(ty) else {
        return None;
    };
    let future = opaque.bounds.iter().filter_map(last_of_trait);
    let mut future = future.filter(|last| last.ident == "Future");
    arguments(future.next()?).find_map(|argument| match argument {
        GenericArgument::AssocType(AssocType { ty, .. }) => Some(ty),
        _ => None,
    })
}

/// The `dyn Error` of a `Result<…, Box<dyn Error>>`.
pub(super) fn unshared_error(ty: &Type) -> Option<&TypeTraitObject> {
    let error = types_of(ty, "Result").nth(1)?;
    let Type::TraitObject(object) = peel(types_of(error, "Box").next()?) else {
        return None;
    };
    let has = |name: &str| object.bounds.iter().any(|bound| is_of(bound, name));
    ((has("Error") || has("StdError")) && !(has("Send") && has("Sync"))).then_some(object)
}

/// The types in the brackets of a type whose last segment is `name`.
fn types_of<'a>(ty: &'a Type, name: &str) -> impl Iterator<Item = &'a Type> {
    let last = match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    };
    let last = last.filter(|last| last.ident == name);
    last.into_iter()
        .flat_map(arguments)
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

/// The same for any thread.
pub(super) fn shared(error: &TypeTraitObject) -> String {
    let others = error.bounds.iter();
    let others = others.filter(|bound| !is_of(bound, "Send") && !is_of(bound, "Sync"));
    let others: Vec<String> = others.map(text::joined).collect();
    format!("Box<dyn {} + Send + Sync>", others.join(" + "))
}

fn is_of(bound: &TypeParamBound, name: &str) -> bool {
    last_of_trait(bound).is_some_and(|last| last.ident == name)
}

fn last_of_trait(bound: &TypeParamBound) -> Option<&PathSegment> {
    match bound {
        TypeParamBound::Trait(TraitBound { path, .. }) => path.segments.last(),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> impl Iterator<Item = &GenericArgument> {
    let list = match &segment.arguments {
        PathArguments::AngleBracketed(list) => Some(&list.args),
        _ => None,
    };
    list.into_iter().flatten()
}
