//! What the server's refusals mean.

use std::time::Duration;

use super::Error;

/// The server names no time with its rate limit; a minute is what its own client waits at least.
const RATE_LIMIT_PAUSE: Duration = Duration::from_mins(1);

/// What a refusal of the server means, by the code in its acknowledgement.
pub(in super::super) fn read_refusal(code: &str) -> Error {
    let sentence = match code {
        "400" | "479" => "the network did not understand the message",
        "401" | "403" => "the network does not allow this account to write there",
        "404" => "the recipient does not exist",
        "405" | "406" => "the recipient cannot receive this message",
        "429" => return Error::RateLimited(RATE_LIMIT_PAUSE),
        // A cold message to somebody who never wrote, from an account that WhatsApp has put under watch.
        "463" => "the account is restricted from starting new chats",
        code if code.len() == 3 && code.starts_with('5') => {
            return Error::Unreachable(format!("the server answered {code}").into());
        }
        _ => "the network did not accept the message",
    };
    Error::Refused(format!("{sentence} ({code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_they_mean_and_keep_their_code() {
        for code in ["400", "403", "404", "463", "479", "999"] {
            let Error::Refused(reason) = read_refusal(code) else {
                panic!("{code} is for good")
            };
            assert!(reason.ends_with(&format!("({code})")), "{reason}");
        }
        assert!(matches!(read_refusal("429"), Error::RateLimited(pause) if pause == RATE_LIMIT_PAUSE));
        assert!(matches!(read_refusal("503"), Error::Unreachable(_)));
    }
}
