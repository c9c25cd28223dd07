use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::misfit::cut;
use super::number::Number;
use crate::encode::quoted;

/// As deep as the decoder reads.
const DEEPEST: usize = 127;

/// The members of an object.
pub(super) type Object<'a> = BTreeMap<String, Json<'a>>;

/// A JSON value. Two of them are equal if JSON Schema says so: `1` is `1.0`, and the
/// order of members does not count.
///
/// It is no `serde_json::Value`, since what that reads depends on features that any
/// crate can switch on.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(String),
    List(Vec<Json<'a>>),
    Object(Object<'a>),
}

impl<'a> Json<'a> {
    /// Reads what the decoder would read, too; the error says why not.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        let json: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Reader(json.get()).value(0)
    }

    pub(super) const fn number(&self) -> Option<&Number<'a>> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Json<'a>]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) const fn object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The value for a sentence: short, and without what is in it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(bool) => bool.to_string(),
            Self::Number(number) => cut(number.text()),
            Self::Text(text) => cut(&quoted(text)),
            Self::List(_) => "a list".into(),
            Self::Object(_) => "an object".into(),
        }
    }
}

/// What is left of a text that is known to be JSON, so that one look at it is enough.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Json<'a>, String> {
        match self.0.as_bytes().first() {
            Some(b'[' | b'{') if depth == DEEPEST => {
                Err(format!("it is nested deeper than {DEEPEST} levels"))
            }
            Some(b'[') => self.list(depth).map(Json::List),
            Some(b'{') => self.object(depth).map(Json::Object),
            Some(b'"') => self.text().map(Json::Text),
            _ => self.leaf(),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Json<'a>>, String> {
        let mut items = Vec::new();
        self.skip('[');
        while !self.ends_with(']') {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, String> {
        let mut fields = Object::new();
        self.skip('{');
        while !self.ends_with('}') {
            let name = self.text()?;
            self.skip(':');
            let value = self.value(depth + 1)?;
            // Decoders differ in what they make of a second one.
            if fields.contains_key(&name) {
                return Err(format!("{} is there twice", cut(&quoted(&name))));
            }
            fields.insert(name, value);
        }
        Ok(fields)
    }

    /// Whether a list or an object has no further part.
    fn ends_with(&mut self, bracket: char) -> bool {
        self.skip(',');
        let ends = self.0.starts_with(bracket);
        if ends {
            self.skip(bracket);
        }
        ends
    }

    fn text(&mut self) -> Result<String, String> {
        let mut escaped = false;
        let inside = |byte: &u8| {
            let ends = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            !ends
        };
        let length = self.0.bytes().skip(1).take_while(inside).count();
        serde_json::from_str(self.pass(length + 2)).map_err(|error| error.to_string())
    }

    fn leaf(&mut self) -> Result<Json<'a>, String> {
        let ends = |character: char| " \t\r\n,]}".contains(character);
        match self.pass(self.0.find(ends).unwrap_or(self.0.len())) {
            "null" => Ok(Json::Null),
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            number => Number::read(number).map(Json::Number),
        }
    }

    fn pass(&mut self, length: usize) -> &'a str {
        let (passed, rest) = self.0.split_at(length);
        self.0 = rest;
        passed
    }

    /// Skips `character`, if it is there, and the space around it.
    fn skip(&mut self, character: char) {
        let space = [' ', '\t', '\r', '\n'];
        let rest = self.0.trim_start_matches(space);
        let rest = rest.strip_prefix(character).unwrap_or(rest);
        self.0 = rest.trim_start_matches(space);
    }
}
