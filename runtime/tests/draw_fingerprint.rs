//! What a graph's fingerprint stands for, and what differs when it differs.

mod draw_support;

use draw_support::{Table, fulfilment, researcher};
use superstep::graph::EdgeKind;

/// The difference of `new` to what `old` stored.
fn differences(old: Table, new: Table) -> Vec<String> {
    let stored = old.info().canonical();
    new.info().differences(&stored).lines().to_vec()
}

fn small() -> Table {
    Table::new("Small", &["a", "b"])
        .direct("start", "a")
        .arm("a", "Go", EdgeKind::Direct, "b")
        .direct("b", "end")
        .field("total", "u64", "sum")
}

#[test]
fn the_canonical_text_is_written_down() {
    let expected = concat!(
        r#"{"nodes":["plan","search","write"],"edges":["#,
        r#"{"from":"start","to":"plan","kind":"direct"},"#,
        r#"{"from":"plan","to":"search","kind":"each","label":"Plan::Search(questions)"},"#,
        r#"{"from":"plan","to":"write","kind":"direct","label":"Plan::Write"},"#,
        r#"{"from":"search","to":"plan","kind":"direct"},"#,
        r#"{"from":"write","to":"end","kind":"direct"}],"#,
        r#""joins":[],"fields":["#,
        r#"{"name":"topic","type":"String","reducer":"replace"},"#,
        r#"{"name":"notes","type":"Vec<Note>","reducer":"append"},"#,
        r#"{"name":"tokens","type":"u64","reducer":"sum"}]}"#,
    );
    assert_eq!(researcher().info().canonical(), expected);
}

#[test]
fn the_fingerprint_never_changes_by_itself() {
    // Runs that are stored today are resumed with tomorrow's library.
    let fingerprint = researcher().info().fingerprint().to_string();
    assert_eq!(
        fingerprint,
        "b1997b3b3ba9efd3814be35c595715224bb96070899c9171d105396ec815a58f"
    );
}

#[test]
fn version_options_defaults_and_names_of_the_graph_are_not_in_it() {
    let same = Table::new("Renamed", &["a", "b"])
        .version(7)
        .direct("start", "a")
        .arm("a", "Go", EdgeKind::Direct, "b")
        .direct("b", "end")
        .options("a", 30, 4)
        .defaulted("total", "u64", "sum")
        .info();
    let stored = small().info();
    assert_eq!(stored.fingerprint(), same.fingerprint());
    assert!(same.differences(&stored.canonical()).is_empty());
}

#[test]
fn everything_else_changes_it() {
    let base = small().info().fingerprint();
    let renamed = Table::new("Small", &["a", "c"])
        .direct("start", "a")
        .arm("a", "Go", EdgeKind::Direct, "c")
        .direct("c", "end")
        .field("total", "u64", "sum");
    let relabelled = Table::new("Small", &["a", "b"])
        .direct("start", "a")
        .arm("a", "Run", EdgeKind::Direct, "b")
        .direct("b", "end")
        .field("total", "u64", "sum");
    let others = [
        renamed,
        relabelled,
        small().direct("b", "a"),
        small().edge("a", EdgeKind::Error, "b"),
        small().join(&["a", "b"], &["end"]),
        small().field("extra", "u8", "replace"),
    ];
    let mut seen = vec![base];
    for other in others {
        let fingerprint = other.info().fingerprint();
        assert!(!seen.contains(&fingerprint));
        seen.push(fingerprint);
    }
}

#[test]
fn an_equal_graph_has_no_differences() {
    let stored = fulfilment().info().canonical();
    let same = fulfilment().info().differences(&stored);
    assert!(same.is_empty() && same.are_compatible());
}

#[test]
fn changed_topology_is_told_as_the_rows_are_written() {
    let new = Table::new("Small", &["a", "c"])
        .direct("start", "a")
        .arm("a", "Go", EdgeKind::Each, "c")
        .edge("a", EdgeKind::Error, "end")
        .join(&["a", "c"], &["defer end"])
        .field("total", "u64", "sum");
    assert_eq!(
        differences(small(), new),
        [
            "node `b` is gone",
            "node `c` is new",
            "edge `a -> b for Go` is gone",
            "edge `b -> end` is gone",
            "edge `a -> each c(…) for Go` is new",
            "edge `a on error -> end` is new",
            "edge `a -> end` is new",
            "edge `c -> end` is new",
            "join `[a, c] -> defer end` is new",
        ]
    );
}

#[test]
fn a_changed_label_or_kind_is_one_difference() {
    let new = Table::new("Small", &["a", "b"])
        .direct("start", "a")
        .arm("a", "Go(items)", EdgeKind::Each, "b")
        .direct("b", "end")
        .field("total", "u64", "sum");
    let expected = ["edge `a -> b for Go` is now `a -> each b(…) for Go(items)`"];
    assert_eq!(differences(small(), new), expected);
}

#[test]
fn another_order_of_edges_is_a_difference() {
    let new = Table::new("Small", &["a", "b"])
        .direct("start", "a")
        .direct("b", "end")
        .arm("a", "Go", EdgeKind::Direct, "b")
        .field("total", "u64", "sum");
    assert_eq!(
        differences(small(), new),
        ["the edges are written in another order"]
    );
}

#[test]
fn a_new_field_with_a_default_is_compatible() {
    let stored = small().info().canonical();
    let new = small().defaulted("notes", "Vec<Note>", "append").info();
    let differences = new.differences(&stored);
    assert_eq!(differences.to_string(), "field `notes` is new");
    assert!(differences.are_compatible());
    assert_ne!(small().info().fingerprint(), new.fingerprint());
}

#[test]
fn any_other_change_of_fields_is_not() {
    let changed = |field: fn(Table) -> Table| {
        let table = Table::new("Small", &["a", "b"])
            .direct("start", "a")
            .arm("a", "Go", EdgeKind::Direct, "b")
            .direct("b", "end");
        let found = field(table).info().differences(&small().info().canonical());
        assert!(!found.are_compatible());
        found.lines().to_vec()
    };
    assert_eq!(
        changed(|table| table.field("total", "u64", "sum").field("x", "u8", "max")),
        ["field `x` is new and has no `#[serde(default)]`"]
    );
    assert_eq!(changed(|table| table), ["field `total` is gone"]);
    assert_eq!(
        changed(|table| table.field("total", "u32", "max")),
        [
            "field `total` was a `u64` and is a `u32`",
            "field `total` had the reducer `sum` and has `max`",
        ]
    );
}

#[test]
fn text_that_is_no_graph_is_no_silent_match() {
    let differences = small().info().differences("{}");
    assert!(!differences.is_empty() && !differences.are_compatible());
}
