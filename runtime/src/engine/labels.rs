//! Names for steps.

use super::Engine;
use crate::error::Error;
use crate::graph::Graph;
use crate::store::{LONGEST_LABEL, StoreError};

impl<G: Graph> Engine<G> {
    /// Names step `step` of run `id`, so that [`fork`](Self::fork) can find it.
    /// The same label for the same step again changes nothing.
    ///
    /// A fork has its origin's labels up to where it branches off.
    ///
    /// # Errors
    /// [`Error::LabelTaken`] if the label names another step of the run,
    /// [`Error::InvalidLabel`], [`Error::StepNotFound`], [`Error::Pruned`],
    /// [`Error::RunNotFound`].
    pub async fn label(&self, id: &str, step: u64, label: &str) -> Result<(), Error> {
        let run = self.core.handle("label", id)?;
        check_label(label)?;
        run.at.head().await?;
        match run.at.store().label(id, step, label).await {
            Err(error @ StoreError::NoSuchStep { .. }) => {
                let head = run.at.head().await?;
                run.at.past(&head, step).await?;
                Err(run.at.said(error))
            }
            labelled => labelled.map_err(|error| run.at.said(error)),
        }
    }

    /// The labels of run `id` with the steps they name, by label.
    ///
    /// # Errors
    /// [`Error::RunNotFound`].
    pub async fn labels(&self, id: &str) -> Result<Vec<(String, u64)>, Error> {
        let run = self.core.handle("labels", id)?;
        run.at.head().await?;
        run.at.labels().await
    }
}

fn check_label(label: &str) -> Result<(), Error> {
    let reason = match label.len() {
        0 => "it is empty; name what the step is for, e.g. `before-review`",
        1..=LONGEST_LABEL if label.contains('\0') => "it contains a NUL character; leave that out",
        1..=LONGEST_LABEL => return Ok(()),
        _ => "it is longer than 256 bytes; shorten it",
    };
    let label = label.chars().take(40).collect();
    Err(Error::InvalidLabel { label, reason })
}
