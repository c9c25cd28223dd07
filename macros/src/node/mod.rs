//! `#[node]`: a same-named type next to the function that says how a graph runs it.

mod check;
mod expand;
mod half_typed;
mod list;
mod model;
mod options;
mod owned;
#[cfg(test)]
mod tests;
mod time;

use proc_macro2::TokenStream;
use syn::parse2;

use crate::errors::Errors;
use crate::lint;
use model::{Function, Model};
use options::Options;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut found = Errors::new();
    let options = Options::parse(options, &mut found);
    let mut is_whole = true;
    let function = match Function::parse(item.clone()) {
        Ok(function) => {
            check(&function, &options, &mut found);
            Some(function)
        }
        // rustc's parser has reported what is wrong.
        Err(_) if half_typed::is_function(item.clone()) => {
            is_whole = false;
            half_typed::read(item.clone())
        }
        Err(error) => {
            found.push(error);
            None
        }
    };
    let model = function.and_then(|function| Model::new(function, options));
    let errors = found.finish().err().map(|error| error.to_compile_error());
    // With errors the type still exists, so that graphs that name it cause no further ones.
    let node = model.map(|model| match is_whole && errors.is_none() {
        true => expand::node(&model),
        false => expand::stub(&model),
    });
    quote::quote!(#errors #item #node)
}

fn check(function: &Function, options: &Options, found: &mut Errors) {
    check::signature(function, options, found);
    // A body that does not parse is rustc's to report.
    if let (false, Ok(block)) = (options.nondeterminism, parse2(function.body.clone())) {
        lint::body(&block, function.context().as_deref(), found);
    }
}
