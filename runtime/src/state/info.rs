use std::ops::BitOr;

use crate::const_text::{Text, distance, too_far};

/// The table of a state's fields.
#[derive(Clone, Copy, Debug)]
pub struct StateInfo {
    /// The struct's name.
    pub name: &'static str,
    /// Its fields in declared order.
    pub fields: &'static [FieldInfo],
    /// Whether a step without any update can still change the state: it has an
    /// ephemeral field.
    pub ephemeral: bool,
}

impl StateInfo {
    /// Says that there is a field called `name`, which is a compile error if there is none: rustc
    /// itself would ask that the field be visible, too. Runs in const evaluation.
    ///
    /// # Panics
    /// If there is none.
    #[doc(hidden)]
    #[track_caller]
    pub const fn has(&self, name: &str) {
        // Of a state with faults nothing is known.
        if self.name.is_empty() || !self.set_of(&[name]).is_empty() {
            return;
        }
        let text = Text::new().and("`").and(self.name);
        let text = text.and("` has no field `").and(name).and("`\nhelp: ");
        let text = match self.nearest(name) {
            Some(near) => text.and("did you mean `").and(near).and("`?"),
            None => self.listed(text.and("the fields are ")),
        };
        panic!("{}", text.as_str());
    }

    /// The field that is called most like `name`, if one is at all.
    const fn nearest(&self, name: &str) -> Option<&'static str> {
        let (mut nearest, mut least) = (None, too_far(name));
        let mut field = 0;
        while field < self.fields.len() {
            let near = distance(name, self.fields[field].name);
            if near < least {
                (nearest, least) = (Some(self.fields[field].name), near);
            }
            field += 1;
        }
        nearest
    }

    const fn listed(&self, mut text: Text) -> Text {
        let mut field = 0;
        while field < self.fields.len() {
            let before = if field == 0 { "`" } else { ", `" };
            text = text.and(before).and(self.fields[field].name).and("`");
            field += 1;
        }
        text
    }

    /// The set of the fields called `names`; unknown names are left out, since
    /// [`has`](Self::has) refuses them. Runs in const evaluation.
    pub const fn set_of(&self, names: &[&str]) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        let mut i = 0;
        while i < names.len() {
            let mut field = 0;
            while field < self.fields.len() {
                if same(self.fields[field].name, names[i]) {
                    set = set.with(field);
                }
                field += 1;
            }
            i += 1;
        }
        set
    }

    /// The fields in which two different writers of one step conflict.
    pub const fn conflicting(&self) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        let mut field = 0;
        while field < self.fields.len() {
            if self.fields[field].conflicts {
                set = set.with(field);
            }
            field += 1;
        }
        set
    }
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut i = 0;
    while i < one.len() {
        if one[i] != other[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// One field of a state.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The field's name in Rust, without `r#`.
    pub name: &'static str,
    /// Its type as written, tokens joined without white space.
    pub ty: &'static str,
    /// Its reducer as written: `replace`, `last`, `append`, `upsert=id`, …
    pub reducer: &'static str,
    /// Whether two different plain values in one step are a conflict
    /// (`replace` and `ephemeral`).
    pub conflicts: bool,
    /// Whether an encoded state without this field still decodes
    /// (`#[serde(default)]`).
    pub default: bool,
}

/// A set of fields, by position; a state has at most 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FieldSet(u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// This set and the field at `position` (below 128).
    #[must_use]
    pub const fn with(self, position: usize) -> Self {
        Self(self.0 | 1 << position)
    }

    /// This set, and the field at `position` if `set`.
    #[must_use]
    pub const fn with_if(self, position: usize, set: bool) -> Self {
        if set { self.with(position) } else { self }
    }

    /// Whether the field at `position` is in it.
    pub const fn contains(self, position: usize) -> bool {
        self.0 & 1 << position != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The lowest position in the set.
    pub const fn first(self) -> Option<usize> {
        if self.is_empty() {
            None
        } else {
            Some(self.0.trailing_zeros() as usize)
        }
    }
}

impl BitOr for FieldSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.or(other)
    }
}
