//! Outside tokio every call that needs it says so, before anything is written.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use superstep::prelude::*;
use superstep::store::StoreExt;
use superstep_tests::stores;
use superstep_tests::survey::{Survey, Surveyor};

/// The result of `call` without a runtime; it may not wait.
fn bare<T>(call: impl Future<Output = Result<T, Error>>) -> Error {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => error,
        Poll::Ready(Ok(_)) => panic!("it went through"),
        Poll::Pending => panic!("it waits for nobody"),
    }
}

#[test]
fn a_call_without_a_runtime_is_an_error() {
    for place in stores() {
        let builder = Engine::builder(Surveyor::new()).store(place.store.clone());
        let engine = builder.build().unwrap();
        let input = Survey::of(1, 1);
        for error in [
            bare(engine.run("run", input.clone()).into_future()),
            bare(engine.resume("run")),
            bare(engine.get("run")),
            bare(engine.turn("run", Survey::update()).into_future()),
            bare(engine.update("run", Survey::update())),
            bare(engine.history("run")),
            bare(engine.state_at("run", 0)),
        ] {
            assert!(matches!(error, Error::NoRuntime { .. }), "{error}");
            assert!(error.to_string().contains("#[tokio::main]"), "{error}");
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        assert!(runtime.block_on(place.store.all_runs()).unwrap().is_empty());
        let run = runtime.block_on(engine.run("run", input).into_future());
        assert_eq!(run.unwrap().status(), Status::Completed);
    }
}
