use serde::Serialize;

use super::super::LARGEST_PAGE;

/// Which part of a list is asked for. Lists are in the order of their keys.
///
/// ```
/// use superstep::store::Page;
///
/// let first: Page<String> = Page::first(50);
/// let second = Page::first(50).after("run-0050".to_owned());
/// # assert_ne!(first, second);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<K> {
    /// Only what comes after this key, whether or not it is there; everything if `None`.
    pub after: Option<K>,
    /// How many items are wanted; see [`size`](Self::size).
    pub limit: usize,
}

impl<K> Page<K> {
    /// The first `limit` items.
    pub const fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The same number of items after `key`: the [`next`](Listed::next) of the page
    /// before.
    #[must_use]
    pub fn after(self, key: K) -> Self {
        Self {
            after: Some(key),
            ..self
        }
    }

    /// How many items there are at most: `limit`, but at least 1, so that every page makes
    /// progress, and never more than [`LARGEST_PAGE`].
    pub fn size(&self) -> usize {
        self.limit.clamp(1, LARGEST_PAGE)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listed<T, K> {
    /// What is in it.
    pub items: Vec<T>,
    /// The last item's key, to [continue from](Page::after); `None` if nothing follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<K>,
}

impl<T, K> Listed<T, K> {
    /// These items, and where to continue.
    pub const fn new(items: Vec<T>, next: Option<K>) -> Self {
        Self { items, next }
    }
}
