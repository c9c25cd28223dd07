//! The struct under `#[graph]` and what its fields provide.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{
    Attribute, Field, GenericArgument, Ident, ItemStruct, Member, PathArguments, Type, parse2,
};

use super::text;
use crate::errors::Errors;

pub(super) struct Item {
    /// The struct without our helper attributes.
    pub(super) item: ItemStruct,
    pub(super) provided: Vec<Provided>,
}

/// A type that nodes may ask for by reference.
pub(super) struct Provided {
    pub(super) ty: Type,
    /// How a `&` to it is had, given `self`.
    pub(super) expr: TokenStream,
    pub(super) at: Span,
    /// Seen through a `String`, `Vec`, `Box` or `Arc`.
    through: bool,
    field: String,
    /// The field's own type.
    written: String,
}

impl Item {
    /// `None` if the item is no struct; the error is reported.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Option<Self> {
        let parsed = parse2::<ItemStruct>(tokens).map_err(|error| {
            let message = "`#[graph]` goes on a struct\n\
                help: write `#[graph(…)] struct Name;`, with fields for what nodes ask for";
            syn::Error::new(error.span(), message)
        });
        let mut item = errors.keep(parsed)?;
        lifetimes(&item, errors);
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
        two_parameters(&item, &all, errors);
        let mut provided: Vec<Provided> = Vec::new();
        for one in all {
            if provided
                .iter()
                .all(|other| same(&other.ty, &one.ty).is_none())
            {
                provided.push(one);
            }
        }
        Some(Self { item, provided })
    }
}

/// A graph lives as long as the engine wants.
fn lifetimes(item: &ItemStruct, errors: &mut Errors) {
    if let Some(lifetime) = item.generics.lifetimes().next() {
        let message = "a graph borrows nothing\nhelp: own the dependency, or share it in an `Arc`";
        errors.at(lifetime.lifetime.span(), message);
    }
}

/// Takes `#[graph(skip)]` off a field; whether it was there.
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
        ty: field.ty.clone(),
        expr: quote!(&self.#member),
        at: field.ty.span(),
        through: false,
        field: name(member),
        written: text::joined(field.ty.to_token_stream()),
    }
}

/// `str` for `String`, `[T]` for `Vec<T>`, `T` for `Box<T>` and `Arc<T>`.
fn through(member: &Member, field: &Field) -> Option<Provided> {
    let Type::Path(path) = &field.ty else {
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
        through: true,
        field: name(member),
        written: text::joined(field.ty.to_token_stream()),
    })
}

fn name(member: &Member) -> String {
    match member {
        Member::Named(ident) => text::name(ident),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

/// Nodes ask by type, so each type is there once. A field's own type goes
/// before one that is seen through another field.
fn two_of_one_type(all: &[Provided], errors: &mut Errors) {
    for (at, second) in all.iter().enumerate() {
        let mut before = all[..at].iter().filter(|one| one.through == second.through);
        let Some((first, ty)) = before.find_map(|one| Some((one, same(&one.ty, &second.ty)?)))
        else {
            continue;
        };
        let own = all
            .iter()
            .any(|one| !one.through && same(&one.ty, &second.ty).is_some());
        if second.through && own {
            continue;
        }
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

/// Two type parameters could be one type, which rustc refuses in words of its own.
fn two_parameters(item: &ItemStruct, all: &[Provided], errors: &mut Errors) {
    let bare = |one: &&Provided| {
        let mut parameters = item.generics.type_params();
        parameters
            .any(|parameter| one.ty.to_token_stream().to_string() == parameter.ident.to_string())
    };
    let bare: Vec<&Provided> = all.iter().filter(bare).collect();
    for second in bare.iter().skip(1) {
        if same(&bare[0].ty, &second.ty).is_some() {
            continue;
        }
        let ty = &second.written;
        let message = format!(
            "`{}` and `{}` could be of one type, and nodes ask by type\n\
             help: wrap one, e.g. `struct My{}<{ty}>({ty});`, or keep it from the nodes with `#[graph(skip)]`",
            bare[0].field,
            second.field,
            camel(&second.field),
        );
        errors.at(second.at, message);
    }
}

/// The type as text, if both are written alike.
fn same(one: &Type, other: &Type) -> Option<String> {
    let one = one.to_token_stream().to_string();
    (one == other.to_token_stream().to_string()).then_some(one)
}

/// `web_cache` as `WebCache`, to propose a type's name.
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
