//! A companion could not fetch a medium and asks its phone to upload it again (`server-error` receipts).
//!
//! Called by [`super::receipts`]. The phone looks for the message by chat, author and id, as it stands in
//! its own history, and answers with a new path, encrypted under the key of the medium.

use anyhow::{Context as _, anyhow};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::crypto::hkdf_sha256_into;
use whatsapp_rust::wacore::libsignal::crypto::aes_256_gcm_encrypt;
use whatsapp_rust::wacore::media_retry::decrypt_media_retry_notification;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::companion::Device;
use super::stanza::{self, node};
use super::state::State;
use super::{clock, history};
use crate::media;
use crate::phone::Phone;

/// What the key of the answer is derived for.
const INFO: &[u8] = b"WhatsApp Media Retry Notification";

/// What a phone does when it is asked to upload a medium again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UploadAgain {
    /// It does.
    #[default]
    Does,
    /// It has the medium no more, and says so.
    HasLost,
    /// It says that something went wrong.
    Fails,
    /// It is switched off: nothing comes.
    IsSilent,
}

impl Phone {
    /// What the phone does from now on when a companion asks it to upload a medium again.
    pub fn uploads_again(&self, how: UploadAgain) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.conduct.upload_again = how;
            }
        });
    }
}

/// The codes of a refused request, as clients read them.
enum Refusal {
    General = 1,
    NotFound = 2,
    Undecryptable = 3,
}

/// A companion sent `<receipt type="server-error">`.
pub(crate) fn receive(state: &mut State, from: &Device, receipt: &Node) {
    let id = stanza::attr(receipt, "id");
    let Ok(how) = state.person(&from.number).map(|person| person.conduct.upload_again) else {
        return;
    };
    // A part of the history is no message of a chat: it is sent again, naming the new blob.
    if how == UploadAgain::Does
        && let Some((message, path)) = part_of_history(state, from, &id, receipt)
    {
        return history::send_again(state, from, message, path);
    }
    let answer = match how {
        UploadAgain::IsSilent => return,
        UploadAgain::HasLost => Err(Refusal::NotFound),
        UploadAgain::Fails => Err(Refusal::General),
        UploadAgain::Does => upload_again(state, from, &id, receipt),
    };
    let content = answer.unwrap_or_else(|refusal| {
        let code = refusal as u32;
        node("error").attr("code", code).build()
    });
    let mut children = vec![content];
    children.extend(receipt.get_optional_child("rmr").cloned());
    let notification = node("notification")
        .attr(
            "from",
            Device {
                number: from.number.clone(),
                id: 0,
            }
            .jid(),
        )
        .attr("type", "mediaretry")
        .attr("id", id)
        .attr("t", clock::seconds())
        .children(children)
        .build();
    if let Some(companion) = state.companion_mut(from) {
        companion.push(notification);
    }
}

fn upload_again(state: &mut State, from: &Device, id: &str, receipt: &Node) -> Result<Node, Refusal> {
    let message = find(state, from, id, receipt).ok_or(Refusal::NotFound)?;
    let medium = media::medium(&message).ok_or(Refusal::NotFound)?;
    let key = medium.media_key().ok_or(Refusal::NotFound)?;
    asked_for(key, id, receipt).map_err(|error| {
        tracing::info!("a request to upload again could not be read: {error:#}");
        Refusal::Undecryptable
    })?;
    let path = medium
        .direct_path()
        .and_then(|path| state.blobs.upload_again(path))
        .ok_or(Refusal::NotFound)?;
    sealed_answer(key, id, path).map_err(|_| Refusal::General)
}

/// The part of the history that a companion could not fetch, and where it is now.
fn part_of_history(state: &mut State, from: &Device, id: &str, receipt: &Node) -> Option<(wa::Message, String)> {
    let message = (*state.person(&from.number).ok()?.sent.get(id)?.message).clone();
    let part = message.protocol_message.history_sync_notification.as_option()?;
    asked_for(part.media_key.as_deref()?, id, receipt).ok()?;
    let path = state.blobs.upload_again(part.direct_path.as_deref()?)?;
    Some((message, path))
}

/// The message in the phone's history: the asker names chat and author, or means one of its phone's own.
fn find(state: &State, from: &Device, id: &str, receipt: &Node) -> Option<wa::Message> {
    let person = state.person(&from.number).ok()?;
    if let Some(own) = person.sent.get(id) {
        return Some((*own.message).clone());
    }
    let place = receipt.get_optional_child("rmr")?;
    let author = if stanza::attr(place, "from_me") == "true" {
        from.number.clone()
    } else {
        let author = stanza::address(place, "participant").or_else(|| stanza::address(place, "jid"))?;
        state.resolve(&author)?.number
    };
    Some(person.inbox.find(&author, id)?.message.clone())
}

/// Checks that the request was made by somebody who knows the key and means this message.
fn asked_for(key: &[u8], id: &str, receipt: &Node) -> anyhow::Result<()> {
    let part = |name: &str| {
        receipt
            .get_optional_child("encrypt")
            .and_then(|encrypt| encrypt.get_optional_child(name))
            .map(stanza::bytes)
            .context("a part of the request is missing")
    };
    let plain = decrypt_media_retry_notification(key, id, part("enc_iv")?, part("enc_p")?)?;
    let request = wa::ServerErrorReceipt::decode_from_slice(&plain)?;
    anyhow::ensure!(
        request.stanza_id.as_deref() == Some(id),
        "the request means another message"
    );
    Ok(())
}

fn sealed_answer(media_key: &[u8], id: &str, path: String) -> anyhow::Result<Node> {
    let mut key = [0; 32];
    hkdf_sha256_into(media_key, None, INFO, &mut key).map_err(|error| anyhow!("hkdf: {error}"))?;
    let iv: [u8; 12] = crate::server::step::random();
    let plain = wa::MediaRetryNotification {
        stanza_id: Some(id.to_owned()),
        direct_path: Some(path),
        result: Some(wa::media_retry_notification::ResultType::SUCCESS),
        ..Default::default()
    }
    .encode_to_vec();
    let mut sealed = Vec::new();
    aes_256_gcm_encrypt(&key, &iv, id.as_bytes(), &plain, &mut sealed).map_err(|error| anyhow!("seal: {error}"))?;
    Ok(node("encrypt")
        .children([
            node("enc_p").bytes(sealed).build(),
            node("enc_iv").bytes(iv.to_vec()).build(),
        ])
        .build())
}
