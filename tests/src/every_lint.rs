//! What the macros write gives no lint of clippy's strictest groups. `cargo clippy` is the test:
//! what is expected here is what the code itself is found to do.

#![warn(
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction,
    unreachable_pub
)]
#![expect(
    clippy::blanket_clippy_restriction_lints,
    clippy::arbitrary_source_item_ordering,
    clippy::implicit_return,
    clippy::missing_inline_in_public_items,
    clippy::question_mark_used,
    clippy::std_instead_of_alloc,
    reason = "what is written here, by hand"
)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

/// A state with every kind of field.
#[derive(State, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trip {
    /// Replaced.
    pub city: String,
    /// Appended to.
    #[reduce(append)]
    pub notes: Vec<String>,
    /// Summed.
    #[reduce(sum)]
    pub cost: u64,
    /// United.
    #[reduce(union)]
    pub tags: BTreeSet<String>,
    /// Merged.
    #[reduce(merge)]
    pub prices: BTreeMap<String, u64>,
    /// The largest.
    #[reduce(max)]
    pub most: u64,
    /// Records.
    #[reduce(upsert = id)]
    pub parts: Vec<Part>,
    /// Its own way.
    #[reduce(with = keep)]
    pub own: Vec<u8>,
    /// For a step.
    #[reduce(ephemeral)]
    pub flash: Option<String>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// Its id.
    pub id: String,
}

/// Joins two values.
pub fn keep(value: &mut Vec<u8>, update: Vec<u8>) {
    value.extend(update);
}

/// A route.
#[derive(Route, Debug)]
#[non_exhaustive]
pub enum Plan {
    /// Several tasks.
    Search(Vec<String>),
    /// One task.
    One(String),
    /// None.
    Write,
}

/// A dependency.
#[derive(Debug)]
#[non_exhaustive]
pub struct Web;

/// A node with a route.
#[node]
#[must_use]
pub fn plan(trip: &Trip) -> Plan {
    if trip.city.is_empty() {
        Plan::Write
    } else {
        Plan::Search(vec![trip.city.clone()])
    }
}

/// A node with all that one can have.
///
/// # Errors
/// Never.
#[node(
    timeout = "3s",
    idle = "1s",
    retry(attempts = 2, base = "1s", max = "2s"),
    writes(notes)
)]
pub async fn search(
    _trip: &Trip,
    question: String,
    _web: &Web,
    cx: &Cx,
) -> Result<TripUpdate, NodeError> {
    let found: String = cx
        .effect("search", &question)
        .run(|| async { superstep::ok("a page".to_owned()) })
        .await?;
    Ok(Trip::update().notes([found]))
}

/// A blocking one.
#[node(blocking, name = "writes it")]
pub const fn write(_trip: &Trip) {}

/// One behind an error row.
#[node]
pub fn mend(_trip: &Trip, failure: Failure) -> TripUpdate {
    Trip::update().city(failure.message)
}

/// What a parameter is bounded by.
pub trait Model {}

/// A generic one.
#[node]
pub fn generic<M: Model + Send + Sync + 'static>(trip: &Trip, _model: &M) -> TripUpdate {
    Trip::update().city(&trip.city)
}

/// A graph with all kinds of rows.
#[graph(
    state = Trip,
    start -> plan,
    plan -> match {
        Plan::Search(questions) if questions.len() > 1 => each search(questions) else write,
        Plan::Search(_) => [write, defer other],
        Plan::One(question) => search(question),
        Plan::Write => end,
    },
    other = write,
    other -> end,
    search -> write,
    [search, write] -> join,
    join = write,
    join -> end,
    write -> end,
    search on error -> mend,
    mend -> end,
)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Journey {
    /// A dependency.
    pub web: Web,
    /// One seen through a `String`.
    pub text: String,
    /// One seen through a `Vec`.
    pub list: Vec<u8>,
}

/// A generic graph.
#[graph(state = Trip, start -> generic::<M> -> end)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Over<M: Model + Send + Sync + 'static> {
    /// A dependency of any type.
    pub model: M,
}

/// Has had its day.
#[deprecated]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Old;

/// What is silenced where it is written is silenced where it is used.
#[allow(
    non_snake_case,
    non_camel_case_types,
    deprecated,
    clippy::allow_attributes,
    clippy::pub_underscore_fields,
    reason = "names from elsewhere"
)]
#[derive(State, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct wire_format {
    /// In another language's case: see [`Self::names`].
    pub userName: String,
    /// Listed in that case.
    #[reduce(append)]
    pub allNames: Vec<String>,
    /// Kept for others.
    #[reduce(append)]
    pub _log: Vec<u8>,
    /// Of old.
    pub old: Old,
}

impl wire_format {
    /// All names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.allNames
    }
}

/// Looks.
#[node]
pub const fn look(_: &wire_format) {}

/// A field of old.
#[graph(state = wire_format, start -> look -> end)]
#[derive(Debug)]
#[non_exhaustive]
pub struct Wire {
    /// Of old.
    #[allow(deprecated, clippy::allow_attributes, reason = "while it is there")]
    pub old: Old,
}
