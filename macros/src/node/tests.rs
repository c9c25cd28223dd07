//! What `#[node]` expands to, and what it says about a function that cannot be a node.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

fn expansion(options: TokenStream, item: TokenStream) -> String {
    let expanded = super::expand(options, item);
    prettyplease::unparse(&syn::parse2(expanded).unwrap())
}

fn check(options: TokenStream, item: TokenStream, expected: Expect) {
    expected.assert_eq(&expansion(options, item));
}

#[test]
fn a_bare_node() {
    check(
        quote!(),
        quote! {
            pub fn write(state: &Research) -> ResearchUpdate { Research::update() }
        },
        expect![[r#"
            pub fn write(state: &Research) -> ResearchUpdate {
                Research::update()
            }
            #[doc(hidden)]
            #[allow(non_camel_case_types, dead_code, clippy::exhaustive_structs)]
            pub struct write {}
            const _: () = {
                use ::superstep::__private as __rt;
                #[automatically_derived]
                impl __rt::NodeFn for write {
                    type Input = __rt::NoInput;
                }
                #[automatically_derived]
                impl<
                    __G,
                > __rt::Node<
                    __G,
                    Research,
                    ResearchUpdate,
                    {
                        let _ = __rt::glue::returns::<Research, ResearchUpdate>;
                        true
                    },
                > for write
                where
                    __G: __rt::Lends,
                {
                    fn run<'__a, __T: __rt::Then<'__a, ResearchUpdate>>(
                        __call: __rt::Call<'__a, __G, Research, Self::Input>,
                        __then: __T,
                    ) -> __T::Running {
                        __T::when(__then, __rt::glue::now(__call, |__call| write(__call.state)))
                    }
                }
            };
        "#]],
    );
}

#[test]
fn everything_at_once() {
    check(
        quote! {
            timeout = "30s", idle = "5s", retry(attempts = 4, base = "250ms", when = worth_it),
            writes(notes, r#type), name = "web search", crate = crate::engine
        },
        quote! {
            /// Searches.
            #[cfg(feature = "web")]
            #[inline]
            async fn search<T: Fetch>(state: &Research, question: Question<T>, web: &dyn Web, cx: &Cx)
                -> Result<ResearchUpdate, NodeError>
            where
                T: Clone,
            {
                web.fetch(question).await
            }
        },
        expect![[r#"
            /// Searches.
            #[cfg(feature = "web")]
            #[inline]
            async fn search<T: Fetch>(
                state: &Research,
                question: Question<T>,
                web: &dyn Web,
                cx: &Cx,
            ) -> Result<ResearchUpdate, NodeError>
            where
                T: Clone,
            {
                web.fetch(question).await
            }
            #[cfg(feature = "web")]
            #[doc(hidden)]
            #[allow(non_camel_case_types, dead_code, clippy::exhaustive_structs)]
            struct search<T: Fetch>
            where
                T: Clone,
            {
                __types: (::core::marker::PhantomData<T>,),
            }
            #[cfg(feature = "web")]
            const _: () = {
                use crate::engine::__private as __rt;
                #[automatically_derived]
                impl<T: Fetch> __rt::NodeFn for search<T>
                where
                    T: Clone,
                    T: 'static,
                {
                    type Input = __rt::Given<Question<T>, true>;
                    const CLOSED: ::core::primitive::bool = false;
                    const NAME: ::core::option::Option<&'static ::core::primitive::str> = ::core::option::Option::Some(
                        "web search",
                    );
                    #[allow(clippy::needless_update)]
                    const OPTIONS: __rt::NodeOptions = __rt::NodeOptions {
                        timeout: ::core::option::Option::Some(
                            ::core::time::Duration::from_millis(30000u64),
                        ),
                        idle: ::core::option::Option::Some(
                            ::core::time::Duration::from_millis(5000u64),
                        ),
                        retry: __rt::RetryOptions::of(
                            4u32,
                            ::core::option::Option::Some(
                                ::core::time::Duration::from_millis(250u64),
                            ),
                            ::core::option::Option::None,
                            ::core::option::Option::Some(worth_it),
                        ),
                        ..__rt::NodeOptions::DEFAULT
                    };
                    const WRITES: ::core::option::Option<__rt::FieldSet> = ::core::option::Option::Some(
                        __rt::StateInfo::set_of(&<Research as __rt::State>::INFO, &["notes", "type"]),
                    );
                }
                #[automatically_derived]
                impl<
                    T: Fetch,
                    __G,
                > __rt::Node<__G, Research, Result<ResearchUpdate, NodeError>, true> for search<T>
                where
                    T: Clone,
                    T: 'static,
                    __G: __rt::Lends,
                    __G: __rt::Provides<dyn Web>,
                    __G: __rt::Provides<Cx>,
                {
                    fn run<'__a, __T: __rt::Then<'__a, Result<ResearchUpdate, NodeError>>>(
                        __call: __rt::Call<'__a, __G, Research, Self::Input>,
                        __then: __T,
                    ) -> __T::Running {
                        __T::when(
                            __then,
                            search::<
                                T,
                            >(
                                __call.state,
                                __call.input.0,
                                <__G as __rt::Provides<dyn Web>>::provide(__call.graph, __call.cx),
                                <__G as __rt::Provides<Cx>>::provide(__call.graph, __call.cx),
                            ),
                        )
                    }
                }
                const _: () = __rt::StateInfo::has(&<Research as __rt::State>::INFO, "notes");
                const _: () = __rt::StateInfo::has(&<Research as __rt::State>::INFO, "type");
            };
        "#]],
    );
}

#[test]
fn a_function_with_errors_keeps_its_type_so_that_graphs_stay_quiet() {
    let expanded = expansion(
        quote!(timeuot = "1s"),
        quote! { fn plan(state: &S) -> U { U } },
    );
    assert!(expanded.starts_with("::core::compile_error!"));
    assert!(expanded.contains("NodeFn for plan") && expanded.contains("> for plan"));
}

#[test]
fn faults_are_reported_together() {
    let expanded = expansion(
        quote!(timeout = "soon", retries = 3, allow(panics)),
        quote! {
            unsafe fn plan<'a>(state: Research, one: A, two: B, llm: &mut Llm) -> &'a str {
                std::time::SystemTime::now()
            }
        },
    );
    let reported = expanded.matches("compile_error! {").count();
    assert_eq!(reported, 9, "{expanded}");
    // The types of what is at fault are the first of them.
    assert_eq!(expanded.matches("compile_error!(").count(), 1, "{expanded}");
}

#[test]
fn the_lint_excuses_effects_and_untracked() {
    let expanded = expansion(
        quote!(),
        quote! {
            async fn plan(state: &S, cx: &Cx) {
                let a = cx.effect("a", &()).run(|| SystemTime::now()).await;
                let b = cx.effect("b", &()).at_most_once().run(async || rand::random()).await;
                let later = cx.effect("c", &());
                let c = later.run(Utc::now).await;
                let d = cx.untracked(|| Instant::now());
                fn helper() { SystemTime::now(); }
            }
        },
    );
    assert!(!expanded.contains("compile_error!"), "{expanded}");
}

#[test]
fn the_lint_finds_calls_and_function_values_outside_effects() {
    let expanded = expansion(
        quote!(),
        quote! {
            async fn plan(state: &S, cx: &Cx) {
                use tokio::time::sleep as nap;
                let a = cx.effect("a", &SystemTime::now()).run(|| 1).await;
                let b = pool.run(|| rand::random::<u8>());
                let c = None.unwrap_or_else(Utc::now);
                nap(d).await;
                if let Ok(v) = std::env::var("X") { tokio::spawn(async {}); }
            }
        },
    );
    assert_eq!(expanded.matches("compile_error!").count(), 6, "{expanded}");
}

#[test]
fn a_function_is_one_node_and_stays_as_it_is() {
    let expanded = expansion(quote!(), quote! { #[node] #[inline] pub fn plan(_: &S) {} });
    assert_eq!(
        expanded.matches("compile_error! {").count(),
        1,
        "{expanded}"
    );
    assert!(expanded.contains("#[inline]\npub fn plan"), "{expanded}");
}

#[test]
fn the_lint_can_be_switched_off_for_a_node() {
    let item = quote! { fn plan(state: &S) { Instant::now(); } };
    assert!(!expansion(quote!(allow(nondeterminism)), item).contains("compile_error!"));
}
