//! A fork in which a call has answered something else: nothing outside is called again up to
//! the changed answer, what may depend on it is called anew, and nothing that is made at most
//! once is made a second time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use superstep::prelude::*;
use superstep::store::{EffectRecord, Prune, StoreExt};
use superstep::{At, diff};
use superstep_tests::{Journal, Place, stores};

#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Trip {
    towns: Vec<String>,
    #[reduce(append)]
    booked: Vec<Booked>,
    #[reduce(last)]
    letter: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Booked {
    town: String,
    hotel: Hotel,
    paid: u64,
    mail: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Hotel {
    name: String,
    price: u64,
}

/// Everything that is outside.
#[derive(Clone, Debug, Default)]
struct World {
    journal: Journal,
    /// Whether there is no mail.
    is_silent: Arc<AtomicBool>,
    /// Whether what is paid depends on the hotel.
    is_exact: bool,
    /// Whether the bank does not answer.
    is_hanging: Arc<AtomicBool>,
}

impl World {
    /// What was called since the last look, in alphabetical order.
    fn called(&self) -> Vec<String> {
        let mut lines = self.journal.take();
        lines.sort();
        lines
    }
}

#[derive(Route)]
enum Plan {
    To(Vec<String>),
}

#[node]
fn plan(trip: &Trip) -> Plan {
    Plan::To(trip.towns.clone())
}

/// Tells the weather, which may fail; finds a hotel; pays, at most once; and writes a mail.
#[node(timeout = "10s")]
async fn book(_: &Trip, town: String, world: &World, cx: &Cx) -> Result<TripUpdate, NodeError> {
    let call = |what: &str| world.journal.note(format_args!("{what} {town}"));
    let weather = cx.effect("weather", &town).run(|| async {
        call("weather");
        Err::<String, _>(NodeError::transient("no forecast"))
    });
    assert_eq!(weather.await.unwrap_err().to_string(), "no forecast");
    let before = cx.now();
    let hotel: Hotel = cx
        .effect("hotel", &town)
        .run(|| async {
            call("hotel");
            let name = format!("hotel {town}");
            superstep::ok(Hotel { name, price: 80 })
        })
        .await?;
    assert!(before <= cx.now());
    let amount = if world.is_exact { hotel.price } else { 100 };
    let paid = cx.effect("pay", &amount).at_most_once().run(|| async {
        call("pay");
        if world.is_hanging.load(Ordering::Relaxed) {
            return Err(NodeError::transient("no answer"));
        }
        Ok(amount)
    });
    let paid = paid.await?;
    let mail = cx.effect("mail", &hotel.name).run(|| async {
        call("mail");
        if world.is_silent.load(Ordering::Relaxed) {
            return Err(NodeError::permanent("no mail"));
        }
        Ok(format!("to {}", hotel.name))
    });
    let mail = mail.await?;
    let booked = Booked {
        town: town.clone(),
        hotel,
        paid,
        mail,
    };
    Ok(Trip::update().booked([booked]))
}

#[node]
async fn tell(trip: &Trip, world: &World, cx: &Cx) -> Result<TripUpdate, NodeError> {
    let letter = cx.effect("letter", &trip.booked).run(|| async {
        world.journal.note("letter");
        superstep::ok(format!("{} nights", trip.booked.len()))
    });
    Ok(Trip::update().letter(letter.await?))
}

#[graph(
    state = Trip,
    start -> plan,
    plan -> match { Plan::To(towns) => each book(towns) else end },
    book -> tell,
    tell -> end,
)]
struct Agency {
    world: World,
}

fn agency(place: &Place, world: &World) -> Engine<Agency> {
    let world = world.clone();
    let builder = Engine::builder(Agency { world }).store(place.store.clone());
    builder.build().unwrap()
}

fn to(towns: &[&str]) -> Trip {
    Trip {
        towns: towns.iter().copied().map(str::to_owned).collect(),
        ..Trip::default()
    }
}

fn other() -> Hotel {
    Hotel {
        name: "the other".into(),
        price: 60,
    }
}

/// A trip to three towns, under way to its end.
async fn travelled(place: &Place, world: &World) -> Engine<Agency> {
    let engine = agency(place, world);
    engine.run("trip", to(&["a", "b", "c"])).await.unwrap();
    assert_eq!(world.called().len(), 3 * 4 + 1);
    engine
}

/// Everything that is stored of a run's effects but when.
async fn effects(place: &Place, run: &str) -> Vec<EffectRecord> {
    place.store.all_effects(run, 0, u64::MAX).await.unwrap()
}

#[tokio::test]
async fn only_what_may_depend_on_the_answer_is_called_anew() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let before = effects(&place, "trip").await;
        let fork =
            engine
                .fork("trip", 1, "fork", |_| {})
                .with_response("book", 1, "hotel", 0, &other());
        let fork = fork.await.unwrap();
        assert_eq!((fork.status(), fork.steps()), (Status::Running, 2));
        assert_eq!(world.called(), [""; 0], "nothing ran yet");

        // Another engine, so that nothing is left in memory.
        let done = agency(&place, &world).resume("fork").await.unwrap();
        assert_eq!(done.status(), Status::Completed);
        assert_eq!(world.called(), ["letter", "mail b"]);
        let booked = &done.state().booked;
        assert_eq!(booked[1].hotel, other());
        assert_eq!((booked[1].paid, &*booked[1].mail), (100, "to the other"));

        let origin = engine.get("trip").await.unwrap();
        assert_eq!(booked[0], origin.state().booked[0]);
        assert_eq!(booked[2], origin.state().booked[2]);
        assert_eq!(effects(&place, "trip").await, before, "the origin's stay");

        // Both are on record as they were: nothing is called to replay them.
        for run in ["trip", "fork"] {
            engine.replay(run).await.unwrap();
        }
        assert_eq!(world.called(), [""; 0]);

        // What came of the answer.
        let mut found = diff((&place.store, "trip"), (&place.store, "fork")).all();
        let edit = found.next().await.unwrap().unwrap();
        assert!(edit.is_edit());
        let step = found.next().await.unwrap().unwrap();
        assert_eq!(step.steps, [Some(2), Some(3)]);
        let [task] = &step.tasks[..] else {
            panic!("{step}")
        };
        assert_eq!((task.position, task.node.as_deref()), (1, Some("book")));
    }
}

#[tokio::test]
async fn of_a_first_or_a_last_call_the_rest_is_as_it_was() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let mail = engine.fork("trip", 1, "mail", |_| {}).with_response(
            "book",
            2,
            "mail",
            0,
            &"by post".to_owned(),
        );
        mail.await.unwrap();
        let done = engine.resume("mail").await.unwrap();
        assert_eq!(done.state().booked[2].mail, "by post");
        assert_eq!(world.called(), ["letter"]);

        // Two answers, and an edit that none of the calls depends on.
        let both = engine
            .fork("trip", 1, "both", |trip| trip.letter = "draft".into())
            .with_response("book", 0, "hotel", 0, &other())
            .with_response("book", 0, "mail", 0, &"by post".to_owned());
        both.await.unwrap();
        let error = engine.resume("both").await.unwrap_err();
        let Error::EffectChanged { effect, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(&**effect, "mail", "the other hotel gets another mail");

        let letter = engine.fork("trip", 2, "letter", |_| {}).with_response(
            "tell",
            0,
            "letter",
            0,
            &"short".to_owned(),
        );
        letter.await.unwrap();
        let done = engine.resume("letter").await.unwrap();
        assert_eq!(done.state().letter, "short");
        assert_eq!(world.called(), [""; 0]);
        engine.replay("letter").await.unwrap();
    }
}

/// What is paid depends on the answer: that would be another payment.
#[tokio::test]
async fn what_is_made_at_most_once_is_not_made_otherwise_either() {
    for place in stores() {
        let world = World {
            is_exact: true,
            ..World::default()
        };
        let engine = travelled(&place, &world).await;
        let fork =
            engine
                .fork("trip", 1, "fork", |_| {})
                .with_response("book", 1, "hotel", 0, &other());
        fork.await.unwrap();
        for _ in 0..2 {
            let error = engine.resume("fork").await.unwrap_err();
            let Error::EffectChanged {
                effect,
                recorded,
                requested,
                ..
            } = &error
            else {
                panic!("{error}")
            };
            assert_eq!(
                [effect, recorded, requested].map(|it| &**it),
                ["pay", "80", "60"]
            );
            assert_eq!(world.called(), [""; 0]);
        }
        // Unless it is told what the payment would have answered; it was asked for as before.
        let fork = engine
            .fork("trip", 1, "same price", |_| {})
            .with_response(
                "book",
                1,
                "hotel",
                0,
                &Hotel {
                    price: 80,
                    ..other()
                },
            )
            .with_response("book", 1, "pay", 0, &79_u64);
        fork.await.unwrap();
        let done = engine.resume("same price").await.unwrap();
        assert_eq!(done.state().booked[1].paid, 79);
        assert_eq!(world.called(), ["letter", "mail b"]);
    }
}

#[tokio::test]
async fn a_fork_that_fails_goes_on_from_its_own_record() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let fork =
            engine
                .fork("trip", 1, "fork", |_| {})
                .with_response("book", 1, "hotel", 0, &other());
        fork.await.unwrap();
        world.is_silent.store(true, Ordering::Relaxed);
        engine.resume("fork").await.unwrap_err();
        assert_eq!(world.called(), ["mail b"]);
        world.is_silent.store(false, Ordering::Relaxed);

        // Its open step can be branched off from, too.
        let further = engine
            .fork("fork", At::Last, "further", |_| {})
            .with_response("book", 0, "hotel", 0, &other());
        further.await.unwrap();
        for run in ["fork", "further"] {
            let done = agency(&place, &world).resume(run).await.unwrap();
            assert_eq!(done.state().booked[1].hotel, other());
            engine.replay(run).await.unwrap();
            let called = world.called();
            match run {
                "fork" => assert_eq!(called, ["letter", "mail b"]),
                _ => assert!(
                    !called.iter().any(|call| call.starts_with("pay")),
                    "{called:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn what_a_run_failed_over_or_asks_about_can_be_answered_in_a_fork() {
    for place in stores() {
        let world = World::default();
        let engine = agency(&place, &world);
        world.is_hanging.store(true, Ordering::Relaxed);
        let origin = engine.run("trip", to(&["a"])).await.unwrap();
        assert_eq!(
            origin.interrupts().len(),
            1,
            "nobody knows whether it was paid"
        );
        world.called();

        // Without an answer the fork asks, too: it takes over what it does not know.
        let asks =
            engine
                .fork("trip", 1, "asks", |_| {})
                .with_response("book", 0, "hotel", 0, &other());
        asks.await.unwrap();
        let asks = engine.resume("asks").await.unwrap();
        assert_eq!(asks.interrupts()[0].name, "pay");
        assert!(!world.called().contains(&"pay a".to_owned()));
        let answer = Outcome::Happened(55_u64);
        engine
            .answer("asks", &asks.interrupts()[0].id, &answer)
            .await
            .unwrap();
        let done = engine.resume("asks").await.unwrap();
        assert_eq!(done.state().booked[0].paid, 55);
        engine.replay("asks").await.unwrap();
        world.called();

        let paid = engine
            .fork("trip", At::Last, "paid", |_| {})
            .with_response("book", 0, "pay", 0, &99_u64);
        let paid = paid.await.unwrap();
        assert_eq!(paid.interrupts(), []);
        let paid = engine.resume("paid").await.unwrap();
        assert_eq!(paid.state().booked[0].paid, 99);
        let called = world.called();
        assert!(
            !called.iter().any(|call| call.starts_with("pay")),
            "{called:?}"
        );
        engine.replay("paid").await.unwrap();
        let origin = engine.get("trip").await.unwrap();
        assert_eq!(origin.status(), Status::Interrupted);
    }
}

#[node]
async fn pay_alone(_: &Trip, cx: &Cx) -> Result<TripUpdate, NodeError> {
    let price: u64 = cx
        .effect("price", &())
        .run(|| async { superstep::ok(7) })
        .await?;
    let paid = cx.effect("pay", &()).at_most_once();
    let paid = paid.run(|| async { Err::<u64, _>(NodeError::transient("the line is dead")) });
    Ok(Trip::update().letter(format!("{price} {}", paid.await?)))
}

#[node]
fn fail(_: &Trip) -> Result<(), String> {
    Err("broken".into())
}

#[graph(state = Trip, start -> [pay_alone, fail], pay_alone -> end, fail -> end)]
struct Payment;

/// It came from the origin, and the fork has asked about it.
#[tokio::test]
async fn a_turn_does_not_drop_a_question_about_what_the_origin_began() {
    for place in stores() {
        let engine = Engine::builder(Payment).store(place.store.clone());
        let engine = engine.build().unwrap();
        engine.run("trip", Trip::default()).await.unwrap_err();
        let fork = engine.fork("trip", 0, "fork", |_| {}).with_response(
            "pay_alone",
            0,
            "price",
            0,
            &8_u64,
        );
        fork.await.unwrap();
        engine.resume("fork").await.unwrap_err();
        for run in ["trip", "fork"] {
            let open = engine.get(run).await.unwrap();
            assert_eq!(open.interrupts().len(), 1, "{run}");
            let error = engine.turn(run, Trip::update()).await.unwrap_err();
            assert!(matches!(error, Error::RunNotFinished { .. }), "{error}");
            let now = engine.get(run).await.unwrap();
            assert_eq!((now.turn(), now.interrupts()), (0, open.interrupts()));
        }

        // What the fork has not come to is no question of its.
        let fork = engine.fork("trip", 0, "not begun", |_| {}).with_response(
            "pay_alone",
            0,
            "price",
            0,
            &9_u64,
        );
        fork.await.unwrap();
        let asked = engine.get("not begun").await.unwrap();
        assert_eq!(asked.interrupts(), []);
    }
}

/// Asks for the price elsewhere if it is not told.
#[node]
async fn compare(_: &Trip, world: &World, cx: &Cx) -> Result<TripUpdate, NodeError> {
    let first = cx.effect("first", &());
    let first = first.run(|| async {
        world.journal.note("first");
        Err::<u64, _>(NodeError::permanent("closed"))
    });
    let price = match first.await {
        Ok(price) => price,
        Err(_) => {
            let second = cx.effect("second", &()).run(|| async {
                world.journal.note("second");
                superstep::ok(2)
            });
            second.await?
        }
    };
    Ok(Trip::update().letter(price.to_string()))
}

#[node]
async fn weigh(_: &Trip, world: &World, cx: &Cx) -> Result<(), NodeError> {
    let tries = cx.effect("tries", &());
    let tries = tries.run(|| async {
        world.journal.note("tries");
        Err::<u64, _>(NodeError::transient("not yet"))
    });
    let given = cx.effect("given", &()).run(|| async { superstep::ok(1) });
    match (given.await?, tries.await) {
        (1, Err(error)) => Err(error),
        _ => Ok(()),
    }
}

#[graph(state = Trip, start -> [compare, weigh], compare -> end, weigh -> end)]
struct Comparison {
    world: World,
}

/// What a task of the open step failed over can be tried again; what a finished one went on
/// with stands.
#[tokio::test]
async fn a_task_that_has_finished_in_an_open_step_calls_nothing_again() {
    for place in stores() {
        let world = World::default();
        let graph = Comparison {
            world: world.clone(),
        };
        let engine = Engine::builder(graph).store(place.store.clone());
        let engine = engine.build().unwrap();
        engine.run("trip", Trip::default()).await.unwrap_err();
        assert_eq!(world.called(), ["first", "second", "tries"]);
        let fork = engine
            .fork("trip", 0, "fork", |_| {})
            .with_response("weigh", 0, "given", 0, &2_u64);
        fork.await.unwrap();
        let done = engine.resume("fork").await.unwrap();
        assert_eq!(done.state().letter, "2");
        assert_eq!(world.called(), ["tries"]);
        engine.replay("fork").await.unwrap();
    }
}

#[tokio::test]
async fn the_same_fork_again_is_that_fork_and_another_answer_makes_another() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let fork = async |name: &str| {
            let name = name.to_owned();
            let hotel = Hotel { name, price: 1 };
            engine
                .fork("trip", 1, "fork", |_| {})
                .with_response("book", 1, "hotel", 0, &hotel)
                .await
        };
        fork("one").await.unwrap();
        let again = fork("one").await.unwrap();
        assert_eq!(again.steps(), 2);
        let done = engine.resume("fork").await.unwrap();
        assert_eq!(fork("one").await.unwrap().state(), done.state());
        for error in [
            fork("two").await.unwrap_err(),
            engine.fork("trip", 1, "fork", |_| {}).await.unwrap_err(),
        ] {
            assert!(matches!(error, Error::RunExists { .. }), "{error}");
        }
    }
}

/// What its origin loses later does not concern the fork, and not the call that made it.
#[tokio::test]
async fn the_same_fork_again_is_that_fork_whatever_became_of_its_origin() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let fork = |run| {
            let fork = engine.fork("trip", 1, run, |_| {});
            fork.with_response("book", 1, "hotel", 0, &other())
        };
        fork("fork").await.unwrap();
        let done = engine.resume("fork").await.unwrap();
        engine.snapshot("trip").await.unwrap();
        engine.prune(Prune::history()).await.unwrap();
        assert_eq!(fork("fork").await.unwrap().state(), done.state());
        let error = fork("new").await.unwrap_err();
        assert!(matches!(error, Error::Pruned { step: 2, .. }), "{error}");
    }
}

/// Kept results are merged later, so all that the open step has on record moves along.
#[tokio::test]
async fn the_same_fork_again_is_that_fork_after_a_correction_of_its_origin() {
    for place in stores() {
        let engine = Engine::builder(Single).store(place.store.clone());
        let engine = engine.build().unwrap();
        engine.run("trip", Trip::default()).await.unwrap_err();
        let fork = |run| {
            let fork = engine.fork("trip", 0, run, |_| {});
            fork.with_response("look_up", 0, "price", 0, &8_u64)
        };
        fork("fork").await.unwrap();
        let update = Trip::update().towns(vec!["a".to_owned()]);
        engine.update("trip", update).await.unwrap();
        assert_eq!(
            fork("fork").await.unwrap().steps(),
            1,
            "it stands where it stood"
        );
        let error = fork("new").await.unwrap_err();
        assert!(matches!(error, Error::EffectNotFound { .. }), "{error}");
    }
}

#[node]
async fn look_up(_: &Trip, cx: &Cx) -> Result<TripUpdate, NodeError> {
    let price = cx.effect("price", &());
    let price = price.run(|| async { superstep::ok(7_u64) }).await?;
    Ok(Trip::update().letter(price.to_string()))
}

/// One task finishes, and the other fails without an effect.
#[graph(state = Trip, start -> [look_up, fail], look_up -> end, fail -> end)]
struct Single;

#[tokio::test]
async fn a_response_that_does_not_fit_is_refused_by_name() {
    for place in stores() {
        let world = World::default();
        let engine = travelled(&place, &world).await;
        let before = place.store.all_runs().await.unwrap();
        let fork = || engine.fork("trip", 1, "fork", |_| {});

        let error = fork().with_response("book", 1, "hotel", 0, &7_u32).await;
        let error = error.unwrap_err();
        let Error::ResponseRefused {
            call,
            recorded,
            given,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(&**call, "effect `hotel` (call 0)");
        assert_eq!(&**recorded, r#"{"name":"hotel b","price":80}"#);
        assert_eq!(&**given, "7");
        assert_eq!(
            (error.code(), error.run(), error.step(), error.node()),
            ("response_refused", Some("trip"), Some(2), Some("book"))
        );
        let said = error.to_string();
        assert!(said.contains("what is recorded is not a `u32`: "), "{said}");

        for call in [
            ("book", 3, "hotel", 0),
            ("book", 1, "hotel", 1),
            ("book", 1, "hostel", 0),
            ("tell", 0, "letter", 0),
            ("nobody", 0, "hotel", 0),
            // A reading of the clock is no answer.
            ("book", 1, "", 0),
            ("book", u64::MAX, "hotel", u64::MAX),
        ] {
            let (node, item, effect, n) = call;
            let error = fork().with_response(node, item, effect, n, &other()).await;
            let error = error.unwrap_err();
            let Error::EffectNotFound { recorded, .. } = &error else {
                panic!("{error}")
            };
            let first = r#"a call that failed its node without being refused is not on record; on record there, as `with_response` takes it: ("book", 0, "hotel", 0), ("book", 0, "mail", 0), "#;
            assert!(recorded.starts_with(first), "{recorded}");
            assert!(recorded.ends_with("), …"), "{recorded}");
            assert_eq!(error.node(), Some(node));
        }
        // Nothing comes after the end.
        let late = engine.fork("trip", At::Last, "fork", |_| {});
        let error = late
            .with_response("tell", 0, "letter", 0, &String::new())
            .await;
        let error = error.unwrap_err();
        let where_it_is = "its turn ends with step 3, and nothing runs behind it: fork at the step before the one \
                           that made the call";
        assert!(error.to_string().ends_with(where_it_is), "{error}");
        let nothing = engine.fork("trip", 0, "fork", |_| {});
        let error = nothing.with_response("plan", 0, "hotel", 0, &other()).await;
        let said = error.unwrap_err().to_string();
        let where_it_is = "nothing is on record there, nor is a call that failed its node without being refused: fork at the step";
        assert!(said.contains(where_it_is), "{said}");
        let beyond = engine.fork("trip", u64::MAX, "fork", |_| {});
        let error = beyond
            .with_response("tell", 0, "letter", 0, &String::new())
            .await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::StepNotFound { .. }), "{error}");

        let error = fork().with_response("book", 1, "hotel", 0, &f64::NAN).await;
        let error = error.unwrap_err();
        let Error::NotRoundTrip { what, .. } = &error else {
            panic!("{error}")
        };
        let given = "the response given for effect `hotel` of node `book`";
        assert_eq!(&**what, given, "{error}");
        let panics = engine.fork("trip", 1, "fork", |_| panic!("wrong"));
        let error = panics.with_response("book", 1, "hotel", 0, &other()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, Error::EditPanicked { .. }), "{error}");

        assert_eq!(place.store.all_runs().await.unwrap(), before);
        assert_eq!(world.called(), [""; 0]);
    }
}
