//! What is to be said → `wa::Message`; and what the server's refusals mean. Pure.

use std::time::Duration;

use whatsapp_rust::{
    Jid,
    buffa::MessageField,
    wacore::proto_helpers::MessageBuilderExt as _,
    waproto::whatsapp::{self as wa},
};

use super::super::Error;
use crate::model::{Content, Say};

/// Longest text WhatsApp takes, in characters.
pub(super) const TEXT_LIMIT: usize = 65_536;
/// The server names no time with its rate limit; a minute is what its own client waits at least.
const RATE_LIMIT_PAUSE: Duration = Duration::from_mins(1);

/// Writes a message; `author` is who said the quoted one.
///
/// # Errors
/// `Unsupported` for what this version cannot carry, `Refused` for what WhatsApp would never take.
pub(super) fn write(say: &Say, author: Option<&Jid>) -> Result<wa::Message, Error> {
    let text = match &say.content {
        Content::Text(text) if text.body.is_empty() => return Err(Error::Refused("the message is empty".to_owned())),
        Content::Text(text) if text.body.chars().count() > TEXT_LIMIT => {
            return Err(Error::Refused(format!(
                "the text is longer than {TEXT_LIMIT} characters"
            )));
        }
        Content::Text(text) => text.body.as_str(),
        other => return Err(Error::Unsupported(other.kind().to_owned())),
    };
    let Some(quote) = &say.reply_to else {
        return Ok(wa::Message::text(text));
    };
    // `participant` and `quotedMessage` are both needed: a phone shows a blank quote without the second and ignores
    // the whole quote without the first.
    Ok(wa::Message::text_with_context(
        text,
        wa::ContextInfo {
            stanza_id: Some(quote.id.as_str().to_owned()),
            participant: author.map(Jid::to_non_ad_string),
            quoted_message: MessageField::some(wa::Message::text(quote.text.clone().unwrap_or_default())),
            ..Default::default()
        },
    ))
}

/// What a refusal of the server means, by the code in its acknowledgement.
pub(super) fn read_refusal(code: &str) -> Error {
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
    use proptest::prelude::*;

    use super::{super::incoming, *};
    use crate::model::{MessageId, Quote};

    fn say(text: &str, reply_to: Option<Quote>) -> Say {
        Say {
            reply_to,
            ..Say::new(Content::words(text))
        }
    }

    fn quote(text: Option<&str>) -> Quote {
        Quote {
            id: MessageId::from_adapter("3EB0AA"),
            sender: None,
            text: text.map(ToOwned::to_owned),
            content: None,
        }
    }

    #[test]
    fn a_reply_carries_what_it_answers() {
        let author: Jid = "15550001111:4@s.whatsapp.net".parse().unwrap();
        let message = write(&say("yes", Some(quote(Some("coming?")))), Some(&author)).unwrap();
        let context = message
            .extended_text_message
            .as_option()
            .unwrap()
            .context_info
            .as_option()
            .unwrap()
            .clone();
        assert_eq!(context.stanza_id.as_deref(), Some("3EB0AA"));
        assert_eq!(context.participant.as_deref(), Some("15550001111@s.whatsapp.net"));
        let quoted = context.quoted_message.as_option().unwrap();
        assert_eq!(quoted.conversation.as_deref(), Some("coming?"));
    }

    #[test]
    fn what_whatsapp_would_never_take_is_refused_here() {
        assert!(matches!(write(&say("", None), None), Err(Error::Refused(_))));
        assert!(matches!(
            write(&say(&"é".repeat(TEXT_LIMIT + 1), None), None),
            Err(Error::Refused(_))
        ));
        write(&say(&"é".repeat(TEXT_LIMIT), None), None).unwrap();
        let image = Say::new(Content::Unsupported("image".into()));
        assert!(matches!(write(&image, None), Err(Error::Unsupported(kind)) if kind == "image"));
    }

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

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in ".{1,50}", quoted in proptest::option::of(".{1,20}")) {
            let say = say(&text, quoted.as_deref().map(|text| quote(Some(text))));
            let said = incoming::read(&write(&say, None).unwrap()).unwrap();
            prop_assert_eq!(said.content, Content::words(text));
            prop_assert_eq!(said.quoted.and_then(|quoted| quoted.text), quoted);
        }
    }
}
