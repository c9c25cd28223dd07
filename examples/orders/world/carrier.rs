use std::io;
use std::sync::Arc;

use super::{Answer, Call, World};

/// Knows a call that is made again by its key. Its line is engaged at first, unless it is about
/// an island, of which it will not hear.
pub struct Carrier(pub Arc<World>);

impl Carrier {
    /// Sends an order on its way.
    pub async fn ship(&self, order: &str, address: &str, key: &str) -> io::Result<Answer> {
        let (Self(world), is_island) = (self, address.ends_with("Island"));
        if !is_island && world.is_first(key) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        world.call(Call::Ship, |books| {
            if is_island {
                return Ok(Answer::No(format!("nobody goes to {address}")));
            }
            books.enter_once(&format!("carrier: brings {order} to {address}"), key)?;
            Ok(Answer::Yes(format!("parcel for {address}")))
        })
    }
}
