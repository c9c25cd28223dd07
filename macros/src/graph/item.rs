//! The struct under `#[graph]` and what its fields provide.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Field, GenericArgument, Ident, ItemStruct, Member, Meta, PathArguments, Token, Type,
    TypeParam, WherePredicate, parse2,
};

use crate::errors::Errors;
use crate::half_typed::{self, HalfTyped};
use crate::text;

pub(super) struct Item {
    /// The struct without our helper attributes.
    pub(super) item: ItemStruct,
    pub(super) provided: Vec<Provided>,
}

/// A type that nodes may ask for by reference.
pub(super) struct Provided {
    pub(super) ty: Type,
    /// How to get a `&` to it, given `self`.
    pub(super) expr: TokenStream,
    pub(super) at: Span,
    /// The field's `#[cfg]`s: without it there is nothing to provide.
    pub(super) cfgs: Vec<Attribute>,
    /// Seen through a `String`, `Vec`, `Box` or `Arc`.
    through: bool,
    field: String,
    /// The field's own type.
    written: String,
}

impl Item {
    /// `None` if the item is not a struct; the error is reported.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let mut item = match parse2::<ItemStruct>(tokens.clone()) {
            Ok(item) => item,
            Err(error) => half_typed(tokens, &error, errors)?,
        };
        lifetimes(&item, errors);
        conditions(&mut item, errors);
        let mut fields = Vec::new();
        for (at, field) in item.fields.iter_mut().enumerate() {
            if !skipped(&mut field.attrs, errors) {
                let member = field.ident.clone().map_or(Member::from(at), Member::Named);
                fields.push((member, field.clone()));
            }
        }
        let own = fields.iter().map(|(member, field)| own(member, field));
        let through = fields
            .iter()
            .filter_map(|(member, field)| through(member, field));
        let all: Vec<Provided> = own.chain(through).collect();
        two_of_one_type(&all, errors);
        parameters(&item, &all, errors);
        let mut provided: Vec<Provided> = Vec::new();
        for one in all {
            if !provided.iter().any(|other| other.is_instead_of(&one)) {
                provided.push(one);
            }
        }
        Some(Self { item, provided })
    }
}

/// What can be read of a struct one of whose fields cannot be.
fn half_typed(tokens: TokenStream, error: &syn::Error, errors: &mut Errors) -> Option<ItemStruct> {
    let Some(HalfTyped { item, is_reported }) = half_typed::read::<ItemStruct>(tokens) else {
        let message = "`#[graph]` goes on a struct\n\
            help: write `#[graph(…)] struct Name;`, with fields for what nodes ask for";
        errors.at(error.span(), message);
        return None;
    };
    if !is_reported {
        errors.push(error.clone());
    }
    Some(item)
}

impl Provided {
    /// Whether this is what nodes get that ask for the type of `other`. Two fields, one of
    /// which is under a `#[cfg]`, may never be there together; if they are, rustc says so.
    fn is_instead_of(&self, other: &Self) -> bool {
        let always = self.cfgs.is_empty() && (other.through || other.cfgs.is_empty());
        always && same(&self.ty, &other.ty).is_some()
    }
}

pub(super) fn cfgs(field: &Field) -> Vec<Attribute> {
    let attrs = field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"));
    attrs.cloned().collect()
}

/// A graph lives as long as the engine wants.
fn lifetimes(item: &ItemStruct, errors: &mut Errors) {
    if let Some(lifetime) = item.generics.lifetimes().next() {
        let message = "a graph borrows nothing\nhelp: own the dependency, or share it in an `Arc`";
        errors.at(lifetime.lifetime.span(), message);
    }
}

/// What is not read in time to decide what the fields are: the indices of fields without a
/// name, and a `cfg_attr`, which rustc leaves to whoever expands the struct.
fn conditions(item: &mut ItemStruct, errors: &mut Errors) {
    let last = item.fields.len().saturating_sub(1);
    for (at, field) in item.fields.iter_mut().enumerate() {
        let moves_others = field.ident.is_none() && at < last;
        field.attrs.retain(|attr| {
            let message = match &attr.meta {
                meta if decides(meta) => {
                    "`#[graph]` cannot know whether this holds\n\
                     help: write the field twice, under opposite `#[cfg(…)]`s"
                }
                _ if attr.path().is_ident("cfg") && moves_others => {
                    "without it the fields behind it would have other numbers\n\
                     help: give the fields names, or put the `cfg` on the whole graph and write it twice"
                }
                _ => return true,
            };
            errors.push(syn::Error::new_spanned(&attr.meta, message));
            false
        });
    }
}

/// Whether a `cfg_attr` may add one of the attributes that are read here.
fn decides(attr: &Meta) -> bool {
    let Meta::List(list) = attr else { return false };
    if !list.path.is_ident("cfg_attr") {
        return false;
    }
    let added = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    let reads =
        |meta: &Meta| meta.path().is_ident("graph") || meta.path().is_ident("cfg") || decides(meta);
    added.is_ok_and(|added| added.iter().skip(1).any(reads))
}

/// Removes `#[graph(skip)]` from a field; returns whether it was there.
fn skipped(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> bool {
    let (ours, theirs) = std::mem::take(attrs)
        .into_iter()
        .partition::<Vec<_>, _>(|attr| attr.path().is_ident("graph"));
    *attrs = theirs;
    for attr in &ours {
        let read = attr.parse_args::<Ident>();
        if !read.is_ok_and(|word| word == "skip") {
            let message = "not an attribute of a graph's field\n\
                help: `#[graph(skip)]` keeps a field from the nodes";
            errors.push(syn::Error::new_spanned(&attr.meta, message));
        }
    }
    !ours.is_empty()
}

fn own(member: &Member, field: &Field) -> Provided {
    Provided {
        ty: peel(&field.ty).clone(),
        expr: quote!(&self.#member),
        at: field.ty.span(),
        cfgs: cfgs(field),
        through: false,
        field: name(member),
        written: text::written(&field.ty),
    }
}

/// `str` for `String`, `[T]` for `Vec<T>`, `T` for `Box<T>` and `Arc<T>`.
fn through(member: &Member, field: &Field) -> Option<Provided> {
    let Type::Path(path) = peel(&field.ty) else {
        return None;
    };
    let last = path.path.segments.last()?;
    let argument = match &last.arguments {
        PathArguments::AngleBracketed(list) => list.args.first(),
        _ => None,
    };
    let ty = match (last.ident.to_string().as_str(), argument) {
        ("String", None) => parse2(quote!(str)).ok()?,
        ("Vec", Some(GenericArgument::Type(ty))) => parse2(quote!([#ty])).ok()?,
        ("Box" | "Arc", Some(GenericArgument::Type(ty))) => ty.clone(),
        _ => return None,
    };
    Some(Provided {
        ty,
        expr: quote!(&*self.#member),
        at: field.ty.span(),
        cfgs: cfgs(field),
        through: true,
        field: name(member),
        written: text::written(&field.ty),
    })
}

fn name(member: &Member) -> String {
    match member {
        Member::Named(ident) => text::name(ident),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// Nodes ask by type, so each type is there once. A field's own type takes
/// precedence over one that is seen through another field. Of a field that provides
/// several types, as `String` does, the first is told.
fn two_of_one_type(all: &[Provided], errors: &mut Errors) {
    let mut told: Vec<&str> = Vec::new();
    for (at, second) in all.iter().enumerate() {
        let together = |one: &&Provided| one.cfgs.is_empty() && second.cfgs.is_empty();
        let before = all[..at].iter().filter(|one| one.through == second.through);
        let mut before = before.filter(together);
        let Some((first, ty)) = before.find_map(|one| Some((one, same(&one.ty, &second.ty)?)))
        else {
            continue;
        };
        let own = all
            .iter()
            .any(|one| !one.through && same(&one.ty, &second.ty).is_some());
        if second.through && own || told.contains(&&*second.field) {
            continue;
        }
        told.push(&second.field);
        let message = format!(
            "`{}` and `{}` both provide `{ty}`, and nodes ask by type\n\
             help: give each a type of its own, e.g. `struct {}({});`, or keep one from the nodes with `#[graph(skip)]`",
            first.field,
            second.field,
            camel(&second.field),
            second.written,
        );
        errors.at(second.at, message);
    }
}

/// A field whose type is a parameter needs a bound by which rustc can tell it
/// from the other types, and two such fields could be of one type.
fn parameters(item: &ItemStruct, all: &[Provided], errors: &mut Errors) {
    let mut first: Option<&Provided> = None;
    for field in all {
        let mut parameters = item.generics.type_params();
        let Some(parameter) = parameters.find(|one| is_bare(&field.ty, &one.ident)) else {
            continue;
        };
        let (name, ty) = (&field.field, &parameter.ident);
        if !is_bounded(item, parameter) {
            let message = format!(
                "`{name}` could be of any type, and nodes ask by type\n\
                 help: bound it by a trait of this crate, `{ty}: YourTrait`, or keep it from the nodes with `#[graph(skip)]`"
            );
            errors.at(field.at, message);
        } else if let Some(first) = first.filter(|first| same(&first.ty, &field.ty).is_none()) {
            let message = format!(
                "`{}` and `{name}` could be of one type, and nodes ask by type\n\
                 help: wrap one, e.g. `struct My{}<{ty}>({ty});`, or keep it from the nodes with `#[graph(skip)]`",
                first.field,
                camel(name),
            );
            errors.at(field.at, message);
        }
        first.get_or_insert(field);
    }
}

fn is_bare(ty: &Type, parameter: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.path.is_ident(parameter))
}

fn is_bounded(item: &ItemStruct, parameter: &TypeParam) -> bool {
    let clause = item.generics.where_clause.iter();
    let mut predicates = clause.flat_map(|clause| &clause.predicates);
    let bounds_it = |predicate: &WherePredicate| matches!(predicate, WherePredicate::Type(ty) if is_bare(&ty.bounded_ty, &parameter.ident));
    !parameter.bounds.is_empty() || predicates.any(bounds_it)
}

/// The type without the invisible group around what a `macro_rules!` carries.
fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}

/// The type as text, if both are written in the same way.
fn same(one: &Type, other: &Type) -> Option<String> {
    let one = text::written(one);
    (one == text::written(other)).then_some(one)
}

/// `web_cache` as `WebCache`, to suggest a type's name.
fn camel(field: &str) -> String {
    let words = field.split('_').filter(|word| !word.is_empty());
    let name: String = words
        .map(|word| {
            let (head, tail) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            head.to_uppercase() + tail
        })
        .collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("Field{name}"),
        false => name,
    }
}
