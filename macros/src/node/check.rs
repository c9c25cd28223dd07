use super::model::Function;
use crate::errors::Errors;

pub(super) fn signature(function: &Function, errors: &mut Errors) {
    let _ = (function, errors);
}
