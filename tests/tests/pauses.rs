//! A run stops for a look where its engine was told to: between two steps, once at each
//! boundary, and goes on when somebody says so.

use std::future::pending;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{RunFilter, StoreExt};
use superstep::testing::crash_everywhere;
use superstep::{EngineBuilder, Graph, Outcome};
use superstep_tests::{Journal, Place, memory, stores};
use tokio::sync::Notify;
use tokio::task::yield_now;

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Post {
    text: String,
    /// How many drafts it takes.
    drafts: u32,
    round: u32,
    is_published: bool,
}

fn post(drafts: u32) -> Post {
    Post {
        drafts,
        ..Post::default()
    }
}

/// What happens to a post that is to be published.
#[derive(Clone, Copy, Debug, Default)]
enum Press {
    #[default]
    Works,
    Jams,
    Hangs,
    /// Nobody knows whether it was printed.
    Doubtful,
}

/// What nodes reach outside the run.
#[derive(Clone, Debug, Default)]
struct World {
    journal: Journal,
    press: Arc<Mutex<Press>>,
    prints: Arc<Notify>,
}

impl World {
    fn set(&self, press: Press) {
        *self.press.lock().unwrap() = press;
    }
}

#[node]
fn draft(post: &Post, world: &World) -> PostUpdate {
    world.journal.note("draft");
    let round = post.round + 1;
    Post::update().round(round).text(format!("draft {round}"))
}

#[derive(Route)]
enum Verdict {
    Again,
    Good,
}

#[node]
fn review(post: &Post, world: &World) -> Verdict {
    world.journal.note("review");
    match post.round < post.drafts {
        true => Verdict::Again,
        false => Verdict::Good,
    }
}

#[node]
async fn publish(_: &Post, cx: &Cx, world: &World) -> Result<PostUpdate, NodeError> {
    let press = *world.press.lock().unwrap();
    match press {
        Press::Works => {}
        Press::Jams => return Err(NodeError::permanent("a paper jam")),
        Press::Hangs => {
            world.prints.notify_one();
            pending::<()>().await;
        }
        Press::Doubtful => {
            let print = cx.effect("print", &"post").at_most_once();
            let broken = || async { Err::<u64, _>(NodeError::transient("the line went dead")) };
            print.run(broken).await?;
        }
    }
    world.journal.note("publish");
    Ok(Post::update().is_published(true))
}

#[graph(
    state = Post,
    start  -> draft,
    draft  -> review,
    review -> match {
        Verdict::Again => draft,
        Verdict::Good  => publish,
    },
    publish -> end,
)]
#[derive(Clone, Debug, Default)]
struct Blog {
    world: World,
}

impl Blog {
    fn ran(&self) -> Vec<String> {
        self.world.journal.take()
    }
}

/// An engine over that store, each time as another process would have it.
fn engine<G: Graph + Clone>(
    graph: &G,
    place: &Place,
    pauses: impl FnOnce(EngineBuilder<G>) -> EngineBuilder<G>,
) -> Engine<G> {
    let builder = Engine::builder(graph.clone()).store(place.store.clone());
    pauses(builder).build().unwrap()
}

/// Where the driving of a run came to.
fn at<S>(result: Result<Run<S>, Error>) -> (Status, u64) {
    let run = result.unwrap();
    (run.status(), run.steps())
}

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn a_run_stops_before_a_listed_node_and_goes_on_past_it() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        let run = before().run("post", post(1)).await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Paused, 2));
        assert_eq!(run.state().text, "draft 1");
        assert_eq!((run.interrupts().len(), run.error()), (0, None));
        assert_eq!(blog.ran(), ["draft", "review"]);

        let head = place.store.head("post").await.unwrap().unwrap();
        assert_eq!((head.status, head.lease), (Status::Paused, None));
        assert_eq!(run.fingerprint(), Some(head.chain));

        assert_eq!(at(before().resume("post").await), (Status::Completed, 3));
        assert_eq!(blog.ran(), ["publish"]);

        // In the same engine, which has the run in memory.
        let engine = before();
        assert_eq!(at(engine.run("other", post(1)).await), (Status::Paused, 2));
        assert_eq!(at(engine.resume("other").await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_stop_leaves_no_trace_in_the_result() {
    for place in stores() {
        let blog = Blog::default();
        let plain = engine(&blog, &memory(), |builder| builder);
        let right = plain.run("post", post(2)).seed(7).await.unwrap();

        let everywhere = || {
            let nodes = ["draft", "review", "publish"];
            engine(&blog, &place, |builder| {
                builder.pause_before(nodes).pause_after(nodes)
            })
        };
        let mut run = everywhere().run("post", post(2)).seed(7).await.unwrap();
        for step in 0..5 {
            assert_eq!((run.status(), run.steps()), (Status::Paused, step));
            run = everywhere().resume("post").await.unwrap();
        }
        assert_eq!((run.status(), run.steps()), (Status::Completed, 5));
        assert_eq!(run.fingerprint(), right.fingerprint());
        assert_eq!(run.state(), right.state());
        everywhere().replay("post").await.unwrap();
    }
}

#[tokio::test]
async fn a_run_stops_behind_the_step_of_a_listed_node() {
    for place in stores() {
        let blog = Blog::default();
        let after = || engine(&blog, &place, |builder| builder.pause_after(["draft"]));
        assert_eq!(at(after().run("post", post(1)).await), (Status::Paused, 1));
        assert_eq!(blog.ran(), ["draft"]);
        assert_eq!(at(after().resume("post").await), (Status::Completed, 3));
        assert_eq!(blog.ran(), ["review", "publish"]);
    }
}

#[tokio::test]
async fn both_at_one_boundary_are_one_stop() {
    for place in stores() {
        let blog = Blog::default();
        let both = || {
            engine(&blog, &place, |builder| {
                builder.pause_after(["draft"]).pause_before(["review"])
            })
        };
        assert_eq!(at(both().run("post", post(1)).await), (Status::Paused, 1));
        assert_eq!(at(both().resume("post").await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_run_stops_behind_step_0_at_the_earliest() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["draft"]));
        assert_eq!(at(before().run("post", post(1)).await), (Status::Paused, 0));
        assert_eq!(blog.ran(), NOTHING);
        let head = place.store.head("post").await.unwrap().unwrap();
        assert_eq!((head.status, head.lease), (Status::Paused, None));
        assert_eq!(at(before().resume("post").await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_run_never_stops_behind_its_last_step() {
    for place in stores() {
        let blog = Blog::default();
        let after = engine(&blog, &place, |builder| builder.pause_after(["publish"]));
        assert_eq!(at(after.run("post", post(1)).await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_run_stops_in_every_round_of_a_loop() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["review"]));
        let mut run = before().run("post", post(3)).await;
        for round in 1..=3 {
            assert_eq!(at(run), (Status::Paused, 2 * round - 1));
            assert_eq!(blog.ran().last().unwrap(), "draft");
            run = before().resume("post").await;
        }
        assert_eq!(at(run), (Status::Completed, 7));
    }
}

#[tokio::test]
async fn a_run_stops_again_in_the_next_turn_and_takes_none_before() {
    for place in stores() {
        let blog = Blog::default();
        let before = || {
            engine(&blog, &place, |builder| {
                builder.pause_before(["draft", "publish"])
            })
        };
        before().run("post", post(1)).await.unwrap();
        let turn = || Post::update().round(0).is_published(false);
        let error = before().turn("post", turn()).await.unwrap_err();
        let Error::RunNotFinished { status, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*status, Status::Paused);
        assert!(error.to_string().contains("is paused"), "{error}");
        assert!(error.to_string().contains("resume it first"), "{error}");

        assert_eq!(at(before().resume("post").await), (Status::Paused, 2));
        assert_eq!(at(before().resume("post").await), (Status::Completed, 3));
        blog.ran();

        // Its first step is the turn's own; what starts then is listed.
        let again = || before().turn("post", turn()).token("again");
        assert_eq!(at(again().await), (Status::Paused, 4));
        assert_eq!(blog.ran(), NOTHING);
        let head = place.store.head("post").await.unwrap().unwrap();
        assert_eq!((head.turn, head.lease), (1, None));
        // A repeated call goes on with its turn, as `resume` does.
        assert_eq!(at(again().await), (Status::Paused, 6));
        assert_eq!(at(before().resume("post").await), (Status::Completed, 7));
        assert_eq!(blog.ran(), ["draft", "review", "publish"]);
    }
}

#[tokio::test]
async fn a_repeated_run_goes_on() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        assert_eq!(at(before().run("post", post(1)).await), (Status::Paused, 2));
        let other = before().run("post", post(2)).await.unwrap_err();
        assert!(matches!(other, Error::InputMismatch { .. }), "{other}");
        assert_eq!(
            at(before().run("post", post(1)).await),
            (Status::Completed, 3)
        );

        // Two calls that share an execution share its stop.
        let slow = place.hooked(|_, _| {
            Box::pin(async {
                yield_now().await;
                Ok(())
            })
        });
        let engine = Engine::builder(blog.clone()).store(slow);
        let engine = engine.pause_before(["publish"]).build().unwrap();
        let (one, two) = tokio::join!(engine.run("two", post(1)), engine.run("two", post(1)));
        assert_eq!([at(one), at(two)], [(Status::Paused, 2); 2]);
    }
}

#[tokio::test]
async fn a_run_that_stopped_can_be_looked_at_corrected_and_branched_off() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        let stopped = before().run("post", post(1)).await.unwrap();
        let engine = before();
        let run = engine.get("post").await.unwrap();
        assert_eq!((run.status(), run.steps()), (Status::Paused, 2));
        assert_eq!(run.state(), stopped.state());
        let json = serde_json::to_value(&run).unwrap();
        assert_eq!(json["status"], "paused");
        let kinds = engine.history("post").await.unwrap().len();
        assert_eq!(kinds, 3, "a stop is no step");
        assert_eq!(engine.state_at("post", 1).await.unwrap().text, "draft 1");
        engine.label("post", 2, "before-review").await.unwrap();
        engine.snapshot("post").await.unwrap();
        engine.replay("post").await.unwrap();
        let listed = RunFilter::new().status(Status::Paused);
        let page = superstep::store::Page::first(10);
        let runs = place.store.runs(&listed, page).await.unwrap().items;
        assert_eq!(runs.len(), 1);
        assert_eq!(place.store.all_stuck().await.unwrap(), NOTHING);

        // None of that made it go on, and neither does a correction.
        let corrected = engine.update("post", Post::update().text("better"));
        let corrected = corrected.await.unwrap();
        assert_eq!((corrected.status(), corrected.steps()), (Status::Paused, 3));

        // A fork is a run of its own, which stops of its own.
        let edit = |post: &mut Post| post.text = "bolder".into();
        engine.fork("post", 3, "bold", edit).await.unwrap();
        assert_eq!(at(before().resume("bold").await), (Status::Paused, 4));
        assert_eq!(at(before().resume("bold").await), (Status::Completed, 5));
        let bold = engine.get("bold").await.unwrap();
        assert_eq!(bold.state().text, "bolder");

        blog.ran();
        assert_eq!(at(before().resume("post").await), (Status::Completed, 4));
        assert_eq!(blog.ran(), ["publish"]);
        assert_eq!(before().get("post").await.unwrap().state().text, "better");
        before().replay("post").await.unwrap();
    }
}

#[tokio::test]
async fn whoever_drives_decides() {
    for place in stores() {
        let blog = Blog::default();
        let careful = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        let bold = || engine(&blog, &place, |builder| builder);
        assert_eq!(at(careful().run("one", post(1)).await), (Status::Paused, 2));
        assert_eq!(at(bold().resume("one").await), (Status::Completed, 3));
        assert_eq!(at(bold().run("two", post(1)).await), (Status::Completed, 3));

        // A process without the setting dies before it has published; the next one has it.
        blog.world.set(Press::Hangs);
        let dying = bold();
        tokio::select! {
            biased;
            run = dying.run("three", post(1)) => panic!("{run:?}"),
            () = blog.world.prints.notified() => {}
        }
        drop(dying);
        blog.world.set(Press::Works);
        blog.ran();
        assert_eq!(
            at(careful().run("three", post(1)).await),
            (Status::Paused, 2)
        );
        assert_eq!(blog.ran(), NOTHING);
        assert_eq!(at(careful().resume("three").await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_step_that_failed_is_not_stopped_before_again() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        assert_eq!(at(before().run("post", post(1)).await), (Status::Paused, 2));
        blog.world.set(Press::Jams);
        for _ in 0..2 {
            let error = before().resume("post").await.unwrap_err();
            assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
        }
        blog.world.set(Press::Works);
        assert_eq!(at(before().resume("post").await), (Status::Completed, 3));
    }
}

#[tokio::test]
async fn a_step_that_asks_is_not_stopped_before_again() {
    for place in stores() {
        let blog = Blog::default();
        let before = || engine(&blog, &place, |builder| builder.pause_before(["publish"]));
        assert_eq!(at(before().run("post", post(1)).await), (Status::Paused, 2));
        blog.world.set(Press::Doubtful);
        let asks = before().resume("post").await.unwrap();
        assert_eq!(asks.status(), Status::Interrupted);
        assert_eq!(at(before().resume("post").await), (Status::Interrupted, 2));
        let [asked] = asks.interrupts() else {
            panic!("{asks:?}");
        };
        let printed = Outcome::Happened(1_u64);
        before().answer("post", &asked.id, printed).await.unwrap();
        assert_eq!(at(before().resume("post").await), (Status::Completed, 3));
        assert_eq!(blog.ran(), ["draft", "review", "publish"]);
    }
}

/// The limit of steps is reached at the same boundary: the run stops first.
#[tokio::test]
async fn a_limit_does_not_take_the_place_of_a_stop() {
    for place in stores() {
        let blog = Blog::default();
        let before = |steps| {
            engine(&blog, &place, |builder| {
                builder.pause_before(["draft"]).max_steps(steps)
            })
        };
        assert_eq!(
            at(before(2).run("post", post(2)).await),
            (Status::Paused, 0)
        );
        assert_eq!(at(before(2).resume("post").await), (Status::Paused, 2));
        let error = before(2).resume("post").await.unwrap_err();
        assert!(matches!(error, Error::MaxStepsExceeded { .. }), "{error}");
        assert_eq!(at(before(9).resume("post").await), (Status::Completed, 5));
    }
}

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Team {
    #[reduce(append)]
    done: Vec<String>,
}

#[node]
fn split(_: &Team) {}

#[node]
fn left(_: &Team, journal: &Journal) -> TeamUpdate {
    journal.note("left");
    Team::update().done(["left"])
}

#[node]
fn right(_: &Team, journal: &Journal) -> TeamUpdate {
    journal.note("right");
    Team::update().done(["right"])
}

#[node]
fn item(_: &Team, item: u32, journal: &Journal) -> TeamUpdate {
    journal.note(format!("item {item}"));
    Team::update().done([format!("item {item}")])
}

#[node]
fn unite(_: &Team, journal: &Journal) -> TeamUpdate {
    journal.note("unite");
    Team::update().done(["unite"])
}

#[graph(
    state = Team,
    start -> split,
    split -> [left, right] -> unite,
    unite -> each item(0..2) else end,
    item  -> end,
)]
#[derive(Clone, Debug, Default)]
struct Fan {
    journal: Journal,
}

#[tokio::test]
async fn the_whole_step_waits_if_one_of_its_tasks_is_listed() {
    for place in stores() {
        let fan = Fan::default();
        let before = || engine(&fan, &place, |builder| builder.pause_before(["right"]));
        assert_eq!(
            at(before().run("run", Team::default()).await),
            (Status::Paused, 1)
        );
        assert_eq!(fan.journal.take(), NOTHING);
        assert_eq!(at(before().resume("run").await), (Status::Completed, 4));
        assert_eq!(
            fan.journal.take(),
            ["left", "right", "unite", "item 0", "item 1"]
        );
    }
}

#[tokio::test]
async fn a_stop_behind_a_fan_out_comes_when_all_of_it_is_done() {
    for place in stores() {
        let fan = Fan::default();
        let after = || engine(&fan, &place, |builder| builder.pause_after(["left"]));
        assert_eq!(
            at(after().run("run", Team::default()).await),
            (Status::Paused, 2)
        );
        assert_eq!(fan.journal.take(), ["left", "right"]);
        assert_eq!(at(after().resume("run").await), (Status::Completed, 4));
    }
}

/// Inputs of tasks and arrivals at joins survive the stop.
#[tokio::test]
async fn a_run_stops_before_a_join_and_before_tasks_with_inputs() {
    for place in stores() {
        let fan = Fan::default();
        let before = || {
            engine(&fan, &place, |builder| {
                builder.pause_before(["unite", "item"]).max_concurrency(1)
            })
        };
        assert_eq!(
            at(before().run("run", Team::default()).await),
            (Status::Paused, 2)
        );
        assert_eq!(at(before().resume("run").await), (Status::Paused, 3));
        assert_eq!(fan.journal.take(), ["left", "right", "unite"]);
        let done = before().resume("run").await.unwrap();
        assert_eq!(done.status(), Status::Completed);
        assert_eq!(fan.journal.take(), ["item 0", "item 1"]);
        assert_eq!(
            done.state().done,
            ["left", "right", "unite", "item 0", "item 1"]
        );
    }
}

/// Neither a death at any point nor a lost answer makes a run pass a stop unseen, or stay there.
#[tokio::test(start_paused = true)]
async fn a_run_with_stops_ends_the_same_wherever_its_process_dies() {
    let fan = Fan::default();
    let report = |builder: fn(EngineBuilder<Fan>) -> EngineBuilder<Fan>| {
        let fan = fan.clone();
        async move {
            let engine = |store: Arc<dyn Store>| {
                let engine = Engine::builder(fan.clone()).store(store);
                builder(engine).build().unwrap()
            };
            crash_everywhere(engine, Team::default).await.unwrap()
        }
    };
    let plain = report(|builder| builder).await;
    let nodes = || ["split", "left", "unite", "item"];
    let stopping = report(|builder| builder.pause_before(["split", "left", "unite", "item"]));
    let stopping = stopping.await;
    assert_eq!(stopping.steps, plain.steps);
    assert_eq!(stopping.status, Status::Completed);
    assert_eq!(stopping.skipped, []);
    assert!(
        stopping.before_calls >= plain.before_calls + nodes().len(),
        "{stopping}\n{plain}"
    );
    let after = report(|builder| builder.pause_after(["split", "left", "unite", "item"])).await;
    assert_eq!(
        (after.steps, after.status),
        (plain.steps, Status::Completed)
    );
}

fn refused<G: Graph>(builder: EngineBuilder<G>) -> String {
    match builder.build() {
        Err(error @ Error::InvalidOption { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn an_unknown_node_is_named_by_build() {
    let builder = || Engine::builder(Blog::default());
    assert_eq!(
        refused(builder().pause_before(["draft", "publsih"])),
        "option `pause_before`: cannot be `publsih`; graph `Blog` has no such node; \
         did you mean `publish`?"
    );
    assert_eq!(
        refused(builder().pause_after(["print the thing"])),
        "option `pause_after`: cannot be `print the thing`; graph `Blog` has no such node; \
         its nodes are `draft`, `review`, `publish`"
    );
    assert_eq!(
        refused(builder().pause_after(["draft"]).no_store()),
        "option `pause_after`: cannot be `draft`; without a store nothing could continue the run; \
         give the engine one"
    );
    let nowhere: [&str; 0] = [];
    assert!(builder().pause_before(nowhere).no_store().build().is_ok());
}

#[tokio::test]
async fn options_have_the_same_settings_and_later_ones_win() {
    let text = r#"{"pause_before": ["publish"], "pause_after": ["draft"]}"#;
    let options: Options = serde_json::from_str(text).unwrap();
    assert_eq!(
        options.pause_before.as_deref(),
        Some(&["publish".to_owned()][..])
    );
    let again = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<Options>(&again).unwrap(), options);

    let place = memory();
    let blog = Blog::default();
    let configured = |builder: EngineBuilder<Blog>| builder.options(options.clone());
    let read = engine(&blog, &place, configured);
    assert_eq!(at(read.run("read", post(1)).await), (Status::Paused, 1));
    assert_eq!(at(read.resume("read").await), (Status::Paused, 2));
    assert_eq!(at(read.resume("read").await), (Status::Completed, 3));

    let nowhere: [&str; 0] = [];
    let later = engine(&blog, &place, |builder| {
        configured(builder).pause_after(nowhere)
    });
    assert_eq!(at(later.run("later", post(1)).await), (Status::Paused, 2));
    let later = engine(&blog, &place, |builder| {
        let builder = builder.pause_before(["review"]).pause_after(["review"]);
        builder.options(Options {
            pause_after: Some(Vec::new()),
            ..Options::default()
        })
    });
    assert_eq!(at(later.run("last", post(1)).await), (Status::Paused, 1));
    assert_eq!(at(later.resume("last").await), (Status::Completed, 3));
}
