//! What a room tells of the bridge it is (MSC2346).

use ruma::UserId;
use serde_json::{Value, json};

use crate::matrix::rooms::State;

/// What a room is a bridge to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BridgeInfo<'a> {
    /// Our bot.
    pub(crate) bot: &'a UserId,
    /// Whose chat it is.
    pub(crate) creator: Option<&'a UserId>,
    /// Id of the network: `whatsapp`.
    pub(crate) network: &'a str,
    /// Its name for people.
    pub(crate) network_name: &'a str,
    /// The chat, unique within the network and the device.
    pub(crate) chat: &'a str,
    /// The name of the chat.
    pub(crate) title: Option<&'a str>,
}

/// The content of `m.bridge` (MSC2346).
pub(crate) fn bridge_info(info: &BridgeInfo<'_>) -> Value {
    let mut content = json!({
        "bridgebot": info.bot,
        "protocol": {"id": info.network, "displayname": info.network_name},
        "channel": {"id": info.chat},
    });
    if let Some(creator) = info.creator {
        content["creator"] = json!(creator);
    }
    if let Some(title) = info.title {
        content["channel"]["displayname"] = json!(title);
    }
    content
}

/// The state that tells clients of the bridge, under both names in use.
pub(crate) fn bridge_state(info: &BridgeInfo<'_>) -> Vec<State> {
    let (key, content) = (format!("net.wharf.{}/{}", info.network, info.chat), bridge_info(info));
    ["m.bridge", "uk.half-shot.bridge"]
        .map(|event_type| State {
            event_type: event_type.into(),
            key: key.clone(),
            content: content.clone(),
        })
        .into()
}
