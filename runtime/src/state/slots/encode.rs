use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Slots, Table};

/// An update of which some slots are encoded already.
#[derive(Debug)]
pub struct Encoding<S> {
    table: &'static Table,
    next: usize,
    out: S,
}

impl<S: SerializeStruct> Encoding<S> {
    /// Encodes the next slot, or leaves it out if it has no value.
    pub(super) fn next(&mut self, value: Option<&impl Serialize>) -> Result<(), S::Error> {
        let name = self.table.names[self.next];
        self.next += 1;
        match value {
            Some(value) => self.out.serialize_field(name, value),
            None => self.out.skip_field(name),
        }
    }
}

/// Encodes the slots of `update` that are set, as a struct.
///
/// # Errors
/// Those of the values and the serializer.
pub fn encode<U: Slots, S: Serializer>(update: &U, serializer: S) -> Result<S::Ok, S::Error> {
    let mut count = 0;
    update.show(&mut |slots| count = slots.iter().filter(|slot| slot.is_set()).count());
    let mut to = Encoding {
        table: U::TABLE,
        next: 0,
        out: serializer.serialize_struct(U::TABLE.name, count)?,
    };
    update.encode(&mut to)?;
    to.out.end()
}
