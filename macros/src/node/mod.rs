//! `#[node]`: a same-named type next to the function that says how a graph runs it.

mod check;

mod expand;
mod list;
mod model;
mod options;
mod owned;
#[cfg(test)]
mod tests;
mod time;

use proc_macro2::TokenStream;
use syn::parse2;

use crate::errors::{self, Errors};
use crate::lint;
use model::{Function, Model};
use options::Options;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    let mut found = Errors::new();
    let options = Options::parse(options, &mut found);
    let function = found.keep(Function::parse(item.clone()));
    if let Some(function) = &function {
        check::signature(function, &options, &mut found);
        // A body that does not parse is rustc's to report.
        if let (false, Ok(block)) = (options.nondeterminism, parse2(function.body.clone())) {
            lint::body(&block, function.context().as_deref(), &mut found);
        }
    }
    let model = function.and_then(|function| Model::new(function, options));
    match found.finish() {
        Ok(()) => {
            let node = model.as_ref().map(expand::node);
            quote::quote!(#item #node)
        }
        // The type still exists, so that graphs that name it cause no further errors.
        Err(error) => {
            let stub = model.as_ref().map(expand::stub);
            errors::beside(&error, &quote::quote!(#item #stub))
        }
    }
}
