//! Which Matrix users and aliases are ours, and what they are called.

use std::fmt::Write;

use ruma::{OwnedRoomAliasId, OwnedServerName, OwnedUserId, ServerName, UserId};
use sha2::{Digest, Sha256};

use super::{Config, Error};

/// Matrix ids have at most 255 bytes (specification, appendix "User Identifiers").
const LONGEST: usize = 255;

/// The names of our users: the bot, ghosts and identities.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Names {
    server: OwnedServerName,
    bot: OwnedUserId,
    ghost_prefix: String,
    identity_prefix: String,
}

impl Names {
    /// From the configuration.
    ///
    /// # Errors
    /// `BadRequest` when a name cannot be one.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let bot = UserId::parse(format!("@{}:{}", config.bot, config.server_name))
            .map_err(|error| Error::BadRequest(error.into()))?;
        Ok(Self {
            server: config.server_name.clone(),
            bot,
            ghost_prefix: config.ghost_prefix.clone(),
            identity_prefix: config.identity_prefix.clone(),
        })
    }

    /// The homeserver's name.
    pub(crate) fn server(&self) -> &ServerName {
        &self.server
    }

    /// The bot.
    pub(crate) fn bot(&self) -> &UserId {
        &self.bot
    }

    /// The ghost under that name.
    pub(crate) fn ghost(&self, name: &str) -> OwnedUserId {
        self.user(&self.ghost_prefix, name)
    }

    /// The name of a ghost; `None` when the user is none.
    pub(crate) fn ghost_name<'a>(&self, user: &'a UserId) -> Option<&'a str> {
        if user.server_name() != self.server || user == self.bot {
            return None;
        }
        user.localpart()
            .strip_prefix(self.ghost_prefix.as_str())
            .filter(|name| !name.is_empty())
    }

    /// The user of an identity: `localpart` with or without the prefix.
    pub(crate) fn identity(&self, localpart: &str) -> OwnedUserId {
        self.user(
            &self.identity_prefix,
            localpart
                .strip_prefix(self.identity_prefix.as_str())
                .unwrap_or(localpart),
        )
    }

    /// Whether we made this user: bot, ghost or identity.
    pub(crate) fn is_ours(&self, user: &UserId) -> bool {
        user.server_name() == self.server
            && (user == self.bot
                || user.localpart().starts_with(self.ghost_prefix.as_str())
                || user.localpart().starts_with(self.identity_prefix.as_str()))
    }

    /// The alias localpart of a portal.
    pub(crate) fn portal_alias(&self, hash: &str) -> String {
        format!("{}{hash}", self.ghost_prefix)
    }

    /// The alias localpart of a room of our own.
    pub(crate) fn own_alias(&self, name: &str) -> String {
        format!("{}{name}", self.identity_prefix)
    }

    /// The alias with that localpart on our homeserver.
    ///
    /// # Errors
    /// `BadRequest` when it cannot be one.
    pub(crate) fn alias(&self, localpart: &str) -> Result<OwnedRoomAliasId, Error> {
        ruma::RoomAliasId::parse(format!("#{localpart}:{}", self.server))
            .map_err(|error| Error::BadRequest(error.into()))
    }

    /// The prefixes of ghosts and of identities.
    pub(super) fn prefixes(&self) -> [&str; 2] {
        [&self.ghost_prefix, &self.identity_prefix]
    }

    #[expect(
        clippy::expect_used,
        reason = "the localpart is made of allowed characters and short enough"
    )]
    fn user(&self, prefix: &str, name: &str) -> OwnedUserId {
        let mut localpart = format!("{prefix}{}", escaped(name));
        if localpart.len() + self.server.as_str().len() + 2 > LONGEST {
            localpart = format!("{prefix}{}", hex::encode(Sha256::digest(name.as_bytes())));
        }
        UserId::parse(format!("@{localpart}:{}", self.server)).expect("only allowed characters")
    }
}

/// The escape of the specification for localparts (appendix "Mapping from other character sets").
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/' | b'+' => out.push(char::from(byte)),
            // Writing into a string cannot fail.
            other => {
                let _ = write!(out, "={other:02x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        Names::new(&Config {
            server_name: "hs.test".try_into().unwrap(),
            ..Config::default()
        })
        .unwrap()
    }

    #[test]
    fn a_ghost_has_its_name_behind_the_prefix() {
        let ghost = names().ghost("15550001111");
        assert_eq!(ghost, "@whatsapp_15550001111:hs.test");
        assert_eq!(names().ghost_name(&ghost), Some("15550001111"));
    }

    #[test]
    fn strangers_and_the_bot_are_no_ghosts() {
        for user in [
            "@alice:hs.test",
            "@whatsapp_1:elsewhere.test",
            "@whatsappbot:hs.test",
            "@whatsapp_:hs.test",
        ] {
            assert_eq!(names().ghost_name(&UserId::parse(user).unwrap()), None, "{user}");
        }
    }

    #[test]
    fn bot_ghosts_and_identities_are_ours() {
        let names = names();
        for user in [
            names.bot().to_owned(),
            names.ghost("1"),
            names.identity("ab12"),
            names.identity("wharf_ab12"),
        ] {
            assert!(names.is_ours(&user), "{user}");
        }
        assert_eq!(names.identity("ab12"), names.identity("wharf_ab12"));
        assert!(!names.is_ours(&UserId::parse("@alice:hs.test").unwrap()));
        assert!(!names.is_ours(&UserId::parse("@whatsapp_1:elsewhere.test").unwrap()));
    }

    proptest! {
        #[test]
        fn any_name_makes_a_user_of_ours(name in "\\PC{0,300}") {
            let ghost = names().ghost(&name);
            prop_assert!(ghost.as_str().len() <= LONGEST);
            prop_assert!(names().is_ours(&ghost));
        }

        #[test]
        fn names_of_plain_letters_come_back(name in "[a-z0-9_]{1,60}") {
            let ghost = names().ghost(&name);
            prop_assert_eq!(names().ghost_name(&ghost), Some(name.as_str()));
        }
    }
}
