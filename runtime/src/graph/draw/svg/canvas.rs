use std::fmt::Write;

use super::{LABEL, Point, Size, Style};

const INK: &str = "#1e293b";
const LINE_COLOUR: &str = "#64748b";
const ERROR: &str = "#dc2626";
const PAPER: &str = "#ffffff";
const NODE: &str = "#f1f5f9";
/// Height of a line of a label.
pub(super) const LINE: f64 = 14.0;
const HEAD: f64 = 8.0;

/// The SVG under construction; everything is moved by the margin.
pub(super) struct Canvas {
    out: String,
    margin: f64,
}

/// The size of the lines of a label with a little room around them.
pub(super) fn label_size(lines: &[String]) -> Option<Size> {
    let longest = lines.iter().map(|line| shown(line).chars().count()).max()?;
    Some(Size {
        width: longest as f64 * 6.7 + 10.0,
        height: lines.len() as f64 * LINE + 4.0,
    })
}

pub(super) fn name_width(name: &str) -> f64 {
    name.chars().map(|c| advance(c, 14.0)).sum()
}

pub(super) fn details_width(details: &str) -> f64 {
    details.chars().map(|c| advance(c, 10.0)).sum()
}

/// An upper bound for common sans-serif fonts; wide scripts take a full square.
fn advance(c: char, size: f64) -> f64 {
    let of_size = match c {
        'i' | 'j' | 'l' | '.' | ',' | ' ' => 0.36,
        'm' | 'w' | 'M' | 'W' => 0.98,
        c if c.is_ascii_uppercase() => 0.74,
        c if (c as u32) < 0x1100 => 0.63,
        _ => 1.05,
    };
    of_size * size
}

/// The beginning of a long label.
fn shown(line: &str) -> String {
    match line.char_indices().nth(LABEL) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}

impl Canvas {
    pub(super) fn new(title: &str, size: Size, margin: f64) -> Self {
        let (width, height) = (size.width + 2.0 * margin, size.height + 2.0 * margin);
        let (w, h) = (number(width), number(height));
        let title = escaped(title);
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" aria-label=\"{title}\" font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n\
             <title>{title}</title>\n\
             <rect width=\"{w}\" height=\"{h}\" rx=\"12\" fill=\"{PAPER}\"/>\n"
        );
        Self { out, margin }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }

    pub(super) fn start(&mut self, centre: Point) {
        let at = self.at(centre);
        self.push(&format!(
            "<circle {at} r=\"10\" fill=\"{INK}\"><title>start</title></circle>"
        ));
    }

    pub(super) fn end(&mut self, centre: Point) {
        let at = self.at(centre);
        self.push(&format!(
            "<circle {at} r=\"10\" fill=\"{PAPER}\" stroke=\"{INK}\" stroke-width=\"1.6\"/>\
             <circle {at} r=\"5.5\" fill=\"{INK}\"><title>end</title></circle>"
        ));
    }

    pub(super) fn bar(&mut self, centre: Point, size: Size) {
        let place = self.rect(centre, size);
        self.push(&format!(
            "<rect {place} rx=\"3\" fill=\"{INK}\"><title>join</title></rect>"
        ));
    }

    pub(super) fn node(&mut self, centre: Point, size: Size, name: &str, details: &str) {
        let place = self.rect(centre, size);
        self.push(&format!(
            "<rect {place} rx=\"9\" fill=\"{NODE}\" stroke=\"{INK}\" stroke-width=\"1.3\"/>"
        ));
        let raised = if details.is_empty() { 0.0 } else { 8.0 };
        self.text(
            centre.x,
            centre.y + 5.0 - raised,
            name,
            "font-size=\"14\"",
            INK,
        );
        if !details.is_empty() {
            self.text(
                centre.x,
                centre.y + 13.0,
                details,
                "font-size=\"10\"",
                LINE_COLOUR,
            );
        }
    }

    /// A smooth line through `points` that leaves and arrives vertically.
    pub(super) fn arrow(&mut self, points: &[Point], style: Style, head: bool) {
        let Some((&last, before)) = points.split_last() else {
            return;
        };
        let down = before.last().is_none_or(|before| before.y < last.y);
        let back = match (head, down) {
            (false, _) => 0.0,
            (true, true) => -HEAD,
            (true, false) => HEAD,
        };
        let mut stops = points.to_vec();
        if let Some(stop) = stops.last_mut() {
            stop.y += back;
        }
        let path = self.curve(&stops);
        self.stroke(&path, style);
        if head {
            let Point { x, y } = self.moved(last);
            let (x, y, base) = (x, y, y + back);
            self.head([(x, y), (x - 4.5, base), (x + 4.5, base)], style);
        }
    }

    /// A loop out of the right side of a box and back into it.
    pub(super) fn side_loop(&mut self, right: f64, y: f64, reach: f64, out: f64, style: Style) {
        let Point { x, y } = self.moved(Point { x: right, y });
        let (above, below, far) = (y - reach, y + reach, x + out * 1.2);
        let path = format!(
            "M{} {}C{} {} {} {} {} {}",
            number(x),
            number(above),
            number(far),
            number(above - 6.0),
            number(far),
            number(below + 6.0),
            number(x + HEAD),
            number(below),
        );
        self.stroke(&path, style);
        let base = x + HEAD;
        self.head(
            [(x, below), (base, below - 4.5), (base, below + 4.5)],
            style,
        );
    }

    /// Lines of text on a patch of paper, so that no arrow runs through them.
    pub(super) fn label(&mut self, centre: Point, lines: &[String], style: Style) {
        let Some(size) = label_size(lines) else {
            return;
        };
        let place = self.rect(centre, size);
        let whole = escaped(&lines.join("\n"));
        self.push(&format!(
            "<g font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\
             <title>{whole}</title><rect {place} rx=\"4\" fill=\"{PAPER}\"/>"
        ));
        let top = centre.y - size.height / 2.0 + 2.0;
        for (at, line) in lines.iter().enumerate() {
            let baseline = top + at as f64 * LINE + 11.0;
            self.text(
                centre.x,
                baseline,
                &shown(line),
                "font-size=\"11\"",
                ink(style),
            );
        }
        self.push("</g>");
    }

    fn curve(&self, points: &[Point]) -> String {
        let mut path = String::new();
        let mut before: Option<Point> = None;
        for point in points {
            let to = self.moved(*point);
            let (x, y) = (number(to.x), number(to.y));
            let _ = match before {
                None => write!(path, "M{x} {y}"),
                Some(from) if (from.x - to.x).abs() < 0.05 => write!(path, "V{y}"),
                Some(from) => {
                    let middle = number((from.y + to.y) / 2.0);
                    write!(path, "C{} {middle} {x} {middle} {x} {y}", number(from.x))
                }
            };
            before = Some(to);
        }
        path
    }

    fn stroke(&mut self, path: &str, style: Style) {
        let colour = line_colour(style);
        let dash = match style {
            Style::Defer | Style::Error => " stroke-dasharray=\"5 4\"",
            _ => "",
        };
        let width = if style == Style::Each { "4.2" } else { "1.4" };
        self.push(&format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dash}/>"
        ));
        if style == Style::Each {
            self.push(&format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{PAPER}\" stroke-width=\"1.6\"/>"
            ));
        }
    }

    fn head(&mut self, corners: [(f64, f64); 3], style: Style) {
        let corners = corners.map(|(x, y)| format!("{},{}", number(x), number(y)));
        let (points, colour) = (corners.join(" "), line_colour(style));
        self.push(&format!("<polygon points=\"{points}\" fill=\"{colour}\"/>"));
    }

    fn text(&mut self, x: f64, baseline: f64, text: &str, font: &str, colour: &str) {
        let Point { x, y } = self.moved(Point { x, y: baseline });
        let (x, y, text) = (number(x), number(y), escaped(text));
        self.push(&format!(
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" {font} fill=\"{colour}\">{text}</text>"
        ));
    }

    fn rect(&self, centre: Point, size: Size) -> String {
        let corner = self.moved(Point {
            x: centre.x - size.width / 2.0,
            y: centre.y - size.height / 2.0,
        });
        let (x, y) = (number(corner.x), number(corner.y));
        let (width, height) = (number(size.width), number(size.height));
        format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
    }

    fn at(&self, centre: Point) -> String {
        let Point { x, y } = self.moved(centre);
        format!("cx=\"{}\" cy=\"{}\"", number(x), number(y))
    }

    const fn moved(&self, point: Point) -> Point {
        Point {
            x: point.x + self.margin,
            y: point.y + self.margin,
        }
    }

    fn push(&mut self, element: &str) {
        self.out.push_str(element);
        self.out.push('\n');
    }
}

fn line_colour(style: Style) -> &'static str {
    if style == Style::Error {
        ERROR
    } else {
        LINE_COLOUR
    }
}

fn ink(style: Style) -> &'static str {
    if style == Style::Error { ERROR } else { INK }
}

/// A tenth of a pixel is enough.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    // Not `-0`.
    format!("{}", tenths + 0.0)
}

/// Text as XML; characters that XML cannot hold become a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
