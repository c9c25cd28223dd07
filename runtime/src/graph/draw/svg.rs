//! The picture as SVG: text sizes are estimated, so that no font is needed.

mod canvas;

use super::layout::{self, Layout, Link, Point, Shape, Size};
use super::picture::{Arrow, Picture, Style, Vertex};
use canvas::Canvas;

const MARGIN: f64 = 24.0;
/// How far a loop from a box to itself reaches out.
const LOOP: f64 = 26.0;
/// The most characters of a label that are shown; the rest is in its tooltip.
const LABEL: usize = 40;

pub(super) fn draw(picture: &Picture, name: &str) -> String {
    let bundles = bundles(&picture.arrows);
    let (loops, links): (Vec<_>, Vec<_>) =
        bundles.iter().partition(|bundle| bundle.from == bundle.to);
    let boxes: Vec<Shape> = (picture.vertices.iter().enumerate())
        .map(|(id, vertex)| Shape {
            size: size(picture, id, vertex),
            beside: room_for_loops(&loops, id),
        })
        .collect();
    let layout = layout::lay_out(&boxes, &as_links(&links));

    let mut canvas = Canvas::new(name, layout.size, MARGIN);
    for (bundle, route) in links.iter().zip(&layout.routes) {
        let to_bar = matches!(picture.vertices[bundle.to], Vertex::Join);
        canvas.arrow(&route.points, bundle.style, !to_bar);
    }
    for bundle in &loops {
        let size = size(picture, bundle.from, &picture.vertices[bundle.from]);
        draw_loop(&mut canvas, bundle, layout.boxes[bundle.from], size);
    }
    draw_boxes(&mut canvas, picture, &layout);
    for (bundle, route) in links.iter().zip(&layout.routes) {
        canvas.label(route.label, &bundle.lines, bundle.style);
    }
    canvas.finish()
}

/// Arrows of one style between the same two vertices, drawn as one.
struct Bundle {
    from: usize,
    to: usize,
    style: Style,
    /// What is written at it: each arm of a `match`, then the mark.
    lines: Vec<String>,
}

impl Bundle {
    fn label_size(&self) -> Option<Size> {
        canvas::label_size(&self.lines)
    }
}

fn bundles(arrows: &[Arrow]) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    for arrow in arrows {
        let is_same = |bundle: &Bundle| {
            (bundle.from, bundle.to, bundle.style) == (arrow.from, arrow.to, arrow.style)
        };
        let at = bundles.iter().position(is_same).unwrap_or(bundles.len());
        if at == bundles.len() {
            bundles.push(Bundle {
                from: arrow.from,
                to: arrow.to,
                style: arrow.style,
                lines: Vec::new(),
            });
        }
        bundles[at].lines.extend(arrow.label.iter().cloned());
    }
    for bundle in &mut bundles {
        bundle.lines.extend(bundle.style.mark().map(str::to_owned));
    }
    bundles
}

fn as_links(bundles: &[&Bundle]) -> Vec<Link> {
    let links = bundles.iter().map(|bundle| Link {
        from: bundle.from,
        to: bundle.to,
        label: bundle.label_size(),
    });
    links.collect()
}

fn size(picture: &Picture, id: usize, vertex: &Vertex) -> Size {
    match vertex {
        Vertex::Start | Vertex::End => Size {
            width: 22.0,
            height: 22.0,
        },
        Vertex::Join => {
            let touching = picture
                .arrows
                .iter()
                .filter(|arrow| arrow.to == id || arrow.from == id);
            Size {
                width: (touching.count() as f64 * 18.0).clamp(54.0, 240.0),
                height: 6.0,
            }
        }
        Vertex::Node { name, details } => Size {
            width: canvas::name_width(name).max(canvas::details_width(details)) + 32.0,
            height: if details.is_empty() { 36.0 } else { 48.0 },
        },
    }
}

/// Loops reach out on the right; the same room on the left keeps the box centred.
fn room_for_loops(loops: &[&Bundle], id: usize) -> f64 {
    let of_box = loops.iter().filter(|bundle| bundle.from == id);
    let label = |bundle: &&Bundle| bundle.label_size().map_or(0.0, |size| size.width);
    of_box
        .map(label)
        .reduce(f64::max)
        .map_or(0.0, |label| LOOP + label)
}

fn draw_loop(canvas: &mut Canvas, bundle: &Bundle, centre: Point, size: Size) {
    let right = centre.x + size.width / 2.0;
    let reach = size.height / 4.0;
    canvas.side_loop(right, centre.y, reach, LOOP, bundle.style);
    let width = bundle.label_size().map_or(0.0, |size| size.width);
    let label = Point {
        x: right + LOOP + width / 2.0,
        y: centre.y,
    };
    canvas.label(label, &bundle.lines, bundle.style);
}

fn draw_boxes(canvas: &mut Canvas, picture: &Picture, layout: &Layout) {
    for (id, vertex) in picture.vertices.iter().enumerate() {
        let centre = layout.boxes[id];
        match vertex {
            Vertex::Start => canvas.start(centre),
            Vertex::End => canvas.end(centre),
            Vertex::Join => canvas.bar(centre, size(picture, id, vertex)),
            Vertex::Node { name, details } => {
                canvas.node(centre, size(picture, id, vertex), name, details);
            }
        }
    }
}
