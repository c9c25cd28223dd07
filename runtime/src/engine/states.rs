//! Where two states differ.

use super::fork::step_at;
use super::{At, Engine, of_run};
use crate::error::Error;
use crate::graph::Graph;
use crate::json_diff::{Difference, differences};
use crate::machine::state_text;

impl<G: Graph> Engine<G> {
    /// Where two states differ, of two runs or of one: each after a step, a number or a label, or
    /// after the [last](At::Last). At most a hundred places are listed, in the order of the fields.
    ///
    /// [`diff`](crate::diff) tells step by step what the runs did to get there.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Draft { tone: String, text: String }
    /// # #[node]
    /// # fn write(draft: &Draft) -> DraftUpdate { Draft::update().text(format!("a {} letter", draft.tone)) }
    /// # #[graph(state = Draft, start -> write -> end)]
    /// # struct Writer;
    /// use superstep::At;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Writer).build()?;
    /// # engine.run("letter", Draft { tone: "dry".into(), ..Default::default() }).await?;
    /// engine.fork("letter", 0, "warmer", |draft| draft.tone = "warm".into()).await?;
    /// engine.resume("warmer").await?;
    ///
    /// let ends = engine.diff_states(("letter", At::Last), ("warmer", At::Last)).await?;
    /// assert_eq!(ends[0].to_string(), r#"`tone`: "dry" against "warm""#);
    /// assert_eq!(ends[1].to_string(), r#"`text`: "a dry letter" against "a warm letter""#);
    /// let written = engine.diff_states(("letter", 0), ("letter", 1)).await?;
    /// assert_eq!(written[0].to_string(), r#"`text`: "" against "a dry letter""#);
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// States are compared as they are stored; fields that their encoding skips are not.
    ///
    /// # Errors
    /// [`Error::RunNotFound`], [`Error::StepNotFound`], [`Error::LabelNotFound`],
    /// [`Error::Pruned`], [`Error::Undecodable`].
    pub async fn diff_states(
        &self,
        a: (&str, impl Into<At>),
        b: (&str, impl Into<At>),
    ) -> Result<Vec<Difference>, Error> {
        let (place_a, place_b) = (a.1.into(), b.1.into());
        let text_a = of_run(a.0, self.state_text(a.0, place_a)).await?;
        let text_b = of_run(b.0, self.state_text(b.0, place_b)).await?;
        Ok(differences(&text_a, &text_b))
    }

    /// The state at that place, as it is stored.
    async fn state_text(&self, id: &str, place: At) -> Result<String, Error> {
        let run = self.core.handle("diff_states", id)?;
        let head = run.at.head().await?;
        let step = step_at(&run.at, &head, place).await?;
        let (machine, ..) = run.past(&head, step).await?;
        state_text(&**machine.state(), false).map_err(Error::not_round_trip(id, step, "the state"))
    }
}
