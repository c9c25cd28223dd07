//! What can be set, in one place.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::const_text::{distance, too_far};
use crate::error::Error;
use crate::graph::{GraphInfo, NodeId, NodeOptions};
use crate::session::Pauses;

/// What happens when two tasks of one step write different values to a field
/// whose reducer does not combine them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// The step fails with [`Error::MergeConflict`] and nothing of it is
    /// committed. The default.
    #[default]
    Fail,
    /// The write that comes last in merge order stands.
    LastWriterWins,
}

/// Every setting of an engine; `None` means the default.
///
/// Serde reads it, so it can be part of a program's own configuration;
/// durations are text such as `"250ms"`, `"30s"`, `"10m"` or `"1h"`.
///
/// ```
/// let options: superstep::Options =
///     serde_json::from_str(r#"{"max_concurrency": 2, "default_timeout": "5s"}"#)?;
/// assert_eq!(options.max_concurrency, Some(2));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How many tasks of a run work at once. Default 8.
    pub max_concurrency: Option<usize>,
    /// How many tasks of one node of a run work at once. Default: as many as
    /// `max_concurrency` allows.
    pub max_per_node: Option<usize>,
    /// How many tasks of a step wait in the queue for those that work; the others are admitted as
    /// these start. Default 1,024.
    pub queue_depth: Option<usize>,
    /// How long tasks wait to be admitted to the queue while no task of the step moves: see
    /// [`EngineBuilder::backpressure_timeout`](crate::EngineBuilder::backpressure_timeout). Default:
    /// the longer of 30 s and the longest time that an attempt of one of the graph's nodes may take.
    #[serde(with = "duration")]
    pub backpressure_timeout: Option<Duration>,
    /// The timeout of one attempt of a node that has none of its own, and no `idle`. Default 30 s.
    #[serde(with = "duration")]
    pub default_timeout: Option<Duration>,
    /// The wall-clock time of one driving call. Default 10 min.
    #[serde(with = "duration")]
    pub run_budget: Option<Duration>,
    /// How many steps a turn may take; an operator's update restarts the count. Default 1,000, or what the graph says.
    pub max_steps: Option<u64>,
    /// What two different writes to one field do. Default
    /// [`ConflictPolicy::Fail`], or what the graph says.
    pub conflict: Option<ConflictPolicy>,
    /// How long a lease lasts unless it is renewed. Default 30 s.
    #[serde(with = "duration")]
    pub lease: Option<Duration>,
    /// How long one call to the store may take while a run is driven, plus 1 s for each
    /// 10 MiB that it carries; at least 5 s longer than the store [waits](crate::Store::waits)
    /// for others. Then the store counts as away. Default 10 s.
    #[serde(with = "duration")]
    pub store_timeout: Option<Duration>,
    /// A snapshot is written at least every this many steps. By default only
    /// when the steps since the last one have outgrown it.
    pub snapshot_every: Option<u64>,
    /// Whether every new value is decoded and compared to see that it survives
    /// being stored, and tasks get their inputs decoded. Default: only in builds
    /// with debug assertions; run your tests with it on.
    pub check_round_trip: Option<bool>,
    /// The names of nodes before which a run stops for a look: see
    /// [`EngineBuilder::pause_before`](crate::EngineBuilder::pause_before). Default: none.
    pub pause_before: Option<Vec<String>>,
    /// The names of nodes after which a run stops for a look: see
    /// [`EngineBuilder::pause_after`](crate::EngineBuilder::pause_after). Default: none.
    pub pause_after: Option<Vec<String>>,
    /// How many signals a run may have that it has not received; 0 refuses every signal.
    /// Default 10,000.
    pub max_signals: Option<u64>,
}

/// Options with every default filled in.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) max_concurrency: usize,
    pub(crate) max_per_node: Option<usize>,
    pub(crate) queue_depth: usize,
    pub(crate) backpressure_timeout: Duration,
    pub(crate) default_timeout: Duration,
    pub(crate) run_budget: Duration,
    pub(crate) max_steps: u64,
    pub(crate) conflict: ConflictPolicy,
    pub(crate) lease: Duration,
    pub(crate) store_timeout: Duration,
    pub(crate) snapshot_every: Option<u64>,
    pub(crate) check_round_trip: bool,
    pub(crate) pauses: Pauses,
    pub(crate) max_signals: u64,
}

const DEFAULT_CONCURRENCY: usize = 8;
const DEFAULT_DEPTH: usize = 1_024;
const SHORTEST_BACKPRESSURE: Duration = Duration::from_secs(30);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_BUDGET: Duration = Duration::from_secs(600);
const DEFAULT_MAX_STEPS: u64 = 1_000;
const DEFAULT_LEASE: Duration = Duration::from_secs(30);
const DEFAULT_MAX_SIGNALS: u64 = 10_000;
const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// A lease has to outlive a slow disk and a late timer.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

impl Options {
    /// The settings of an engine: these options over what its graph says over the defaults.
    /// Whether a store keeps its runs is `is_stored`.
    pub(crate) fn settle(&self, graph: &GraphInfo, is_stored: bool) -> Result<Settings, Error> {
        let pauses = |option, nodes: &Option<Vec<String>>| {
            let nodes = nodes.iter().flatten();
            let nodes = nodes.map(|node| pause_at(option, node, graph, is_stored));
            nodes.collect::<Result<Arc<[NodeId]>, Error>>()
        };
        let default_timeout =
            longer_than_zero("default_timeout", self.default_timeout)?.unwrap_or(DEFAULT_TIMEOUT);
        let run_budget = longer_than_zero("run_budget", self.run_budget)?.unwrap_or(DEFAULT_BUDGET);
        Ok(Settings {
            max_concurrency: at_least_one("max_concurrency", self.max_concurrency)?
                .unwrap_or(DEFAULT_CONCURRENCY),
            max_per_node: at_least_one("max_per_node", self.max_per_node)?,
            queue_depth: at_least_one("queue_depth", self.queue_depth)?.unwrap_or(DEFAULT_DEPTH),
            backpressure_timeout: longer_than_zero(
                "backpressure_timeout",
                self.backpressure_timeout,
            )?
            .unwrap_or_else(|| {
                SHORTEST_BACKPRESSURE.max(longest(graph, default_timeout, run_budget))
            }),
            default_timeout,
            run_budget,
            max_steps: at_least_one("max_steps", self.max_steps.or(graph.max_steps))?
                .unwrap_or(DEFAULT_MAX_STEPS),
            conflict: self.conflict.or(graph.conflict).unwrap_or_default(),
            lease: long_enough(self.lease)?.unwrap_or(DEFAULT_LEASE),
            store_timeout: longer_than_zero("store_timeout", self.store_timeout)?
                .unwrap_or(DEFAULT_STORE_TIMEOUT),
            snapshot_every: at_least_one("snapshot_every", self.snapshot_every)?,
            check_round_trip: self.check_round_trip.unwrap_or(cfg!(debug_assertions)),
            pauses: Pauses {
                before: pauses("pause_before", &self.pause_before)?,
                after: pauses("pause_after", &self.pause_after)?,
            },
            max_signals: self.max_signals.unwrap_or(DEFAULT_MAX_SIGNALS),
        })
    }
}

/// The longest time that an attempt of one of the graph's nodes may take. What has to show
/// signs of life, and has no timeout, may take as long as the budget lasts.
fn longest(graph: &GraphInfo, default_timeout: Duration, run_budget: Duration) -> Duration {
    let times = graph.nodes.iter().map(|node| {
        let NodeOptions { timeout, idle, .. } = node.options;
        let without = match idle {
            Some(_) => run_budget,
            None => default_timeout,
        };
        timeout.unwrap_or(without)
    });
    times.max().unwrap_or(default_timeout)
}

fn at_least_one<T: PartialEq + Default>(
    option: &'static str,
    value: Option<T>,
) -> Result<Option<T>, Error> {
    if value == Some(T::default()) {
        return Err(Error::InvalidOption {
            option,
            value: "0".into(),
            reason: "it must be at least 1".into(),
        });
    }
    Ok(value)
}

fn longer_than_zero(
    option: &'static str,
    value: Option<Duration>,
) -> Result<Option<Duration>, Error> {
    if value == Some(Duration::ZERO) {
        return Err(Error::InvalidOption {
            option,
            value: "0s".into(),
            reason: "nothing could ever finish in it".into(),
        });
    }
    Ok(value)
}

fn long_enough(lease: Option<Duration>) -> Result<Option<Duration>, Error> {
    if let Some(short) = lease.filter(|lease| *lease < SHORTEST_LEASE) {
        let reason = "a lease shorter than 1 s can lapse while a slow disk commits";
        return Err(Error::InvalidOption {
            option: "lease",
            value: format!("{short:?}"),
            reason: reason.into(),
        });
    }
    Ok(lease)
}

/// The node called `name`, at which runs are to stop.
fn pause_at(
    option: &'static str,
    name: &str,
    graph: &GraphInfo,
    is_stored: bool,
) -> Result<NodeId, Error> {
    let refuse = |reason: Box<str>| Error::InvalidOption {
        option,
        value: format!("`{name}`"),
        reason,
    };
    if !is_stored {
        let reason = "without a store nothing could continue the run; give the engine one";
        return Err(refuse(reason.into()));
    }
    let nodes = || (0..).zip(graph.nodes);
    let named = nodes().find(|(_, node)| node.name == name);
    named.map(|(node, _)| node).ok_or_else(|| {
        let alike = nodes().map(|(_, node)| (distance(name, node.name), node.name));
        let nearest = alike.min().filter(|(far, _)| *far < too_far(name));
        let help = match nearest {
            Some((_, near)) => format!("did you mean `{near}`?"),
            None => {
                let names: Vec<_> = graph.nodes.iter().map(|node| node.name).collect();
                format!("its nodes are `{}`", names.join("`, `"))
            }
        };
        refuse(format!("graph `{}` has no such node; {help}", graph.name).into())
    })
}

/// The guide states the defaults.
#[cfg(test)]
#[test]
fn the_limits_are_told() {
    let guide = include_str!("../../docs/getting-started.md");
    let minutes = |time: Duration| format!("{}m", time.as_secs() / 60);
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let thousands = |mut number: String| {
        number.insert(number.len() - 3, ',');
        number
    };
    let told = [
        ("max_concurrency", DEFAULT_CONCURRENCY.to_string()),
        ("queue_depth", thousands(DEFAULT_DEPTH.to_string())),
        ("default_timeout", seconds(DEFAULT_TIMEOUT)),
        ("run_budget", minutes(DEFAULT_BUDGET)),
        ("max_steps", thousands(DEFAULT_MAX_STEPS.to_string())),
        ("lease", seconds(DEFAULT_LEASE)),
        ("store_timeout", seconds(DEFAULT_STORE_TIMEOUT)),
        (
            "max_signals",
            format!("{},000", DEFAULT_MAX_SIGNALS / 1_000),
        ),
    ];
    for (option, value) in told {
        let row = format!("| `{option}` | {value} |");
        assert!(guide.contains(&row), "{row}");
    }
}

/// Durations as text: `"250ms"`, `"30s"`, `"10m"`, `"1h"`; also in `us` and `ns`, so that
/// what is written reads back as what it was.
mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.collect_str(&text(*duration)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        parse(&text).map(Some).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is not a duration; write e.g. \"250ms\", \"30s\", \"10m\" or \"1h\""
            ))
        })
    }

    /// In whole milliseconds, or in a smaller unit if needed.
    fn text(duration: Duration) -> String {
        let nanos = duration.as_nanos();
        match (nanos.is_multiple_of(1_000_000), nanos.is_multiple_of(1_000)) {
            (true, _) => format!("{}ms", nanos / 1_000_000),
            (false, true) => format!("{}us", nanos / 1_000),
            (false, false) => format!("{nanos}ns"),
        }
    }

    fn parse(text: &str) -> Option<Duration> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(digits);
        let number: u128 = number.parse().ok()?;
        let unit: u128 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let nanos = number.checked_mul(unit)?;
        let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
        Some(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
    }

    #[cfg(test)]
    #[test]
    fn what_is_written_reads_back() {
        let whole = [0, 1, 999, 1_000, 1_500_000, 250_000_000, 3_600_000_000_000];
        let whole = whole.map(Duration::from_nanos);
        for duration in whole.into_iter().chain([Duration::MAX]) {
            assert_eq!(parse(&text(duration)), Some(duration), "{}", text(duration));
        }
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("1.5s"), None);
        assert_eq!(parse("s"), None);
        assert_eq!(parse(&format!("{}h", u64::MAX)), None);
    }
}
