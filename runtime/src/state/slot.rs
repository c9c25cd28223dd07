/// A value that an update sets, or does not set.
///
/// Unlike `Option` it is invisible in the encoding: a set value is encoded as
/// itself and an unset one is left out, so that setting `None` differs
/// from setting nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Slot<T> {
    /// The update sets nothing.
    #[default]
    Unset,
    /// The update sets this.
    Set(T),
}

impl<T> Slot<T> {
    /// Whether the update sets nothing.
    pub const fn is_unset(&self) -> bool {
        matches!(self, Self::Unset)
    }

    /// Whether the update sets something.
    pub const fn is_set(&self) -> bool {
        !self.is_unset()
    }

    /// The value, if set.
    pub const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Unset => None,
            Self::Set(value) => Some(value),
        }
    }

    /// Takes the value out and leaves the slot unset.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        // Most slots of an update are unset: nothing is moved for them.
        if self.is_unset() {
            return None;
        }
        match std::mem::replace(self, Self::Unset) {
            Self::Unset => None,
            Self::Set(value) => Some(value),
        }
    }

    /// Unsets the slot if `told` accepts its value.
    pub fn unset_if(&mut self, told: impl FnOnce(&T) -> bool) {
        if self.as_ref().is_some_and(told) {
            *self = Self::Unset;
        }
    }

    /// Replaces whatever was set.
    pub fn set(&mut self, value: T) {
        *self = Self::Set(value);
    }

    /// The value to work on, first set to `T::default()` if unset.
    pub fn or_default(&mut self) -> &mut T
    where
        T: Default,
    {
        if self.is_unset() {
            *self = Self::Set(T::default());
        }
        match self {
            Self::Set(value) => value,
            Self::Unset => unreachable!("set just above"),
        }
    }
}
