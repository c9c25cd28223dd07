//! The code in the guides, compiled and run with the tests. It is here, and not in the crate that it shows, because a
//! package contains no files from outside its folder.

#[doc = include_str!("../../README.md")]
struct Readme;

#[doc = include_str!("../../docs/conflict-policies.md")]
struct ConflictPolicies;

#[doc = include_str!("../../docs/conversations.md")]
struct Conversations;

#[doc = include_str!("../../docs/determinism.md")]
struct Determinism;

#[doc = include_str!("../../docs/driving-runs.md")]
struct DrivingRuns;

#[doc = include_str!("../../docs/forks-and-retention.md")]
struct ForksAndRetention;

#[doc = include_str!("../../docs/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../../docs/payments.md")]
struct Payments;

#[doc = include_str!("../../docs/replay.md")]
struct Replay;

#[doc = include_str!("../../docs/state-and-reducers.md")]
struct StateAndReducers;

#[doc = include_str!("../../docs/store-guarantees.md")]
struct StoreGuarantees;

#[doc = include_str!("../../docs/testing-your-graphs.md")]
struct TestingYourGraphs;

#[doc = include_str!("../../docs/the-graph-language.md")]
struct TheGraphLanguage;

#[doc = include_str!("../../docs/waiting.md")]
struct Waiting;
