use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::is_of_the_graph;
use crate::encode::{DecodeError, Draft, EncodeError};

/// What a task carries to its node: one of the items of a list, which belongs to it alone.
///
/// A list for all items of an `each`, since tasks run on several threads, and an allocator
/// is slow with what one of them made and another one lets go.
pub struct Input {
    items: Arc<dyn List>,
    at: usize,
}

/// Reads the input of a task of some node.
pub type ReadInput = fn(&str) -> Result<Input, DecodeError>;

trait List: Any + Send + Sync {
    fn copy(&self, at: usize) -> Input;
    fn write(&self, at: usize, out: &mut Draft) -> Result<(), EncodeError>;
}

/// A task's own is gone when it was taken. Inputs need not be `Sync`.
struct Items<T>(Box<[Mutex<Option<T>>]>);

impl<T> Items<T> {
    fn item(&self, at: usize) -> MutexGuard<'_, Option<T>> {
        self.0[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Serialize + Clone + Send + 'static> List for Items<T> {
    fn copy(&self, at: usize) -> Input {
        Input::of(is_there(self.item(at).as_ref()).clone())
    }

    fn write(&self, at: usize, out: &mut Draft) -> Result<(), EncodeError> {
        out.value(is_there(self.item(at).as_ref()))
    }
}

fn is_there<T>(item: Option<T>) -> T {
    item.expect("an input is taken with its task")
}

impl Input {
    /// That value.
    pub fn of<T: Serialize + Clone + Send + 'static>(value: T) -> Self {
        let items = Arc::new(Items(Box::new([Mutex::new(Some(value))])));
        Self { items, at: 0 }
    }

    /// One for each of these.
    pub(crate) fn all<T: Serialize + Clone + Send + 'static>(
        values: impl Iterator<Item = T>,
    ) -> impl Iterator<Item = Self> {
        let items: Box<[_]> = values.map(|value| Mutex::new(Some(value))).collect();
        let count = items.len();
        let items: Arc<dyn List> = Arc::new(Items(items));
        (0..count).map(move |at| Self {
            items: Arc::clone(&items),
            at,
        })
    }

    fn items<T: 'static>(&self) -> &Items<T> {
        let items: &dyn Any = &*self.items;
        is_of_the_graph(items.downcast_ref())
    }

    /// The value.
    pub(crate) fn take<T: 'static>(self) -> T {
        let taken = self.items().item(self.at).take();
        is_there(taken)
    }

    /// What `look` makes of it.
    pub(crate) fn lend<T: 'static, R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(is_there(self.items().item(self.at).as_ref()))
    }

    /// Its canonical JSON.
    ///
    /// # Errors
    /// A value that JSON cannot hold unchanged.
    pub fn to_text(&self) -> Result<String, EncodeError> {
        let mut out = Draft::default();
        self.write(&mut out)?;
        out.finish()
    }

    /// The same behind what `out` holds.
    pub(crate) fn write(&self, out: &mut Draft) -> Result<(), EncodeError> {
        self.items.write(self.at, out)
    }
}

impl Clone for Input {
    fn clone(&self) -> Self {
        self.items.copy(self.at)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}
