use super::model::Function;
use super::options::Options;
use crate::errors::Errors;

pub(super) fn body(function: &Function, options: &Options, errors: &mut Errors) {
    let _ = (function, options, errors);
}
