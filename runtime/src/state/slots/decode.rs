use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Slots, Table};

/// Decodes an update from a map; by position it cannot be read, since it leaves out what is unset.
///
/// # Errors
/// Input that is not such an update.
pub fn decode<'de, U: Slots, D: Deserializer<'de>>(deserializer: D) -> Result<U, D::Error> {
    let update = Whole(PhantomData);
    deserializer.deserialize_struct(U::TABLE.name, U::TABLE.names, update)
}

struct Whole<U>(PhantomData<U>);

impl<'de, U: Slots> Visitor<'de> for Whole<U> {
    type Value = U;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", U::TABLE.name)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<U, M::Error> {
        let mut update = U::default();
        let mut key = Key {
            table: U::TABLE,
            expected: 0,
        };
        while let Some(slot) = map.next_key_seed(key)? {
            match slot {
                None => drop(map.next_value::<IgnoredAny>()?),
                Some(slot) => {
                    let (map, name) = (&mut map, U::TABLE.names[slot]);
                    update.decode(slot, Entry { map, name })?;
                    key.expected = slot + 1;
                }
            }
        }
        Ok(update)
    }
}

/// The value of one slot, which has not been read yet.
#[derive(Debug)]
pub struct Entry<'a, M> {
    pub(super) map: &'a mut M,
    pub(super) name: &'static str,
}

/// Reads a name as the slot that it belongs to, if there is one.
#[derive(Clone, Copy)]
struct Key {
    table: &'static Table,
    /// Encoded slots are in order, so this one is likely.
    expected: usize,
}

impl Key {
    /// The place of `name` among the names.
    fn place(self, name: &str) -> Option<usize> {
        let (before, from) = self.table.names.split_at(self.expected);
        let in_order = from.iter().position(|one| *one == name);
        let in_order = in_order.map(|place| place + self.expected);
        in_order.or_else(|| before.iter().position(|one| *one == name))
    }

    fn slot(self, place: usize) -> usize {
        match place.checked_sub(self.table.fields.len()) {
            None => place,
            Some(alias) => self.table.aliases[alias],
        }
    }
}

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field identifier")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        match self.place(name) {
            None if self.table.deny_unknown => Err(E::unknown_field(name, self.table.names)),
            place => Ok(place.map(|place| self.slot(place))),
        }
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Option<usize>, E> {
        self.visit_str(&String::from_utf8_lossy(name))
    }
}
