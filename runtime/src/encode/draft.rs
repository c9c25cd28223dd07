use std::any::type_name;
use std::fmt;

use serde::Serialize;

use super::{EncodeError, serializer};
use crate::panics::caught;

/// A text that is being written, and whether all of it is sure to be read back.
///
/// Almost every value is. A wide integer (`u128`, `i128`) is not everywhere,
/// and neither is what is nested very deeply; a text that has such a value is read
/// back before anybody relies on it.
#[derive(Debug, Default)]
pub struct Draft {
    pub(super) text: Vec<u8>,
    pub(super) doubtful: bool,
}

impl Draft {
    /// The encoding of `value`.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let mut draft = Self::default();
        draft.value(value)?;
        Ok(draft)
    }

    /// Encodes `value` behind what is written already.
    ///
    /// # Errors
    /// A value that JSON cannot hold unchanged, with its path.
    pub fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.nested(0, value)
    }

    /// The same for a value that is read out of `levels` lists and objects: including
    /// them it may be as deep as any other.
    pub(crate) fn nested<T: Serialize + ?Sized>(
        &mut self,
        levels: usize,
        value: &T,
    ) -> Result<(), EncodeError> {
        let fail = |path, reason| EncodeError {
            ty: type_name::<T>(),
            path,
            reason,
        };
        caught(|| serializer::write(value, levels, self))
            .map_err(|panic| fail(".".into(), format!("its `Serialize` panicked: {panic}")))?
            .map_err(|refusal| fail(refusal.path(), refusal.reason))
    }

    /// Writes `json` as it is.
    pub(crate) fn raw(&mut self, json: &str) {
        self.text.extend_from_slice(json.as_bytes());
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text as it is, for whoever does not store it.
    pub(crate) fn finish(self) -> Result<String, EncodeError> {
        String::from_utf8(self.text).map_err(|error| EncodeError {
            ty: "text",
            path: ".".into(),
            reason: error.to_string(),
        })
    }

    /// The text to be stored. If `check` asks for it, or something in it is
    /// doubtful, `read` has to find in it what was written.
    pub(crate) fn checked(
        self,
        check: bool,
        read: impl FnOnce(&str) -> Result<(), EncodeError>,
    ) -> Result<String, EncodeError> {
        let check = check || self.doubtful;
        let text = self.finish()?;
        if check {
            read(&text)?;
        }
        Ok(text)
    }
}

impl fmt::Write for Draft {
    fn write_str(&mut self, json: &str) -> fmt::Result {
        self.raw(json);
        Ok(())
    }
}
