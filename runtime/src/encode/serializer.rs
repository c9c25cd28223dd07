//! The serializer behind [`super::to_string`].

use std::fmt::{self, Display};
use std::ops::Range;

use serde::ser::{self, Serialize};

use super::{Draft, key};

/// `serde_json` refuses to read deeper.
pub(super) const MAX_DEPTH: usize = 127;

/// A text with more levels than this is read back before it is relied on.
const DOUBTFUL_DEPTH: usize = 100;

/// No 64-bit number that `serde_json` writes is longer.
const LONGEST_NUMBER: usize = 20;

/// How `serde_json` marks text that is to be written as it is: its
/// arbitrary-precision numbers and raw values.
const RAW: [&str; 2] = [
    "$serde_json::private::Number",
    "$serde_json::private::RawValue",
];

/// Why a value has no encoding; the path is collected on the way out.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: String,
    segments: Vec<String>,
}

impl Refusal {
    pub(super) fn new(reason: impl Display) -> Self {
        Self {
            reason: reason.to_string(),
            segments: Vec::new(),
        }
    }

    fn at(mut self, segment: impl Display) -> Self {
        self.segments.push(segment.to_string());
        self
    }

    pub(super) fn path(&self) -> String {
        let path: String = self.segments.iter().rev().map(String::as_str).collect();
        let path = path.trim_start_matches('.');
        if path.is_empty() {
            ".".into()
        } else {
            path.into()
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl ser::Error for Refusal {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message)
    }
}

/// Writes `value` behind what `out` holds, where it is `depth` levels deep.
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    depth: usize,
    out: &mut Draft,
) -> Result<(), Refusal> {
    value.serialize(Serializer { out, depth })
}

pub(super) struct Serializer<'a> {
    out: &'a mut Draft,
    depth: usize,
}

impl<'a> Serializer<'a> {
    /// Writes a value whose text `serde_json` and we agree on.
    fn leaf<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        serde_json::to_writer(&mut self.out.text, value).map_err(Refusal::new)
    }

    /// Writes an integer that serde does not read back everywhere: not out of
    /// an internally tagged or untagged enum, and not out of a flattened struct.
    fn wide<T: Serialize>(self, value: &T) -> Result<(), Refusal> {
        self.out.doubtful = true;
        self.leaf(value)
    }

    fn finite(self, finite: bool, value: &impl Serialize) -> Result<(), Refusal> {
        if finite {
            return self.leaf(value);
        }
        Err(Refusal::new(
            "JSON has no NaN and no infinities; store an `Option` or an enum instead",
        ))
    }

    fn open(mut self, bracket: u8) -> Result<Compound<'a>, Refusal> {
        if self.depth >= DOUBTFUL_DEPTH {
            self.go_deep()?;
        }
        self.out.text.push(bracket);
        Ok(Compound {
            out: self.out,
            depth: self.depth + 1,
            items: 0,
            close: &[],
        })
    }

    #[cold]
    fn go_deep(&mut self) -> Result<(), Refusal> {
        self.out.doubtful = true;
        if self.depth < MAX_DEPTH {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "as stored it is nested deeper than {MAX_DEPTH} levels, which cannot be read back; use a flat list with indices"
        )))
    }

    /// Opens `{"variant":` for an enum variant that carries something.
    fn open_variant(
        self,
        variant: &'static str,
        bracket: u8,
        close: &'static [u8],
    ) -> Result<Compound<'a>, Refusal> {
        let Self { out, depth } = self;
        out.text.push(b'{');
        Serializer { out, depth }.leaf(variant)?;
        out.text.push(b':');
        let mut compound = Serializer {
            out,
            depth: depth + 1,
        }
        .open(bracket)?;
        compound.close = close;
        Ok(compound)
    }
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = ();
    type Error = Refusal;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Struct<'a>;
    type SerializeStructVariant = Compound<'a>;

    fn serialize_bool(self, v: bool) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_i8(self, v: i8) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_i16(self, v: i16) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_i32(self, v: i32) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_i64(self, v: i64) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_i128(self, v: i128) -> Result<(), Refusal> {
        self.wide(&v)
    }
    fn serialize_u8(self, v: u8) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_u16(self, v: u16) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_u32(self, v: u32) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_u64(self, v: u64) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_u128(self, v: u128) -> Result<(), Refusal> {
        self.wide(&v)
    }
    fn serialize_f32(self, v: f32) -> Result<(), Refusal> {
        self.finite(v.is_finite(), &v)
    }
    fn serialize_f64(self, v: f64) -> Result<(), Refusal> {
        self.finite(v.is_finite(), &v)
    }
    fn serialize_char(self, v: char) -> Result<(), Refusal> {
        self.leaf(&v)
    }
    fn serialize_str(self, v: &str) -> Result<(), Refusal> {
        self.leaf(v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Refusal> {
        self.leaf(v)
    }
    fn serialize_none(self) -> Result<(), Refusal> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refusal> {
        let Self { out, depth } = self;
        let start = out.text.len();
        value.serialize(Serializer { out, depth })?;
        if &out.text[start..] == b"null" {
            return Err(Refusal::new(
                "this `Some` holds a value that encodes as `null` and would come back as `None`; use an enum instead",
            ));
        }
        Ok(())
    }
    fn serialize_unit(self) -> Result<(), Refusal> {
        self.out.text.extend_from_slice(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Refusal> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Refusal> {
        self.leaf(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        let mut compound = self.open(b'{')?;
        compound.field(variant, value)?;
        compound.end(b"}")
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Compound<'a>, Refusal> {
        self.open(b'[')
    }
    fn serialize_tuple(self, _len: usize) -> Result<Compound<'a>, Refusal> {
        self.open(b'[')
    }
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, Refusal> {
        self.open(b'[')
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, Refusal> {
        self.open_variant(variant, b'[', b"]}")
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Map<'a>, Refusal> {
        let compound = self.open(b'{')?;
        Ok(Map {
            compound,
            entries: Vec::new(),
        })
    }
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Struct<'a>, Refusal> {
        if RAW.contains(&name) {
            self.out.doubtful |= name == RAW[1];
            return Ok(Struct::Raw(self.out));
        }
        self.open(b'{').map(Struct::Fields)
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Compound<'a>, Refusal> {
        self.open_variant(variant, b'{', b"}}")
    }
}

/// A list or an object that is being written.
pub(super) struct Compound<'a> {
    out: &'a mut Draft,
    depth: usize,
    items: usize,
    /// How a variant's compound ends; lists and structs know it themselves.
    close: &'static [u8],
}

impl Compound<'_> {
    fn separate(&mut self) {
        if self.items > 0 {
            self.out.text.push(b',');
        }
        self.items += 1;
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        value.serialize(Serializer {
            out: self.out,
            depth: self.depth,
        })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let index = self.items;
        self.separate();
        self.value(value)
            .map_err(|refusal| refusal.at(format_args!("[{index}]")))
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.separate();
        serde_json::to_writer(&mut self.out.text, name).map_err(Refusal::new)?;
        self.out.text.push(b':');
        self.value(value)
            .map_err(|refusal| refusal.at(format_args!(".{name}")))
    }

    fn end(self, close: &[u8]) -> Result<(), Refusal> {
        self.out.text.extend_from_slice(close);
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.element(value)
    }
    fn end(self) -> Result<(), Refusal> {
        Compound::end(self, b"]")
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.element(value)
    }
    fn end(self) -> Result<(), Refusal> {
        Compound::end(self, b"]")
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.element(value)
    }
    fn end(self) -> Result<(), Refusal> {
        Compound::end(self, b"]")
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        self.element(value)
    }
    fn end(self) -> Result<(), Refusal> {
        let close = self.close;
        Compound::end(self, close)
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        self.field(name, value)
    }
    fn end(self) -> Result<(), Refusal> {
        let close = self.close;
        Compound::end(self, close)
    }
}

/// A struct that is being written, or text of `serde_json`'s that goes in as it is.
pub(super) enum Struct<'a> {
    Fields(Compound<'a>),
    Raw(&'a mut Draft),
}

impl ser::SerializeStruct for Struct<'_> {
    type Ok = ();
    type Error = Refusal;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refusal> {
        match self {
            Self::Fields(compound) => compound.field(name, value),
            Self::Raw(out) => {
                let raw = key::text(value)?;
                out.doubtful |= raw.len() > LONGEST_NUMBER;
                out.text.extend_from_slice(raw.as_bytes());
                Ok(())
            }
        }
    }
    fn end(self) -> Result<(), Refusal> {
        match self {
            Self::Fields(compound) => compound.end(b"}"),
            Self::Raw(_) => Ok(()),
        }
    }
}

/// A map that is being written; its entries are sorted at the end.
pub(super) struct Map<'a> {
    compound: Compound<'a>,
    entries: Vec<Entry>,
}

/// Where an entry and its key stand in the output.
struct Entry {
    key: Range<usize>,
    end: usize,
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Refusal;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let key = key::text(value)?;
        self.compound.separate();
        let out = &mut self.compound.out.text;
        let start = out.len();
        serde_json::to_writer(&mut *out, &key).map_err(Refusal::new)?;
        let end = out.len();
        out.push(b':');
        self.entries.push(Entry {
            key: start..end,
            end,
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refusal> {
        let Some(entry) = self.entries.last_mut() else {
            return Err(Refusal::new("a map gave a value before its key"));
        };
        let result = self.compound.value(value);
        let out = &self.compound.out.text;
        entry.end = out.len();
        let key = &out[entry.key.clone()];
        result.map_err(|refusal| refusal.at(format_args!("[{}]", String::from_utf8_lossy(key))))
    }

    fn end(self) -> Result<(), Refusal> {
        let out = &self.compound.out.text;
        let key = |entry: &Entry| &out[entry.key.clone()];
        let in_order = self.entries.is_sorted_by(|one, next| key(one) < key(next));
        if !in_order {
            let sorted = self.sorted()?;
            let start = self.entries[0].key.start;
            self.compound.out.text.truncate(start);
            self.compound.out.text.extend_from_slice(&sorted);
        }
        self.compound.end(b"}")
    }
}

impl Map<'_> {
    /// The entries' text in the order of their keys.
    fn sorted(&self) -> Result<Vec<u8>, Refusal> {
        let out = &self.compound.out.text;
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by_key(|entry| &out[entry.key.clone()]);
        let twice = order
            .windows(2)
            .find(|pair| out[pair[0].key.clone()] == out[pair[1].key.clone()]);
        if let Some(pair) = twice {
            let key = String::from_utf8_lossy(&out[pair[0].key.clone()]);
            return Err(Refusal::new(format!(
                "two keys of this map have one encoding, {key}, and one would be lost"
            )));
        }
        let texts: Vec<&[u8]> = order
            .iter()
            .map(|entry| &out[entry.key.start..entry.end])
            .collect();
        Ok(texts.join(&b','))
    }
}
