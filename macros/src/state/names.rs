//! The names under which an update is stored and from which it is read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use proc_macro2::Span;
use syn::LitStr;

use super::model::{Field, State};
use super::update::{SlotOf, slots};
use crate::errors::Errors;

/// One name that a slot can be read from.
struct Name<'a> {
    text: String,
    /// The slot's own identifier.
    slot: String,
    field: &'a Field<'a>,
    /// The `rename` or `alias` that gives it.
    written: Option<&'a LitStr>,
    is_alias: bool,
}

/// Every name belongs to one slot: if two had one name the decoder would take
/// the first for both.
pub(super) fn are_apart(state: &State<'_>, errors: &mut Errors) {
    let slots: Vec<SlotOf<'_>> = state.fields.iter().flat_map(slots).collect();
    let own = slots.iter().map(|slot| own_name(state, slot));
    let aliases = slots.iter().flat_map(aliases);
    let mut taken: HashMap<String, Name<'_>> = HashMap::new();
    for name in own.chain(aliases) {
        if name.is_the_tag(state) {
            errors.at(
                name.span(),
                format!(
                    "`{}` and the `tag` of the state are both called `{}` in the encoded state\n\
                     help: give one of them another name",
                    name.slot, name.text
                ),
            );
        }
        match taken.entry(name.text.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(name);
            }
            // A slot may have the same name twice. Two slots with one
            // identifier are reported where the setters are.
            Entry::Occupied(entry) if entry.get().slot == name.slot => {}
            Entry::Occupied(entry) => collision(entry.get(), &name, errors),
        }
    }
}

/// What a slot is called in the encoding.
pub(super) fn own(state: &State<'_>, slot: &SlotOf<'_>) -> String {
    let field = slot.field;
    let identifier = format!("{}{}", slot.verb, field.name);
    match (&field.serde.rename, &state.serde.rename_all) {
        (Some(name), _) => format!("{}{}", slot.verb, name.value()),
        (None, Some(rule)) => renamed(&rule.value(), &identifier),
        (None, None) => identifier,
    }
}

fn own_name<'a>(state: &State<'_>, slot: &SlotOf<'a>) -> Name<'a> {
    Name {
        text: own(state, slot),
        slot: format!("{}{}", slot.verb, slot.field.name),
        field: slot.field,
        written: slot.field.serde.rename.as_ref(),
        is_alias: false,
    }
}

fn aliases<'a>(slot: &SlotOf<'a>) -> impl Iterator<Item = Name<'a>> {
    let (field, verb) = (slot.field, slot.verb);
    let texts = slot.aliases().zip(&field.serde.aliases);
    texts.map(move |(text, alias)| Name {
        text,
        slot: format!("{verb}{}", field.name),
        field,
        written: Some(alias),
        is_alias: true,
    })
}

/// What serde's `rename_all` makes of a field's name; an unknown rule is
/// reported.
fn renamed(rule: &str, name: &str) -> String {
    let pascal = || {
        let words = name.split('_').map(|word| {
            let mut rest = word.chars();
            let first = rest.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(rest).collect::<String>()
        });
        words.collect::<String>()
    };
    match rule {
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "PascalCase" => pascal(),
        "camelCase" => {
            let pascal = pascal();
            let mut rest = pascal.chars();
            let first = rest.next().map(|first| first.to_ascii_lowercase());
            first.into_iter().chain(rest).collect()
        }
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

impl Name<'_> {
    /// Where the name is written, or else the field that has it.
    fn span(&self) -> Span {
        let written = self.written.map(LitStr::span);
        written.unwrap_or_else(|| self.field.span())
    }

    /// Whether the state has a tag of this name in addition to the field.
    fn is_the_tag(&self, state: &State<'_>) -> bool {
        let tag = state.serde.tag.as_ref().map(LitStr::value);
        self.slot == self.field.name && tag.as_ref() == Some(&self.text)
    }

    /// Where a slot that is not a field's own comes from.
    fn origin(&self) -> Option<String> {
        let Self { slot, field, .. } = self;
        let name = &field.name;
        (slot != name).then(|| format!("\nnote: the reducer of `{name}` makes `{slot}`"))
    }
}

fn collision(first: &Name<'_>, second: &Name<'_>, errors: &mut Errors) {
    let (one, other, text) = (&first.slot, &second.slot, &second.text);
    let blamed = match second.written {
        None if first.written.is_some() => first,
        _ => second,
    };
    let what = match second.is_alias {
        false => format!("`{one}` and `{other}` are both called `{text}` in the encoded update"),
        true => {
            format!("`{one}` and `{other}` would both be read from `{text}` in an encoded update")
        }
    };
    let help = match blamed.written {
        Some(_) if blamed.is_alias => "remove this alias, or give the other one another name",
        Some(_) => "give one of them another name",
        None => "give one of them a name of its own with `#[serde(rename = \"…\")]`",
    };
    let origins = [first, second].into_iter().filter_map(Name::origin);
    let origins: String = origins.collect();
    errors.at(blamed.span(), format!("{what}\nhelp: {help}{origins}"));
}
