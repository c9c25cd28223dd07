//! A program is split into modules as plain functions are: a `pub` node may work on a state,
//! return an update and choose a route that its crate or its module keeps to itself.
#![deny(warnings)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    #[reduce(append)]
    log: Vec<String>,
}

mod shipping {
    use superstep::prelude::*;

    use super::{Order, OrderUpdate};

    #[derive(Route)]
    pub(super) enum Parcel {
        Large,
        Small,
    }

    #[derive(Route)]
    enum Carrier {
        Post,
        Bike,
    }

    #[node]
    pub fn pack(order: &Order) -> Result<(OrderUpdate, Parcel), NodeError> {
        let parcel = match order.log.len() {
            0 => Parcel::Small,
            _ => Parcel::Large,
        };
        Ok((Order::update().log(["packed"]), parcel))
    }

    // Rustc warns of the plain function, too.
    #[allow(private_interfaces)]
    #[node]
    pub async fn choose(order: &Order) -> Carrier {
        match order.log.len() {
            0 => Carrier::Post,
            _ => Carrier::Bike,
        }
    }

    #[node]
    pub(super) async fn post(_: &Order, parcels: u32) -> OrderUpdate {
        Order::update().log([format!("posted {parcels}")])
    }

    #[node]
    pub fn ride(_: &Order) -> OrderUpdate {
        Order::update().log(["rode"])
    }

    /// The graph is where its nodes' routes can be named.
    #[graph(
        state = Order,
        start -> choose,
        choose -> match { Carrier::Post => post(1), Carrier::Bike => ride },
        post -> end,
        ride -> end,
    )]
    pub(super) struct Shipping;
}

use shipping::{Parcel, pack, ride};

#[graph(
    state = Order,
    start -> pack,
    pack -> match { Parcel::Small => ride, Parcel::Large => end },
    ride -> end,
)]
struct Shop;

#[tokio::test]
async fn public_nodes_work_on_what_their_crate_keeps_to_itself() -> Result<(), Error> {
    let shop = Engine::builder(Shop).build()?;
    let run = shop.run("order", Order::default()).await?;
    assert_eq!(run.state().log, ["packed", "rode"]);
    let shipping = Engine::builder(shipping::Shipping).build()?;
    let run = shipping.run("parcel", run.into_state()).await?;
    assert_eq!(run.state().log, ["packed", "rode", "rode"]);
    Ok(())
}

mod parcels {
    use superstep::prelude::*;

    #[derive(State, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
    pub(super) struct Label {
        weight: u32,
        // What a field is called needs no more to be visible than the field.
        r#type: String,
    }

    impl Label {
        pub(super) const fn weight(&self) -> u32 {
            self.weight
        }
    }
}

use parcels::{Label, LabelUpdate};

/// Like the setters, the names of fields are for whoever sees the state.
#[node(writes(weight))]
fn weigh(_: &Label) -> LabelUpdate {
    Label::update().weight(3)
}

#[node(writes(r#type))]
fn name<T: std::fmt::Display + Send + Sync + 'static>(_: &Label, name: &T) -> LabelUpdate {
    Label::update().r#type(name.to_string())
}

#[graph(state = Label, start -> [weigh, name::<u8>] -> end)]
struct Labels {
    name: u8,
}

#[tokio::test]
async fn nodes_say_what_they_write_of_a_state_of_another_module() -> Result<(), Error> {
    let labels = Engine::builder(Labels { name: 1 }).build()?;
    let run = labels.run("label", Label::default()).await?;
    assert_eq!(run.state().weight(), 3);
    Ok(())
}
