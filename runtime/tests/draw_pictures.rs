//! Graphs draw themselves, for every viewer in its own language.

#![allow(clippy::unwrap_used)]

mod draw_support;

use draw_support::{Table, fulfilment, researcher};
use superstep::graph::EdgeKind;

/// Names and labels that mean something to every format.
fn hostile() -> Table {
    Table::new("A <b> & \"c\"", &["end\"]", "<script>", "back\\slash"])
        .direct("start", "end\"]")
        .arm(
            "end\"]",
            "Say(\"-->\")|x::<&str>#",
            EdgeKind::Direct,
            "<script>",
        )
        .direct("<script>", "back\\slash")
        .direct("back\\slash", "end")
}

#[test]
fn mermaid_shows_nodes_labels_and_kinds() {
    let mermaid = researcher().info().mermaid();
    let expected = "\
flowchart TD
    v0((\"start\")):::start
    v1(\"plan\")
    v2(\"search<br/>30s · 4 tries\")
    v3(\"write\")
    v4(((\"end\")))
    v0 --> v1
    v1 == \"Plan::Search(questions)<br/>×n\" ==> v2
    v1 -- \"Plan::Write\" --> v3
    v2 --> v1
    v3 --> v4
";
    assert!(mermaid.starts_with(expected), "{mermaid}");
}

#[test]
fn mermaid_marks_joins_deferred_edges_and_error_rows() {
    let mermaid = fulfilment().info().mermaid();
    assert!(mermaid.contains("v14[\" \"]:::bar"), "{mermaid}");
    assert!(mermaid.contains("v11 -. \"defer\" .-> v13"), "{mermaid}");
    assert!(mermaid.contains("v8 -. \"on error\" .-> v11"), "{mermaid}");
    assert!(mermaid.contains("v5 -- \"else\" --> v11"), "{mermaid}");
    assert!(
        mermaid.contains("linkStyle 10,15 stroke:#dc2626"),
        "{mermaid}"
    );
}

#[test]
fn mermaid_text_cannot_end_its_quotes() {
    let mermaid = hostile().info().mermaid();
    assert!(mermaid.contains("v1(\"end#34;#93;\")"), "{mermaid}");
    for line in mermaid.lines().filter(|line| line.contains('"')) {
        assert_eq!(line.matches('"').count(), 2, "{line}");
        assert!(!line.contains("<script>"), "{line}");
    }
}

#[test]
fn dot_draws_each_double_and_error_rows_red() {
    let dot = fulfilment().info().dot();
    assert!(dot.starts_with("digraph \"Fulfilment\" {"), "{dot}");
    let each = "v5 -> v6 [label=\"Decision::Accept{lines}\\n×n\", color=\"black:invis:black\"];";
    assert!(dot.contains(each), "{dot}");
    let error = "[label=\"on error\", style=dashed, color=\"#dc2626\", fontcolor=\"#dc2626\"];";
    assert!(dot.contains(error), "{dot}");
    assert!(dot.contains("[label=\"defer\", style=dashed];"), "{dot}");
}

#[test]
fn dot_text_cannot_end_its_quotes() {
    let dot = hostile().info().dot();
    assert!(dot.contains("label=\"back\\\\slash\""), "{dot}");
    assert!(dot.contains("label=\"end\\\"]\""), "{dot}");
}

#[test]
fn svg_is_one_well_formed_element_and_holds_every_name() {
    for table in [researcher(), fulfilment(), hostile()] {
        let info = table.info();
        let svg = info.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_well_formed(&svg);
        for node in info.nodes {
            let name = node.name.replace('&', "&amp;").replace('<', "&lt;");
            let name = name.replace('>', "&gt;").replace('"', "&quot;");
            assert!(svg.contains(&format!(">{name}</text>")), "{name}");
        }
    }
}

#[test]
fn svg_boxes_and_labels_do_not_overlap() {
    for table in [researcher(), fulfilment(), ladder(20), ladder(60)] {
        let svg = table.info().svg();
        let rects = rects(&svg);
        for (at, one) in rects.iter().enumerate() {
            for other in &rects[at + 1..] {
                assert!(apart(one, other), "{one:?} covers {other:?}");
            }
        }
    }
}

#[test]
fn svg_stays_in_its_frame_and_is_of_a_sensible_size() {
    for table in [researcher(), fulfilment(), ladder(2), ladder(60)] {
        let svg = table.info().svg();
        let (width, height) = (attribute(&svg, "width"), attribute(&svg, "height"));
        assert!(width < 2_000.0 && height < 8_000.0, "{width} x {height}");
        for [x, y, w, h] in rects(&svg) {
            assert!(x >= 0.0 && y >= 0.0 && x + w <= width && y + h <= height);
        }
    }
}

#[test]
fn drawing_is_deterministic() {
    assert_eq!(fulfilment().info().svg(), fulfilment().info().svg());
}

#[test]
fn a_long_label_is_cut_and_kept_as_its_tooltip() {
    let label = "Decision::Accept{customer,order,lines,shipping,billing}if lines.len()>3";
    let table = Table::new("Long", &["a", "b"])
        .direct("start", "a")
        .arm("a", label, EdgeKind::Direct, "b")
        .direct("b", "end");
    let svg = table.info().svg();
    assert!(svg.contains(&format!("<title>{}</title>", label.replace('>', "&gt;"))));
    assert!(svg.contains("…</text>"));
}

#[test]
fn json_holds_the_whole_table() {
    let info = researcher().idle("search", 5).writes("search", 1).info();
    assert!(info.svg().contains("30s · 5s idle · 4 tries"));
    let json: serde_json::Value = serde_json::from_str(&info.json()).unwrap();
    assert_eq!(json["name"], "Researcher");
    let search = &json["nodes"][1];
    assert_eq!(search["name"], "search");
    assert_eq!(search["timeout_ms"], 30_000);
    assert_eq!(search["idle_ms"], 5_000);
    assert_eq!(search["retry"]["attempts"], 4);
    assert_eq!(search["writes"], serde_json::json!(["notes"]));
    assert_eq!(search["at"]["file"], "src/main.rs");
    let each = &json["edges"][1];
    assert_eq!(
        (&each["from"], &each["to"], &each["kind"], &each["label"]),
        (
            &"plan".into(),
            &"search".into(),
            &"each".into(),
            &"Plan::Search(questions)".into()
        )
    );
    assert_eq!(json["state"]["fields"][2]["type"], "u64");

    let joins = fulfilment().info().json();
    let joins: serde_json::Value = serde_json::from_str(&joins).unwrap();
    let deferred = serde_json::json!([{"to": "summarise", "deferred": true}]);
    assert_eq!(joins["joins"][1]["targets"], deferred);
}

/// A long graph with shortcuts and loops.
fn ladder(rungs: usize) -> Table {
    let names: Vec<&'static str> = (0..rungs)
        .map(|rung| &*format!("rung_{rung}").leak())
        .collect();
    let mut table = Table::new("Ladder", &names).direct("start", names[0]);
    for rung in 1..rungs {
        table = table.direct(names[rung - 1], names[rung]);
        if rung % 3 == 0 {
            table = table.arm(
                names[rung],
                "Again(reason)",
                EdgeKind::Direct,
                names[rung / 2],
            );
        }
        if rung % 4 == 0 {
            table = table.edge(names[rung / 3], EdgeKind::Error, names[rung]);
        }
        if rung % 7 == 0 {
            table = table.arm(names[rung], "Same", EdgeKind::Direct, names[rung]);
        }
    }
    table.direct(names[rungs - 1], "end")
}

type Rect = [f64; 4];

/// The boxes, bars and label patches; not the background.
fn rects(svg: &str) -> Vec<Rect> {
    let rects = svg.split("<rect x=").skip(1);
    rects
        .map(|rest| {
            let rect = format!("x={rest}");
            ["x", "y", "width", "height"].map(|name| attribute(&rect, name))
        })
        .collect()
}

fn attribute(text: &str, name: &str) -> f64 {
    let key = format!("{name}=\"");
    let from = text.find(&key).unwrap() + key.len();
    let value = &text[from..];
    value[..value.find('"').unwrap()].parse().unwrap()
}

fn apart(one: &Rect, other: &Rect) -> bool {
    let clear = |axis: usize| {
        one[axis] + one[axis + 2] <= other[axis] + 0.2
            || other[axis] + other[axis + 2] <= one[axis] + 0.2
    };
    clear(0) || clear(1)
}

/// Every element that opens closes again, in order.
fn assert_well_formed(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap().to_owned()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
