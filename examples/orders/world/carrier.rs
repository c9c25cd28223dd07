use std::io;
use std::sync::Arc;

use super::{Answer, Call, World};

/// Recognises a repeated call by its key. Its line is busy at first, unless the call is about
/// an island, which it refuses at once.
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
