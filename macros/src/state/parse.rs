//! From tokens to the model; every attribute that cannot be read is reported.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Fields, Path};

use super::model::{Field, State};
use super::reduce_attr;
use super::serde_attrs::{ContainerSerde, FieldSerde};
use crate::errors::Errors;

pub(super) fn state(input: &DeriveInput) -> syn::Result<State<'_>> {
    let mut errors = Errors::new();
    let fields = errors.keep(named_fields(input)).unwrap_or_default();
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
    for attr in attrs
        .iter()
        .filter(|attr| attr.path().is_ident("superstep"))
    {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error(
                    "unknown option\nhelp: the only option here is `#[superstep(crate = path)]`",
                ));
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
