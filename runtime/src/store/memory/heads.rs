//! Lists of runs.

use std::time::SystemTime;

use super::Kept;
use super::run::Run;
use crate::store::{Head, Listed, Page, RunFilter, rules};

impl Kept {
    pub(super) fn heads(&self, filter: &RunFilter, page: &Page<String>) -> Listed<Head, String> {
        let listed = self.runs_on(page);
        let listed = listed.filter(|run| rules::is_listed(filter, &run.head));
        rules::cut(listed.map(Run::head), page, |head| head.run.clone())
    }

    pub(super) fn stuck(&self, page: &Page<String>, now: SystemTime) -> Listed<String, String> {
        let stuck = self.runs_on(page).filter(|run| run.is_stuck(now));
        rules::cut(stuck.map(|run| run.head.run.clone()), page, String::clone)
    }

    /// From the beginning of a page onwards.
    fn runs_on(&self, page: &Page<String>) -> impl Iterator<Item = &Run> {
        let runs = self.runs.range::<String, _>(rules::beyond(page));
        runs.map(|(_, run)| run)
    }
}
