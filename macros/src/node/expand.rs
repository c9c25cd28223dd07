use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Generics, Ident, parse_quote};

use super::model::{Arg, Model};
use super::options::Options;
use crate::optional::optional;
use crate::spans;

/// The type next to the function, and its impls.
pub(super) fn node(model: &Model) -> TokenStream {
    with_run(model, &call(model), None)
}

/// The same for a function with errors, without the call. What is at fault in it is `unknown`.
pub(super) fn stub(model: &Model, unknown: Option<&TokenStream>) -> TokenStream {
    let alias = unknown.map(|unknown| quote!(type __Unknown = #unknown;));
    let never = quote!(async { ::core::unreachable!() });
    with_run(model, &then(model, never), alias)
}

fn with_run(model: &Model, body: &TokenStream, unknown: Option<TokenStream>) -> TokenStream {
    let companion = companion(model);
    let node_fn = node_fn(model);
    let node = run(model, body);
    let writes = checked_writes(model);
    let (runtime, cfgs, silenced) = (&model.runtime, model.cfgs(), &model.silenced);
    quote! {
        #companion
        #(#cfgs)*
        #silenced
        const _: () = {
            use #runtime as __rt;
            #unknown
            #node_fn
            #node
            #writes
        };
    }
}

/// A braced struct, since a unit struct would take the function's name. The function's page has
/// the documentation.
fn companion(model: &Model) -> TokenStream {
    let Model {
        vis,
        name,
        copied,
        silenced,
        generics,
        ..
    } = model;
    let where_clause = &generics.where_clause;
    let types = generics.type_params().map(|param| &param.ident);
    let marker = generics
        .type_params()
        .next()
        .map(|_| quote!(__types: (#(::core::marker::PhantomData<#types>,)*)));
    quote! {
        #(#copied)*
        #[doc(hidden)]
        #silenced
        #[allow(non_camel_case_types, dead_code, clippy::exhaustive_structs)]
        #vis struct #name #generics #where_clause { #marker }
    }
}

fn node_fn(model: &Model) -> TokenStream {
    let Model {
        name,
        state,
        options,
        ..
    } = model;
    let generics = bounded(&model.generics);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let input = input_type(model);
    let open = model.provided().next().map(|_| {
        quote!(
            const CLOSED: ::core::primitive::bool = false;
        )
    });
    let node_options = node_options(model);
    let display_name = options.name.as_ref().map(|name| {
        let name = optional(Some(name));
        quote!(const NAME: ::core::option::Option<&'static ::core::primitive::str> = #name;)
    });
    let writes = options.writes.as_ref().map(|fields| {
        let fields = fields.iter().map(|field| field.unraw().to_string());
        let set = quote!(__rt::StateInfo::set_of(&<#state as __rt::State>::INFO, &[#(#fields),*]));
        let set = optional(Some(set));
        let set = match has_open_state(model) {
            false => set,
            true => {
                let checks = field_checks(model);
                quote!({ #(#checks;)* #set })
            }
        };
        quote!(const WRITES: ::core::option::Option<__rt::FieldSet> = #set;)
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics __rt::NodeFn for #name #ty_generics #where_clause {
            #input
            #open
            #display_name
            #node_options
            #writes
        }
    }
}

/// With parameters that are `'static`, as those of graphs are.
fn bounded(generics: &Generics) -> Generics {
    let mut bounded = generics.clone();
    for param in generics.type_params().map(|param| &param.ident) {
        let clause = bounded.make_where_clause();
        clause.predicates.push(parse_quote!(#param: 'static));
    }
    bounded
}

fn run(model: &Model, body: &TokenStream) -> TokenStream {
    let Model { name, state, .. } = model;
    let output = output(model);
    let returns = returns(model, &output);
    let mut generics = bounded(&model.generics);
    generics.params.push(parse_quote!(__G));
    let predicates = &mut generics.make_where_clause().predicates;
    predicates.push(parse_quote!(__G: __rt::Lends));
    for ty in model.provided() {
        predicates.push(parse_quote!(__G: __rt::Provides<#ty>));
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = model.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics __rt::Node<__G, #state, #output, #returns> for #name #ty_generics #where_clause {
            fn run<'__a, __T: __rt::Then<'__a, #output>>(
                __call: __rt::Call<'__a, __G, #state, Self::Input>,
                __then: __T,
            ) -> __T::Running {
                #body
            }
        }
    }
}

/// The call of the function, with what its parameters ask for.
fn call(model: &Model) -> TokenStream {
    let Model { name, generics, .. } = model;
    let (_, ty_generics, _) = generics.split_for_impl();
    let turbofish = ty_generics.as_turbofish();
    let args = model.args.iter().map(|arg| match arg {
        Arg::Input(_) => quote!(__call.input.0),
        Arg::Provided(ty) => {
            quote!(<__G as __rt::Provides<#ty>>::provide(__call.graph, __call.cx))
        }
    });
    let call = quote!(#name #turbofish (__call.state #(, #args)*));
    let future = match model.is_async {
        true => call,
        false => quote!(__rt::glue::now(__call, |__call| #call)),
    };
    then(model, future)
}

/// At the name, so that a future that is not `Send` is explained there.
fn then(model: &Model, future: TokenStream) -> TokenStream {
    let at = Span::call_site().located_at(model.name.span());
    let future = spans::moved(at, future);
    quote!(__T::when(__then, #future))
}

/// Spanned at the type, where rustc reports what is wrong with it.
fn input_type(model: &Model) -> TokenStream {
    let Some(ty) = model.input() else {
        return quote!(
            type Input = __rt::NoInput;
        );
    };
    let span = ty.span();
    let can = quote_spanned!(span=> __rt::glue::input::<#ty>);
    let can = spans::holds(&model.generics, span, &can);
    let given = quote!(__rt::Given);
    quote_spanned!(span=> type Input = #given<#ty, #can>;)
}

/// Whether the function may return what it does: an error at that type, if not. Of a generic
/// function this is known only where a graph uses it.
fn returns(model: &Model, output: &TokenStream) -> TokenStream {
    let span = match &model.output {
        Some(ty) => ty.span(),
        None => model.name.span(),
    };
    let state = &model.state;
    let may = quote_spanned!(span=> __rt::glue::returns::<#state, #output>);
    spans::holds(&model.generics, span, &may)
}

fn output(model: &Model) -> TokenStream {
    match &model.output {
        Some(ty) => quote!(#ty),
        None => quote_spanned!(model.name.span()=> ()),
    }
}

/// That the fields are there: an error at their names, if not. Of a state that is known only
/// where a graph uses the node, it is said there.
fn checked_writes(model: &Model) -> Option<TokenStream> {
    let checks = field_checks(model);
    (!has_open_state(model)).then(|| quote!(#(const _: () = #checks;)*))
}

/// Whether the state's type mentions a parameter of the node.
fn has_open_state(model: &Model) -> bool {
    let state = model.state.to_token_stream();
    let mut params = model.generics.params.iter().map(spans::name_of);
    params.any(|name| spans::mention(state.clone(), name))
}

fn field_checks(model: &Model) -> Vec<TokenStream> {
    let state = &model.state;
    let check = |field: &Ident| {
        let name = field.unraw().to_string();
        quote_spanned!(field.span()=> __rt::StateInfo::has(&<#state as __rt::State>::INFO, #name))
    };
    model.options.writes.iter().flatten().map(check).collect()
}

/// Nothing, if the defaults hold.
fn node_options(model: &Model) -> Option<TokenStream> {
    let Options {
        timeout,
        idle,
        blocking,
        ..
    } = &model.options;
    let limit = |time| optional(Some(duration(time)));
    let set = [
        timeout.map(limit).map(|time| quote!(timeout: #time)),
        idle.map(limit).map(|time| quote!(idle: #time)),
        retry_options(model).map(|retry| quote!(retry: #retry)),
        blocking.map(|_| quote!(blocking: true)),
    ];
    let set: Vec<TokenStream> = set.into_iter().flatten().collect();
    (!set.is_empty()).then(|| {
        quote! {
            #[allow(clippy::needless_update)] // if all of them are set
            const OPTIONS: __rt::NodeOptions = __rt::NodeOptions {
                #(#set,)*
                ..__rt::NodeOptions::DEFAULT
            };
        }
    })
}

fn retry_options(model: &Model) -> Option<TokenStream> {
    let retry = &model.options.retry;
    let attempts = retry.attempts?;
    let base = optional(retry.base.map(duration));
    let max = optional(retry.max.map(duration));
    let when = match &retry.when {
        Some(path) => spans::moved(path.span(), optional(Some(path))),
        None => optional(None::<TokenStream>),
    };
    Some(quote!(__rt::RetryOptions::of(#attempts, #base, #max, #when)))
}

fn duration(time: Duration) -> TokenStream {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
