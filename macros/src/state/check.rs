//! The rules that the model must keep; all violations are reported together.

use std::collections::HashMap;

use syn::spanned::Spanned;

use super::model::{Field, State};
use super::types::{self, Shape};
use super::{names, unfit};
use crate::errors::Errors;

/// As many as a `FieldSet` has bits.
const MAX_FIELDS: usize = 128;

pub(super) fn state(state: &State<'_>) -> syn::Result<()> {
    let mut errors = Errors::new();
    no_lifetimes(state, &mut errors);
    not_too_many_fields(state, &mut errors);
    no_collisions(state, &mut errors);
    names::are_apart(state, &mut errors);
    for field in &state.fields {
        no_random_order(field, &mut errors);
        unfit::no_references(state, field, &mut errors);
        unfit::no_functions(field, &mut errors);
        unfit::no_single_thread(field, &mut errors);
        no_skipped_field(field, &mut errors);
        records_stand_in_a_vec(field, &mut errors);
    }
    errors.finish()
}

/// A state is stored and loaded again: it cannot borrow.
fn no_lifetimes(state: &State<'_>, errors: &mut Errors) {
    for lifetime in state.generics.lifetimes() {
        errors.at(
            lifetime.span(),
            "a state owns its data: it is stored and loaded again\n\
             help: remove the lifetime and own the data, e.g. `String` for `&str`",
        );
    }
}

fn not_too_many_fields(state: &State<'_>, errors: &mut Errors) {
    if let Some(field) = state.fields.get(MAX_FIELDS) {
        errors.at(
            field.span(),
            format!(
                "a state has at most {MAX_FIELDS} fields, and this one is too many\n\
                 help: group related fields in a struct of their own"
            ),
        );
    }
}

/// Every slot and setter of the update needs a name of its own.
fn no_collisions(state: &State<'_>, errors: &mut Errors) {
    let mut made: HashMap<String, &Field<'_>> = HashMap::new();
    for field in &state.fields {
        for name in field.replacement().into_iter().chain(field.removal()) {
            made.insert(name.to_string(), field);
        }
    }
    for field in &state.fields {
        if let Some(owner) = made.get(&field.name) {
            errors.at(
                field.span(),
                format!(
                    "the update already has a setter `{}`, made for the field `{}`\n\
                     help: give this field another name",
                    field.name, owner.name
                ),
            );
        }
    }
}

/// A state field has one order, the same in every process.
fn no_random_order(field: &Field<'_>, errors: &mut Errors) {
    let Some((name, _)) = types::last_segment(field.ty) else {
        return;
    };
    let ordered = match name.to_string().as_str() {
        "HashMap" => "BTreeMap",
        "HashSet" => "BTreeSet",
        _ => return,
    };
    errors.at(
        name.span(),
        format!(
            "a `{name}` iterates in a different order in every process, so a node that walks it is not deterministic\n\
             help: use `std::collections::{ordered}`"
        ),
    );
}

/// What is not encoded is lost with the process, unless it is for one step only.
fn no_skipped_field(field: &Field<'_>, errors: &mut Errors) {
    let Some(span) = field.serde.skip.filter(|_| !field.is_ephemeral()) else {
        return;
    };
    errors.at(
        span,
        format!(
            "`{}` would be lost when the run is stored and loaded again\n\
             help: remove the `skip`, or make the field `#[reduce(ephemeral)]` if only the next step needs it",
            field.name
        ),
    );
}

fn records_stand_in_a_vec(field: &Field<'_>, errors: &mut Errors) {
    let is_vec = types::last_segment(field.ty).is_some_and(|(name, _)| name == "Vec")
        && matches!(types::shape(field.ty), Shape::Items(_));
    if field.reducer.id().is_some() && !is_vec {
        errors.at(
            field.ty.span(),
            "`#[reduce(upsert = …)]` needs a list of records\n\
             help: write the type as `Vec<T>`, or use a `BTreeMap` with `#[reduce(merge)]`",
        );
    }
}
