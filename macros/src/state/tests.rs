//! What the derive writes, for the shapes that differ most.

use expect_test::{Expect, expect};
use quote::quote;

fn check(item: proc_macro2::TokenStream, expected: &Expect) {
    let file = syn::parse2(super::derive(item)).unwrap();
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn a_field_that_combines() {
    check(
        quote! {
            pub struct Run {
                /// What was found.
                #[reduce(append)]
                #[serde(rename = "n")]
                notes: Vec<Note>,
            }
        },
        &expect![[r#"
            ///A partial update of [`Run`]: what is not set stays as it is.
            #[must_use = "an update does nothing until a node returns it"]
            #[derive(
                ::superstep::__private::serde::Serialize,
                ::superstep::__private::serde::Deserialize
            )]
            #[serde(crate = "::superstep::__private::serde")]
            pub struct RunUpdate {
                #[serde(
                    default,
                    skip_serializing_if = "::superstep::__private::Slot::is_unset",
                    rename = "n"
                )]
                notes: ::superstep::__private::Slot<Vec<Note>>,
                #[serde(
                    default,
                    skip_serializing_if = "::superstep::__private::Slot::is_unset",
                    rename = "replace_n"
                )]
                replace_notes: ::superstep::__private::Slot<Vec<Note>>,
            }
            const _: () = {
                use ::superstep::__private as __rt;
                impl Run {
                    /// An update that sets nothing yet.
                    pub fn update() -> RunUpdate {
                        ::core::default::Default::default()
                    }
                }
                #[allow(
                    clippy::should_implement_trait,
                    clippy::wrong_self_convention,
                    private_interfaces
                )]
                impl RunUpdate {
                    /// What was found.
                    pub fn notes(mut self, value: impl __rt::ListOf<Note>) -> Self {
                        __rt::reduce::join(
                            __rt::reduce::fit::<__rt::reduce::Append, Vec<Note>>(),
                            "Run.notes",
                            &mut self.notes,
                            ::core::iter::Iterator::collect::<
                                Vec<Note>,
                            >(__rt::ListOf::into_values(value)),
                        );
                        self
                    }
                    ///Replaces `notes`; whatever else the step sets in it goes on top.
                    pub fn replace_notes(mut self, value: impl __rt::ListOf<Note>) -> Self {
                        __rt::Slot::set(
                            &mut self.replace_notes,
                            ::core::iter::Iterator::collect::<
                                Vec<Note>,
                            >(__rt::ListOf::into_values(value)),
                        );
                        self
                    }
                }
                #[automatically_derived]
                impl ::core::default::Default for RunUpdate {
                    fn default() -> Self {
                        Self {
                            notes: __rt::Slot::Unset,
                            replace_notes: __rt::Slot::Unset,
                        }
                    }
                }
                #[automatically_derived]
                impl ::core::clone::Clone for RunUpdate {
                    fn clone(&self) -> Self {
                        Self {
                            notes: ::core::clone::Clone::clone(&self.notes),
                            replace_notes: ::core::clone::Clone::clone(&self.replace_notes),
                        }
                    }
                }
                #[automatically_derived]
                impl ::core::fmt::Debug for RunUpdate {
                    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        __rt::reduce::debug(
                            __f,
                            "RunUpdate",
                            &[("notes", &self.notes), ("replace_notes", &self.replace_notes)],
                        )
                    }
                }
                /// Equal if both set the same fields to values of the same encoding; a
                /// value without an encoding (a NaN) equals nothing, itself included.
                #[automatically_derived]
                impl ::core::cmp::PartialEq for RunUpdate {
                    fn eq(&self, __other: &Self) -> ::core::primitive::bool {
                        __rt::reduce::same_encoding(self, __other)
                    }
                }
                #[automatically_derived]
                impl __rt::Update for RunUpdate {
                    fn fields(&self) -> __rt::FieldSet {
                        __rt::FieldSet::EMPTY
                            .with_if(
                                0usize,
                                __rt::Slot::is_set(&self.notes)
                                    || __rt::Slot::is_set(&self.replace_notes),
                            )
                    }
                }
                #[automatically_derived]
                impl __rt::IntoOutcome<Run> for RunUpdate {
                    type Route = __rt::NoRoute;
                    type Error = ::core::convert::Infallible;
                    fn into_outcome(
                        self,
                    ) -> ::core::result::Result<
                        (::core::option::Option<Self>, __rt::NoRoute),
                        Self::Error,
                    > {
                        ::core::result::Result::Ok((
                            ::core::option::Option::Some(self),
                            __rt::NoRoute,
                        ))
                    }
                }
                #[automatically_derived]
                impl __rt::State for Run {
                    type Update = RunUpdate;
                    const INFO: __rt::StateInfo = __rt::StateInfo {
                        name: "Run",
                        fields: &[
                            __rt::FieldInfo {
                                name: "notes",
                                ty: "Vec<Note>",
                                reducer: "append",
                                conflicts: false,
                                default: false,
                            },
                        ],
                        ephemeral: false,
                    };
                    fn conflict(
                        __updates: &[RunUpdate],
                    ) -> ::core::result::Result<
                        ::core::option::Option<__rt::Clash>,
                        __rt::encode::EncodeError,
                    > {
                        let __look = __rt::reduce::Conflicts::among(__updates);
                        let __look = __look
                            .field(
                                __rt::reduce::fit::<__rt::reduce::Replace, Vec<Note>>(),
                                0usize,
                                |__update| &__update.replace_notes,
                            );
                        __look.found()
                    }
                    fn apply(
                        &mut self,
                        __updates: &mut [RunUpdate],
                    ) -> ::core::result::Result<(), __rt::ReduceError> {
                        __rt::reduce::apply(
                            __rt::reduce::fit::<__rt::reduce::Replace, Vec<Note>>(),
                            0usize,
                            &mut self.notes,
                            __updates,
                            |__update| &mut __update.replace_notes,
                        )?;
                        __rt::reduce::apply(
                            __rt::reduce::fit::<__rt::reduce::Append, Vec<Note>>(),
                            0usize,
                            &mut self.notes,
                            __updates,
                            |__update| &mut __update.notes,
                        )?;
                        ::core::result::Result::Ok(())
                    }
                }
            };
        "#]],
    );
}
