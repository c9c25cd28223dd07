//! What an update is made of, and its encoding, over one table: what `#[derive(State)]` writes
//! for it stays short. Only generated code calls this.

mod decode;
mod encode;
mod stored;

use std::fmt::{self, Debug};

pub use decode::{Entry, decode};
pub use encode::{Encoding, encode};
pub use stored::Stored;

use super::{FieldSet, Slot};

/// The slots of an update, in declared order.
#[derive(Debug)]
pub struct Table {
    /// The update's name.
    pub name: &'static str,
    /// Of each slot, the position of its field.
    pub fields: &'static [usize],
    /// What each slot is called in Rust, without `r#`.
    pub idents: &'static [&'static str],
    /// What each slot is called in the encoding, and behind that all aliases.
    pub names: &'static [&'static str],
    /// The slots that the aliases belong to.
    pub aliases: &'static [usize],
    /// Whether a name that is not here is an error.
    pub deny_unknown: bool,
}

/// Who is shown all slots of an update.
pub type Look<'a> = dyn FnMut(&[&dyn Shown]) + 'a;

/// An update as its slots.
#[doc(hidden)]
pub trait Slots: Default {
    /// Its slots.
    const TABLE: &'static Table;

    /// Shows all slots to `look`.
    fn show(&self, look: &mut Look<'_>);

    /// Encodes all slots.
    ///
    /// # Errors
    /// Those of the values and the serializer.
    fn encode<S: serde::ser::SerializeStruct>(&self, to: &mut Encoding<S>) -> Result<(), S::Error>;

    /// Decodes the slot at `position`.
    ///
    /// # Errors
    /// A slot that is set already, and input that is no such value.
    fn decode<'de, M: serde::de::MapAccess<'de>>(
        &mut self,
        position: usize,
        from: Entry<'_, M>,
    ) -> Result<(), M::Error>;
}

/// A slot, whatever its type.
#[doc(hidden)]
pub trait Shown {
    /// Whether the update sets it.
    fn is_set(&self) -> bool;

    /// The value, if set.
    fn value(&self) -> Option<&dyn Debug>;
}

impl<T: Debug> Shown for Slot<T> {
    fn is_set(&self) -> bool {
        Slot::is_set(self)
    }

    fn value(&self) -> Option<&dyn Debug> {
        self.as_ref().map(|value| value as &dyn Debug)
    }
}

/// The fields that `update` sets.
pub fn fields<U: Slots>(update: &U) -> FieldSet {
    let mut set = FieldSet::EMPTY;
    update.show(&mut |slots| {
        for (field, slot) in U::TABLE.fields.iter().zip(slots) {
            set = set.with_if(*field, slot.is_set());
        }
    });
    set
}

/// Writes an update for people: only the slots that are set.
///
/// # Errors
/// Those of the formatter.
pub fn debug<U: Slots>(update: &U, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut out = f.debug_struct(U::TABLE.name);
    update.show(&mut |slots| {
        for (name, slot) in U::TABLE.idents.iter().zip(slots) {
            if let Some(value) = slot.value() {
                out.field(name, value);
            }
        }
    });
    out.finish()
}
