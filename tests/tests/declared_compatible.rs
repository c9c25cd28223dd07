//! A run continues under another graph only if that graph's version is higher and it
//! lists the old fingerprint as compatible; an added field with a default needs
//! neither.

use std::sync::Arc;

use superstep::prelude::*;
use superstep::{Graph, MemoryStore};

/// The program as it was.
mod old {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(append)]
        pub log: Vec<String>,
    }

    #[node]
    pub fn pack(_: &Order) -> OrderUpdate {
        Order::update().log(["packed"])
    }

    #[node]
    pub fn ship(_: &Order) -> Result<OrderUpdate, String> {
        Err("no van".into())
    }

    #[graph(state = Order, start -> pack -> ship -> end)]
    pub struct Shop;
}

/// The program as it is: `ship` works, and the post is told.
mod new {
    use serde::{Deserialize, Serialize};
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    pub struct Order {
        #[reduce(append)]
        pub log: Vec<String>,
        #[serde(default)]
        #[reduce(last)]
        pub post: String,
    }

    #[node]
    pub fn pack(_: &Order) -> OrderUpdate {
        Order::update().log(["packed"])
    }

    #[node]
    pub fn ship(_: &Order) -> OrderUpdate {
        Order::update().log(["shipped"])
    }

    #[node]
    pub fn tell(_: &Order) -> OrderUpdate {
        Order::update().post("told")
    }

    pub mod same_edges {
        use super::{Order, pack, ship};
        use superstep::prelude::*;

        #[graph(state = Order, start -> pack -> ship -> end)]
        pub struct Shop;
    }

    pub mod unlisted {
        use super::{Order, pack, ship, tell};
        use superstep::prelude::*;

        #[graph(state = Order, version = 2, start -> pack -> ship -> tell -> end)]
        pub struct Shop;
    }

    pub mod listed {
        use super::{Order, pack, ship, tell};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            version = 2,
            compatible = ["281eb76360364f9656c10a295b6608022d2e67448704a041044afd34bbb10354"],
            start -> pack -> ship -> tell -> end,
        )]
        pub struct Shop;
    }

    #[node]
    pub fn dispatch(_: &Order) -> OrderUpdate {
        Order::update().log(["dispatched"])
    }

    pub mod renamed {
        use super::{Order, dispatch, pack};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            version = 2,
            compatible = ["281eb76360364f9656c10a295b6608022d2e67448704a041044afd34bbb10354"],
            start -> pack -> dispatch -> end,
        )]
        pub struct Shop;
    }

    pub mod kept_name {
        use super::{Order, dispatch, pack};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            version = 2,
            compatible = ["281eb76360364f9656c10a295b6608022d2e67448704a041044afd34bbb10354"],
            ship = dispatch,
            start -> pack -> ship -> end,
        )]
        pub struct Shop;
    }

    pub mod listed_without_version {
        use super::{Order, pack, ship, tell};
        use superstep::prelude::*;

        #[graph(
            state = Order,
            compatible = ["281eb76360364f9656c10a295b6608022d2e67448704a041044afd34bbb10354"],
            start -> pack -> ship -> tell -> end,
        )]
        pub struct Shop;
    }
}

async fn left_by_the_old_program() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let engine = engine(old::Shop, &store);
    let error = engine
        .run("order", old::Order::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NodeFailed { .. }), "{error}");
    store
}

fn engine<G: Graph>(graph: G, store: &Arc<dyn Store>) -> Engine<G> {
    Engine::builder(graph)
        .store(Arc::clone(store))
        .build()
        .unwrap()
}

#[tokio::test]
async fn an_added_field_with_a_default_is_no_change() {
    let store = left_by_the_old_program().await;
    let run = engine(new::same_edges::Shop, &store)
        .resume("order")
        .await
        .unwrap();
    assert_eq!(run.state().log, ["packed", "shipped"]);
}

#[tokio::test]
async fn another_graph_is_refused_with_what_differs_and_what_to_write() {
    let store = left_by_the_old_program().await;
    let error = engine(new::unlisted::Shop, &store)
        .resume("order")
        .await
        .unwrap_err();
    let Error::GraphChanged { stored, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*stored, old::Shop::INFO.fingerprint());
    assert!(
        error
            .to_string()
            .contains(&format!("compatible = [\"{stored}\"]")),
        "{error}"
    );
    assert!(error.to_string().contains("tell"), "{error}");
}

#[tokio::test]
async fn a_listed_fingerprint_goes_on_where_the_run_stood() {
    let store = left_by_the_old_program().await;
    let run = engine(new::listed::Shop, &store)
        .resume("order")
        .await
        .unwrap();
    assert_eq!(run.state().log, ["packed", "shipped"]);
    assert_eq!(run.state().post, "told");
}

#[tokio::test]
async fn a_listed_fingerprint_without_a_higher_version_is_not_enough() {
    let store = left_by_the_old_program().await;
    let graph = new::listed_without_version::Shop;
    let error = engine(graph, &store).resume("order").await.unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
}

/// What ran next in its origin cannot run next in it.
#[tokio::test]
async fn a_node_that_is_to_run_next_must_not_have_lost_its_name() {
    let store = left_by_the_old_program().await;
    let renamed = engine(new::renamed::Shop, &store);
    let is_refused = |refused: Result<(), Error>| {
        let error = refused.unwrap_err();
        let Error::GraphChanged {
            stored,
            differences,
            help,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*stored, old::Shop::INFO.fingerprint());
        assert!(differences[0].contains("`ship`"), "{error}");
        assert!(help.contains("`#[node(name = \"ship\")]`"), "{error}");
    };
    is_refused(renamed.fork("order", 1, "fork", |_| {}).await.map(drop));
    assert!(store.head("fork").await.unwrap().is_none());
    is_refused(renamed.resume("order").await.map(drop));
    is_refused(
        renamed
            .update("order", new::Order::update())
            .await
            .map(drop),
    );
    let kept = engine(new::kept_name::Shop, &store);
    kept.fork("order", 1, "fork", |_| {}).await.unwrap();
    let run = kept.resume("fork").await.unwrap();
    assert_eq!(run.state().log, ["packed", "dispatched"]);
}

/// A fork has begun with its origin's graph, and goes on with that of the program that made it.
#[tokio::test]
async fn a_fork_is_of_the_graph_that_made_it() {
    let store = left_by_the_old_program().await;
    let listed = engine(new::listed::Shop, &store);
    let edit = |order: &mut new::Order| order.log.clear();
    listed.fork("order", 1, "fork", edit).await.unwrap();
    let head = store.head("fork").await.unwrap().unwrap();
    let old = old::Shop::INFO.fingerprint();
    assert_eq!((head.fingerprint, head.version), (old, 1));
    let today = new::listed::Shop::INFO.fingerprint();
    assert_eq!(head.graph_now(), (today, 2));
    let unlisted = engine(new::unlisted::Shop, &store);
    let error = unlisted.fork("order", 1, "other", |_| {}).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
    let error = engine(old::Shop, &store).resume("fork").await.unwrap_err();
    assert!(matches!(error, Error::GraphChanged { .. }), "{error}");
    let run = listed.resume("fork").await.unwrap();
    assert_eq!(run.state().log, ["shipped"]);
    assert_eq!(run.state().post, "told");
}
