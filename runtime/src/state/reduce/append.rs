use std::collections::VecDeque;

use super::{Never, Reducer};

/// `append`: contributions go to the end, in merge order.
#[derive(Debug)]
pub struct Append;

/// What `#[reduce(append)]` can put something at the end of.
#[diagnostic::on_unimplemented(
    message = "`#[reduce(append)]` cannot append to `{Self}`",
    label = "not a `Vec`, `VecDeque` or `String`",
    note = "use one of these, or another reducer: `sum`, `union`, `merge`, `with = path`"
)]
pub trait Appendable: Sized {
    /// Puts `more` at the end.
    fn append_all(&mut self, more: Self);

    /// Whether it is empty, so that it can be replaced instead of copied to.
    fn is_nothing(&self) -> bool;
}

impl<T: Appendable> Reducer<T> for Append {
    type Conflict = Never;

    #[inline]
    fn reduce(into: &mut T, contributions: impl Iterator<Item = T>) -> Result<(), String> {
        for more in contributions {
            if into.is_nothing() {
                *into = more;
            } else {
                into.append_all(more);
            }
        }
        Ok(())
    }
}

impl<T> Appendable for Vec<T> {
    fn append_all(&mut self, mut more: Self) {
        self.append(&mut more);
    }

    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Appendable for VecDeque<T> {
    fn append_all(&mut self, mut more: Self) {
        self.append(&mut more);
    }

    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}

impl Appendable for String {
    fn append_all(&mut self, more: Self) {
        self.push_str(&more);
    }

    fn is_nothing(&self) -> bool {
        self.is_empty()
    }
}
