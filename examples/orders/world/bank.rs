use std::io;
use std::sync::Arc;

use super::{Answer, Call, World};

/// An old one: it treats a payment that is sent twice as two payments. Only for refunds
/// does it ask for a key.
pub struct Bank(pub Arc<World>);

impl Bank {
    /// Takes money from a card.
    pub async fn charge(&self, order: &str, card: &str, cents: u64) -> io::Result<Answer> {
        let answer = self.0.call(Call::Charge, |books| {
            if card == "empty" {
                return Ok(Answer::No("the card has not enough on it".into()));
            }
            books.enter(&format!("bank: has taken {cents} cents for {order}"))?;
            Ok(Answer::Yes(format!("receipt for {cents} cents")))
        });
        if card == "slow" {
            std::future::pending::<()>().await;
        }
        answer
    }

    /// Gives money back.
    pub async fn refund(&self, order: &str, cents: u64, key: &str) -> io::Result<Answer> {
        self.0.call(Call::Refund, |books| {
            books.enter_once(
                &format!("bank: has given {cents} cents back for {order}"),
                key,
            )?;
            Ok(Answer::Yes(format!("{cents} cents")))
        })
    }
}
