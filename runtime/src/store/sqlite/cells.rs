//! Cells of a row, read with suspicion: what cannot be what was written is
//! [`StoreError::Corrupt`], never a panic and never a wrong value.

use std::fmt::Display;
use std::time::SystemTime;

use rusqlite::types::ValueRef;

use super::errors::{Fail, backend};
use crate::hash::Digest;
use crate::store::{EffectKey, Page, StoreError, clock};

/// Steps and run numbers share one integer, 32 bits each (31 for the run).
const STEP_BITS: u32 = 32;
pub(super) const LAST_STEP: u64 = u32::MAX as u64;

/// The key of a step's rows; see `steps` in the schema.
pub(super) fn place(run: i64, step: u64) -> Result<i64, Fail> {
    let fits = step <= LAST_STEP && (0..1 << (63 - STEP_BITS)).contains(&run);
    if !fits {
        let limit = format!("run number {run}, step {step}: more than this store can count");
        return Err(backend(limit).into());
    }
    Ok((run << STEP_BITS) | step.cast_signed())
}

/// A count as SQLite keeps it.
pub(super) fn count(number: u64) -> Result<i64, Fail> {
    i64::try_from(number)
        .map_err(|_| backend(format!("{number} is more than this store can count")).into())
}

/// The row of a call of a task, in each table that has one.
pub(super) const OF_CALL: &str = "place = ?1 AND task = ?2 AND class = ?3 AND name = ?4 AND n = ?5";

/// What [`OF_CALL`] asks for.
pub(super) fn of_call(
    run: i64,
    key: &EffectKey,
) -> Result<(i64, &[u8; 32], &'static str, &str, i64), Fail> {
    let place = place(run, key.step)?;
    let (task, class) = (key.task.as_bytes(), key.class.as_str());
    Ok((place, task, class, &key.name, count(key.n)?))
}

/// How many rows show what is on a page, and whether something follows.
pub(super) fn one_more<K>(page: &Page<K>) -> u64 {
    page.size() as u64 + 1
}

/// One row, with what a complaint about it must say.
pub(super) struct Cells<'a> {
    pub(super) row: &'a rusqlite::Row<'a>,
    pub(super) run: &'a str,
    pub(super) place: &'a dyn Display,
}

impl Cells<'_> {
    pub(super) fn text(&self, column: usize) -> Result<String, Fail> {
        self.optional_text(column)?
            .ok_or_else(|| self.corrupt(column, "is missing"))
    }

    pub(super) fn optional_text(&self, column: usize) -> Result<Option<String>, Fail> {
        match self.row.get_ref(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => match str::from_utf8(text) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(self.corrupt(column, "is not UTF-8")),
            },
            _ => Err(self.corrupt(column, "is not text")),
        }
    }

    /// A signed number, for what uses all 64 bits.
    pub(super) fn bits(&self, column: usize) -> Result<u64, Fail> {
        match self.row.get_ref(column)? {
            ValueRef::Integer(number) => Ok(number.cast_unsigned()),
            _ => Err(self.corrupt(column, "is not an integer")),
        }
    }

    pub(super) fn number(&self, column: usize) -> Result<u64, Fail> {
        i64::try_from(self.bits(column)?)
            .map(i64::cast_unsigned)
            .map_err(|_| self.corrupt(column, "is negative"))
    }

    pub(super) fn small(&self, column: usize) -> Result<u32, Fail> {
        u32::try_from(self.number(column)?).map_err(|_| self.corrupt(column, "is too large"))
    }

    pub(super) fn time(&self, column: usize) -> Result<SystemTime, Fail> {
        self.number(column).map(clock::from_millis)
    }

    pub(super) fn digest(&self, column: usize) -> Result<Digest, Fail> {
        match self.row.get_ref(column)? {
            ValueRef::Blob(bytes) => match <[u8; 32]>::try_from(bytes) {
                Ok(bytes) => Ok(Digest::from_bytes(bytes)),
                Err(_) => Err(self.corrupt(column, &format!("has {} bytes, not 32", bytes.len()))),
            },
            _ => Err(self.corrupt(column, "is not a blob")),
        }
    }

    /// What `read` makes of a cell that may be empty.
    pub(super) fn optional<T>(
        &self,
        column: usize,
        read: impl FnOnce(&Self, usize) -> Result<T, Fail>,
    ) -> Result<Option<T>, Fail> {
        match self.row.get_ref(column)? {
            ValueRef::Null => Ok(None),
            _ => read(self, column).map(Some),
        }
    }

    /// One of a set of words.
    pub(super) fn word<T>(
        &self,
        column: usize,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Fail> {
        let word = self.text(column)?;
        parse(&word).ok_or_else(|| self.corrupt(column, &format!("is the unknown word `{word}`")))
    }

    fn corrupt(&self, column: usize, what: &str) -> Fail {
        let name = self.row.as_ref().column_name(column).unwrap_or("?");
        corrupt(self.run, self.place, format!("`{name}` {what}"))
    }
}

pub(super) fn corrupt(run: &str, place: impl Display, reason: impl Into<String>) -> Fail {
    Fail::Refused(StoreError::Corrupt {
        run: run.to_owned(),
        place: place.to_string(),
        reason: reason.into(),
    })
}
