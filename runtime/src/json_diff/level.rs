use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON text taken apart by one level. Its parts stay text, in their order:
/// reading them skips over what is nested, without recursion.
pub(super) enum Level<'a> {
    List(Vec<&'a str>),
    Object(Vec<(Cow<'a, str>, &'a str)>),
    /// A string, a number, a literal, or not JSON.
    Leaf,
}

impl<'a> Level<'a> {
    pub(super) fn of(json: &'a str) -> Self {
        match json.as_bytes().first() {
            Some(b'[') => serde_json::from_str(json).map_or(Self::Leaf, |List(items)| {
                Self::List(items.into_iter().map(RawValue::get).collect())
            }),
            Some(b'{') => serde_json::from_str(json).map_or(Self::Leaf, |Object(fields)| {
                let fields = fields.into_iter();
                Self::Object(fields.map(|(name, value)| (name, value.get())).collect())
            }),
            _ => Self::Leaf,
        }
    }
}

struct List<'a>(Vec<&'a RawValue>);

struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_seq(Items)
    }
}

/// A field's name, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
                let mut object = Vec::new();
                while let Some((Name(name), value)) = fields.next_entry()? {
                    object.push((name, value));
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
