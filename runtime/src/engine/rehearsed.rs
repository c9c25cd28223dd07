//! An engine whose runs are rehearsed, by `testing`.

use std::sync::Arc;

use super::{AnswerCall, Engine};
use crate::cx::Rehearsal;
use crate::error::Error;
use crate::graph::Graph;

impl<G: Graph> Engine<G> {
    /// From now on `rehearsal` stands in for the world outside this engine's runs.
    pub(crate) fn rehearse(&self, rehearsal: Arc<dyn Rehearsal>) {
        // Whoever makes an engine for a rehearsal sets this once.
        let _ = self.core.rehearsal.set(rehearsal);
    }

    /// [`answer`](Self::answer) with an answer that is encoded already.
    pub(crate) async fn answer_text(
        &self,
        id: &str,
        question: &str,
        answer: String,
    ) -> Result<(), Error> {
        let core = Arc::clone(&self.core);
        AnswerCall::<G>::new(core, id, question, Ok(answer)).await
    }
}
