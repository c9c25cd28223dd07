//! The macros fit wherever what they stand on fits: inside `macro_rules!`, under `cfg`.

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Visits {
    #[reduce(append)]
    seen: Vec<String>,
}

fn saw(what: impl ToString) -> VisitsUpdate {
    Visits::update().seen([what.to_string()])
}

#[node]
fn left(_: &Visits) -> VisitsUpdate {
    saw("left")
}

#[node]
fn right(_: &Visits) -> VisitsUpdate {
    saw("right")
}

#[node]
fn after(_: &Visits) -> VisitsUpdate {
    saw("after")
}

async fn seen<G: Graph<State = Visits>>(graph: G) -> Vec<String> {
    let engine = Engine::builder(graph).no_store().build().unwrap();
    let run = engine.run("run", Visits::default()).await.unwrap();
    run.state().seen.clone()
}

/// What a list names comes from the caller, the rest from the macro.
macro_rules! fan {
    ($graph:ident, [$($node:ident),*], $last:ident) => {
        #[graph(state = Visits, start -> [$($node),*], [$($node),*] -> $last -> end)]
        struct $graph;
    };
}

fan!(Fan, [left, right], after);

#[tokio::test]
async fn a_list_of_nodes_comes_through_a_macro() {
    assert_eq!(seen(Fan).await, ["left", "right", "after"]);
}

#[node]
fn number(_: &Visits, number: &u32) -> VisitsUpdate {
    saw(number)
}

/// A dependency that is not there, and one that is, with one of two alternatives.
#[graph(state = Visits, start -> number -> end)]
struct Platform {
    #[cfg(any())]
    _missing: NowhereToBeFound,
    #[cfg(any())]
    number: u32,
    #[cfg(not(any()))]
    other: u32,
}

/// A type that is there twice, once as itself and once inside another.
#[graph(state = Visits, start -> number -> end)]
struct Shared {
    own: u32,
    #[cfg(not(any()))]
    _shared: std::sync::Arc<u32>,
}

#[tokio::test]
async fn fields_of_a_graph_may_be_under_cfg() {
    assert_eq!(seen(Platform { other: 7 }).await, ["7"]);
    let shared = Shared {
        own: 8,
        _shared: std::sync::Arc::new(9),
    };
    assert_eq!(seen(shared).await, ["8"]);
}

pub(crate) trait Scale: Send + Sync + 'static {
    fn weigh(&self) -> u32;
}

impl Scale for u32 {
    fn weigh(&self) -> u32 {
        *self
    }
}

#[node]
fn weigh<S: Scale, const N: usize>(_: &Visits, scale: &S, sizes: &[u8; N]) -> VisitsUpdate {
    saw(scale.weigh() as usize + sizes.len())
}

struct Hidden(std::sync::Arc<dyn Fn(&str) -> u32 + Send + Sync>);

/// Of what the fields are is no matter as long as threads can share it.
#[graph(state = Visits, start -> weigh<S, N> -> end)]
pub(crate) struct Weighing<S: Scale, const N: usize> {
    scale: S,
    sizes: [u8; N],
    hidden: Hidden,
    marker: std::marker::PhantomData<fn() -> *const S>,
}

#[tokio::test]
async fn fields_of_a_graph_may_be_of_any_type_that_is_shared() {
    let weighing = Weighing {
        scale: 4_u32,
        sizes: [0; 3],
        hidden: Hidden(std::sync::Arc::new(|text| text.len() as u32)),
        marker: std::marker::PhantomData,
    };
    assert_eq!((weighing.hidden.0)("four"), 4);
    assert_eq!(seen(weighing).await, ["7"]);
}

/// What is deprecated can be written, and used by who says so, without a warning.
#[deny(warnings)]
mod deprecations {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[deprecated]
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Count {
        #[deprecated]
        pub n: u64,
    }

    #[deprecated]
    #[derive(Route)]
    pub enum Way {
        On(u64),
        Out,
    }

    #[allow(deprecated)]
    #[deprecated]
    #[node]
    pub fn count(count: &Count) -> (CountUpdate, Way) {
        match count.n {
            0 => (Count::update().n(1), Way::On(2)),
            _ => (Count::update(), Way::Out),
        }
    }

    #[allow(deprecated)]
    #[deprecated(note = "count instead")]
    #[node]
    pub async fn add(count: &Count, more: u64) -> Result<CountUpdate, NodeError> {
        Ok(Count::update().n(count.n + more))
    }

    #[allow(deprecated)]
    #[deprecated]
    #[graph(
        state = Count,
        start -> count -> match { Way::On(more) => add(more), Way::Out => end },
        add -> count,
    )]
    pub struct Counting;
}

#[tokio::test]
#[allow(deprecated)]
async fn deprecated_parts_can_be_used() {
    let engine = Engine::builder(deprecations::Counting).no_store();
    let engine = engine.build().unwrap();
    let run = engine.run("run", deprecations::Count::default()).await;
    assert_eq!(run.unwrap().state().n, 3);
}

/// What a node borrows may have a name; it lasts for the call.
mod lifetimes {
    use super::*;

    pub(crate) struct Guide<T>(pub T);

    #[node]
    pub(crate) fn ask<'a, 'b: 'a>(_: &'a Visits, guide: &'b str) -> VisitsUpdate {
        saw(guide)
    }

    #[node]
    pub(crate) async fn follow<'a, T>(_: &'a Visits, guide: &'a Guide<T>) -> VisitsUpdate
    where
        T: ToString + Send + Sync + 'static,
        T: 'a,
    {
        saw(guide.0.to_string())
    }

    #[graph(state = Visits, start -> ask -> follow<u8> -> end)]
    pub(crate) struct Guided {
        pub name: String,
        pub guide: Guide<u8>,
    }
}

#[tokio::test]
async fn references_may_have_lifetimes() {
    let guided = lifetimes::Guided {
        name: "Ada".into(),
        guide: lifetimes::Guide(7),
    };
    assert_eq!(seen(guided).await, ["Ada", "7"]);
}

/// An arm takes something out of its route.
mod taken {
    use super::*;

    #[derive(Route)]
    pub enum Luggage {
        Bags(Vec<String>),
    }

    #[node]
    pub(crate) fn pack(_: &Visits) -> Luggage {
        Luggage::Bags(vec!["red".into(), "blue".into()])
    }

    #[node]
    pub(crate) fn carry(_: &Visits, bag: String) -> VisitsUpdate {
        saw(bag)
    }

    #[graph(
        state = Visits,
        start -> pack -> match {
            Luggage::Bags(ref mut bags) => carry(bags.pop().unwrap_or_default()),
        },
        carry -> end,
    )]
    pub(crate) struct Porter;
}

#[tokio::test]
async fn an_arm_may_bind_by_ref_mut() {
    assert_eq!(seen(taken::Porter).await, ["blue"]);
}

/// A reducer may be a function of a trait.
mod reducers {
    use super::*;

    pub trait Rule {
        fn fit(field: &mut u64, value: u64);
    }

    pub struct Largest;

    impl Rule for Largest {
        fn fit(field: &mut u64, value: u64) {
            *field = value.max(*field);
        }
    }

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Height {
        #[reduce(with = <Largest as Rule>::fit)]
        pub metres: u64,
    }

    #[node]
    pub fn climb(_: &Height) -> HeightUpdate {
        Height::update().metres(3)
    }

    #[graph(state = Height, start -> climb -> end)]
    pub struct Climb;
}

#[tokio::test]
async fn a_reducer_may_be_a_function_of_a_trait() {
    let engine = Engine::builder(reducers::Climb).no_store().build().unwrap();
    let tall = reducers::Height { metres: 8 };
    let run = engine.run("run", tall).await.unwrap();
    assert_eq!(run.state().metres, 8);
}

/// Types of one's own that are called like the context.
mod called_cx {
    use super::*;

    mod by_reference {
        pub(super) struct Cx(pub(super) u32);
    }

    #[derive(Clone, Serialize, Deserialize)]
    struct Cx(u32);

    #[derive(Route)]
    enum Split {
        Into(Vec<Cx>),
    }

    #[node]
    fn split(_: &Visits, all: &by_reference::Cx) -> Split {
        Split::Into((0..all.0).map(Cx).collect())
    }

    #[node]
    fn number(_: &Visits, number: Cx, all: &by_reference::Cx, cx: &superstep::Cx) -> VisitsUpdate {
        saw(format!("{} of {} in step {}", number.0, all.0, cx.step()))
    }

    #[graph(
        state = Visits,
        start -> split -> match { Split::Into(all) => each number(all) else end },
        number -> end,
    )]
    struct Numbers {
        all: by_reference::Cx,
    }

    #[tokio::test]
    async fn they_are_not_the_context() {
        let all = by_reference::Cx(2);
        assert_eq!(
            seen(Numbers { all }).await,
            ["0 of 2 in step 2", "1 of 2 in step 2"]
        );
    }

    mod state {
        use superstep::prelude::{State, graph, node};

        #[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
        pub(super) struct Cx {
            pub(super) steps: u64,
        }

        #[node]
        fn once(_: &Cx, cx: &superstep::Cx) -> CxUpdate {
            Cx::update().steps(cx.step())
        }

        #[node]
        fn twice(state: &Cx) -> bool {
            state.steps > 0
        }

        #[graph(state = Cx, start -> once -> twice -> match { true => end, false => once })]
        pub(super) struct Counted;
    }

    #[tokio::test]
    async fn a_state_may_be_called_like_it() {
        let engine = Engine::builder(state::Counted).no_store().build().unwrap();
        let run = engine.run("run", state::Cx::default()).await.unwrap();
        assert_eq!(run.state().steps, 1);
    }
}

/// A library's macro, which reaches the engine by `$crate`.
mod behind_a_library {
    #[derive(super::State, Debug, Clone, Default, super::Serialize, super::Deserialize)]
    pub struct Counted {
        #[reduce(sum)]
        pub count: u64,
    }

    superstep_tests::counting!(Counting over Counted);

    #[tokio::test]
    async fn its_macros_find_the_engine_by_the_path_they_are_given() {
        let counting = Counting { limit: 3 };
        let engine = super::Engine::builder(counting).no_store().build().unwrap();
        let run = engine.run("run", Counted::default()).await.unwrap();
        assert_eq!(run.state().count, 3);
    }
}

/// The runtime is where the crate of a macro says.
mod elsewhere {
    pub use superstep as runtime;

    macro_rules! tally {
        ($name:ident, $ty:ty) => {
            #[derive(
                superstep::State, Debug, Clone, Default, serde::Serialize, serde::Deserialize,
            )]
            #[superstep(crate = $crate::elsewhere::runtime)]
            pub struct $name {
                #[reduce(sum)]
                count: $ty,
            }
        };
    }

    tally!(Tally, u64);
}

#[test]
fn a_state_may_find_the_runtime_by_the_crate_of_a_macro() {
    let update = elsewhere::Tally::update().count(1).count(2);
    let json = superstep::encode::to_string(&update).unwrap();
    assert_eq!(json, r#"{"count":3}"#);
}

/// As what is generic elsewhere: nobody writes `'static` there.
trait Guide: Send + Sync {
    fn way(&self) -> impl Future<Output = String> + Send;
}

struct Local(&'static str);

impl Guide for Local {
    async fn way(&self) -> String {
        tokio::task::yield_now().await;
        self.0.to_owned()
    }
}

struct Led<T>(T);

#[node]
async fn asked<T: Guide>(_: &Visits, guide: &T) -> VisitsUpdate {
    saw(guide.way().await)
}

#[node]
async fn led<T: Guide>(_: &Visits, guide: &Led<T>, stop: u8) -> VisitsUpdate {
    saw(format!("{} {stop}", guide.0.way().await))
}

#[node]
async fn carried<T>(_: &Visits, what: Vec<T>) -> VisitsUpdate
where
    T: ToString + Serialize + serde::de::DeserializeOwned + Clone + Send + Sync,
{
    saw(what[0].to_string())
}

#[graph(
    state = Visits,
    start -> asked<T>,
    asked<T> -> led<T>(1),
    led<T> -> carried<u8>(vec![2]),
    carried<u8> -> end,
)]
struct Tour<T: Guide> {
    guide: T,
    leader: Led<T>,
}

#[tokio::test]
async fn the_parameters_of_async_nodes_need_no_static() {
    let tour = Tour {
        guide: Local("here"),
        leader: Led(Local("there")),
    };
    assert_eq!(seen(tour).await, ["here", "there 1", "2"]);
}

/// What a `macro_rules!` carries is in an invisible group.
macro_rules! with_names {
    ($state:ident, $rename:literal, $alias:literal, $with:literal) => {
        #[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        struct $state {
            #[serde(rename = $rename, default)]
            total: u32,
            #[serde(alias = $alias, default)]
            lines: Vec<String>,
            #[serde(with = $with, default)]
            plain: Uncoded,
        }
    };
}

/// Has no encoding of its own.
#[derive(Debug, Clone, Default, PartialEq)]
struct Uncoded(u8);

mod coded {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Uncoded;

    pub(super) fn serialize<S: Serializer>(value: &Uncoded, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(value.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Uncoded, D::Error> {
        u8::deserialize(from).map(Uncoded)
    }
}

with_names!(Bill, "sum", "rows", "coded");

#[test]
fn an_update_has_the_names_that_a_macro_gives_the_state() {
    let update = Bill::update().total(1).plain(Uncoded(2));
    let json = superstep::encode::to_string(&update).unwrap();
    assert_eq!(json, r#"{"sum":1,"plain":2}"#);
    let mut stored: BillUpdate = superstep::encode::from_str(r#"{"rows":["a"]}"#).unwrap();
    let mut bill = Bill::default();
    superstep::State::apply(&mut bill, std::slice::from_mut(&mut stored)).unwrap();
    assert_eq!(bill.lines, ["a"]);
}

mod names_of_setters {
    use super::*;

    fn value(total: &mut u32, more: u32) {
        *total += more;
    }

    fn key<S: serde::Serializer>(number: &u32, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u32(*number + 1)
    }

    #[derive(Debug, Clone, Default, Serialize, Deserialize)]
    struct Line {
        id: u8,
    }

    /// Its setters call what they take `value` and `key`.
    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    struct Sums {
        #[reduce(with = value)]
        total: u32,
        #[serde(serialize_with = "key")]
        shown: u32,
        #[reduce(upsert = id)]
        lines: Vec<Line>,
    }

    #[test]
    fn are_no_names_of_the_users() {
        let update = Sums::update().total(1).total(2).shown(3).remove_lines(4);
        let json = superstep::encode::to_string(&update).unwrap();
        assert_eq!(json, r#"{"total":3,"shown":4,"remove_lines":["4"]}"#);
    }
}

/// Tasks of tasks.
#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Job {
    name: String,
    #[reduce(append)]
    parts: Vec<Self>,
}

type Answer<'a> = std::pin::Pin<Box<dyn Future<Output = String> + Send + 'a>>;
type Ask = dyn for<'a> Fn(&'a str) -> Answer<'a> + Send + Sync;

#[node]
async fn part(
    _: &Job,
    ask: &(dyn for<'a> Fn(&'a str) -> Answer<'a> + Send + Sync),
    other: &Staff,
) -> JobUpdate {
    let name = ask("what").await + if other.next.is_some() { " again" } else { "" };
    Job::update().parts([Job {
        name,
        parts: Vec::new(),
    }])
}

#[graph(state = Job, start -> part -> end)]
struct Office {
    ask: Box<dyn for<'a> Fn(&'a str) -> Answer<'a> + Send + Sync>,
    staff: Staff,
    #[graph(skip)]
    upstairs: Option<std::sync::Arc<Self>>,
}

struct Staff {
    next: Option<std::sync::Arc<Ask>>,
}

#[tokio::test]
async fn a_type_names_itself_and_lifetimes_of_its_own() {
    let office = Office {
        ask: Box::new(|what| Box::pin(async move { format!("{what}?") })),
        staff: Staff { next: None },
        upstairs: None,
    };
    assert!(office.upstairs.is_none());
    let engine = Engine::builder(office).build().unwrap();
    let run = engine.run("run", Job::default()).await.unwrap();
    assert_eq!(run.state().parts[0].name, "what?");
}

/// What a field may have in it beside a dependency: the graph itself, and engines of it.
#[graph(state = Visits, start -> asked<T> -> end)]
struct Nested<T: Guide + 'static> {
    guide: T,
    fallback: Option<Box<Self>>,
    #[graph(skip)]
    hooks: Vec<Hook<T>>,
    #[cfg_attr(docsrs, doc(cfg(feature = "search")))]
    search: u8,
}

type Hook<T> = Box<dyn Fn(&Engine<Nested<T>>) + Send + Sync>;

#[graph(state = Visits, start -> left -> end)]
struct Watched {
    #[expect(clippy::type_complexity, reason = "an alias would not show it")]
    built: Box<dyn Fn(&Engine<Watched>) + Send + Sync>,
    #[graph(skip)]
    later: Option<fn() -> Engine<Watched>>,
}

#[graph(state = Visits, start -> left -> end)]
struct Last(u32, #[cfg(any())] u8);

#[tokio::test]
async fn a_graph_holds_itself_and_engines_of_itself() {
    let inner = |fallback| Nested {
        guide: Local("in"),
        fallback,
        hooks: Vec::new(),
        search: 0,
    };
    let nested = inner(Some(Box::new(inner(None))));
    let held = nested.fallback.as_ref().map(|held| held.hooks.len());
    assert_eq!((held, nested.hooks.len(), nested.search), (Some(0), 0, 0));
    assert_eq!(seen(nested).await, ["in"]);
    let watched = Watched {
        built: Box::new(|_| ()),
        later: None,
    };
    assert!(watched.later.is_none());
    (watched.built)(
        &Engine::builder(Watched {
            built: Box::new(|_| ()),
            later: None,
        })
        .build()
        .unwrap(),
    );
    assert_eq!(seen(watched).await, ["left"]);
    let last = Last(1);
    assert_eq!(last.0, 1);
    assert_eq!(seen(last).await, ["left"]);
}

fn keep(kept: &mut u8, new: u8) {
    *kept = new;
}

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Kept<T = u8> {
    #[reduce(with = keep)]
    last: u8,
    other: T,
}

#[test]
fn a_parameter_of_a_state_has_a_default() {
    let mut kept = <Kept>::default();
    let mut update = <Kept>::update().last(1).last(2).other(3);
    superstep::State::apply(&mut kept, std::slice::from_mut(&mut update)).unwrap();
    assert_eq!((kept.last, kept.other), (2, 3));
}
