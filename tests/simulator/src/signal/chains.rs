//! The sender keys people were given by linked devices, and who holds which.
//!
//! Called by `server::groups`. A key is the same for everyone who was given it, so it is kept once with
//! the list of its holders, and a message into a large group is decrypted once instead of a thousand
//! times. Who was given a key counts all the same: everybody else has to ask for the message again.

use std::collections::HashMap;

use anyhow::anyhow;
use whatsapp_rust::wacore::libsignal::protocol::{
    SenderKeyDistributionMessage, SenderKeyMessage, SenderKeyName, SignalProtocolError, group_decrypt,
    process_sender_key_distribution_message,
};
use whatsapp_rust::wacore::messages::decode_plaintext;
use whatsapp_rust::waproto::whatsapp as wa;

use super::peer::{Failure, PLAINTEXT_VERSION, now};
use super::sender_keys::SenderKeys;

/// One key of one device in one chat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chain {
    chat: String,
    sender: String,
    id: u32,
}

impl Chain {
    fn name(&self) -> SenderKeyName {
        SenderKeyName::from_parts(&self.chat, &format!("{}#{}", self.sender, self.id))
    }
}

/// All keys people were given.
#[derive(Default)]
pub(crate) struct Chains {
    keys: SenderKeys,
    known: HashMap<Chain, Known>,
}

struct Known {
    signing_key: Vec<u8>,
    /// The people who were given the key, and from which message on they can read.
    holders: HashMap<String, u32>,
}

/// A message decrypted with a key.
pub(crate) struct Opened {
    pub(crate) message: wa::Message,
    chain: Chain,
    iteration: u32,
}

impl Chains {
    /// A person was given the key of a device for a chat.
    pub(crate) fn learn(&mut self, person: &str, chat: &str, sender: &str, distribution: &[u8]) -> anyhow::Result<()> {
        let distribution = SenderKeyDistributionMessage::try_from(distribution)?;
        let chain = Chain {
            chat: chat.to_owned(),
            sender: sender.to_owned(),
            id: distribution.chain_id(),
        };
        let signing_key = distribution.signing_key().serialize().to_vec();
        if let Some(known) = self.known.get_mut(&chain) {
            anyhow::ensure!(known.signing_key == signing_key, "two keys with the same number");
            let from = known
                .holders
                .entry(person.to_owned())
                .or_insert(distribution.iteration());
            *from = distribution.iteration().min(*from);
            return Ok(());
        }
        now(process_sender_key_distribution_message(
            &chain.name(),
            &distribution,
            &mut self.keys,
        ))??;
        let holders = HashMap::from([(person.to_owned(), distribution.iteration())]);
        self.known.insert(chain, Known { signing_key, holders });
        Ok(())
    }

    /// Decrypts a message of a device to a chat; whether somebody may read it says [`Self::can_read`].
    pub(crate) fn open(&mut self, chat: &str, sender: &str, ciphertext: &[u8]) -> Result<Opened, Failure> {
        let wrong = |error: SignalProtocolError| match error {
            SignalProtocolError::DuplicatedMessage(..) => Failure::Duplicate,
            other => Failure::Undecryptable(anyhow!(other)),
        };
        let message = SenderKeyMessage::try_from(ciphertext).map_err(wrong)?;
        let chain = Chain {
            chat: chat.to_owned(),
            sender: sender.to_owned(),
            id: message.chain_id(),
        };
        let plaintext = now(group_decrypt(ciphertext, &mut self.keys, &chain.name()))
            .map_err(Failure::Undecryptable)?
            .map_err(wrong)?;
        let read = decode_plaintext(&plaintext, PLAINTEXT_VERSION)
            .map_err(|error| Failure::Undecryptable(anyhow!("plaintext: {error}")))?;
        Ok(Opened {
            message: read,
            chain,
            iteration: message.iteration(),
        })
    }

    /// Whether a person was given the key a message was encrypted with, and early enough.
    pub(crate) fn can_read(&self, person: &str, opened: &Opened) -> bool {
        let known = self.known.get(&opened.chain);
        known
            .and_then(|known| known.holders.get(person))
            .is_some_and(|from| *from <= opened.iteration)
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::prelude::MessageBuilderExt as _;

    use super::*;

    const CHAT: &str = "120363000000000001@g.us";

    #[test]
    fn only_who_was_given_the_key_can_read() {
        let (mut sender, mut chains) = (SenderKeys::default(), Chains::default());
        let key = sender.distribution(CHAT).unwrap();
        chains.learn("ana", CHAT, "device", &key).unwrap();
        let first = sender.encrypt(CHAT, &wa::Message::text("one")).unwrap();
        let late = sender.distribution(CHAT).unwrap();
        chains.learn("bob", CHAT, "device", &late).unwrap();
        let opened = chains.open(CHAT, "device", &first).unwrap();
        assert!(chains.can_read("ana", &opened));
        assert!(!chains.can_read("bob", &opened));
        assert!(!chains.can_read("eve", &opened));
        assert!(matches!(chains.open(CHAT, "device", &first), Err(Failure::Duplicate)));
    }

    #[test]
    fn a_new_key_is_not_read_with_the_old_one() {
        let (mut sender, mut chains) = (SenderKeys::default(), Chains::default());
        let key = sender.distribution(CHAT).unwrap();
        chains.learn("ana", CHAT, "device", &key).unwrap();
        sender.forget(CHAT);
        sender.distribution(CHAT).unwrap();
        let message = sender.encrypt(CHAT, &wa::Message::text("two")).unwrap();
        assert!(matches!(
            chains.open(CHAT, "device", &message),
            Err(Failure::Undecryptable(_))
        ));
    }

    #[test]
    fn nonsense_is_refused() {
        let mut chains = Chains::default();
        assert!(chains.learn("ana", CHAT, "device", &[1, 2, 3]).is_err());
        assert!(chains.open(CHAT, "device", &[]).is_err());
    }
}
