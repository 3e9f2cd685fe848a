//! What a phone remembers of the time before it was linked.

use simulator::{HistoryForm, Phone, Remembered};

/// This moment, in seconds.
#[expect(clippy::disallowed_methods, reason = "chats are recent as counted from today")]
pub fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// `line 0` to `line 29`, said by somebody a second apart: twenty are from before the time that phones tell by themselves,
/// the other ten are new, and no more than ten are told first. Answers when the first one was said.
pub fn remembers_old_and_new(phone: &Phone, author: &str) -> u64 {
    phone.shares_history(HistoryForm {
        first_messages: 10,
        ..HistoryForm::default()
    });
    let (begin, lately) = (now() - 200 * 24 * 3600, now() - 600);
    let line = |at: u64, number: u64| Remembered::text(Some(author), at + number, &format!("line {number}"));
    let old = (0..20).map(|number| line(begin, number));
    let new = (20..30).map(|number| line(lately, number));
    phone.has_history(&format!("{author}@s.whatsapp.net"), old.chain(new).collect());
    begin
}
