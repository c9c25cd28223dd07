//! What a unit test of a node gives it to receive.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::encode;

/// The signals that a test has sent, by name.
#[derive(Default)]
pub(super) struct Tested(Mutex<HashMap<String, VecDeque<String>>>);

impl Tested {
    /// # Panics
    /// If the value has no encoding.
    pub(super) fn send(&self, name: &str, value: &(impl Serialize + ?Sized)) {
        let text =
            encode::to_string(value).unwrap_or_else(|error| panic!("signal `{name}`: {error}"));
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signals.entry(name.to_owned()).or_default().push_back(text);
    }

    pub(super) fn receive(&self, name: &str) -> Option<String> {
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        signals.get_mut(name)?.pop_front()
    }
}
