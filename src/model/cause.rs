//! What an error says, with what led to it. Whoever shows or logs an error calls this; which of them may be shown is
//! decided there.

use std::error::Error;

/// An error and its causes in one line; what one of them repeats of those before it is left out.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Step>>,
    }

    fn step(text: &'static str, source: Option<Step>) -> Step {
        let source = source.map(Box::new);
        Step { text, source }
    }

    #[test]
    fn causes_follow_in_their_order_and_none_is_said_twice() {
        let disk = step("the disk is full", None);
        let file = step("no file: the disk is full", Some(disk));
        let whole = step("nothing was written", Some(file));
        assert_eq!(with_causes(&whole), "nothing was written: no file: the disk is full");
        assert_eq!(with_causes(&step("alone", None)), "alone");
    }
}
