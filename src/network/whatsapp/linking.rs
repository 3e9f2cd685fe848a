//! From nothing to a device: the steps of one attempt, as a stream.
//!
//! The bridge reads the steps; dropping the stream ends the attempt and forgets what was stored for it. When it works,
//! the session that was made for the attempt becomes the device's live session: no second login. Every attempt has a
//! device of its own, so two attempts never share keys.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use tokio::time::Instant;
use whatsapp_rust::prelude::Event;

use super::{
    super::{Error, LinkStep, LinkSteps, Linking},
    Live, Shared,
    link::{Link, link_after},
    session::{Events, Session},
};
use crate::model::{DeviceId, LogoutReason};

/// How long the server may take to answer at all.
const SOCKET_PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take from the phone's consent to the first login.
const LOGIN_PATIENCE: Duration = Duration::from_secs(90);
/// How long a person may take to bring a passkey, and to compare codes.
const PASSKEY_PATIENCE: Duration = Duration::from_mins(5);
/// How long ending a half-made link may wait for the server.
const LOGOUT_PATIENCE: Duration = Duration::from_secs(10);

/// Begins an attempt.
///
/// # Errors
/// `Unreachable` when the server does not answer or the keys cannot be stored.
pub(super) async fn begin(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    device: DeviceId,
    how: Linking,
) -> Result<LinkSteps, Error> {
    let code_for = match &how {
        Linking::Qr => None,
        Linking::Code(number) => Some(number.clone()),
    };
    let by_code = code_for.is_some();
    shared.keyring.begin(device);
    let (session, events) = Session::start(shared, device, code_for, false).await?;
    live.begins_linking(device, &session);
    let attempt = Attempt {
        shared: Arc::clone(shared),
        live: Arc::clone(live),
        device,
        session: Arc::clone(&session),
        events: Some(events),
        by_code,
        asks_for_passkey: false,
        deadline: None,
        number: None,
        over: false,
        linked: false,
    };
    // `attempt` cleans up after itself from here on.
    session
        .client()
        .wait_for_socket(SOCKET_PATIENCE)
        .await
        .map_err(|error| Error::Unreachable(Box::new(error)))?;
    Ok(Box::pin(stream::unfold(attempt, |mut attempt| async move {
        let step = attempt.next().await?;
        Some((step, attempt))
    })))
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a step that an attempt has behind it or not"
)]
struct Attempt {
    shared: Arc<Shared>,
    live: Arc<Live>,
    device: DeviceId,
    session: Arc<Session>,
    events: Option<Events>,
    by_code: bool,
    /// The code was scanned, and WhatsApp wants more.
    asks_for_passkey: bool,
    deadline: Option<Instant>,
    /// The owner's number, once the phone has accepted.
    number: Option<String>,
    over: bool,
    linked: bool,
}

impl Attempt {
    async fn next(&mut self) -> Option<LinkStep> {
        while !self.over {
            let events = self.events.as_mut()?;
            let event = match self.deadline {
                None => events.recv().await,
                Some(deadline) => match tokio::time::timeout_at(deadline, events.recv()).await {
                    Ok(event) => event,
                    Err(_) => return Some(self.too_late()),
                },
            };
            let Some(event) = event else {
                return Some(self.failed("the connection ended"));
            };
            if let Some(step) = self.step(&event).await {
                return Some(step);
            }
        }
        None
    }

    async fn step(&mut self, event: &Event) -> Option<LinkStep> {
        match event {
            Event::PairingQrCode(qr) if !self.by_code && self.number.is_none() && !self.asks_for_passkey => {
                Some(LinkStep::Qr {
                    code: qr.code.clone(),
                    valid_for: qr.timeout,
                })
            }
            Event::PairingCode(code) if self.by_code => {
                self.deadline = Some(Instant::now() + code.timeout);
                Some(LinkStep::Code {
                    code: readable(&code.code),
                    valid_for: code.timeout,
                })
            }
            Event::PairingQrCodesExhausted(_) if !self.by_code && self.number.is_none() && !self.asks_for_passkey => {
                self.over = true;
                Some(LinkStep::Expired)
            }
            // The library hangs up when its codes are used up (`whatsapp-rust` 0.7.0, `pair.rs`), a passkey or not.
            Event::PairingQrCodesExhausted(end) if self.asks_for_passkey && self.number.is_none() => end
                .disconnected
                .then(|| self.failed("the time for the passkey is over")),
            Event::PairingCodeError(error) => {
                let throttled = error
                    .rejection
                    .as_ref()
                    .is_some_and(|rejection| rejection.is_throttled());
                Some(self.failed(if throttled {
                    "WhatsApp wants a pause before the next code; try again later or scan a QR code"
                } else {
                    "WhatsApp gave no code for this number"
                }))
            }
            Event::PairError(_) => Some(self.failed("the phone and WhatsApp did not agree on the link")),
            Event::PairPasskeyRequest(request) => {
                self.asks_for_passkey = true;
                self.deadline = Some(Instant::now() + PASSKEY_PATIENCE);
                Some(LinkStep::Passkey {
                    request: request.request_options_json.clone(),
                })
            }
            Event::PairPasskeyConfirmation(confirmation) => {
                self.deadline = Some(Instant::now() + PASSKEY_PATIENCE);
                Some(LinkStep::Compare {
                    code: confirmation.code.clone(),
                })
            }
            Event::PairPasskeyError(error) => {
                tracing::warn!(error = error.error, "linking with a passkey failed");
                Some(self.failed("WhatsApp did not accept the passkey"))
            }
            Event::PairSuccess(success) => {
                self.number = Some(success.id.user_base().to_owned());
                self.deadline = Some(Instant::now() + LOGIN_PATIENCE);
                // The library would store it within seconds; a crash before that would leave a device on the phone
                // that nobody has the keys of.
                self.store().await
            }
            Event::Connected(_) if self.number.is_some() => self.connected().await,
            // Phones do not wait with it until the device is connected.
            Event::HistorySync(part) => {
                self.session.keep(part).await;
                None
            }
            // The address book and the marks on chats come with the first state, before the device counts as connected.
            setting @ (Event::MuteUpdate(_)
            | Event::PinUpdate(_)
            | Event::ArchiveUpdate(_)
            | Event::MarkChatAsReadUpdate(_)
            | Event::ContactUpdate(_)) => {
                self.session.set(setting).await;
                None
            }
            event => match link_after(event) {
                Some(Link::Ended(reason)) => Some(self.failed(why(reason))),
                _ => None,
            },
        }
    }

    async fn store(&mut self) -> Option<LinkStep> {
        match self.session.client().persistence_manager().flush().await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(device.id = %self.device, %error, "a new link could not be stored");
                Some(self.failed("the link could not be stored"))
            }
        }
    }

    async fn connected(&mut self) -> Option<LinkStep> {
        if let Some(failed) = self.store().await {
            return Some(failed);
        }
        let number = self.number.clone()?;
        let events = self.events.take()?;
        self.session.was_linked();
        self.session.follow(events);
        self.live.insert(self.device, Arc::clone(&self.session));
        self.over = true;
        self.linked = true;
        Some(LinkStep::Linked { number })
    }

    fn too_late(&mut self) -> LinkStep {
        if self.number.is_some() {
            return self.failed("WhatsApp did not let the new device in");
        }
        self.over = true;
        LinkStep::Expired
    }

    fn failed(&mut self, reason: &str) -> LinkStep {
        self.over = true;
        LinkStep::Failed {
            reason: reason.to_owned(),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.linked {
            return;
        }
        let (session, shared, device) = (Arc::clone(&self.session), Arc::clone(&self.shared), self.device);
        let accepted = self.number.is_some();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if accepted {
                session.log_out(LOGOUT_PATIENCE).await;
            } else {
                session.stop().await;
            }
            if let Err(error) = shared.keyring.forget(device).await {
                tracing::warn!(device.id = %device, %error, "the keys of an abandoned link are still stored");
            }
        });
    }
}

/// Eight characters are read in two halves.
fn readable(code: &str) -> String {
    match code.split_at_checked(4) {
        Some((first, second)) if !second.is_empty() => format!("{first}-{second}"),
        _ => code.to_owned(),
    }
}

fn why(reason: LogoutReason) -> &'static str {
    match reason {
        LogoutReason::Unlinked => "the phone removed the device again",
        LogoutReason::Replaced => "another connection took the link over",
        LogoutReason::Banned => "WhatsApp has locked this account",
        LogoutReason::Outdated => "WhatsApp no longer accepts this version of wharf",
        LogoutReason::Refused => "WhatsApp refused the connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shown_in_two_halves() {
        assert_eq!(readable("ABCD1234"), "ABCD-1234");
        assert_eq!(readable("ABC"), "ABC");
    }
}
