//! From the checked model to code; nothing here can fail.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::State;
use super::{codec, impl_state, reducer_type, update};

/// Everything that `#[derive(State)]` writes.
pub(super) fn state(state: &State<'_>, silenced: &TokenStream) -> TokenStream {
    let rt = super::runtime(state);
    let update = update::definition(state, silenced);
    let codecs = state
        .fields
        .iter()
        .filter_map(|field| codec::of(state, field));
    let functions = state
        .fields
        .iter()
        .filter_map(|field| reducer_type::function_of(state, field));
    let functions: TokenStream = functions.collect();
    let setters = update::setters(state);
    let impls = update::impls(state);
    let state = impl_state::of(state);
    quote! {
        #update
        #silenced
        const _: () = {
            use #rt as __rt;
            #(#codecs)*
            #functions
            #setters
            #impls
            #state
        };
    }
}
