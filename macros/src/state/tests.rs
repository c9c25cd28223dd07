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
            #[allow(clippy::derive_partial_eq_without_eq, non_snake_case)]
            pub struct RunUpdate {
                notes: ::superstep::__private::Slot<Vec<Note>>,
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
                const _: () = {
                    #[allow(dead_code)]
                    fn value() {}
                    #[allow(
                        clippy::should_implement_trait,
                        clippy::wrong_self_convention,
                        clippy::impl_trait_in_params,
                        private_interfaces,
                        non_snake_case,
                        dead_code,
                        rustdoc::broken_intra_doc_links
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
                };
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
                impl __rt::slots::Slots for RunUpdate {
                    const TABLE: &'static __rt::slots::Table = &__rt::slots::Table {
                        name: "RunUpdate",
                        fields: &[0usize, 0usize],
                        idents: &["notes", "replace_notes"],
                        names: &["n", "replace_n"],
                        aliases: &[],
                        deny_unknown: false,
                    };
                    fn show(&self, __look: &mut __rt::slots::Look<'_>) {
                        __look(
                            &[
                                <Vec<Note> as __rt::slots::Stored>::show(&self.notes),
                                <Vec<Note> as __rt::slots::Stored>::show(&self.replace_notes),
                            ],
                        );
                    }
                    fn encode<__S: __rt::serde::ser::SerializeStruct>(
                        &self,
                        __to: &mut __rt::slots::Encoding<__S>,
                    ) -> ::core::result::Result<(), __S::Error> {
                        <Vec<Note> as __rt::slots::Stored>::encode(&self.notes, __to)?;
                        <Vec<Note> as __rt::slots::Stored>::encode(&self.replace_notes, __to)?;
                        ::core::result::Result::Ok(())
                    }
                    fn decode<'de, __M: __rt::serde::de::MapAccess<'de>>(
                        &mut self,
                        __position: ::core::primitive::usize,
                        __from: __rt::slots::Entry<'_, __M>,
                    ) -> ::core::result::Result<(), __M::Error> {
                        match __position {
                            0usize => {
                                <Vec<Note> as __rt::slots::Stored>::decode(&mut self.notes, __from)
                            }
                            1usize => {
                                <Vec<
                                    Note,
                                > as __rt::slots::Stored>::decode(&mut self.replace_notes, __from)
                            }
                            _ => ::core::result::Result::Ok(()),
                        }
                    }
                }
                #[automatically_derived]
                impl ::core::clone::Clone for RunUpdate {
                    fn clone(&self) -> Self {
                        Self {
                            notes: <Vec<Note> as __rt::slots::Stored>::copy(&self.notes),
                            replace_notes: <Vec<
                                Note,
                            > as __rt::slots::Stored>::copy(&self.replace_notes),
                        }
                    }
                }
                #[automatically_derived]
                impl ::core::fmt::Debug for RunUpdate {
                    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        __rt::slots::debug(self, __f)
                    }
                }
                #[automatically_derived]
                impl __rt::serde::Serialize for RunUpdate {
                    fn serialize<__S: __rt::serde::Serializer>(
                        &self,
                        __to: __S,
                    ) -> ::core::result::Result<__S::Ok, __S::Error> {
                        __rt::slots::encode(self, __to)
                    }
                }
                #[automatically_derived]
                impl<'de> __rt::serde::Deserialize<'de> for RunUpdate {
                    fn deserialize<__D: __rt::serde::Deserializer<'de>>(
                        __from: __D,
                    ) -> ::core::result::Result<Self, __D::Error> {
                        __rt::slots::decode(__from)
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
                        __rt::slots::fields(self)
                    }
                }
                #[automatically_derived]
                impl __rt::IntoOutcome<Run> for RunUpdate {
                    type Route = __rt::NoRoute;
                    type Error = ::core::convert::Infallible;
                    #[inline]
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
                    type Whole = Self;
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
                        let __look = <Vec<
                            Note,
                        > as __rt::slots::Stored>::look(
                            __look,
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
                            __rt::reduce::fit::<__rt::reduce::Last, Vec<Note>>(),
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
