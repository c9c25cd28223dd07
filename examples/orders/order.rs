//! What is ordered: the state of a run, and the orders of the day.

use serde::{Deserialize, Serialize};
use superstep::State;

/// What is known of an order.
#[derive(State, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub lines: Vec<Line>,
    pub card: String,
    pub address: String,
    /// What the warehouse has put aside.
    #[reduce(append)]
    pub held: Vec<String>,
    /// Why a line cannot be had.
    #[reduce(append)]
    pub missing: Vec<String>,
    /// What happened, for people.
    #[reduce(append)]
    pub story: Vec<String>,
}

/// One line of an order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub item: String,
    pub count: u64,
    /// The price of one.
    pub cents: u64,
}

impl Order {
    /// What all lines cost.
    pub fn cents(&self) -> u64 {
        self.lines.iter().map(|line| line.count * line.cents).sum()
    }

    fn new(lines: &[(&str, u64, u64)], card: &str, address: &str) -> Self {
        let line = |&(item, count, cents): &(&str, u64, u64)| Line {
            item: item.into(),
            count,
            cents,
        };
        Self {
            lines: lines.iter().map(line).collect(),
            card: card.into(),
            address: address.into(),
            ..Self::default()
        }
    }
}

/// The orders of the day. An order's name is its run's id.
pub const TODAY: [&str; 5] = ["tea", "lighting", "piano", "desk", "clock"];

/// The order of that name.
pub fn find(name: &str) -> Option<Order> {
    Some(match name {
        "tea" => Order::new(&[("tea", 1, 700), ("cup", 2, 450)], "good", "1 High Street"),
        "lighting" => Order::new(
            &[("lamp", 1, 4_000), ("bulb", 3, 200)],
            "good",
            "2 High Street",
        ),
        "piano" => Order::new(&[("piano", 1, 900_000)], "empty", "3 High Street"),
        "desk" => Order::new(&[("desk", 1, 20_000)], "good", "Far Island"),
        "clock" => Order::new(&[("clock", 1, 3_000)], "slow", "5 High Street"),
        _ => return None,
    })
}
