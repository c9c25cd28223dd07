use superstep::prelude::*;

#[derive(Route)]
struct Next {
    node: String,
}

#[derive(Route)]
enum Borrowed<'a> {
    Go(&'a str),
}

fn main() {}
