//! The update: its definition and its own impls.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::model::{Field, State};
use super::types;
use super::{codec, generics, setters};

/// One slot of the update.
pub(super) struct SlotOf<'a> {
    ident: Ident,
    ty: TokenStream,
    pub(super) field: &'a Field<'a>,
    /// What comes before the field's name.
    pub(super) verb: &'static str,
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
    let remove = remove.map(|ident| slot(ident, keys, "remove_"));
    std::iter::once(own).chain(replace).chain(remove)
}

fn all_slots<'a>(state: &'a State<'_>) -> Vec<SlotOf<'a>> {
    state.fields.iter().flat_map(slots).collect()
}

/// The struct, with serde's derives.
pub(super) fn definition(state: &State<'_>) -> TokenStream {
    let rt = super::runtime(state);
    let State { vis, update, .. } = state;
    let generics = state.generics;
    let clause = &generics.where_clause;
    let doc = format!(
        "A partial update of [`{}`]: what is not set stays as it is.",
        state.ident
    );
    let serde = crate::text::joined(quote!(#rt::serde));
    let container = container_attributes(state);
    let slots = all_slots(state).into_iter().map(|slot| {
        let attributes = slot_attributes(state, &slot);
        let SlotOf { ident, ty, .. } = slot;
        quote!(#[serde(#attributes)] #ident: #rt::Slot<#ty>)
    });
    quote! {
        #[doc = #doc]
        #[must_use = "an update does nothing until a node returns it"]
        #[derive(#rt::serde::Serialize, #rt::serde::Deserialize)]
        #[serde(crate = #serde #container)]
        #vis struct #update #generics #clause { #(#slots,)* }
    }
}

fn container_attributes(state: &State<'_>) -> TokenStream {
    let rt = super::runtime(state);
    let rename_all = state.serde.rename_all.iter();
    let deny = state
        .serde
        .deny_unknown_fields
        .then(|| quote!(, deny_unknown_fields));
    let bounds = state.generics.type_params().next().map(|_| {
        let bound = |bound: TokenStream| {
            let with_codec = |field: &&Field<'_>| !field.serde.has_codec();
            let open = generics::open_fields(state);
            let open = open.into_iter().filter(with_codec).map(|field| field.ty);
            quote!(#(#open: #bound),*).to_string()
        };
        let serialize = bound(quote!(#rt::serde::Serialize));
        let deserialize = bound(quote!(#rt::serde::de::DeserializeOwned));
        quote!(, bound(serialize = #serialize, deserialize = #deserialize))
    });
    quote!(#(, rename_all = #rename_all)* #deny #bounds)
}

fn slot_attributes(state: &State<'_>, slot: &SlotOf<'_>) -> TokenStream {
    let rt = super::runtime(state);
    let field = slot.field;
    let unset = crate::text::joined(quote!(#rt::Slot::is_unset));
    let rename = field.serde.rename.iter().map(|name| {
        let name = format!("{}{}", slot.verb, name.value());
        quote!(, rename = #name)
    });
    let aliases = field.serde.aliases.iter().map(|alias| {
        let alias = format!("{}{}", slot.verb, alias.value());
        quote!(, alias = #alias)
    });
    let codec = codec::ident(state, field).filter(|_| slot.verb != "remove_");
    let codec = codec.map(|codec| {
        let encode = quote!(#rt::reduce::encode_slot::<#codec, _, _>).to_string();
        let decode = quote!(#rt::reduce::decode_slot::<#codec, _, _>).to_string();
        quote!(, serialize_with = #encode, deserialize_with = #decode)
    });
    quote!(default, skip_serializing_if = #unset #(#rename)* #(#aliases)* #codec)
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
    quote! {
        impl #impl_generics #ident #ty_generics #user_clause {
            /// An update that sets nothing yet.
            #vis fn update() -> #update #ty_generics {
                ::core::default::Default::default()
            }
        }
        // A field's name is the user's, and so is the visibility of its type.
        #[allow(clippy::should_implement_trait, clippy::wrong_self_convention, private_interfaces)]
        impl #impl_generics #update #ty_generics #clause {
            #(#setters)*
        }
    }
}

/// `Default`, `Clone` and `Debug`.
pub(super) fn plain_impls(state: &State<'_>) -> TokenStream {
    let rt = super::rt();
    let update = &state.update;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let slots: Vec<Ident> = all_slots(state)
        .into_iter()
        .map(|slot| slot.ident)
        .collect();
    let names = slots.iter().map(types::unraw);
    let label = update.to_string();
    let any = generics::where_clause(state, []);
    let clone = generics::on_fields(state, &quote!(::core::clone::Clone));
    let clone = generics::where_clause(state, clone);
    let debug = generics::on_fields(state, &quote!(::core::fmt::Debug));
    let debug = generics::where_clause(state, debug);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::default::Default for #update #ty_generics #any {
            fn default() -> Self {
                Self { #(#slots: #rt::Slot::Unset,)* }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #update #ty_generics #clone {
            fn clone(&self) -> Self {
                Self { #(#slots: ::core::clone::Clone::clone(&self.#slots),)* }
            }
        }
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #update #ty_generics #debug {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #rt::reduce::debug(__f, #label, &[#((#names, &self.#slots)),*])
            }
        }
    }
}

/// Compared by encoding: `PartialEq` cannot be required of the fields' types, since
/// a bound that does not hold is an error on a type without parameters.
pub(super) fn equality(state: &State<'_>) -> TokenStream {
    let rt = super::rt();
    let update = &state.update;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let clause = generics::where_clause(state, generics::of_update(state));
    quote! {
        /// Equal if both set the same fields to values of the same encoding; a
        /// value without an encoding (a NaN) equals nothing, itself included.
        #[automatically_derived]
        impl #impl_generics ::core::cmp::PartialEq for #update #ty_generics #clause {
            fn eq(&self, __other: &Self) -> ::core::primitive::bool {
                #rt::reduce::same_encoding(self, __other)
            }
        }
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
        fn into_outcome(self) -> ::core::result::Result<(::core::option::Option<#update>, #rt::NoRoute), Self::Error> #clause {
            ::core::result::Result::Ok((#own, #rt::NoRoute))
        }
    }
}

/// `Update` and `IntoOutcome`.
pub(super) fn graph_impls(state: &State<'_>) -> TokenStream {
    let rt = super::rt();
    let State { ident, update, .. } = state;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let of_update = generics::where_clause(state, generics::of_update(state));
    let is_state = generics::state_holds(state);
    let of_state = generics::where_clause(
        state,
        generics::of_update(state).into_iter().chain(is_state),
    );
    let said = state.fields.iter().enumerate().map(|(position, field)| {
        let slots = slots(field).map(|slot| slot.ident);
        quote!(.with_if(#position, #(#rt::Slot::is_set(&self.#slots))||*))
    });
    let into_outcome = into_outcome(state);
    quote! {
        #[automatically_derived]
        impl #impl_generics #rt::Update for #update #ty_generics #of_update {
            fn fields(&self) -> #rt::FieldSet {
                #rt::FieldSet::EMPTY #(#said)*
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
