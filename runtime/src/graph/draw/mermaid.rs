use std::fmt::Write;

use super::picture::{Arrow, Picture, Style, Vertex};

/// Vertices are called by number: `end` and other words are reserved there.
pub(super) fn draw(picture: &Picture) -> String {
    let mut out = String::from("flowchart TD\n");
    for (id, vertex) in picture.vertices.iter().enumerate() {
        let _ = writeln!(out, "    {}", shape(id, vertex));
    }
    for arrow in &picture.arrows {
        let _ = writeln!(out, "    {}", line(arrow));
    }
    out.push_str("    classDef start fill:#1f2937,stroke:#1f2937,color:#ffffff\n");
    out.push_str("    classDef bar fill:#1f2937,stroke:#1f2937,color:#1f2937\n");
    let errors = positions(picture, Style::Error);
    if !errors.is_empty() {
        let _ = writeln!(
            out,
            "    linkStyle {errors} stroke:#dc2626,color:#dc2626,stroke-dasharray:5 4"
        );
    }
    out
}

fn shape(id: usize, vertex: &Vertex) -> String {
    match vertex {
        Vertex::Start => format!("v{id}((\"start\")):::start"),
        Vertex::End => format!("v{id}(((\"end\")))"),
        Vertex::Join => format!("v{id}[\" \"]:::bar"),
        Vertex::Node { name, details } => {
            let lines = [name, details].into_iter().filter(|line| !line.is_empty());
            format!("v{id}(\"{}\")", text(lines.map(String::as_str)))
        }
    }
}

fn line(arrow: &Arrow) -> String {
    let Arrow {
        from, to, style, ..
    } = arrow;
    let label = text(arrow.lines());
    let (open, close) = match style {
        Style::Plain | Style::Else => ("--", "-->"),
        Style::Each => ("==", "==>"),
        Style::Defer | Style::Error => ("-.", ".->"),
    };
    match label.is_empty() {
        true => format!(
            "v{from} {close} v{to}",
            close = close.replace(".->", "-.->")
        ),
        false => format!("v{from} {open} \"{label}\" {close} v{to}"),
    }
}

/// The positions of the arrows of one style, as `linkStyle` takes them.
fn positions(picture: &Picture, style: Style) -> String {
    let arrows = picture.arrows.iter().enumerate();
    let of_style = arrows.filter(|(_, arrow)| arrow.style == style);
    let positions: Vec<String> = of_style.map(|(position, _)| position.to_string()).collect();
    positions.join(",")
}

/// The lines with every character that Mermaid or HTML could take for its own
/// written as a character code.
fn text<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<String> = lines.map(escaped).collect();
    lines.join("<br/>")
}

fn escaped(line: &str) -> String {
    let mut out = String::new();
    for c in line.chars() {
        if c.is_alphanumeric() || " _.,:()×·".contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "#{};", u32::from(c));
        }
    }
    out
}
