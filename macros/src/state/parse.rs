//! From tokens to the model; every attribute that cannot be read is reported.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Fields, Meta, Path};

use super::model::{Field, State};
use super::reduce_attr;
use super::serde_attrs::{ContainerSerde, FieldSerde};
use crate::errors::Errors;

pub(super) fn state(input: &DeriveInput) -> syn::Result<State<'_>> {
    let mut errors = Errors::new();
    let fields = errors.keep(named_fields(input)).unwrap_or_default();
    no_reducer_of_the_whole(input, &mut errors);
    let state = State {
        krate: errors
            .keep(krate(&input.attrs))
            .unwrap_or_else(default_krate),
        vis: &input.vis,
        ident: &input.ident,
        update: update_ident(input),
        generics: &input.generics,
        serde: ContainerSerde::read(&input.attrs, &mut errors),
        fields: fields
            .into_iter()
            .filter_map(|field| read_field(field, &mut errors))
            .collect(),
    };
    errors.finish().map(|()| state)
}

pub(super) fn update_ident(input: &DeriveInput) -> Ident {
    Ident::new(
        &format!("{}Update", input.ident.unraw()),
        input.ident.span(),
    )
}

pub(super) fn named_fields(input: &DeriveInput) -> syn::Result<Vec<&syn::Field>> {
    let refuse = |span: Span, what: &str| {
        Err(syn::Error::new(
            span,
            format!(
                "`State` needs a struct with named fields, and this is {what}\n\
                 help: write `struct {} {{ field: Type, … }}`; each field says how updates to it combine",
                input.ident
            ),
        ))
    };
    match &input.data {
        Data::Enum(data) => refuse(data.enum_token.span, "an enum"),
        Data::Union(data) => refuse(data.union_token.span, "a union"),
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields.named.iter().collect()),
            Fields::Unnamed(fields) => refuse(fields.span(), "a tuple struct"),
            Fields::Unit => refuse(input.ident.span(), "a unit struct"),
        },
    }
}

fn read_field<'a>(field: &'a syn::Field, errors: &mut Errors) -> Option<Field<'a>> {
    let ident = field.ident.as_ref()?;
    let help = "write `#[reduce(…)]` for how its values combine, and `#[superstep(crate = path)]` above the struct";
    no_options(&field.attrs, "a field", help, errors);
    Some(Field {
        ident,
        name: ident.unraw().to_string(),
        ty: &field.ty,
        docs: field
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("doc"))
            .collect(),
        reducer: errors
            .keep(reduce_attr::read(&field.attrs))
            .unwrap_or_default(),
        serde: FieldSerde::read(&field.attrs, errors),
    })
}

pub(super) fn default_krate() -> Path {
    syn::parse_quote!(::superstep)
}

/// `#[superstep(crate = path)]`
pub(crate) fn krate(attrs: &[Attribute]) -> syn::Result<Path> {
    let mut found: Option<Path> = None;
    for attr in named(attrs, "superstep") {
        if !matches!(attr.meta, Meta::List(_)) {
            return Err(syn::Error::new_spanned(
                attr,
                format!("`#[superstep]` says nothing\n{ONLY_OPTION}"),
            ));
        }
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error(format!("unknown option\n{ONLY_OPTION}")));
            }
            let path = meta.value()?.call(Path::parse_mod_style)?;
            match found.replace(path) {
                None => Ok(()),
                Some(_) => Err(meta.error("`crate` is given twice\nhelp: remove one of them")),
            }
        })?;
    }
    Ok(found.unwrap_or_else(default_krate))
}

const ONLY_OPTION: &str = "help: the only option here is `#[superstep(crate = path)]`";

fn named<'a>(attrs: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a Attribute> {
    attrs.iter().filter(move |attr| attr.path().is_ident(name))
}

/// What is written where it means nothing would be passed over in silence.
fn no_reducer_of_the_whole(input: &DeriveInput, errors: &mut Errors) {
    for attr in named(&input.attrs, "reduce") {
        errors.push(syn::Error::new_spanned(
            attr,
            "a reducer belongs to a field, and this is on the whole state\n\
             help: write it above the field whose values it combines",
        ));
    }
}

/// `#[superstep(…)]` is about the whole item; `help` says what goes where.
pub(crate) fn no_options(attrs: &[Attribute], what: &str, help: &str, errors: &mut Errors) {
    for attr in named(attrs, "superstep") {
        let message = format!("{what} has no options of `#[superstep(…)]`\nhelp: {help}");
        errors.push(syn::Error::new_spanned(attr, message));
    }
}
