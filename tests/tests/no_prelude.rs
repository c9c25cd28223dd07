//! What the macros write needs nothing from where it stands: no prelude, no trait, and no name
//! of the user's is taken for one of ours.
#![no_implicit_prelude]

use ::std::prelude::rust_2024::{Clone, Default, Send, Sync, derive, test};

/// Whose methods are on everything, under the names of ours.
mod grasping {
    #[allow(dead_code, clippy::wrong_self_convention)]
    pub trait Grab {
        fn to(&self, _: ::core::primitive::u32) {}
        fn with(&self) {}
        fn each(&self) {}
        fn and(&self) {}
        fn set(&self) {}
        fn is_set(&self) {}
        fn value(&self) {}
        fn map(&self) {}
        fn into(&self) {}
        fn as_ref(&self) {}
        fn into_iter(&self) {}
        fn clone(&self) {}
        fn run(&self) {}
        fn into_outcome(&self) {}
    }
    impl<T: ?::core::marker::Sized> Grab for T {}

    /// The same by value, which comes before a method that takes a reference.
    #[allow(dead_code)]
    pub trait Take: ::core::marker::Sized {
        fn set_of(self) {}
        fn has(self) {}
        fn conflicting(self) {}
        fn contains(self) {}
        fn look(self) {}
        fn field(self) {}
        fn found(self) {}
        fn records(self) {}
    }
    impl<T> Take for T {}
}

/// Statics and types that would be taken for our locals and for what the prelude has.
#[allow(non_upper_case_globals, dead_code)]
mod names {
    pub static graph: () = ();
    pub static node: () = ();
    pub static input: () = ();
    pub static state: () = ();
    pub static cx: () = ();
    pub static item: () = ();
    pub static route: () = ();
    pub static hops: () = ();
    pub static writers: () = ();
    pub static failure: () = ();
    pub static out: () = ();
    pub static json: () = ();
    pub static never: () = ();
    pub static value: () = ();
    pub static key: () = ();
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Option;
    pub struct Result;
    pub struct Vec;
    pub struct Box;
    pub struct String;
}

/// Primitives, which serde's derive does not survive.
#[allow(non_camel_case_types, dead_code)]
mod primitives {
    pub struct u8;
    pub struct u32;
    pub struct u64;
    pub struct usize;
    pub struct bool;
    pub struct str;
}

mod tour {
    use ::core::fmt::Debug;

    #[allow(unused_imports)]
    use super::grasping::{Grab, Take};
    #[allow(unused_imports)]
    use super::names::*;
    use super::{Clone, Default, derive};

    pub type Number = ::core::primitive::u64;

    #[derive(
        ::superstep::State, Debug, Clone, Default, ::serde::Serialize, ::serde::Deserialize,
    )]
    pub struct Tour {
        pub last: Number,
        #[reduce(sum)]
        pub total: Number,
        #[reduce(max)]
        pub most: Number,
        #[reduce(append)]
        pub list: ::std::vec::Vec<::std::string::String>,
        #[reduce(append)]
        pub text: ::std::string::String,
        #[reduce(merge)]
        pub map: ::std::collections::BTreeMap<Number, Number>,
        #[reduce(union)]
        pub set: ::std::collections::BTreeSet<Number>,
        #[reduce(upsert = id)]
        pub records: ::std::vec::Vec<Record>,
        #[reduce(with = add)]
        pub own: Number,
        #[reduce(ephemeral)]
        #[serde(skip)]
        pub now: Number,
    }

    #[derive(Debug, Clone, Default, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Record {
        pub id: Number,
    }

    fn add(field: &mut Number, more: Number) {
        *field += more;
    }

    #[derive(::superstep::Route)]
    pub enum Way {
        Many(::std::vec::Vec<Number>),
        One(Number),
        Out,
    }

    pub mod nodes {
        #[allow(unused_imports)]
        use super::super::primitives::*;
        use super::*;

        #[::superstep::node(timeout = "3s", idle = "1s", retry(attempts = 3), writes(last, list))]
        pub fn plan(tour: &Tour, days: &Number) -> (TourUpdate, Way) {
            let way = match tour.last {
                0 => Way::Many(::std::vec![1, 2, *days]),
                1 => Way::One(7),
                _ => Way::Out,
            };
            (Tour::update().last(tour.last + 1).list(["planned"]), way)
        }

        #[::superstep::node]
        pub async fn walk(
            _: &Tour,
            way: Number,
            context: &::superstep::Cx,
        ) -> ::core::result::Result<TourUpdate, ::superstep::NodeError> {
            let _ = context;
            match way {
                2 => ::core::result::Result::Err(::superstep::NodeError::permanent("no bridge")),
                _ => {
                    ::core::result::Result::Ok(Tour::update().total(way).text("walked ").set([way]))
                }
            }
        }

        #[::superstep::node(blocking)]
        pub fn rest(_: &Tour) {}

        #[::superstep::node]
        pub fn rescue(_: &Tour, failed: ::superstep::Failed<Number>) -> TourUpdate {
            Tour::update().own(failed.input)
        }

        #[::superstep::graph(
            state = Tour,
            version = 2,
            max_steps = 30,
            conflict = fail,
            nap = rest,
            start -> [plan, rest],
            plan -> match {
                Way::Many(all) => each walk(all) else nap,
                Way::One(one) if one > 3 => [walk(one), nap],
                _ => end,
            },
            walk on error -> rescue,
            rescue -> end,
            walk -> defer plan,
            [rest, walk] -> end,
            nap -> end,
        )]
        pub struct Walk {
            pub days: Number,
        }
    }
}

/// A state among types called like primitives, which is what serde's derives on it would not survive.
mod bare {
    #[allow(unused_imports)]
    use super::names::*;
    #[allow(unused_imports)]
    use super::primitives::*;
    use super::tour::{Number, Record};
    use super::{Clone, Default, derive};

    #[derive(::superstep::State, ::core::fmt::Debug, Clone, Default)]
    pub struct Bare {
        pub last: Number,
        #[reduce(sum)]
        pub total: Number,
        #[reduce(append)]
        pub text: ::std::string::String,
        #[reduce(append)]
        pub list: ::std::vec::Vec<::std::string::String>,
        #[reduce(max)]
        pub most: ::core::option::Option<Number>,
        #[reduce(upsert = id)]
        pub records: ::std::vec::Vec<Record>,
        #[reduce(ephemeral)]
        #[serde(with = "rounded")]
        pub now: Number,
    }

    impl ::serde::Serialize for Bare {
        fn serialize<S: ::serde::Serializer>(
            &self,
            to: S,
        ) -> ::core::result::Result<S::Ok, S::Error> {
            ::serde::Serialize::serialize(&(self.last, self.total), to)
        }
    }

    impl<'de> ::serde::Deserialize<'de> for Bare {
        fn deserialize<D: ::serde::Deserializer<'de>>(
            from: D,
        ) -> ::core::result::Result<Self, D::Error> {
            let (last, total) = ::serde::Deserialize::deserialize(from)?;
            let rest = Default::default();
            ::core::result::Result::Ok(Self {
                last,
                total,
                ..rest
            })
        }
    }

    mod rounded {
        use super::Number;

        pub fn serialize<S: ::serde::Serializer>(
            number: &Number,
            to: S,
        ) -> ::core::result::Result<S::Ok, S::Error> {
            ::serde::Serialize::serialize(number, to)
        }

        pub fn deserialize<'de, D: ::serde::Deserializer<'de>>(
            from: D,
        ) -> ::core::result::Result<Number, D::Error> {
            ::serde::Deserialize::deserialize(from)
        }
    }

    #[::superstep::node]
    pub fn count(bare: &Bare) -> BareUpdate {
        Bare::update()
            .total(bare.last)
            .text("counted")
            .now(1)
            .remove_records(7)
    }

    #[::superstep::graph(state = Bare, start -> count -> end)]
    pub struct Counting;
}

#[test]
fn a_state_among_hostile_names_runs() {
    let engine = ::superstep::Engine::builder(bare::Counting).no_store();
    let engine = engine.check_round_trip(false).build().unwrap();
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let input = bare::Bare {
        last: 3,
        ..Default::default()
    };
    let run = runtime.block_on(async { engine.run("run", input).await });
    ::std::assert_eq!(run.unwrap().state().total, 3);
}

fn is_shared<T: Send + Sync>(_: &T) {}

#[test]
fn a_graph_among_hostile_names_runs() {
    let walk = tour::nodes::Walk { days: 3 };
    is_shared(&walk);
    let engine = ::superstep::Engine::builder(walk).build().unwrap();
    let runtime = ::tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = runtime.block_on(async { engine.run("run", tour::Tour::default()).await });
    let run = run.unwrap();
    let state = run.state();
    ::std::assert_eq!((state.last, state.total, state.own), (3, 11, 2));
    ::std::assert_eq!(state.text, "walked walked walked ");
}
