use std::fmt::Write;

use super::picture::{Arrow, Picture, Style, Vertex};

pub(super) fn draw(picture: &Picture, name: &str) -> String {
    let mut out = format!("digraph {} {{\n", quoted(name));
    out.push_str("    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    out.push_str("    edge [fontname=\"monospace\", fontsize=10];\n");
    for (id, vertex) in picture.vertices.iter().enumerate() {
        let _ = writeln!(out, "    v{id} [{}];", shape(vertex));
    }
    for arrow in &picture.arrows {
        let _ = writeln!(
            out,
            "    v{} -> v{}{};",
            arrow.from,
            arrow.to,
            attributes(arrow)
        );
    }
    out.push_str("}\n");
    out
}

fn shape(vertex: &Vertex) -> String {
    match vertex {
        Vertex::Start => {
            "shape=circle, style=filled, fillcolor=black, label=\"\", width=0.2, tooltip=\"start\"".to_owned()
        }
        Vertex::End => {
            "shape=doublecircle, style=filled, fillcolor=black, label=\"\", width=0.15, tooltip=\"end\"".to_owned()
        }
        Vertex::Join => {
            "shape=box, style=filled, fillcolor=black, label=\"\", width=0.7, height=0.06, tooltip=\"join\"".to_owned()
        }
        Vertex::Node { name, details } => {
            let lines = [name, details].into_iter().filter(|line| !line.is_empty());
            let lines: Vec<&str> = lines.map(String::as_str).collect();
            format!("label={}", quoted(&lines.join("\n")))
        }
    }
}

fn attributes(arrow: &Arrow) -> String {
    let lines: Vec<&str> = arrow.lines().collect();
    let label = (!lines.is_empty()).then(|| format!("label={}", quoted(&lines.join("\n"))));
    let style = match arrow.style {
        Style::Plain | Style::Else => None,
        Style::Each => Some("color=\"black:invis:black\"".to_owned()),
        Style::Defer => Some("style=dashed".to_owned()),
        Style::Error => Some("style=dashed, color=\"#dc2626\", fontcolor=\"#dc2626\"".to_owned()),
    };
    let all: Vec<String> = [label, style].into_iter().flatten().collect();
    match all.is_empty() {
        true => String::new(),
        false => format!(" [{}]", all.join(", ")),
    }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}
