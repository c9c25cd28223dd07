//! The update: its definition and its own impls.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::model::{Field, State};
use super::types;
use super::{codec, generics, names, setters};

/// What comes before the name of a field whose records are removed.
const REMOVE: &str = "remove_";

/// One slot of the update.
pub(super) struct SlotOf<'a> {
    ident: Ident,
    ty: TokenStream,
    pub(super) field: &'a Field<'a>,
    /// What comes before the field's name.
    pub(super) verb: &'static str,
}

impl SlotOf<'_> {
    /// What may be done with its value.
    fn stored(&self, state: &State<'_>) -> TokenStream {
        match self.verb {
            REMOVE => {
                let (rt, ty) = (super::rt(), &self.ty);
                quote!(<#ty as #rt::slots::Stored>)
            }
            _ => codec::stored(state, self.field),
        }
    }

    /// The further names that it is read from.
    pub(super) fn aliases(&self) -> impl Iterator<Item = String> {
        let aliases = self.field.serde.aliases.iter();
        aliases.map(|alias| format!("{}{}", self.verb, alias.value()))
    }
}

/// A field's slots: its own, that of `replace_…` and that of `remove_…`.
pub(super) fn slots<'a>(field: &'a Field<'a>) -> impl Iterator<Item = SlotOf<'a>> {
    let ty = field.ty;
    let slot = move |ident, ty, verb| SlotOf {
        ident,
        ty,
        field,
        verb,
    };
    let own = slot(field.ident.clone(), quote!(#ty), "");
    let replace = field.replacement();
    let replace = replace.map(|ident| slot(ident, quote!(#ty), "replace_"));
    let keys = quote!(::std::vec::Vec<::std::string::String>);
    let remove = field.removal();
    let remove = remove.map(|ident| slot(ident, keys, REMOVE));
    std::iter::once(own).chain(replace).chain(remove)
}

fn all_slots<'a>(state: &'a State<'_>) -> Vec<SlotOf<'a>> {
    state.fields.iter().flat_map(slots).collect()
}

/// The struct.
pub(super) fn definition(state: &State<'_>, silenced: &TokenStream) -> TokenStream {
    let rt = super::runtime(state);
    let State { vis, update, .. } = state;
    let generics = state.generics;
    // Behind a name alone rustc would propose a type that it does not know as a parameter, in an
    // error of its own.
    let none = generics.params.is_empty().then(|| quote!(<>));
    let clause = &generics.where_clause;
    let doc = format!(
        "A partial update of [`{}`]: what is not set stays as it is.",
        state.ident
    );
    let slots = all_slots(state)
        .into_iter()
        .map(|SlotOf { ident, ty, .. }| quote!(#ident: #rt::Slot<#ty>));
    quote! {
        #[doc = #doc]
        #[must_use = "an update does nothing until a node returns it"]
        #silenced
        // `replace_` before a field that begins with `_`.
        #[allow(clippy::derive_partial_eq_without_eq, non_snake_case)]
        #vis struct #update #none #generics #clause { #(#slots,)* }
    }
}

/// `X::update()` and the setters.
pub(super) fn setters(state: &State<'_>) -> TokenStream {
    let State {
        vis, ident, update, ..
    } = state;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let user_clause = generics::where_clause(state, []);
    let clause = generics::where_clause(state, generics::of_update(state));
    let setters = state.fields.iter().map(|field| setters::of(state, field));
    let removes = state.fields.iter().any(|field| field.removal().is_some());
    let key = removes.then(|| quote!(key));
    let parameters = std::iter::once(quote!(value)).chain(key);
    quote! {
        impl #impl_generics #ident #ty_generics #user_clause {
            /// An update that sets nothing yet.
            #vis fn update() -> #update #ty_generics {
                ::core::default::Default::default()
            }
        }
        const _: () = {
            // A parameter cannot have the name of a static that is in scope, but that of a
            // function. In a block, where the user's functions of that name are not called.
            #(#[allow(dead_code)] fn #parameters() {})*
            // A field's name is the user's, and so is the visibility of its type; nobody has to
            // call every setter, also where the name comes from a macro. In a copy of the field's
            // text `Self` is the update.
            #[allow(
                clippy::should_implement_trait, clippy::wrong_self_convention,
                clippy::impl_trait_in_params, private_interfaces, non_snake_case, dead_code,
                rustdoc::broken_intra_doc_links
            )]
            impl #impl_generics #update #ty_generics #clause {
                #(#setters)*
            }
        };
    }
}

/// The update as its slots, and what follows from that.
///
/// Equality is that of the encodings: `PartialEq` cannot be required of the fields' types, since
/// a bound that does not hold is an error on a type without parameters.
pub(super) fn impls(state: &State<'_>) -> TokenStream {
    let rt = super::rt();
    let State { ident, update, .. } = state;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let any = generics::where_clause(state, []);
    let stored = generics::where_clause(state, generics::of_update(state));
    let of_state = generics::where_clause(state, generics::is_state(state));
    // What serde was told to require has a `'de` of its own.
    let de = match state.serde.bounds.as_slice() {
        [] => quote!('de),
        _ => quote!('__de),
    };
    let mut with_de = state.generics.clone();
    with_de.params.insert(0, syn::parse_quote!(#de));
    let (with_de, _, _) = with_de.split_for_impl();
    let slots = all_slots(state);
    let idents: Vec<&Ident> = slots.iter().map(|slot| &slot.ident).collect();
    let as_stored: Vec<_> = slots.iter().map(|slot| slot.stored(state)).collect();
    let positions = 0..slots.len();
    let table = table(state, &slots);
    let into_outcome = into_outcome(state);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::default::Default for #update #ty_generics #any {
            fn default() -> Self {
                Self { #(#idents: #rt::Slot::Unset,)* }
            }
        }
        #[automatically_derived]
        impl #impl_generics #rt::slots::Slots for #update #ty_generics #stored {
            #table
            fn show(&self, __look: &mut #rt::slots::Look<'_>) {
                __look(&[#(#as_stored::show(&self.#idents)),*]);
            }
            fn encode<__S: #rt::serde::ser::SerializeStruct>(
                &self,
                __to: &mut #rt::slots::Encoding<__S>,
            ) -> ::core::result::Result<(), __S::Error> {
                #(#as_stored::encode(&self.#idents, __to)?;)*
                ::core::result::Result::Ok(())
            }
            fn decode<'de, __M: #rt::serde::de::MapAccess<'de>>(
                &mut self,
                __position: ::core::primitive::usize,
                __from: #rt::slots::Entry<'_, __M>,
            ) -> ::core::result::Result<(), __M::Error> {
                match __position {
                    #(#positions => #as_stored::decode(&mut self.#idents, __from),)*
                    _ => ::core::result::Result::Ok(()),
                }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #update #ty_generics #stored {
            fn clone(&self) -> Self {
                Self { #(#idents: #as_stored::copy(&self.#idents),)* }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #update #ty_generics #stored {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #rt::slots::debug(self, __f)
            }
        }
        #[automatically_derived]
        impl #impl_generics #rt::serde::Serialize for #update #ty_generics #stored {
            fn serialize<__S: #rt::serde::Serializer>(&self, __to: __S) -> ::core::result::Result<__S::Ok, __S::Error> {
                #rt::slots::encode(self, __to)
            }
        }
        #[automatically_derived]
        impl #with_de #rt::serde::Deserialize<#de> for #update #ty_generics #stored {
            fn deserialize<__D: #rt::serde::Deserializer<#de>>(__from: __D) -> ::core::result::Result<Self, __D::Error> {
                #rt::slots::decode(__from)
            }
        }
        /// Equal if both set the same fields to values of the same encoding; a
        /// value without an encoding (a NaN) equals nothing, itself included.
        #[automatically_derived]
        impl #impl_generics ::core::cmp::PartialEq for #update #ty_generics #stored {
            fn eq(&self, __other: &Self) -> ::core::primitive::bool {
                #rt::reduce::same_encoding(self, __other)
            }
        }
        #[automatically_derived]
        impl #impl_generics #rt::Update for #update #ty_generics #stored {
            fn fields(&self) -> #rt::FieldSet {
                #rt::slots::fields(self)
            }
        }
        #[automatically_derived]
        impl #impl_generics #rt::IntoOutcome<#ident #ty_generics> for #update #ty_generics #of_state {
            type Route = #rt::NoRoute;
            type Error = ::core::convert::Infallible;
            #into_outcome
        }
    }
}

/// The names of the slots.
fn table(state: &State<'_>, slots: &[SlotOf<'_>]) -> TokenStream {
    let rt = super::rt();
    let name = state.update.to_string();
    let fields = state
        .fields
        .iter()
        .enumerate()
        .flat_map(|(position, field)| self::slots(field).map(move |_| position));
    let idents = slots.iter().map(|slot| types::unraw(&slot.ident));
    let own = slots.iter().map(|slot| names::own(state, slot));
    let aliases = slots
        .iter()
        .enumerate()
        .flat_map(|(position, slot)| slot.aliases().map(move |alias| (alias, position)));
    let (aliases, of_aliases): (Vec<String>, Vec<usize>) = aliases.unzip();
    let deny_unknown = state.serde.deny_unknown_fields;
    quote! {
        const TABLE: &'static #rt::slots::Table = &#rt::slots::Table {
            name: #name,
            fields: &[#(#fields),*],
            idents: &[#(#idents),*],
            names: &[#(#own,)* #(#aliases),*],
            aliases: &[#(#of_aliases),*],
            deny_unknown: #deny_unknown,
        };
    }
}

/// Where the trait's own `S: State` is about a generic state, rustc does not see what the
/// update of that state is.
fn into_outcome(state: &State<'_>) -> TokenStream {
    let (rt, ident) = (super::rt(), state.ident);
    let (_, ty_generics, _) = state.generics.split_for_impl();
    let is_open = state.generics.type_params().next().is_some();
    let (update, clause, own) = match is_open {
        false => (
            quote!(Self),
            None,
            quote!(::core::option::Option::Some(self)),
        ),
        true => (
            quote!(<#ident #ty_generics as #rt::State>::Update),
            Some(quote!(where #ident #ty_generics: #rt::State)),
            quote!(#rt::reduce::same(self)),
        ),
    };
    quote! {
        #[inline]
        fn into_outcome(self) -> ::core::result::Result<(::core::option::Option<#update>, #rt::NoRoute), Self::Error> #clause {
            ::core::result::Result::Ok((#own, #rt::NoRoute))
        }
    }
}
