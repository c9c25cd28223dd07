//! The reducers, and what the derive asks of each.
//!
//! No match over them has a catch-all arm, and a variant that no word creates is
//! dead code, which is denied here: rustc names every place that lacks an answer
//! for a new reducer.

#![deny(dead_code)]

use proc_macro2::Ident;
use syn::ExprPath;

pub(super) enum Reducer {
    /// One of the step's contributions stands.
    Pick(Pick),
    /// Contributions become one value, by a type of the runtime.
    Combine(Combine),
    /// Records, each found by this field.
    Upsert(Ident),
    /// Contributions become one value, by a function of the user's.
    With(ExprPath),
    /// As [`Pick::Replace`], and back to the default in the next step.
    Ephemeral,
}

pub(super) enum Pick {
    Replace,
    Last,
    First,
}

pub(super) enum Combine {
    Append,
    Sum,
    Max,
    Min,
    Union,
    Merge,
}

/// What makes two writers of one step conflict.
pub(super) enum Conflict<'a> {
    /// Nothing: both contributions count.
    Never,
    /// Two different values.
    Value,
    /// Two different values under one key; the reducer knows what a key is.
    Key(&'a Combine),
    /// Two different records with one id, which is this field.
    Record(&'a Ident),
}

impl Reducer {
    /// Whether several contributions become one value, so that there is also
    /// `replace_<field>`.
    pub(super) fn combines(&self) -> bool {
        match self {
            Self::Pick(_) | Self::Ephemeral => false,
            Self::Combine(_) | Self::Upsert(_) | Self::With(_) => true,
        }
    }

    /// Whether two writers of one step conflict.
    pub(super) fn conflict(&self) -> Conflict<'_> {
        match self {
            Self::Pick(Pick::Replace) | Self::Ephemeral => Conflict::Value,
            Self::Pick(Pick::Last | Pick::First) | Self::With(_) => Conflict::Never,
            Self::Combine(combine) => combine.conflict(),
            Self::Upsert(id) => Conflict::Record(id),
        }
    }

    /// The field that names a record, if the reducer is one of records.
    pub(super) fn id(&self) -> Option<&Ident> {
        match self {
            Self::Upsert(id) => Some(id),
            Self::Pick(_) | Self::Combine(_) | Self::With(_) | Self::Ephemeral => None,
        }
    }

    /// Whether a value is for one step only.
    pub(super) fn is_ephemeral(&self) -> bool {
        match self {
            Self::Ephemeral => true,
            Self::Pick(_) | Self::Combine(_) | Self::Upsert(_) | Self::With(_) => false,
        }
    }
}

impl Combine {
    fn conflict(&self) -> Conflict<'_> {
        match self {
            Self::Append | Self::Sum | Self::Max | Self::Min | Self::Union => Conflict::Never,
            Self::Merge => Conflict::Key(self),
        }
    }

    /// Whether a setter that is called again can find that two values do not
    /// combine, and then panics at its caller.
    pub(super) fn can_fail(&self) -> bool {
        match self {
            Self::Sum => true,
            Self::Append | Self::Max | Self::Min | Self::Union | Self::Merge => false,
        }
    }

    /// Whether a text is assembled from parts, which need not be owned.
    pub(super) fn takes_parts(&self) -> bool {
        match self {
            Self::Append => true,
            Self::Sum | Self::Max | Self::Min | Self::Union | Self::Merge => false,
        }
    }
}

impl Conflict<'_> {
    /// Whether any two different values do: what the table of fields says.
    pub(super) fn is_of_values(&self) -> bool {
        match self {
            Self::Value => true,
            Self::Never | Self::Key(_) | Self::Record(_) => false,
        }
    }
}
