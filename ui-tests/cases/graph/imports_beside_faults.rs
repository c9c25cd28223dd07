#![deny(warnings)]

use serde::{Deserialize, Serialize};
use superstep::prelude::*;

#[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
struct Order {
    paid: bool,
}

mod nodes {
    use super::Order;

    #[superstep::node]
    pub fn price(_: &Order) {}

    #[superstep::node]
    pub fn tax(_: &Order) {}
}

mod fault {
    use super::Order;
    use super::nodes::{price, tax};

    #[superstep::graph(state = Order, start -> price -> tax)]
    pub struct Shop;
}

mod syntax {
    use super::Order;
    use super::nodes::{price, tax};

    #[superstep::graph(state = Order, start -> price -> tax -> end;)]
    pub struct Shop;
}

// What is misspelt is told once.
mod misspelt {
    use super::Order;
    use super::nodes::{price, tax};

    #[superstep::graph(state = Order, start -> pirce, price -> tax -> end)]
    pub struct Shop;
}

mod repeated {
    use super::Order;
    use super::nodes::{price, tax};

    #[superstep::graph(state = Order, levy = tax, start -> [price, price], price -> levy -> unknown -> end)]
    pub struct Shop;
}

mod paths {
    use super::Order;
    use super::nodes;

    #[superstep::graph(state = Order, start -> nodes::price -> nodes::tax, self::nodes::tax -> end)]
    pub struct Shop;

    #[superstep::graph(state = Order, start -> crate::nodes::price -> super::nodes::tax)]
    pub struct Store;
}

fn main() {
    let _ = (paths::Shop, paths::Store);
    let _ = (fault::Shop, syntax::Shop, misspelt::Shop, repeated::Shop);
}
