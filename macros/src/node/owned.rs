use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    GenericParam, Ident, Lifetime, ParenthesizedGenericArguments, TraitBound, Type, TypeFnPtr,
    TypeImplTrait, TypeInfer, TypeReference,
};

/// Why a type cannot be named outside the function's signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Opaque,
    Borrowed,
}

impl Fault {
    /// The error's text; `what` is e.g. "a task's input".
    pub(super) fn message(self, what: &str) -> String {
        match self {
            Self::Opaque => format!(
                "{what} needs a type that has a name\n\
                 help: write the type out, or make the function generic: `fn node<T: Trait>(…)`"
            ),
            Self::Borrowed => format!(
                "{what} cannot borrow from elsewhere\nhelp: use an owned type, e.g. `String` for `&str`"
            ),
        }
    }
}

/// The first part of `ty` that has no name of its own or borrows.
pub(super) fn what_is_borrowed(ty: &Type) -> Option<(Span, Fault)> {
    let mut search = Search::default();
    search.visit_type(ty);
    search.first
}

#[derive(Default)]
struct Search {
    first: Option<(Span, Fault)>,
    /// The lifetimes of each `for<…>` around.
    bound: Vec<Ident>,
}

impl Search {
    fn found(&mut self, span: Span, fault: Fault) {
        self.first.get_or_insert((span, fault));
    }
}

impl Visit<'_> for Search {
    fn visit_type_impl_trait(&mut self, ty: &TypeImplTrait) {
        self.found(ty.impl_token.span(), Fault::Opaque);
    }

    fn visit_type_infer(&mut self, ty: &TypeInfer) {
        self.found(ty.span(), Fault::Opaque);
    }

    fn visit_type_reference(&mut self, ty: &TypeReference) {
        if ty.lifetime.is_none() {
            self.found(ty.and_token.span(), Fault::Borrowed);
        }
        visit::visit_type_reference(self, ty);
    }

    fn visit_trait_bound(&mut self, of: &TraitBound) {
        let around = self.bound.len();
        let lifetimes = of.lifetimes.iter().flat_map(|bound| &bound.lifetimes);
        self.bound.extend(lifetimes.filter_map(|param| match param {
            GenericParam::Lifetime(own) => Some(own.lifetime.ident.clone()),
            _ => None,
        }));
        visit::visit_trait_bound(self, of);
        self.bound.truncate(around);
    }

    fn visit_lifetime(&mut self, lifetime: &Lifetime) {
        if lifetime.ident != "static" && !self.bound.contains(&lifetime.ident) {
            self.found(lifetime.span(), Fault::Borrowed);
        }
    }

    // The lifetimes of `fn(&T)` and `dyn Fn(&T)` are their own.
    fn visit_type_fn_ptr(&mut self, _: &TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &ParenthesizedGenericArguments) {}
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn owned_types_pass() {
        for ty in [
            parse_quote!(Vec<String>),
            parse_quote!(&'static str),
            parse_quote!(Box<dyn Fn(&str) -> bool + 'static>),
            parse_quote!(fn(&str) -> &str),
            parse_quote!(dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send),
            parse_quote!(dyn for<'a> Read<'a, Item = &'a str>),
        ] {
            assert!(what_is_borrowed(&ty).is_none());
        }
    }

    #[test]
    fn borrows_and_opaque_types_are_found_wherever_they_stand() {
        for (ty, fault) in [
            (parse_quote!(Vec<&str>), Fault::Borrowed),
            (parse_quote!(Cow<'a, str>), Fault::Borrowed),
            (parse_quote!(Cow<'_, str>), Fault::Borrowed),
            (
                parse_quote!((dyn for<'a> Read<'a>, &'a str)),
                Fault::Borrowed,
            ),
            (parse_quote!(Result<(), impl Error>), Fault::Opaque),
            (parse_quote!(_), Fault::Opaque),
        ] {
            assert_eq!(what_is_borrowed(&ty).map(|(_, fault)| fault), Some(fault));
        }
    }
}
