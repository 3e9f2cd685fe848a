//! What a linked device of our own shows of its keys: at its registration, and when it brings one-time keys.
//!
//! Called by the load room, whose devices have a [`Peer`] each. The forms are those the server room reads.

use whatsapp_rust::wacore::iq::prekeys::{OneTimePreKeyNode, SignedPreKeyNode};
use whatsapp_rust::wacore::libsignal::protocol::PreKeyBundle;
use whatsapp_rust::wacore::protocol::ProtocolNode as _;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::waproto::whatsapp as wa;

use super::Peer;
use super::peer::companion_bundle;
use crate::server::stanza::{self, node};

impl Peer {
    /// The keys in the first login of a device that wants to be linked.
    pub(crate) fn registration_data(&self) -> wa::client_payload::DevicePairingRegistrationData {
        let (id, key, signature) = self.signed();
        wa::client_payload::DevicePairingRegistrationData {
            e_regid: Some(self.registration().to_be_bytes().to_vec()),
            e_keytype: Some(vec![5]),
            e_ident: Some(self.public_key().to_vec()),
            e_skey_id: Some(id.to_be_bytes().into_iter().skip(1).collect()),
            e_skey_val: Some(key),
            e_skey_sig: Some(signature),
            ..Default::default()
        }
    }

    /// The children of an upload of so many new one-time keys.
    pub(crate) fn upload(&mut self, count: usize) -> Vec<Node> {
        let (id, key, signature) = self.signed();
        let keys = (0..count).map(|_| {
            let (id, key) = self.one_time_key();
            OneTimePreKeyNode::new(id, key).into_node()
        });
        let list = node("list").children(keys.collect::<Vec<_>>()).build();
        vec![
            node("registration")
                .bytes(self.registration().to_be_bytes().to_vec())
                .build(),
            node("type").bytes(vec![5]).build(),
            node("identity").bytes(self.public_key().to_vec()).build(),
            list,
            SignedPreKeyNode::new(id, key, signature).into_node(),
        ]
    }
}

/// The bundle of a primary device in the answer to a request for keys.
pub(crate) fn bundle_of_user(user: &Node) -> Option<PreKeyBundle> {
    let bytes = |parent: &Node, child: &str| {
        parent
            .get_optional_child(child)
            .map(|child| stanza::bytes(child).to_vec())
    };
    let number = |parent: &Node| stanza::number(parent.get_optional_child("id")?);
    let signed = user.get_optional_child("skey")?;
    let one_time = user
        .get_optional_child("key")
        .and_then(|key| Some((number(key)?, bytes(key, "value")?)));
    companion_bundle(
        0,
        stanza::number(user.get_optional_child("registration")?)?,
        &bytes(user, "identity")?,
        (number(signed)?, &bytes(signed, "value")?, &bytes(signed, "signature")?),
        one_time.as_ref().map(|(id, key)| (*id, key.as_slice())),
    )
    .ok()
}
