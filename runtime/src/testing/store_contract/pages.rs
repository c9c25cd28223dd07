//! Lists in pages.

use std::fmt::Debug;
use std::sync::Arc;

use super::make::{done, effect, first, fork, journal, next, now, park, record, run_to};
use crate::store::{
    Commit, Creation, EffectKey, EffectRecord, Head, LARGEST_PAGE, Lease, Listed, Page, Pages,
    Park, Prune, RunFilter, Status, StepKind, Store, StoreError, StoreExt,
};

/// Ids that a pattern, a collation or a sign would take for something else, in the
/// order of their bytes.
const ODD: [&str; 12] = [
    "", " ", "%", "'", "-1", "A", "A\u{1}", "\\_", "_", "a", "a%", "ü",
];

/// Walks in pages of that size, and checks each page.
async fn walk<T, K, F>(limit: usize, ask: impl Fn(Page<K>) -> F) -> Vec<T>
where
    F: Future<Output = Result<Listed<T, K>, StoreError>>,
{
    let mut pages = Pages::of(limit);
    let mut all = Vec::new();
    while let Some(page) = pages.next() {
        let size = page.size();
        let listed = done(ask(page).await);
        let is_full = listed.items.len() == size;
        assert!(
            if listed.next.is_some() {
                is_full
            } else {
                listed.items.len() <= size
            },
            "a page of {size} that is not the last has {} items",
            listed.items.len()
        );
        all.extend(pages.turn(listed));
        assert!(all.len() <= 100, "the walk comes to an end");
    }
    all
}

/// In pages of any size it is the same list; and after every key come those that follow it.
async fn is_one_list<T, K, F>(whole: &[T], key: impl Fn(&T) -> K, ask: impl Fn(Page<K>) -> F)
where
    T: PartialEq + Debug,
    K: PartialEq + Debug,
    F: Future<Output = Result<Listed<T, K>, StoreError>>,
{
    for limit in [1, 2, 3, whole.len(), whole.len() + 1] {
        let walked = walk(limit, &ask).await;
        assert_eq!(walked, whole, "in pages of {limit}");
    }
    for (at, item) in whole.iter().enumerate() {
        let behind = done(ask(Page::first(usize::MAX).after(key(item))).await);
        assert_eq!(behind.items, whole[at + 1..], "behind {item:?}");
        assert_eq!(behind.next, None, "nothing follows");
    }
    let none = done(ask(Page::first(0)).await);
    assert_eq!(none.items, whole[..1], "a page has at least one item");
}

fn id(head: &Head) -> String {
    head.run.clone()
}

fn ids(heads: &[Head]) -> Vec<&str> {
    heads.iter().map(|head| head.run.as_str()).collect()
}

/// Creates a run of that graph with that status.
async fn stands(store: &impl Store, run: &str, graph: &str, status: Status) {
    let commit = Commit {
        create: Some(Creation {
            graph: graph.to_owned(),
            ..super::make::creation()
        }),
        status,
        release: true,
        ..first(run)
    };
    now(store, commit).await;
}

pub(super) async fn runs_are_one_list_in_pages_of_any_size(store: Arc<impl Store>) {
    for run in ODD.into_iter().rev() {
        run_to(&*store, run, 0).await;
    }
    let whole = done(store.all_runs().await);
    assert_eq!(ids(&whole), ODD, "by the bytes of their ids");
    let all = RunFilter::new();
    is_one_list(&whole, id, |page| store.runs(&all, page)).await;
}

pub(super) async fn a_filter_lets_through_what_it_says(store: Arc<impl Store>) {
    let graphs = ["", "%", "Graph", "graph"];
    for (at, run) in ODD.into_iter().enumerate() {
        for (status, graph) in Status::ALL.into_iter().zip(graphs.iter().cycle().skip(at)) {
            stands(&*store, &format!("{run}{}", status.as_str()), graph, status).await;
        }
    }
    let whole = done(store.all_runs().await);
    assert_eq!(whole.len(), ODD.len() * Status::ALL.len());
    let some = [Status::Failed, Status::Running, Status::Sleeping];
    let mut filters = vec![RunFilter::new(), RunFilter::new().graph("Grap")];
    for graph in graphs {
        filters.push(RunFilter::new().graph(graph));
        let of_some = some.into_iter().fold(RunFilter::new(), RunFilter::status);
        filters.push(of_some.clone());
        filters.push(of_some.graph(graph));
        for status in Status::ALL {
            filters.push(RunFilter::new().status(status));
            filters.push(RunFilter::new().status(status).graph(graph));
        }
    }
    for filter in &filters {
        let is_let = |head: &&Head| {
            filter
                .graph
                .as_ref()
                .is_none_or(|graph| *graph == head.graph)
                && (filter.statuses.is_empty() || filter.statuses.contains(&head.status))
        };
        let wanted: Vec<Head> = whole.iter().filter(is_let).cloned().collect();
        for limit in [2, 1_000] {
            let listed = walk(limit, |page| store.runs(filter, page)).await;
            assert_eq!(ids(&listed), ids(&wanted), "{filter:?}");
            assert_eq!(listed, wanted, "{filter:?}");
        }
        if let Some(last) = wanted.last() {
            let page = Page::first(9).after(last.run.clone());
            let behind = done(store.runs(filter, page).await);
            assert_eq!(behind, Listed::new(Vec::new(), None), "{filter:?}");
        }
    }
}

pub(super) async fn a_filter_goes_by_how_a_run_stands_now(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 1).await;
    let of = async |status| {
        let filter = RunFilter::new().status(status);
        let listed = done(store.runs(&filter, Page::first(9)).await);
        !listed.items.is_empty()
    };
    assert!(of(Status::Running).await);
    done(store.park(park("run", epoch)).await);
    assert!(
        of(Status::Failed).await && !of(Status::Running).await,
        "parked"
    );
    let commit = Commit {
        access: super::make::take("anna", super::make::LONG),
        status: Status::Completed,
        ..next("run", 2, epoch)
    };
    now(&*store, commit).await;
    assert!(
        of(Status::Completed).await && !of(Status::Failed).await,
        "committed"
    );
}

pub(super) async fn what_is_listed_all_the_time_is_listed_once(store: Arc<impl Store>) {
    let stays = ["b", "d", "f", "h", "j"];
    for run in stays {
        stands(&*store, run, "Stays", Status::Completed).await;
    }
    for run in ["a", "c", "e", "g", "k"] {
        stands(&*store, run, run, Status::Completed).await;
    }
    let all = RunFilter::new();
    let mut pages = Pages::of(3);
    let mut seen = Vec::new();
    let mut turns = 0;
    while let Some(page) = pages.next() {
        seen.extend(pages.turn(done(store.runs(&all, page).await)));
        // What comes and what goes, among it the run that the page ended with.
        let come = [["A", "bb", "z"], ["aa", "cc", "zz"]];
        for run in come.get(turns).into_iter().flatten() {
            stands(&*store, run, "Comes", Status::Completed).await;
        }
        for run in ["a", "c", "e", "g", "k"].into_iter().skip(turns).step_by(2) {
            done(store.prune(&Prune::runs().graph(run)).await);
        }
        turns += 1;
        assert!(turns < 9, "the walk comes to an end");
    }
    let seen = ids(&seen);
    assert!(
        seen.is_sorted_by(|one, other| one < other),
        "once, in order: {seen:?}"
    );
    for run in stays {
        assert!(
            seen.contains(&run),
            "`{run}` was there all the time: {seen:?}"
        );
    }
}

/// A run that is a fork of a fork, with effects in the steps of all three.
async fn branched(store: &impl Store) -> &'static str {
    let calls = ["", "%", "A", "a"];
    let write = async |run: &str, step: u64, epoch| {
        let call = |n| EffectRecord {
            n,
            ..effect("call", step, calls[(step + n) as usize % calls.len()])
        };
        done(
            store
                .journal(journal(run, epoch, (0..3).map(call).collect()))
                .await,
        );
        now(store, next(run, step, epoch)).await;
    };
    let Lease { epoch, .. } = run_to(store, "one", 0).await;
    for step in 1..=5 {
        write("one", step, epoch).await;
    }
    for (run, origin, at) in [("two", "one", 2), ("three", "two", 4)] {
        let mut begin = fork(run, origin, at);
        begin.record = crate::store::StepRecord {
            kind: StepKind::Fork,
            ..record(run, at + 1)
        };
        let Lease { epoch, .. } = now(store, begin).await;
        for step in at + 2..=at + 4 {
            write(run, step, epoch).await;
        }
    }
    "three"
}

pub(super) async fn a_history_is_one_list_in_pages_of_any_size(store: Arc<impl Store>) {
    let run = branched(&*store).await;
    let digests = done(store.all_digests(run).await);
    let numbers: Vec<u64> = digests.iter().map(|(step, _)| *step).collect();
    assert_eq!(numbers, Vec::from_iter(0..=8));
    is_one_list(&digests, |(step, _)| *step, |page| store.digests(run, page)).await;

    for (from, to) in [(0, u64::MAX), (0, 3), (2, 6), (5, 5), (4, 100)] {
        let steps = done(store.all_steps(run, from, to).await);
        let numbers: Vec<u64> = steps.iter().map(|step| step.step).collect();
        assert_eq!(numbers, Vec::from_iter(from..=to.min(8)));
        is_one_list(
            &steps,
            |step| step.step,
            |page| store.steps(run, from, to, page),
        )
        .await;
        for after in [to, u64::MAX] {
            let page = Page::first(9).after(after);
            let behind = done(store.steps(run, from, to, page).await);
            assert_eq!(behind, Listed::new(Vec::new(), None), "behind {after}");
        }
        let page = Page::first(usize::MAX).after(0);
        let all = done(store.steps(run, from, to, page).await);
        assert_eq!(
            all.items,
            steps[usize::from(from == 0)..],
            "the range counts"
        );
    }
    let none = done(store.steps("nobody", 0, 9, Page::first(9).after(0)).await);
    assert_eq!(none, Listed::new(Vec::new(), None));
}

pub(super) async fn effects_are_one_list_in_pages_of_any_size(store: Arc<impl Store>) {
    let run = branched(&*store).await;
    for (from, to, count) in [(0, u64::MAX, 18), (1, 2, 6), (2, 6, 9), (4, 4, 3)] {
        let effects = done(store.all_effects(run, from, to).await);
        assert_eq!(effects.len(), count, "{effects:#?}");
        assert!(effects.is_sorted_by_key(EffectRecord::key), "{effects:#?}");
        is_one_list(&effects, EffectRecord::key, |page| {
            store.effects(run, from, to, page)
        })
        .await;
    }
    let all = done(store.all_effects(run, 0, u64::MAX).await);
    let page = Page::first(usize::MAX).after(all[0].key());
    let within = done(store.effects(run, 4, 6, page).await);
    let numbers: Vec<u64> = within.items.iter().map(|effect| effect.step).collect();
    assert_eq!(numbers, [4, 4, 4, 6, 6, 6], "the range counts");
    // Keys of which there is no record.
    for effect in &all {
        for (name, n) in [("", 1), ("%\u{1}", 0), ("B", u64::MAX), ("ü", 1)] {
            let key = EffectKey::new(effect.step, effect.task, name, n);
            let wanted: Vec<_> = all.iter().filter(|effect| effect.key() > key).collect();
            let page = Page::first(usize::MAX).after(key.clone());
            let behind = done(store.effects(run, 0, u64::MAX, page).await);
            assert!(behind.items.iter().eq(wanted), "behind {key:?}");
        }
    }
}

pub(super) async fn no_page_is_larger_than_the_largest(store: Arc<impl Store>) {
    let Lease { epoch, .. } = run_to(&*store, "run", 0).await;
    let call = |n| EffectRecord {
        n,
        ..effect("run", 1, "call")
    };
    let calls = (0..=LARGEST_PAGE as u64).map(call).collect();
    done(store.journal(journal("run", epoch, calls)).await);
    for limit in [LARGEST_PAGE, LARGEST_PAGE + 1, usize::MAX] {
        let listed = done(store.effects("run", 0, 9, Page::first(limit)).await);
        assert_eq!(listed.items.len(), LARGEST_PAGE);
        let next = listed.next.expect("one follows");
        let page = Page::first(limit).after(next);
        let last = done(store.effects("run", 0, 9, page).await);
        assert_eq!((last.items.len(), last.next), (1, None));
    }
}

pub(super) async fn stuck_runs_are_one_list_in_pages_of_any_size(store: Arc<impl Store>) {
    for run in ODD {
        let Lease { epoch, .. } = run_to(&*store, run, 0).await;
        let waits = Park {
            status: Status::Interrupted,
            ..park(run, epoch)
        };
        done(store.park(waits).await);
        stands(&*store, &format!("{run}~"), "Graph", Status::Paused).await;
    }
    let stuck = done(store.all_stuck().await);
    assert_eq!(stuck, ODD);
    is_one_list(&stuck, String::clone, |page| store.stuck(page)).await;
}
