use superstep::prelude::*;

#[derive(Route)]
#[superstep(rename = "next")]
enum Next {
    #[superstep(crate = superstep)]
    Go(#[superstep(skip)] String),
}

fn main() {}
