//! Lists: what is in them, and where a page of them ends.

use std::ops::Bound;

use crate::store::{Head, Listed, Page, RunFilter, Status};

/// Whether a run is in the list.
pub fn is_listed(filter: &RunFilter, head: &Head) -> bool {
    let is_of = |name: &String| *name == head.graph;
    filter.graph.as_ref().is_none_or(is_of) && stands_so(filter, head.status)
}

/// Every status that a run in the list may have, once.
pub fn statuses(filter: &RunFilter) -> impl Iterator<Item = Status> {
    let all = Status::ALL.into_iter();
    all.filter(|status| stands_so(filter, *status))
}

fn stands_so(filter: &RunFilter, status: Status) -> bool {
    filter.statuses.is_empty() || filter.statuses.contains(&status)
}

/// The keys that are to come, for a map in the order of the list.
pub const fn beyond<K>(page: &Page<K>) -> (Bound<&K>, Bound<&K>) {
    let from = match &page.after {
        Some(key) => Bound::Excluded(key),
        None => Bound::Unbounded,
    };
    (from, Bound::Unbounded)
}

/// The first step that may be on the page of a list of steps that begins at `from`.
pub fn first_step(from: u64, page: &Page<u64>) -> u64 {
    let next = page.after.map(|after| after.saturating_add(1));
    next.map_or(from, |next| next.max(from))
}

/// The page of what is to come, of which one item more than the page holds is enough.
pub fn cut<T, K>(
    to_come: impl IntoIterator<Item = T>,
    page: &Page<K>,
    key: impl FnOnce(&T) -> K,
) -> Listed<T, K> {
    let mut to_come = to_come.into_iter();
    let items: Vec<T> = to_come.by_ref().take(page.size()).collect();
    let next = to_come.next().and_then(|_| items.last()).map(key);
    Listed { items, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LARGEST_PAGE;

    fn page_of(limit: usize, items: usize) -> Listed<usize, usize> {
        cut(0..items, &Page::first(limit), |item| *item)
    }

    #[test]
    fn a_page_goes_on_only_if_something_follows() {
        assert_eq!(page_of(3, 2), Listed::new(vec![0, 1], None));
        assert_eq!(page_of(3, 3), Listed::new(vec![0, 1, 2], None));
        assert_eq!(page_of(3, 4), Listed::new(vec![0, 1, 2], Some(2)));
        assert_eq!(page_of(3, 0), Listed::new(Vec::new(), None));
    }

    #[test]
    fn a_page_is_never_empty_for_its_size_and_never_too_large() {
        assert_eq!(page_of(0, 2), Listed::new(vec![0], Some(0)));
        for limit in [LARGEST_PAGE, LARGEST_PAGE + 1, usize::MAX] {
            let page = page_of(limit, LARGEST_PAGE + 1);
            assert_eq!(page.items.len(), LARGEST_PAGE);
            assert_eq!(page.next, Some(LARGEST_PAGE - 1));
        }
    }

    #[test]
    fn steps_go_on_behind_the_last_and_never_before_the_range() {
        let after = |step| Page::first(1).after(step);
        assert_eq!(first_step(3, &Page::first(1)), 3);
        assert_eq!(first_step(3, &after(1)), 3);
        assert_eq!(first_step(3, &after(3)), 4);
        assert_eq!(first_step(3, &after(u64::MAX)), u64::MAX);
    }

    #[test]
    fn a_status_is_listed_once_however_often_it_is_named() {
        let twice = RunFilter::new()
            .status(Status::Failed)
            .status(Status::Paused)
            .status(Status::Failed);
        let named: Vec<_> = statuses(&twice).collect();
        assert_eq!(named, [Status::Paused, Status::Failed]);
        assert_eq!(statuses(&RunFilter::new()).count(), Status::ALL.len());
    }
}
