use std::io;
use std::sync::Arc;

use super::{Answer, Call, World};
use crate::order::Line;

/// Recognises a repeated call by its key. Now and then its answer gets lost. What is put
/// aside and never claimed goes back by itself.
pub struct Warehouse(pub Arc<World>);

impl Warehouse {
    /// Puts a line of an order aside.
    pub async fn reserve(&self, order: &str, line: &Line, key: &str) -> io::Result<Answer> {
        let Self(world) = self;
        world.call(Call::Reserve, |books| {
            if line.item == "lamp" {
                return Ok(Answer::No("the lamp is sold out".into()));
            }
            let held = format!("{} × {}", line.count, line.item);
            books.enter_once(&format!("warehouse: keeps {held} for {order}"), key)?;
            match line.item == "cup" && world.is_first(key) {
                true => Err(io::Error::other("the warehouse did not answer")),
                false => Ok(Answer::Yes(held)),
            }
        })
    }

    /// Puts back what it has put aside.
    pub async fn release(&self, order: &str, held: &str, key: &str) -> io::Result<Answer> {
        self.0.call(Call::Release, |books| {
            books.enter_once(&format!("warehouse: has {held} of {order} back"), key)?;
            Ok(Answer::Yes(held.into()))
        })
    }
}
