//! A store that gives back records which are not what was written: typed as
//! they are, they can say what no column could.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use superstep::Digest;
use superstep::store::{
    Answer, Claim, Commit, Committed, EffectKey, EffectKind, EffectRecord, Event, GraphChange,
    Head, Lease, Listed, Loaded, Mail, NewSignal, Page, Park, Parked, PendingResult, Prune, Pruned,
    Question, Recording, Registration, RunFilter, Snapshot, Status, StepKind, StepRecord, Store,
    StoreError, StoreExt, StoreFuture, TurnRecord,
};
use superstep_tests::Dice;

use crate::desk::RUNS;
use crate::hashes::{self, Effect};
use crate::mutate;

/// All that a store holds of one run, its origins' steps included.
#[derive(Clone)]
struct Book {
    head: Head,
    steps: Vec<StepRecord>,
    snapshots: Vec<Snapshot>,
    pending: Vec<PendingResult>,
    effects: Vec<EffectRecord>,
    questions: Vec<Question>,
    labels: Vec<(String, u64)>,
    changes: Vec<GraphChange>,
    turns: Vec<TurnRecord>,
}

/// The records of a store. What is written to it is accepted and forgotten.
#[derive(Clone)]
pub struct Shelf {
    books: BTreeMap<String, Book>,
    graphs: Vec<(Digest, String)>,
}

impl Shelf {
    pub async fn of(store: &dyn Store) -> Self {
        let mut books = BTreeMap::new();
        let mut graphs = Vec::new();
        for run in RUNS {
            let loaded = store.load(run).await.unwrap().unwrap();
            let head = loaded.head;
            let mut snapshots = Vec::new();
            for step in 0..=head.step {
                snapshots.extend(store.snapshot(run, step).await.unwrap());
            }
            snapshots.dedup();
            let graph = store.graph(head.fingerprint).await.unwrap().unwrap();
            graphs.push((head.fingerprint, graph));
            let book = Book {
                steps: store.all_steps(run, 0, head.step).await.unwrap(),
                snapshots,
                pending: loaded.pending,
                effects: store.all_effects(run, 0, head.step + 1).await.unwrap(),
                questions: store.questions(run).await.unwrap(),
                labels: store.labels(run).await.unwrap(),
                changes: store.graphs(run).await.unwrap(),
                turns: store.all_turns(run).await.unwrap(),
                head,
            };
            books.insert(run.to_owned(), book);
        }
        graphs.dedup();
        Self { books, graphs }
    }

    /// Alters records of run number `run`; with `hashed`, only one text that a
    /// hash covers. Returns what was done.
    pub fn alter(&mut self, dice: &Dice, run: usize, hashed: bool) -> String {
        let texts = self.texts();
        let book = self.books.get_mut(RUNS[run]).expect("it is there");
        let times = if hashed { 1 } else { 1 + dice.below(3) };
        let done: Vec<String> = (0..times)
            .map(|_| match dice.below(if hashed { 3 } else { 9 }) {
                0 => book.step(dice, &texts, hashed),
                1 => book.effect(dice, &texts, hashed),
                2 => book.snapshot(dice, &texts),
                3 => book.row(dice),
                4 => book.result(dice, &texts),
                5 => book.question(dice, &texts),
                6 | 7 => book.head(dice),
                _ => {
                    let (_, graph) = &mut self.graphs[0];
                    *graph = mutate::text(dice, graph, &texts);
                    format!("graph {graph}")
                }
            })
            .collect();
        done.join("; ").chars().take(3_000).collect()
    }

    /// Copies in which one number of a run's head or turns is as small or as large as it can be.
    pub fn with_odd_numbers(&self, run: usize) -> Vec<(String, Self)> {
        let places = self.books[RUNS[run]].clone().numbers().len();
        let odd = |place: usize, value: u64| {
            let mut shelf = self.clone();
            let book = shelf.books.get_mut(RUNS[run]).expect("it is there");
            *book.numbers()[place] = value;
            (format!("{:?}, {:?}", book.head, book.turns), shelf)
        };
        let values = [0, u64::MAX - 1, u64::MAX];
        (0..places)
            .flat_map(|place| values.map(|value| odd(place, value)))
            .collect()
    }

    fn texts(&self) -> Vec<String> {
        let steps = self.books.values().flat_map(|book| &book.steps);
        steps
            .flat_map(|step| [step.updates.clone(), step.frontier.clone()])
            .collect()
    }

    /// Makes every hash that of what the records say.
    pub fn repair(&mut self) {
        for book in self.books.values_mut() {
            book.repair();
        }
    }

    fn book(&self, run: &str) -> Result<&Book, StoreError> {
        let run = run.to_owned();
        self.books.get(&run).ok_or(StoreError::NoSuchRun { run })
    }

    fn of_run<'a, T: Send + 'a>(
        &self,
        run: &str,
        read: impl FnOnce(&Book) -> T,
    ) -> StoreFuture<'a, T> {
        Box::pin(ready(self.book(run).map(read)))
    }

    fn lease() -> Lease {
        Lease::new("somebody", 7, UNIX_EPOCH)
    }
}

/// One of `items`, to be altered.
fn some<'a, T>(dice: &Dice, items: &'a mut [T]) -> Option<&'a mut T> {
    let at = dice.below(items.len() as u64) as usize;
    items.get_mut(at)
}

fn digest(dice: &Dice, digest: Digest) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[dice.below(32) as usize] ^= 1 << dice.below(8);
    Digest::from_bytes(bytes)
}

impl Book {
    fn step(&mut self, dice: &Dice, texts: &[String], hashed: bool) -> String {
        let Some(step) = some(dice, &mut self.steps) else {
            return String::new();
        };
        let text = |old: &str| mutate::text(dice, old, texts);
        match dice.below(if hashed { 2 } else { 11 }) {
            0 => step.updates = text(&step.updates),
            1 => step.frontier = text(&step.frontier),
            2 => {
                step.notes = Some(text(
                    step.notes.as_deref().unwrap_or("[{\"task\":1,\"saw\":3}]"),
                ))
            }
            3 => step.step = mutate::number(dice, step.step),
            4 => step.version = mutate::number(dice, step.version.into()) as u32,
            5 => step.chain = digest(dice, step.chain),
            6 => step.digest = digest(dice, step.digest),
            7 => step.journal = step.journal.map(|journal| digest(dice, journal)),
            8 => step.graph = Some(digest(dice, step.digest)),
            _ => {
                let word = mutate::word(dice, step.kind.as_str());
                step.kind = StepKind::parse(&word).unwrap_or(StepKind::Turn);
            }
        }
        format!("{step:?}")
    }

    fn effect(&mut self, dice: &Dice, texts: &[String], hashed: bool) -> String {
        // Nothing covers the effects of the open step.
        let last = self.head.step;
        let closed = self.effects.partition_point(|effect| effect.step <= last);
        let among = if hashed { closed } else { self.effects.len() };
        let Some(effect) = some(dice, &mut self.effects[..among]) else {
            return String::new();
        };
        let text = |old: &str| mutate::text(dice, old, texts);
        match dice.below(if hashed { 3 } else { 10 }) {
            0 => effect.response = Some(text(effect.response.as_deref().unwrap_or("7"))),
            1 => effect.excerpt = text(&effect.excerpt),
            2 => effect.error = Some(text(effect.error.as_deref().unwrap_or("{}"))),
            3 => effect.name = text(&effect.name),
            4 => effect.n = mutate::number(dice, effect.n),
            5 => effect.call = Some(mutate::number(dice, 0) as u32),
            6 => effect.attempt = mutate::number(dice, effect.attempt.into()) as u32,
            7 => effect.request = digest(dice, effect.request),
            8 => effect.step = mutate::number(dice, effect.step),
            _ => {
                let word = mutate::word(dice, effect.kind.as_str());
                effect.kind = EffectKind::parse(&word).unwrap_or(EffectKind::Intent);
            }
        }
        format!("{effect:?}")
    }

    fn snapshot(&mut self, dice: &Dice, texts: &[String]) -> String {
        let Some(snapshot) = some(dice, &mut self.snapshots) else {
            return String::new();
        };
        snapshot.state = mutate::text(dice, &snapshot.state, texts);
        format!("{snapshot:?}")
    }

    /// A record is removed, duplicated, or moved.
    fn row(&mut self, dice: &Dice) -> String {
        fn shuffled<T: Clone>(dice: &Dice, rows: &mut Vec<T>) {
            let (one, other) = (dice.below(rows.len() as u64), dice.below(rows.len() as u64));
            let (one, other) = (one as usize, other as usize);
            match dice.below(4) {
                _ if rows.is_empty() => {}
                0 => drop(rows.remove(one)),
                1 => rows.insert(other, rows[one].clone()),
                2 => rows.swap(one, other),
                _ => rows.truncate(one),
            }
        }
        let table = dice.below(7);
        match table {
            0 => shuffled(dice, &mut self.steps),
            1 => shuffled(dice, &mut self.snapshots),
            2 => shuffled(dice, &mut self.pending),
            3 => shuffled(dice, &mut self.effects),
            4 => shuffled(dice, &mut self.questions),
            5 => shuffled(dice, &mut self.turns),
            _ => shuffled(dice, &mut self.labels),
        }
        format!("the rows of table {table}")
    }

    fn result(&mut self, dice: &Dice, texts: &[String]) -> String {
        let Some(kept) = some(dice, &mut self.pending) else {
            return String::new();
        };
        match dice.below(6) {
            0 => kept.saw = mutate::number(dice, kept.saw),
            1 => kept.task = digest(dice, kept.task),
            2 => kept.node = mutate::text(dice, &kept.node, texts),
            _ => kept.result = mutate::text(dice, &kept.result, texts),
        }
        format!("{kept:?}")
    }

    fn question(&mut self, dice: &Dice, texts: &[String]) -> String {
        if let Some((_, step)) = some(dice, &mut self.labels)
            && dice.below(2) == 0
        {
            *step = mutate::number(dice, *step);
            return format!("label of {step}");
        }
        let Some(asked) = some(dice, &mut self.questions) else {
            return String::new();
        };
        match dice.below(6) {
            0 => asked.step = mutate::number(dice, asked.step),
            1 => asked.task = digest(dice, asked.task),
            2 => asked.n = mutate::number(dice, asked.n),
            3 => asked.answer = Some(mutate::text(dice, "{\"happened\":7}", texts)),
            4 => asked.name = mutate::text(dice, &asked.name, texts),
            _ => asked.question = mutate::text(dice, &asked.question, texts),
        }
        format!("{asked:?}")
    }

    fn numbers(&mut self) -> Vec<&mut u64> {
        let head = &mut self.head;
        let of_head = [
            &mut head.step,
            &mut head.turn,
            &mut head.turn_step,
            &mut head.counted_from,
            &mut head.pruned,
        ];
        let branch = head.origin.as_mut().map(|origin| &mut origin.step);
        let change = head.changed.as_mut().map(|change| &mut change.step);
        let of_turns = (self.turns.iter_mut()).flat_map(|turn| [&mut turn.turn, &mut turn.step]);
        let of_changes = self.changes.iter_mut().map(|change| &mut change.step);
        let of_labels = self.labels.iter_mut().map(|(_, step)| step);
        let further = of_turns.chain(of_changes).chain(of_labels);
        (of_head
            .into_iter()
            .chain(branch)
            .chain(change)
            .chain(further))
        .collect()
    }

    fn head(&mut self, dice: &Dice) -> String {
        let head = &mut self.head;
        match dice.below(11) {
            0 => head.step = mutate::number(dice, head.step),
            1 => head.turn = mutate::number(dice, head.turn),
            2 => head.turn_step = mutate::number(dice, head.turn_step),
            3 => head.pruned = mutate::number(dice, head.pruned),
            4 => head.seed = mutate::number(dice, head.seed),
            5 => head.chain = digest(dice, head.chain),
            6 => head.fingerprint = digest(dice, head.fingerprint),
            7 => head.counted_from = mutate::number(dice, head.counted_from),
            8 => {
                let change = GraphChange::new(head.step, digest(dice, head.fingerprint), 2);
                head.changed = Some(change);
                self.changes.push(change);
            }
            9 => {
                let word = mutate::word(dice, head.status.as_str());
                head.status = Status::parse(&word).unwrap_or(Status::Running);
            }
            _ => {
                if let Some(origin) = &mut head.origin {
                    match dice.below(2) {
                        0 => origin.step = mutate::number(dice, origin.step),
                        _ => origin.run = RUNS[dice.below(RUNS.len() as u64) as usize].to_owned(),
                    }
                }
            }
        }
        format!("{head:?}")
    }

    fn repair(&mut self) {
        for snapshot in &mut self.snapshots {
            snapshot.digest = Digest::from_bytes(hashes::sha256(&[snapshot.state.as_bytes()]));
        }
        let head = &mut self.head;
        let mut before: Option<(u64, Digest)> = None;
        for record in &mut self.steps {
            let (updates, frontier) = (&record.updates, &record.frontier);
            let graph = record.graph.map(|graph| *graph.as_bytes());
            let chain = match before {
                _ if record.step == 0 => {
                    hashes::first_chain(head.fingerprint.as_bytes(), head.seed, updates)
                }
                Some((step, chain)) if step.checked_add(1) == Some(record.step) => {
                    hashes::next_chain(chain.as_bytes(), updates, frontier, graph)
                }
                _ => *record.chain.as_bytes(),
            };
            record.chain = Digest::from_bytes(chain);
            record.digest = Digest::from_bytes(hashes::step_digest(updates, frontier, graph));
            let own = self
                .effects
                .iter()
                .filter(|effect| effect.step == record.step);
            let own: Vec<Effect> = own.map(hashed).collect();
            let journal = hashes::journal_digest(record.notes.as_deref(), &own);
            record.journal = journal.map(Digest::from_bytes);
            before = Some((record.step, record.chain));
        }
        if let Some(last) = self.steps.iter().find(|record| record.step == head.step) {
            head.chain = last.chain;
        }
    }
}

fn hashed(record: &EffectRecord) -> Effect {
    Effect {
        task: record.task.as_bytes().to_vec(),
        name: record.name.clone(),
        n: record.n,
        kind: record.kind.as_str().to_owned(),
        call: record.call.map(u64::from),
        attempt: record.attempt.into(),
        request: record.request.as_bytes().to_vec(),
        excerpt: record.excerpt.clone(),
        response: record.response.clone(),
        error: record.error.clone(),
    }
}

impl Store for Shelf {
    fn now(&self) -> StoreFuture<'_, SystemTime> {
        Box::pin(ready(Ok(SystemTime::now())))
    }

    fn head<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Head>> {
        let head = self.books.get(run).map(|book| book.head.clone());
        Box::pin(ready(Ok(head)))
    }

    fn load<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Option<Loaded>> {
        let loaded = self.books.get(run).map(|book| {
            let head = book.head.clone();
            let own = head
                .origin
                .as_ref()
                .map_or(0, |origin| origin.step.saturating_add(1));
            let snapshots = book.snapshots.iter().rev();
            let snapshot = snapshots
                .clone()
                .find(|snapshot| snapshot.step >= own)
                .cloned();
            let from = snapshot.as_ref().map_or(own, |snapshot| snapshot.step);
            let steps = book.steps.iter().filter(|record| record.step >= from);
            let open = head.step.saturating_add(1);
            let mut loaded = Loaded::new(head);
            loaded.steps = steps.cloned().collect();
            loaded.pending = book.pending.clone();
            loaded.effects = between(&book.effects, open, open, |effect| effect.step);
            loaded.questions = between(&book.questions, open, open, |asked| asked.step);
            loaded.snapshot = snapshot;
            loaded
        });
        Box::pin(ready(Ok(loaded)))
    }

    /// Altered records have no order, so there is only one page of them.
    fn runs<'a>(
        &'a self,
        _filter: &'a RunFilter,
        _page: Page<String>,
    ) -> StoreFuture<'a, Listed<Head, String>> {
        let heads = self.books.values().map(|book| book.head.clone());
        Box::pin(ready(Ok(Listed::new(heads.collect(), None))))
    }

    fn steps<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        _page: Page<u64>,
    ) -> StoreFuture<'a, Listed<StepRecord, u64>> {
        self.of_run(run, |book| {
            let steps = between(&book.steps, from, to, |record| record.step);
            Listed::new(steps, None)
        })
    }

    fn digests<'a>(
        &'a self,
        run: &'a str,
        _page: Page<u64>,
    ) -> StoreFuture<'a, Listed<(u64, Digest), u64>> {
        let digests = |book: &Book| {
            let digests = book.steps.iter().map(|record| (record.step, record.digest));
            Listed::new(digests.collect(), None)
        };
        self.of_run(run, digests)
    }

    fn effects<'a>(
        &'a self,
        run: &'a str,
        from: u64,
        to: u64,
        _page: Page<EffectKey>,
    ) -> StoreFuture<'a, Listed<EffectRecord, EffectKey>> {
        self.of_run(run, |book| {
            let effects = between(&book.effects, from, to, |effect| effect.step);
            Listed::new(effects, None)
        })
    }

    fn questions<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<Question>> {
        self.of_run(run, |book| book.questions.clone())
    }

    fn snapshot<'a>(&'a self, run: &'a str, step: u64) -> StoreFuture<'a, Option<Snapshot>> {
        let newest = |book: &Book| {
            let mut snapshots = book.snapshots.iter().rev();
            snapshots.find(|snapshot| snapshot.step <= step).cloned()
        };
        self.of_run(run, newest)
    }

    fn graph(&self, fingerprint: Digest) -> StoreFuture<'_, Option<String>> {
        let graphs = self.graphs.iter();
        let found = graphs.clone().find(|(known, _)| *known == fingerprint);
        // A fingerprint that was altered still leads to a description.
        let found = found
            .or(graphs.clone().next())
            .map(|(_, text)| text.clone());
        Box::pin(ready(Ok(found)))
    }

    fn graphs<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<GraphChange>> {
        self.of_run(run, |book| book.changes.clone())
    }

    fn turns<'a>(
        &'a self,
        run: &'a str,
        page: Page<u64>,
    ) -> StoreFuture<'a, Listed<TurnRecord, u64>> {
        let after = page.after.unwrap_or_default();
        self.of_run(run, |book| {
            let turns = book.turns.iter().filter(|turn| turn.step > after);
            Listed::new(turns.cloned().collect(), None)
        })
    }

    fn turn<'a>(&'a self, run: &'a str, token: &'a str) -> StoreFuture<'a, Option<TurnRecord>> {
        self.of_run(run, |book| {
            let mut turns = book.turns.iter();
            let found = turns.find(|turn| turn.token.as_deref() == Some(token));
            found.cloned()
        })
    }

    fn acquire<'a>(&'a self, run: &'a str, _claim: Claim) -> StoreFuture<'a, Lease> {
        self.of_run(run, |_| Self::lease())
    }

    fn renew<'a>(&'a self, run: &'a str, _epoch: u64, _term: Duration) -> StoreFuture<'a, Lease> {
        self.of_run(run, |_| Self::lease())
    }

    fn release<'a>(&'a self, _run: &'a str, _epoch: u64) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn commit(&self, commit: Commit) -> StoreFuture<'_, Committed> {
        let exists = commit.create.is_some() && self.books.contains_key(&commit.run);
        let done = if exists {
            Committed::Already(Some(Self::lease()))
        } else {
            Committed::Now(Self::lease())
        };
        Box::pin(ready(Ok(done)))
    }

    fn journal(&self, _recording: Recording) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn register(&self, _registration: Registration) -> StoreFuture<'_, Mail> {
        Box::pin(ready(Ok(Mail::default())))
    }

    fn mail<'a>(&'a self, _run: &'a str, _known: u64) -> StoreFuture<'a, Mail> {
        Box::pin(ready(Ok(Mail::default())))
    }

    fn signal(&self, _signal: NewSignal) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn park(&self, _park: Park) -> StoreFuture<'_, Parked> {
        Box::pin(ready(Ok(Parked::Left)))
    }

    fn answer(&self, _answer: Answer) -> StoreFuture<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    fn put_snapshot<'a>(
        &'a self,
        _run: &'a str,
        _epoch: u64,
        _snapshot: Snapshot,
    ) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn label<'a>(&'a self, _run: &'a str, _step: u64, _label: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn labels<'a>(&'a self, run: &'a str) -> StoreFuture<'a, Vec<(String, u64)>> {
        self.of_run(run, |book| book.labels.clone())
    }

    fn prune<'a>(&'a self, _prune: &'a Prune) -> StoreFuture<'a, Pruned> {
        Box::pin(ready(Ok(Pruned::default())))
    }

    fn outbox(&self, _limit: usize) -> StoreFuture<'_, Vec<Event>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    fn mark_delivered<'a>(&'a self, _ids: &'a [u64]) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn stuck(&self, _page: Page<String>) -> StoreFuture<'_, Listed<String, String>> {
        Box::pin(ready(Ok(Listed::new(Vec::new(), None))))
    }
}

fn between<T: Clone>(rows: &[T], from: u64, to: u64, step: impl Fn(&T) -> u64) -> Vec<T> {
    let rows = rows.iter().filter(|row| (from..=to).contains(&step(row)));
    rows.cloned().collect()
}

/// The records of a store in memory, filled as the database is.
pub async fn filled() -> Shelf {
    let store: Arc<dyn Store> = superstep_tests::memory().store;
    crate::desk::fill(Arc::clone(&store)).await;
    Shelf::of(&*store).await
}
