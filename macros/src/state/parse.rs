//! From tokens to the model; every attribute that cannot be read is reported.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Fields, Path, Token};

use super::model::{Field, Reducer, State};
use super::serde_attrs::{ContainerSerde, FieldSerde};
use crate::errors::Errors;
use crate::suggest;

/// Every reducer as it is written, for messages and did-you-mean.
const REDUCERS: [&str; 11] = [
    "last",
    "first",
    "append",
    "sum",
    "max",
    "min",
    "union",
    "merge",
    "upsert = id",
    "with = path",
    "ephemeral",
];

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
            .keep(reducer(&field.attrs))
            .unwrap_or(Reducer::Replace),
        serde: FieldSerde::read(&field.attrs, errors),
    })
}

/// The one `#[reduce(…)]` of a field; none means replace.
fn reducer(attrs: &[Attribute]) -> syn::Result<Reducer> {
    let mut found = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("reduce")) {
        if found.is_some() {
            return Err(syn::Error::new_spanned(
                attr,
                "a field has one reducer, and this is the second `#[reduce(…)]`\n\
                 help: remove one of them",
            ));
        }
        found = Some(attr.parse_args::<Reducer>()?);
    }
    Ok(found.unwrap_or(Reducer::Replace))
}

impl Parse for Reducer {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Err(syn::Error::new(
                input.span(),
                format!("`#[reduce()]` names no reducer\n{}", list_of_reducers()),
            ));
        }
        let name = Ident::parse_any(input)?;
        let reducer = match name.to_string().as_str() {
            "last" => Self::Last,
            "first" => Self::First,
            "append" => Self::Append,
            "sum" => Self::Sum,
            "max" => Self::Max,
            "min" => Self::Min,
            "union" => Self::Union,
            "merge" => Self::Merge,
            "ephemeral" => Self::Ephemeral,
            "upsert" => Self::Upsert(argument(
                input,
                &name,
                "write `upsert = id`, where `id` is the field that names a record",
            )?),
            "with" => Self::With(argument(
                input,
                &name,
                "write `with = path`, the path of a `fn(&mut T, T)`",
            )?),
            _ => return Err(unknown(&name)),
        };
        if input.is_empty() {
            return Ok(reducer);
        }
        let span = input.span();
        Err(syn::Error::new(
            span,
            if input.peek(Token![=]) {
                format!("`{name}` takes no value\nhelp: write `#[reduce({name})]`")
            } else {
                format!(
                    "a field has one reducer, and here is more\nhelp: remove what follows `{name}`"
                )
            },
        ))
    }
}

fn argument<T: Parse>(input: ParseStream<'_>, name: &Ident, help: &str) -> syn::Result<T> {
    let missing = |span| {
        syn::Error::new(
            span,
            format!("`{name}` needs to be told what\nhelp: {help}"),
        )
    };
    if !input.peek(Token![=]) {
        return Err(missing(name.span()));
    }
    input.parse::<Token![=]>()?;
    let span = if input.is_empty() {
        name.span()
    } else {
        input.span()
    };
    input.parse().map_err(|_| missing(span))
}

fn unknown(name: &Ident) -> syn::Error {
    let words = REDUCERS.map(|reducer| reducer.split(' ').next().unwrap_or(reducer));
    let help = match suggest::nearest(&name.to_string(), &words) {
        Some(word) => format!("help: did you mean `{word}`?\nnote: {}", reducers()),
        None => list_of_reducers(),
    };
    syn::Error::new(name.span(), format!("there is no reducer `{name}`\n{help}"))
}

fn list_of_reducers() -> String {
    format!("help: {}", reducers())
}

fn reducers() -> String {
    format!(
        "the reducers are `{}`; without `#[reduce(…)]` a field is replaced",
        REDUCERS.join("`, `")
    )
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
