//! The command that sets after how long new messages of a chat disappear. Given in its room.

use super::{
    super::{chat_changes, error::Failure, timers},
    Asked, Chat, Line, Read,
};
use crate::model::TIMERS;

/// How to use it.
pub(super) const HELP: &[&str] =
    &["timer <off|1 day|7 days|90 days> – after how long new messages of this chat disappear, for everybody in it"];

const ALLOWED: &str = "Messages of WhatsApp disappear after 1 day, 7 days or 90 days, or never. Write `timer 1 day`, \
                       `timer 7 days`, `timer 90 days` or `timer off`.";

/// So many seconds; `None`: never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Command(Option<u32>);

/// Reads it.
pub(super) fn read(line: &Line<'_>) -> Read<Command> {
    (line.word == "timer").then(|| wanted(&line.rest.concat().to_lowercase()).ok_or_else(|| ALLOWED.to_owned()))
}

fn wanted(text: &str) -> Option<Command> {
    if ["off", "never", "none"].contains(&text) {
        return Some(Command(None));
    }
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    let of_one = match unit {
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        _ => return None,
    };
    let seconds = number.checked_mul(of_one)?;
    TIMERS.contains(&seconds).then_some(Command(Some(seconds)))
}

/// Does it: it is accepted as when it is asked for by REST, and the room is told when the network has it.
pub(super) async fn take(asked: &Asked<'_>, Command(timer): Command) -> Result<(), Failure> {
    let bridge = asked.desk.bridge;
    let Some(Chat { portal, .. }) = asked.chat().await? else {
        return Ok(());
    };
    let mut tx = bridge.store.begin().await?;
    let accepted = chat_changes::wish_timer(&mut tx, &portal, timer, bridge.clock().now()).await?;
    match accepted {
        Ok(true) => asked.desk.finish(tx).await,
        Ok(false) => {
            let so = format!("It is so already: {}", timers::in_words(timer));
            asked.finish(tx, &so).await
        }
        Err(why) => asked.finish(tx, &format!("That did not work: {why}.")).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Read<Command> {
        let mut words = text.split_whitespace();
        read(&Line {
            word: words.next().unwrap_or_default().to_lowercase(),
            rest: words.collect(),
        })
    }

    #[test]
    fn b12_a_timer_is_read_as_people_write_it_and_others_are_told_what_there_is() {
        for (texts, timer) in [
            (["off", "Never", "OFF"], None),
            (["1 day", "24h", "24 hours"], Some(86_400)),
            (["7d", "7 Days", "1 week"], Some(604_800)),
            (["90d", "90 days", "2160 h"], Some(7_776_000)),
        ] {
            for text in texts {
                assert_eq!(read_text(&format!("timer {text}")), Some(Ok(Command(timer))), "{text}");
            }
        }
        for text in [
            "",
            "7",
            "8 days",
            "d",
            "1 year",
            "99999999999 h",
            "-1 day",
            "5000000 weeks",
        ] {
            assert_eq!(read_text(&format!("timer {text}")), Some(Err(ALLOWED.into())), "{text}");
        }
        assert_eq!(read_text("timers off"), None);
    }
}
