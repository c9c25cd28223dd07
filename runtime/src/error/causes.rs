use std::error::Error as StdError;
use std::fmt::Write as _;

/// The message of `error` and those of its causes. If a message ends with that of its
/// cause, as many do, it is not repeated.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !message.ends_with(&said) {
            // Writing into a text never fails.
            let _ = write!(message, ": {said}");
        }
        cause = next.source();
    }
    message
}
