//! Map keys: whatever can be written as one string.

use std::fmt::Display;

use serde::ser::{Impossible, Serialize, Serializer};

use super::serializer::Refusal;

/// The text of a map key.
pub(super) fn text<T: Serialize + ?Sized>(key: &T) -> Result<String, Refusal> {
    key.serialize(Key)
}

struct Key;

fn refuse<T>() -> Result<T, Refusal> {
    Err(Refusal::new(
        "a JSON map needs keys that are strings, numbers or unit variants; use a `Vec` of pairs instead",
    ))
}

fn plain(value: impl Display) -> Result<String, Refusal> {
    Ok(value.to_string())
}

impl Serializer for Key {
    type Ok = String;
    type Error = Refusal;
    type SerializeSeq = Impossible<String, Refusal>;
    type SerializeTuple = Impossible<String, Refusal>;
    type SerializeTupleStruct = Impossible<String, Refusal>;
    type SerializeTupleVariant = Impossible<String, Refusal>;
    type SerializeMap = Impossible<String, Refusal>;
    type SerializeStruct = Impossible<String, Refusal>;
    type SerializeStructVariant = Impossible<String, Refusal>;

    fn serialize_bool(self, v: bool) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_i8(self, v: i8) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_i16(self, v: i16) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_i32(self, v: i32) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_i64(self, v: i64) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_i128(self, v: i128) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_u8(self, v: u8) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_u16(self, v: u16) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_u32(self, v: u32) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_u64(self, v: u64) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_u128(self, v: u128) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_f32(self, _v: f32) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_f64(self, _v: f64) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_char(self, v: char) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_str(self, v: &str) -> Result<String, Refusal> {
        plain(v)
    }
    fn serialize_bytes(self, _v: &[u8]) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_none(self) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, _value: &T) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_unit(self) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<String, Refusal> {
        plain(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<String, Refusal> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<String, Refusal> {
        refuse()
    }
    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Refusal> {
        refuse()
    }
    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Refusal> {
        refuse()
    }
    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Refusal> {
        refuse()
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Refusal> {
        refuse()
    }
    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Refusal> {
        refuse()
    }
    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Refusal> {
        refuse()
    }
    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Refusal> {
        refuse()
    }
}
