//! What the command line asks for.

use std::path::PathBuf;

use superstep::Outcome;

use crate::order::{TODAY, find};
use crate::world::DieAt;

/// What `--help` says.
pub const USAGE: &str = "\
usage: orders [<order>…] [--out <folder>] [--die-at <place>] [--answer <outcome>]

Fills the orders that are named, or all of them: tea, lighting, piano, desk and
clock. The database of the runs and the books of the bank, the warehouse and
the carrier go to the folder that --out names, by default target/orders.

--die-at kills the program before or after a call, e.g. before-reserve or
after-charge; start it again, and it goes on. --answer says what became of a
payment of which nobody knows: happened, did-not-happen or refused.";

/// A command line that makes sense.
pub struct Request {
    pub orders: Vec<String>,
    pub out: PathBuf,
    pub die_at: Option<DieAt>,
    pub answer: Option<Outcome<String>>,
}

impl Request {
    /// Reads the arguments after the program's name.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let mut request = Self {
            orders: Vec::new(),
            out: "target/orders".into(),
            die_at: None,
            answer: None,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("`{arg}` needs a value"));
            match arg.as_str() {
                "--out" => request.out = value()?.into(),
                "--die-at" => request.die_at = Some(value()?.parse()?),
                "--answer" => request.answer = Some(outcome(&value()?)?),
                _ if arg.starts_with('-') => return Err(format!("there is no `{arg}`")),
                _ if find(&arg).is_none() => return Err(format!("there is no order `{arg}`")),
                _ => request.orders.push(arg),
            }
        }
        if request.answer.is_some() && request.orders.len() != 1 {
            return Err("`--answer` goes with the one order that it is about".into());
        }
        if request.orders.is_empty() {
            request.orders = TODAY.map(String::from).to_vec();
        }
        Ok(request)
    }

    /// What the services have done.
    pub fn books(&self) -> PathBuf {
        self.out.join("books.txt")
    }

    /// Where the runs are kept.
    pub fn database(&self) -> PathBuf {
        self.out.join("orders.db")
    }
}

fn outcome(word: &str) -> Result<Outcome<String>, String> {
    Ok(match word {
        "happened" => Outcome::Happened("paid, as the bank's books say".into()),
        "did-not-happen" => Outcome::DidNotHappen,
        "refused" => Outcome::Refused("the bank said so on the telephone".into()),
        _ => return Err("`--answer` takes one of happened, did-not-happen, refused".into()),
    })
}
