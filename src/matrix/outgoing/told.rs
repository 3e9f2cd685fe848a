//! What Matrix has no shape for, told in words: appointments, invitations, people's cards.

use serde_json::{Value, json};

use super::{Around, FORWARDED, FORWARDED_LINE, fill::put, words, words::clipped};
use crate::{
    matrix::cards,
    model::{Appointment, Call, CallKind, CallState, Card, Invitation, Timestamp},
};

/// Titles and names longer than this are none.
const LONGEST: usize = 1024;

/// An appointment.
pub(super) fn appointment(appointment: &Appointment) -> String {
    let title = clipped(&appointment.title, LONGEST);
    let mut lines = vec![if appointment.is_cancelled {
        format!("📅 ~{title}~ (cancelled)")
    } else {
        format!("📅 *{title}*")
    }];
    lines.extend(match (appointment.starts_at, appointment.ends_at) {
        (Some(start), Some(end)) => Some(format!("When: {} – {}", moment(start), moment(end))),
        (Some(start), None) => Some(format!("When: {}", moment(start))),
        (None, Some(end)) => Some(format!("Until: {}", moment(end))),
        (None, None) => None,
    });
    let line = |name: &str, words: &Option<String>| words.as_ref().map(|words| format!("{name}: {}", words.trim()));
    lines.extend(line("Where", &appointment.location));
    lines.extend(line("Join", &appointment.link));
    lines.extend(
        appointment
            .description
            .as_ref()
            .map(|words| format!("\n{}", words.trim())),
    );
    lines.join("\n")
}

/// A call, as it stands.
pub(super) fn call(call: Call) -> String {
    let kind = match (call.is_group, call.kind) {
        (false, CallKind::Voice) => "voice call",
        (false, CallKind::Video) => "video call",
        (true, CallKind::Voice) => "group voice call",
        (true, CallKind::Video) => "group video call",
    };
    match call.state {
        CallState::Ringing => format!("📞 Incoming {kind}. Answer it on your phone."),
        CallState::Answered => format!("📞 Answered {kind}, on another device."),
        CallState::Declined => format!("📞 Declined {kind}."),
        CallState::Missed => format!("📞 Missed {kind}."),
        CallState::Over { seconds } => format!("📞 Answered {kind}, {}:{:02} long.", seconds / 60, seconds % 60),
    }
}

/// An invitation to a group.
pub(super) fn invitation(invitation: &Invitation, accept: Option<&str>) -> String {
    let mut lines = vec![format!(
        "✉️ Invitation to the group *{}*",
        clipped(&invitation.name, LONGEST)
    )];
    lines.extend(invitation.words.as_ref().map(|words| words.trim().to_owned()));
    lines.extend(
        invitation
            .expires_at
            .map(|until| format!("Valid until {}.", moment(until))),
    );
    lines.extend(accept.map(|command| format!("To accept, answer this message with `{command}`.")));
    lines.join("\n")
}

/// People's cards: a file with all of them, and what stands on them.
pub(super) fn contacts(all: &[Card], lines: &[&str], around: &Around<'_>) -> Vec<Value> {
    let told = cards::told(all);
    let body: Vec<&str> = lines.iter().copied().chain([told.as_str()]).collect();
    let body = body.join("\n");
    let Some(file) = around.cards else {
        let mut contents = words::plain(&body);
        if let Some(first) = contents.first_mut() {
            put(first, FORWARDED, lines.contains(&FORWARDED_LINE).then_some(true));
        }
        return contents;
    };
    let mut content = json!({
        "msgtype": "m.file", "body": clipped(&body, 16 * LONGEST), "filename": cards::file_name(all), "url": file, "m.mentions": {},
        "info": {"mimetype": cards::MIME, "size": cards::join(all).len()},
    });
    put(&mut content, FORWARDED, lines.contains(&FORWARDED_LINE).then_some(true));
    vec![content]
}

/// `2026-04-27 10:00 UTC`: whoever reads it may be anywhere.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.rfc3339();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}
