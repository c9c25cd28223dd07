//! What the user's `#[serde(…)]` attributes mean for the update.
//!
//! Whatever cannot be read is left to serde's own derive, which reports it.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, BoundLifetimes, Expr, ExprLit, ExprPath, Lit, LitStr, Meta, Token, WherePredicate,
    parse_quote,
};

use crate::errors::Errors;

/// The container's attributes.
#[derive(Default)]
pub(super) struct ContainerSerde {
    pub(super) rename_all: Option<LitStr>,
    pub(super) tag: Option<LitStr>,
    pub(super) deny_unknown_fields: bool,
    pub(super) default: bool,
    /// What `bound` says, of both directions.
    pub(super) bounds: Vec<WherePredicate>,
}

/// One field's attributes.
#[derive(Default)]
pub(super) struct FieldSerde {
    pub(super) rename: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) default: bool,
    /// Where `skip`, `skip_serializing` or `skip_deserializing` is.
    pub(super) skip: Option<Span>,
    pub(super) encode: Option<ExprPath>,
    pub(super) decode: Option<ExprPath>,
}

impl ContainerSerde {
    pub(super) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut serde = Self::default();
        for meta in metas(attrs) {
            match word(&meta).as_str() {
                "rename_all" => serde.rename_all = errors.keep(one_name(&meta)).flatten(),
                "tag" => serde.tag = text(&meta),
                "bound" => serde.bounds.extend(bounds(&meta)),
                "deny_unknown_fields" => serde.deny_unknown_fields = true,
                "default" => serde.default = true,
                _ => {}
            }
        }
        serde
    }
}

impl FieldSerde {
    pub(super) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut serde = Self::default();
        for meta in metas(attrs) {
            match word(&meta).as_str() {
                "rename" => serde.rename = errors.keep(one_name(&meta)).flatten(),
                "alias" => serde.aliases.extend(text(&meta)),
                "default" => serde.default = true,
                "skip" | "skip_serializing" | "skip_deserializing" => {
                    serde.skip = Some(meta.span());
                }
                "with" => {
                    serde.encode = function(&meta, "::serialize");
                    serde.decode = function(&meta, "::deserialize");
                }
                "serialize_with" => serde.encode = function(&meta, ""),
                "deserialize_with" => serde.decode = function(&meta, ""),
                _ => {}
            }
        }
        serde
    }

    /// Whether functions stand in for the type's own encoding.
    pub(super) fn has_codec(&self) -> bool {
        self.encode.is_some() || self.decode.is_some()
    }
}

fn metas(attrs: &[Attribute]) -> impl Iterator<Item = Meta> + '_ {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("serde"))
        .filter_map(|attr| {
            attr.parse_args_with(|input: ParseStream<'_>| {
                Punctuated::<Meta, Token![,]>::parse_terminated(input)
            })
            .ok()
        })
        .flatten()
}

fn word(meta: &Meta) -> String {
    meta.path()
        .get_ident()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn text(meta: &Meta) -> Option<LitStr> {
    match meta {
        Meta::NameValue(pair) => literal(&pair.value),
        _ => None,
    }
}

/// A text that a `macro_rules!` carries is in an invisible group.
fn literal(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Group(group) => literal(&group.expr),
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.clone()),
        _ => None,
    }
}

/// A name that is the same for encoding and decoding; an update that decodes
/// under another name than it encodes to would come back empty.
fn one_name(meta: &Meta) -> syn::Result<Option<LitStr>> {
    let Meta::List(list) = meta else {
        return Ok(text(meta));
    };
    let pairs = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
    let names: Vec<LitStr> = pairs.iter().filter_map(text).collect();
    match names.as_slice() {
        [one, other] if one.value() == other.value() => Ok(Some(one.clone())),
        _ => Err(syn::Error::new(
            meta.span(),
            "a state is decoded from what it was encoded to, so both need the same name\n\
             help: give one name for both directions, e.g. `rename = \"…\"`, and use `alias` to read older ones",
        )),
    }
}

/// `bound = "…"` or `bound(serialize = "…", deserialize = "…")`
fn bounds(meta: &Meta) -> Vec<WherePredicate> {
    let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
    let texts: Vec<LitStr> = match meta {
        Meta::List(list) => match list.parse_args_with(parse) {
            Ok(pairs) => pairs.iter().filter_map(text).collect(),
            Err(_) => Vec::new(),
        },
        _ => text(meta).into_iter().collect(),
    };
    let parse = Punctuated::<WherePredicate, Token![,]>::parse_terminated;
    let parsed = texts.iter().filter_map(|text| text.parse_with(parse).ok());
    parsed.flatten().map(for_every_lifetime).collect()
}

/// The lifetime of what is decoded belongs to serde's impl; ours have none.
fn for_every_lifetime(mut predicate: WherePredicate) -> WherePredicate {
    if let WherePredicate::Type(predicate) = &mut predicate {
        let all: BoundLifetimes = parse_quote!(for<'de>);
        predicate.lifetimes.get_or_insert(all);
    }
    predicate
}

/// The function that the string in `meta` names, with `suffix` put after it.
fn function(meta: &Meta, suffix: &str) -> Option<ExprPath> {
    let path = text(meta)?;
    LitStr::new(&format!("{}{suffix}", path.value()), path.span())
        .parse()
        .ok()
}
