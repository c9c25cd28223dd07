use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{
    Attribute, FnArg, GenericParam, Generics, Ident, Pat, Path, ReturnType, Signature, Token, Type,
    TypeParamBound, Visibility, WherePredicate,
};

use super::options::Options;
use super::owned::what_is_borrowed;
use crate::silenced;

/// The function as written; its body stays tokens.
pub(super) struct Function {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) sig: Signature,
    pub(super) body: TokenStream,
}

impl Function {
    pub(super) fn parse(item: TokenStream) -> syn::Result<Self> {
        let whole = item.clone();
        Parse::parse.parse2(item).map_err(|_| {
            let message = "`#[node]` goes on a function\n\
                help: write `#[node] async fn name(state: &YourState, …) -> YourStateUpdate { … }`";
            syn::Error::new_spanned(head(whole), message)
        })
    }

    /// Whether the context stands where the state should. A state may be called `Cx`, too; a node
    /// that returns another state's update is not over that one.
    pub(super) fn begins_with_context(&self) -> bool {
        let Some(FnArg::Typed(first)) = self.sig.inputs.first() else {
            return false;
        };
        names_context(&first.ty) && returns_update_of_another(&self.sig.output)
    }

    /// The name of the `&Cx` parameter, if there is one; a guess by the type's
    /// last segment, good enough for help lines.
    pub(super) fn context(&self) -> Option<String> {
        self.sig.inputs.iter().find_map(|arg| match arg {
            FnArg::Typed(arg) if names_context(&arg.ty) => match &*arg.pat {
                Pat::Ident(name) => Some(name.ident.to_string()),
                _ => None,
            },
            _ => None,
        })
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: input.parse()?,
        })
    }
}

/// The item's first line of tokens: what comes before its first block.
fn head(item: TokenStream) -> TokenStream {
    item.into_iter()
        .skip_while(|token| matches!(token, proc_macro2::TokenTree::Punct(_)))
        .take_while(|token| !matches!(token, proc_macro2::TokenTree::Group(_)))
        .collect()
}

/// Whether the type names an update, and not that of a state called `Cx`.
fn returns_update_of_another(output: &ReturnType) -> bool {
    struct Named(bool);
    impl Visit<'_> for Named {
        fn visit_ident(&mut self, ident: &Ident) {
            let name = ident.to_string();
            self.0 |= name.ends_with("Update") && name != "CxUpdate";
        }
    }
    let mut found = Named(false);
    found.visit_return_type(output);
    found.0
}

/// Whether this is `&Cx`, judging by its spelling.
fn names_context(ty: &Type) -> bool {
    match peel(ty) {
        Type::Reference(reference) => is_context(&reference.elem),
        _ => false,
    }
}

/// Whether this is `Cx` itself, judging by its spelling.
fn is_context(ty: &Type) -> bool {
    match peel(ty) {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == "Cx")
        }
        _ => false,
    }
}

/// The type without parentheses and without the invisible group around what a
/// `macro_rules!` fragment carries.
pub(super) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}

/// What a node is; for a function with errors, as far as can be told.
pub(super) struct Model {
    pub(super) runtime: Path,
    pub(super) options: Options,
    /// `#[cfg]` and `#[deprecated]`.
    pub(super) copied: Vec<Attribute>,
    /// The lints that are silenced for the function.
    pub(super) silenced: TokenStream,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    pub(super) generics: Generics,
    pub(super) is_async: bool,
    pub(super) state: Type,
    /// The parameters after the state.
    pub(super) args: Vec<Arg>,
    /// `None` for a function without `->`.
    pub(super) output: Option<Type>,
}

pub(super) enum Arg {
    /// `&T`: a dependency or the context.
    Provided(Type),
    /// `T`: the task's input.
    Input(Type),
}

impl Model {
    /// `None` if not even the state is known, and for methods, next to which there
    /// can be no type.
    pub(super) fn new(function: Function, options: Options) -> Option<Self> {
        let mut args = function.sig.inputs.iter().map(|arg| match arg {
            FnArg::Typed(arg) => Some(&*arg.ty),
            FnArg::Receiver(_) => None,
        });
        let first = args.next()??;
        let state = Arg::new(first).ty().clone();
        if function.begins_with_context() || !is_owned(&state) {
            return None;
        }
        let args = args.flatten().map(Arg::new);
        let args = args.filter(|arg| is_owned(arg.ty())).collect();
        let silenced = silenced::of(&function.attrs);
        let copied = function.attrs.into_iter();
        Some(Self {
            runtime: options.runtime(),
            options,
            copied: copied
                .filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("deprecated"))
                .collect(),
            silenced,
            vis: function.vis,
            name: function.sig.ident,
            generics: without_lifetimes(function.sig.generics),
            is_async: function.sig.asyncness.is_some(),
            state,
            args,
            output: match function.sig.output {
                ReturnType::Default => None,
                ReturnType::Type(_, ty) => Some(*ty).filter(is_owned),
            },
        })
    }

    /// The type of the by-value parameter.
    pub(super) fn input(&self) -> Option<&Type> {
        self.args.iter().find_map(|arg| match arg {
            Arg::Input(ty) => Some(ty),
            Arg::Provided(_) => None,
        })
    }

    /// The types of the reference parameters after the state.
    pub(super) fn provided(&self) -> impl Iterator<Item = &Type> {
        self.args.iter().filter_map(|arg| match arg {
            Arg::Provided(ty) => Some(ty),
            Arg::Input(_) => None,
        })
    }

    /// The `#[cfg]`s, which every generated item repeats.
    pub(super) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.copied
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
    }
}

/// What is left out here is an error already.
fn is_owned(ty: &Type) -> bool {
    what_is_borrowed(ty).is_none()
}

/// A node borrows for the time of the call, which the call itself knows.
fn without_lifetimes(mut generics: Generics) -> Generics {
    let params = std::mem::take(&mut generics.params).into_iter();
    generics.params = params
        .filter(|param| !matches!(param, GenericParam::Lifetime(_)))
        .collect();
    for param in generics.type_params_mut() {
        param.bounds = without_named(std::mem::take(&mut param.bounds));
    }
    if let Some(clause) = &mut generics.where_clause {
        let predicates = std::mem::take(&mut clause.predicates).into_iter();
        clause.predicates = predicates.filter_map(without_named_in).collect();
    }
    generics
}

fn without_named_in(predicate: WherePredicate) -> Option<WherePredicate> {
    match predicate {
        WherePredicate::Type(mut ty) => {
            ty.bounds = without_named(ty.bounds);
            (!ty.bounds.is_empty()).then_some(WherePredicate::Type(ty))
        }
        _ => None,
    }
}

fn without_named(
    bounds: Punctuated<TypeParamBound, Token![+]>,
) -> Punctuated<TypeParamBound, Token![+]> {
    let named = |bound: &TypeParamBound| matches!(bound, TypeParamBound::Lifetime(lifetime) if lifetime.ident != "static");
    bounds.into_iter().filter(|bound| !named(bound)).collect()
}

impl Arg {
    fn ty(&self) -> &Type {
        match self {
            Self::Provided(ty) | Self::Input(ty) => ty,
        }
    }

    fn new(ty: &Type) -> Self {
        match peel(ty) {
            Type::Reference(reference) => Self::Provided(peel(&reference.elem).clone()),
            other => Self::Input(other.clone()),
        }
    }
}
