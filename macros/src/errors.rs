//! Collects errors so that all of them are reported together.

use proc_macro2::{Span, TokenStream};

/// Errors found so far. Dropping it unread is a bug of ours and panics.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    read: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reports `message` at `span`.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    /// Adds an error that was made elsewhere.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// Returns the value, or collects the error.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Whether `check` finds more.
    pub(crate) fn more(&mut self, check: impl FnOnce(&mut Self)) -> bool {
        let before = self.found.take();
        check(self);
        let more = std::mem::replace(&mut self.found, before);
        let is_more = more.is_some();
        more.into_iter().for_each(|error| self.push(error));
        is_more
    }

    /// Ends the collection: all errors as one, if there are any.
    pub(crate) fn finish(mut self) -> syn::Result<()> {
        self.read = true;
        self.found.take().map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(
            self.read || std::thread::panicking(),
            "collected errors were dropped unread"
        );
    }
}

/// `compile_error!` calls for an error, along with what is emitted in place of the item.
pub(crate) fn beside(error: &syn::Error, rest: &TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote::quote!(#errors #rest)
}
