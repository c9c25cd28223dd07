//! One seed: a graph, an input, the owners, and what happens in which order.

use std::time::Duration;

use super::age::become_version;
use super::bugs::Bug;
use super::dice::Dice;
use super::drama::tale_of;
use super::graphs::{Drawn, graphs_of};
use super::invariants::{Violation, Watch};

use super::operator::Operator;
use super::outside::Outside;
use super::owner::Owner;
use super::pauses::pauses_of;
use super::person;
use super::reference::{End, Reference};
use super::sender;
use super::shelf::{Shelf, TERM, Weather};
use super::stored::{Stored, restore};
use super::tale::Tale;
use super::tally::Tally;
use crate::session::Pauses;

/// After this many moves nothing goes wrong any more ...
const CALM_AFTER: u64 = 600;
/// ... and after this many the run has to have ended.
const MOST_MOVES: u64 = 9_000;

/// What all who act share.
pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) graph: Drawn,
    /// What is deployed if another version of the program runs.
    today: Drawn,
    pub(super) input: Tale,
    pub(super) shelf: Shelf,
    pub(super) outside: Outside,
    /// Decides what happens next.
    pub(super) dice: Dice,
    /// Decides when a queue is blocked.
    pub(super) queue: Dice,
    pub(super) rates: Rates,
    /// How many tasks an owner runs at once.
    pub(super) concurrency: usize,
    /// How many wait for that in its queue.
    pub(super) queue_depth: usize,
    pub(super) snapshot_every: u64,
    pub(super) pauses: Pauses,
    /// How many signals were sent.
    pub(super) sent: u64,
    /// How many answers were given to what nodes ask.
    pub(super) told: u64,
    /// How many further turns the run has.
    pub(super) turns: u64,
    /// How often it may still branch off.
    pub(super) forks: u64,
    pub(super) bug: Option<Bug>,
    pub(super) tally: Tally,
}

impl Stage {
    const fn is_old(&self) -> bool {
        self.graph.info.version < self.today.info.version
    }
}

/// How often something happens: once in this many moves, or never if that is 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) crashes: u64,
    pub(super) failures: u64,
    pub(super) timeouts: u64,
    pub(super) dropped: u64,
    pub(super) blocked: u64,
    /// Of the answers, and not of all moves.
    pub(super) misfits: u64,
    /// Of those who find the run asleep.
    pub(super) impatient: u64,
    operators: u64,
    deploys: u64,
}

/// Runs one seed to its end.
pub(super) fn simulate(seed: u64, bug: Option<Bug>) -> Result<Tally, Violation> {
    let mut dice = Dice::new(seed, "world");
    let graphs = graphs_of(seed);
    let [before, today] = graphs;
    // Some runs begin under a program that is replaced on the way.
    let graph = if dice.one_in(2) { before } else { today };
    become_version(graph.info.version);
    let input = Tale::begin(dice.within(2, 6), dice.one_in(2));
    let pauses = pauses_of(seed, graph.info);
    let reference = Reference::new(graphs, &graph, seed, &input);
    let mut watch = Watch::new(reference, pauses.clone());
    // Some seeds are wild and some are quiet.
    let mut often = |seldom: u64| [0, seldom, seldom * 4][dice.index(3)];
    let weather = Weather {
        refused: often(8),
        unanswered: often(8),
        too_large: often(10),
    };
    watch.is_tight = weather.too_large > 0;
    let mut queue = Dice::new(seed, "queue");
    let rates = Rates {
        blocked: [0, 2, 3][queue.index(3)],
        crashes: often(15),
        failures: often(4),
        timeouts: often(10),
        dropped: often(30),
        operators: often(6),
        deploys: often(40),
        misfits: often(3),
        impatient: often(6),
    };
    let stage = Stage {
        seed,
        graph,
        today,
        input,
        shelf: Shelf::new(seed, weather, watch, bug),
        outside: Outside::new(seed),
        rates,
        concurrency: dice.within(1, 6) as usize,
        queue_depth: queue.within(1, 2) as usize,
        snapshot_every: dice.within(1, 6),
        pauses,
        sent: 0,
        told: 0,
        turns: dice.below(4).saturating_sub(1),
        forks: dice.below(4).saturating_sub(2),
        bug,
        tally: Tally::default(),
        dice,
        queue,
    };
    World::new(stage).run()
}

struct World {
    stage: Stage,
    owners: Vec<Owner>,
    operator: Operator,
    /// The longest time between two moves.
    pause: Duration,
}

impl World {
    fn new(mut stage: Stage) -> Self {
        let mut owners = vec![Owner::new("one")];
        // Two calls of one engine have one name.
        let other = ["two", "two", "one"][stage.dice.index(3)];
        owners.extend(stage.dice.one_in(2).then(|| Owner::new(other)));
        Self {
            stage,
            owners,
            operator: Operator::Away,
            pause: TERM * 2 / 3,
        }
    }

    fn run(mut self) -> Result<Tally, Violation> {
        for moves in 0..MOST_MOVES {
            if moves == CALM_AFTER {
                self.stage.rates = Rates::default();
                self.stage.shelf.weather = Weather::default();
                // Whoever drives renews its lease in time.
                self.pause = TERM / 20;
                // And two of one name would take it from each other for ever.
                self.owners.dedup_by(|one, other| one.has_name_of(other));
            }
            self.one_move();
            self.look()?;
            if self.end().is_some() && self.stage.dice.one_in(8) {
                return self.close();
            }
        }
        let head = self.stage.shelf.head();
        let (invariant, details) = ("every run comes to an end", format!("{head:?}"));
        Err(Violation { invariant, details })
    }

    fn one_move(&mut self) {
        let Self {
            stage,
            owners,
            operator,
            pause,
        } = self;
        let owner = stage.dice.index(owners.len());
        if stage.dice.one_in(stage.rates.crashes) {
            owners[owner].crash(stage);
        } else if stage.dice.one_in(stage.rates.operators) {
            let run = stage.shelf.run().to_owned();
            operator.act(stage);
            if stage.shelf.run() != run {
                owners.iter_mut().for_each(Owner::leave);
                stage.outside.forget();
            }
        } else if stage.is_old() && stage.dice.one_in(stage.rates.deploys) {
            self.deploy();
        } else if stage.dice.one_in(12) {
            person::act(stage);
        } else if stage.dice.one_in(20) {
            sender::act(stage);
        } else if stage.dice.one_in(10) {
            let passed = stage.dice.within(1, pause.as_millis() as u64);
            stage.shelf.pass(Duration::from_millis(passed));
        } else {
            owners[owner].act(stage);
        }
    }

    /// Another version of the program replaces all that run. Not while results
    /// of the open step are kept: those do not go through `migrate`.
    fn deploy(&mut self) {
        let Self {
            stage,
            owners,
            operator,
            ..
        } = self;
        let loaded = stage.shelf.load();
        if !loaded.is_some_and(|loaded| loaded.pending.is_empty()) {
            return;
        }
        owners.iter_mut().for_each(|owner| owner.crash(stage));
        *operator = Operator::Away;
        stage.graph = stage.today;
        become_version(stage.today.info.version);
        stage.tally.deploys += 1;
    }

    fn look(&mut self) -> Result<(), Violation> {
        let shelf = &mut self.stage.shelf;
        if shelf.watch.is_due() {
            let (head, steps, effects) = (shelf.head(), shelf.steps(), shelf.effects());
            shelf.watch.look(head.as_ref(), &steps, &effects);
            let (mailbox, stuck) = (shelf.mailbox(), shelf.stuck());
            shelf.watch.look_at_signals(&effects, &mailbox, &stuck);
            shelf.watch.look_at_questions(&effects);
        }
        shelf.watch.verdict()
    }

    /// How the run ended, if nothing is left to do.
    fn end(&mut self) -> Option<End> {
        let head = self.stage.shelf.head()?;
        let end = self.stage.shelf.watch.end(&head)?;
        (head.turn == self.stage.turns).then_some(end)
    }

    /// The last check.
    fn close(mut self) -> Result<Tally, Violation> {
        let end = self.end();
        let stuck = self.stage.shelf.stuck();
        if !stuck.is_empty() {
            let (invariant, details) = ("nothing is stuck", format!("{stuck:?}"));
            return Err(Violation { invariant, details });
        }
        if let Some(Stored { machine, .. }) = restore(&mut self.stage) {
            let watch = &mut self.stage.shelf.watch;
            let right = watch.reference().machine();
            let same = (tale_of(right), right.chain()) == (tale_of(&machine), machine.chain());
            if !same {
                let details = format!("{:?}\nnot {:?}", machine.state(), right.state());
                watch.report("the last state is the reference's", details);
            }
        }
        self.look()?;
        let Stage {
            mut tally, shelf, ..
        } = self.stage;
        tally.older = shelf.watch.older;
        tally.received = shelf.watch.received();
        tally.finish(&shelf.steps(), end);
        Ok(tally)
    }
}
