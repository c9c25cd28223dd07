use std::rc::Rc;

use superstep::prelude::*;

#[derive(Route)]
enum Next {
    Go(Rc<str>),
}

fn main() {}
