//! What a unit test of a node gives it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::encode;
use crate::store::EffectClass;

/// The signals and the answers that a test has sent, by name.
#[derive(Default)]
pub(super) struct Tested(Mutex<BTreeMap<(EffectClass, String), VecDeque<String>>>);

impl Tested {
    /// # Panics
    /// If the value has no encoding.
    pub(super) fn send(&self, class: EffectClass, name: &str, value: &(impl Serialize + ?Sized)) {
        let text = encode::to_string(value)
            .unwrap_or_else(|error| panic!("{} `{name}`: {error}", word(class)));
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = sent.entry((class, name.to_owned())).or_default();
        sent.push_back(text);
    }

    pub(super) fn receive(&self, class: EffectClass, name: &str) -> Option<String> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get_mut(&(class, name.to_owned()))?.pop_front()
    }
}

/// What a test sends, for people.
pub(super) const fn word(class: EffectClass) -> &'static str {
    match class {
        EffectClass::Question => "answer",
        EffectClass::Effect | EffectClass::Signal | EffectClass::Time => "signal",
    }
}
