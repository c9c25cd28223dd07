//! `impl State`: the table of fields, conflicts, and how updates apply.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use super::model::{Field, State};
use super::reducer::{Combine, Conflict, Pick, Reducer};
use super::{codec, generics, reduce_attr, reducer_type, types};
use crate::text;

pub(super) fn of(state: &State<'_>) -> TokenStream {
    let rt = super::rt();
    let State { ident, update, .. } = state;
    let (impl_generics, ty_generics, _) = state.generics.split_for_impl();
    let is_state = generics::for_state(state);
    let clause = generics::where_clause(
        state,
        generics::of_update(state).into_iter().chain(is_state),
    );
    let name = types::unraw(ident);
    let numbered = || state.fields.iter().enumerate();
    let infos = numbered().map(|(_, field)| info(state, field));
    let ephemeral = state.fields.iter().any(Field::is_ephemeral);
    let looks = numbered().map(|(position, field)| look(state, position, field));
    let applies = numbered().map(|(position, field)| apply(state, position, field));
    // What is missing is reported at the state's name.
    let whole = quote_spanned!(ident.span()=> Self);
    let check = check_reduced(state);
    let restore = restore(state);
    quote! {
        #[automatically_derived]
        impl #impl_generics #rt::State for #ident #ty_generics #clause {
            type Update = #update #ty_generics;
            type Whole = #whole;

            const INFO: #rt::StateInfo = #rt::StateInfo {
                name: #name,
                fields: &[#(#infos),*],
                ephemeral: #ephemeral,
            };

            fn conflict(
                __updates: &[#update #ty_generics],
            ) -> ::core::result::Result<::core::option::Option<#rt::Clash>, #rt::encode::EncodeError> {
                let __look = #rt::reduce::Conflicts::among(__updates);
                #(#looks)*
                __look.found()
            }

            fn apply(
                &mut self,
                __updates: &mut [#update #ty_generics],
            ) -> ::core::result::Result<(), #rt::ReduceError> {
                #(#applies)*
                ::core::result::Result::Ok(())
            }

            #check

            #restore
        }
    }
}

fn info(state: &State<'_>, field: &Field<'_>) -> TokenStream {
    let rt = super::rt();
    let name = &field.name;
    let ty = text::joined(field.ty);
    let reducer = reduce_attr::text(&field.reducer);
    let conflicts = field.reducer.conflict().is_of_values();
    let default = state.serde.default || field.serde.default || field.serde.skip.is_some();
    quote! {
        #rt::FieldInfo { name: #name, ty: #ty, reducer: #reducer, conflicts: #conflicts, default: #default }
    }
}

/// Where two updates of one step can conflict in this field.
fn look(state: &State<'_>, position: usize, field: &Field<'_>) -> TokenStream {
    let ident = field.ident;
    let replaced = |slot: &Ident| {
        let stored = codec::stored(state, field);
        quote!(let __look = #stored::look(__look, #position, |__update| &__update.#slot);)
    };
    let replacement = field.replacement().as_ref().map(replaced);
    let own = match field.reducer.conflict() {
        Conflict::Never => TokenStream::new(),
        Conflict::Value => replaced(ident),
        Conflict::Key(combine) => {
            let reducer = reducer_type::fit(field, &reducer_type::combine(field, combine));
            reducer_type::at_type(
                field,
                quote!(let __look = __look.field(#reducer, #position, |__update| &__update.#ident);),
            )
        }
        Conflict::Record(id) => {
            let removal = field.removal();
            quote! {
                let __look = __look.records(
                    #position, |__update| (&__update.#ident, &__update.#removal), |__record| &__record.#id,
                );
            }
        }
    };
    quote!(#replacement #own)
}

fn apply(state: &State<'_>, position: usize, field: &Field<'_>) -> TokenStream {
    let rt = super::rt();
    let apply = |reducer: &TokenStream, slot: &Ident| {
        let ident = field.ident;
        let reducer = reducer_type::fit(field, reducer);
        reducer_type::at_type(
            field,
            quote!(#rt::reduce::apply(#reducer, #position, &mut self.#ident, __updates, |__update| &mut __update.#slot)?;),
        )
    };
    let replacement = field.replacement();
    let replacement = replacement.map(|slot| apply(&reducer_type::pick(&Pick::Replace), &slot));
    let ident = field.ident;
    let own = match &field.reducer {
        Reducer::Pick(pick) => apply(&reducer_type::pick(pick), ident),
        Reducer::Combine(combine) => apply(&reducer_type::combine(field, combine), ident),
        Reducer::Ephemeral => reducer_type::at_type(
            field,
            quote!(#rt::reduce::ephemeral(&mut self.#ident, __updates, |__update| &mut __update.#ident);),
        ),
        Reducer::With(_) => {
            let function = reducer_type::function(state, field);
            quote!(#rt::reduce::apply_with(&mut self.#ident, __updates, #function, |__update| &mut __update.#ident);)
        }
        Reducer::Upsert(id) => {
            let removal = field.removal();
            quote! {
                #rt::reduce::apply_records(
                    #position, &mut self.#ident, __updates,
                    |__record| &__record.#id, |__update| (&mut __update.#ident, &mut __update.#removal),
                )?;
            }
        }
    };
    quote!(#replacement #own)
}

/// Whether a function of the user's makes the field's value out of what was
/// set: its reducer, or one that encodes a whole that was set in parts.
fn is_made(field: &Field<'_>) -> bool {
    match &field.reducer {
        Reducer::Pick(_) | Reducer::Ephemeral => false,
        Reducer::With(_) => true,
        Reducer::Combine(Combine::Merge) => {
            types::last_segment(field.ty).is_none_or(|(name, _)| name != "BTreeMap")
        }
        Reducer::Combine(
            Combine::Append | Combine::Sum | Combine::Max | Combine::Min | Combine::Union,
        )
        | Reducer::Upsert(_) => field.serde.has_codec(),
    }
}

fn check_reduced(state: &State<'_>) -> Option<TokenStream> {
    let rt = super::rt();
    let numbered = state.fields.iter().enumerate();
    let made = numbered.filter(|(_, field)| is_made(field));
    let checks: Vec<_> = made
        .map(|(position, field)| {
            let (stored, ident) = (codec::stored(state, field), field.ident);
            quote!(#stored::check::<Self>(&self.#ident, __said, #position)?;)
        })
        .collect();
    (!checks.is_empty()).then(|| {
        quote! {
            fn check_reduced(
                &self,
                __said: #rt::FieldSet,
            ) -> ::core::result::Result<(), #rt::encode::EncodeError> {
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }
    })
}

/// Ephemeral fields that the state's own encoding leaves out.
fn restore(state: &State<'_>) -> Option<TokenStream> {
    let rt = super::rt();
    let skipped = |field: &&Field<'_>| field.is_ephemeral() && field.serde.skip.is_some();
    let fields: Vec<_> = state
        .fields
        .iter()
        .filter(skipped)
        .map(|field| field.ident)
        .collect();
    let (update, (_, ty_generics, _)) = (&state.update, state.generics.split_for_impl());
    (!fields.is_empty()).then(|| {
        quote! {
            fn restore_skipped(&mut self, __updates: &mut [#update #ty_generics]) {
                #(#rt::reduce::restore(&mut self.#fields, __updates, |__update| &mut __update.#fields);)*
            }
        }
    })
}
