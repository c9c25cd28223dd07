//! What `#[derive(State)]` read: spanned, not yet checked.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Generics, Path, Type, Visibility};

use super::reducer::Reducer;
use super::serde_attrs::{ContainerSerde, FieldSerde};

pub(super) struct State<'a> {
    /// Where the runtime is: `::superstep`, or `crate = path`.
    pub(super) krate: Path,
    pub(super) vis: &'a Visibility,
    pub(super) ident: &'a Ident,
    pub(super) update: Ident,
    pub(super) generics: &'a Generics,
    pub(super) serde: ContainerSerde,
    pub(super) fields: Vec<Field<'a>>,
}

pub(super) struct Field<'a> {
    pub(super) ident: &'a Ident,
    /// The name without `r#`.
    pub(super) name: String,
    pub(super) ty: &'a Type,
    pub(super) docs: Vec<&'a Attribute>,
    pub(super) reducer: Reducer,
    pub(super) serde: FieldSerde,
}

impl Field<'_> {
    /// The slot and setter `replace_<field>`, if the reducer combines.
    pub(super) fn replacement(&self) -> Option<Ident> {
        self.reducer.combines().then(|| self.beside("replace"))
    }

    /// The slot and setter `remove_<field>`, if the field holds records.
    pub(super) fn removal(&self) -> Option<Ident> {
        self.reducer.id().map(|_| self.beside("remove"))
    }

    fn beside(&self, verb: &str) -> Ident {
        Ident::new(&format!("{verb}_{}", self.name), self.span())
    }

    pub(super) fn span(&self) -> Span {
        self.ident.span()
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        self.reducer.is_ephemeral()
    }
}
