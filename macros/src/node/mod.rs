//! `#[node]`: a same-named type next to the function that says how a graph runs it.

mod check;
mod expand;
mod half_typed;
mod item;
mod list;
mod model;
mod options;
mod output;
mod owned;
#[cfg(test)]
mod tests;
mod time;

use proc_macro2::{Group, TokenStream};
use syn::parse2;

use crate::errors::Errors;
use crate::lint;
use crate::unknown;
use model::{Faults, Function, Model};
use options::Options;

pub(crate) fn expand(options: TokenStream, mut item: TokenStream) -> TokenStream {
    let mut found = Errors::new();
    let options = Options::parse(options, &mut found);
    let read = match Function::parse(item.clone()) {
        Ok(mut function) => {
            item = item::emitted(item, &mut function, &mut found);
            let faults = check(&function, &options, &mut found);
            Some(Read {
                function,
                faults,
                unread: None,
            })
        }
        // rustc's parser has reported what is wrong.
        Err(_) if half_typed::is_function(item.clone()) => Read::half_typed(item.clone()),
        Err(error) => {
            found.push(error);
            None
        }
    };
    let error = found.finish().err();
    let node = read.and_then(|read| node(read, options, error.as_ref()));
    let errors = error.map(|error| error.to_compile_error());
    quote::quote!(#errors #item #node)
}

/// What is known of a function.
struct Read {
    function: Function,
    faults: Faults,
    /// The parameters, if one cannot be read.
    unread: Option<Group>,
}

impl Read {
    /// Of a function that is not whole nothing is reported.
    fn half_typed(item: TokenStream) -> Option<Self> {
        let mut read = half_typed::read(item)?;
        let mut unsaid = Errors::new();
        let also = check::faults(&read.function, &mut unsaid);
        drop(unsaid.finish());
        read.faults = read.faults.and(also);
        Some(read)
    }
}

/// With errors the type still exists, so that graphs that name it cause no further ones.
fn node(read: Read, options: Options, error: Option<&syn::Error>) -> Option<TokenStream> {
    let is_whole = read.unread.is_none() && error.is_none();
    let unknown = match (&read.unread, error) {
        _ if !read.faults.any() => None,
        (Some(unread), _) => Some(unknown::as_unread(unread)),
        (None, error) => error.map(unknown::because_of),
    };
    let model = Model::new(read.function, options, read.faults)?;
    Some(match is_whole {
        true => expand::node(&model),
        false => expand::stub(&model, unknown.as_ref()),
    })
}

fn check(function: &Function, options: &Options, found: &mut Errors) -> Faults {
    let faults = check::signature(function, options, found);
    // A body that does not parse is rustc's to report.
    if let (false, Ok(block)) = (options.nondeterminism, parse2(function.body.clone())) {
        lint::body(&block, function.context().as_deref(), found);
    }
    faults
}
