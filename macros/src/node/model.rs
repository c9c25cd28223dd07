use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{
    Attribute, FnArg, GenericParam, Generics, Ident, Pat, Path, ReturnType, Signature, Token, Type,
    TypeParamBound, Visibility, WherePredicate, parse_quote,
};

use super::options::Options;
use crate::{silenced, text};

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
        let state = self.state_by_output();
        names_context(&first.ty) && state.is_some_and(|state| state != "Cx")
    }

    /// What the state is called, if the function returns its update.
    pub(super) fn state_by_output(&self) -> Option<String> {
        state_of_update(&self.sig.output)
    }

    /// Whether the state whose update is returned comes by reference, but not first.
    pub(super) fn has_state_behind(&self) -> bool {
        let Some(state) = self.state_by_output() else {
            return false;
        };
        let mut is_state = self.sig.inputs.iter().map(|arg| match arg {
            FnArg::Typed(arg) => names_reference(&arg.ty, &state),
            FnArg::Receiver(_) => false,
        });
        is_state.next() == Some(false) && is_state.any(|is_state| is_state)
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

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            sig,
            body,
        } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig #body));
    }
}

/// The item's first line of tokens: what comes before its first block.
fn head(item: TokenStream) -> TokenStream {
    item.into_iter()
        .skip_while(|token| matches!(token, proc_macro2::TokenTree::Punct(_)))
        .take_while(|token| !matches!(token, proc_macro2::TokenTree::Group(_)))
        .collect()
}

/// The state whose update the type names, judging by its spelling.
fn state_of_update(output: &ReturnType) -> Option<String> {
    struct Named(Option<String>);
    impl Visit<'_> for Named {
        fn visit_ident(&mut self, ident: &Ident) {
            let name = text::name(ident);
            let state = name.strip_suffix("Update").filter(|it| !it.is_empty());
            self.0 = self.0.take().or_else(|| state.map(str::to_owned));
        }
    }
    let mut found = Named(None);
    found.visit_return_type(output);
    found.0
}

/// Whether this is `&Cx`, judging by its spelling.
fn names_context(ty: &Type) -> bool {
    names_reference(ty, "Cx")
}

/// Whether this is a reference to what is called `name`, judging by its spelling.
fn names_reference(ty: &Type, name: &str) -> bool {
    matches!(peel(ty), Type::Reference(reference) if names(&reference.elem, name))
}

/// Whether this is what is called `name`, judging by its spelling.
pub(super) fn names(ty: &Type, name: &str) -> bool {
    match peel(ty) {
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| last.ident == name)
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

/// What of a function's signature is not as it must be.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) state: bool,
    /// Those after the state.
    pub(super) parameters: bool,
    pub(super) output: bool,
}

impl Faults {
    pub(super) const fn any(self) -> bool {
        self.state || self.parameters || self.output
    }

    /// Both.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            state: self.state || other.state,
            parameters: self.parameters || other.parameters,
            output: self.output || other.output,
        }
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
    /// `None` for methods, next to which there can be no type.
    pub(super) fn new(function: Function, options: Options, faults: Faults) -> Option<Self> {
        if function.sig.receiver().is_some() {
            return None;
        }
        let mut args = function.sig.inputs.iter().filter_map(Arg::of);
        let first = args.next().filter(|_| !faults.state);
        // Where the state is missing, anything else may be in its place.
        let args = match faults.state || faults.parameters {
            true => vec![Arg::Input(unknown())],
            false => args.collect(),
        };
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
            state: first.map_or_else(unknown, |first| first.ty().clone()),
            args,
            output: match function.sig.output {
                _ if faults.output => Some(unknown()),
                ReturnType::Default => None,
                ReturnType::Type(_, ty) => Some(*ty),
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

/// What is at fault, as the stub names it.
fn unknown() -> Type {
    parse_quote!(__Unknown)
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

    fn of(arg: &FnArg) -> Option<Self> {
        let FnArg::Typed(arg) = arg else { return None };
        Some(match peel(&arg.ty) {
            Type::Reference(reference) => Self::Provided(peel(&reference.elem).clone()),
            other => Self::Input(other.clone()),
        })
    }
}
