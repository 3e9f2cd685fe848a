//! What polls and events were asked with: whoever answers encrypts the answer with the question's secret, and names
//! the options by their hashes. The library keeps the secrets too, but only in a while, and without the names.

use serde::{Deserialize, Serialize};

use super::{Keys, from_json, joined, kind, to_json};
use crate::{model::MessageId, store::keyring};

/// A poll or an event. Stored: a name must never change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in super::super) struct Question {
    /// What answers are encrypted with.
    pub(in super::super) secret: [u8; 32],
    /// The JID of who asked, without a device, as it stood around the question.
    pub(in super::super) author: String,
    /// The names of the options of a poll, also of those that an edit took away.
    pub(in super::super) options: Vec<String>,
    /// What answers were encrypted with before it was asked otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in super::super) former: Vec<[u8; 32]>,
}

impl Question {
    /// What answers may be encrypted with, the newest first.
    pub(in super::super) fn secrets(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.secret).chain(self.former.iter().rev())
    }
}

impl Keys {
    /// Remembers a question; the first one under an id stays, whoever says it again.
    ///
    /// # Errors
    /// It could not be stored.
    pub(in super::super) async fn ask(
        &self,
        chat: &str,
        id: &MessageId,
        question: Question,
    ) -> Result<Question, keyring::Error> {
        let mut kept = question;
        self.change_question(chat, id, |known| {
            if let Some(known) = known {
                kept = known;
            }
            Some(kept.clone())
        })
        .await?;
        Ok(kept)
    }

    /// Its author asks otherwise. Whoever has not heard of it answers what was asked before.
    ///
    /// # Errors
    /// It could not be stored.
    pub(in super::super) async fn ask_otherwise(
        &self,
        chat: &str,
        id: &MessageId,
        (secret, options): (Option<[u8; 32]>, &[String]),
    ) -> Result<(), keyring::Error> {
        self.change_question(chat, id, |known| {
            let mut question = known?;
            if let Some(secret) = secret.filter(|secret| !question.secrets().any(|known| known == secret)) {
                question.former.push(std::mem::replace(&mut question.secret, secret));
            }
            for option in options {
                if !question.options.contains(option) {
                    question.options.push(option.clone());
                }
            }
            Some(question)
        })
        .await
    }

    /// Somebody added an option to a poll.
    ///
    /// # Errors
    /// It could not be stored.
    pub(in super::super) async fn add_option(
        &self,
        chat: &str,
        id: &MessageId,
        name: &str,
    ) -> Result<(), keyring::Error> {
        self.change_question(chat, id, |known| {
            let mut question = known?;
            if !question.options.iter().any(|option| option == name) {
                question.options.push(name.to_owned());
            }
            Some(question)
        })
        .await
    }

    /// A question that was asked in a chat.
    ///
    /// # Errors
    /// The store could not be asked.
    pub(in super::super) async fn question(
        &self,
        chat: &str,
        id: &MessageId,
    ) -> Result<Option<Question>, keyring::Error> {
        let key = joined(&[chat, id.as_str()]);
        let row = self.keyring.get(self.device, kind::QUESTION, &key).await?;
        Ok(row.and_then(|row| from_json(&row).ok()))
    }

    async fn change_question<F>(&self, chat: &str, id: &MessageId, mut change: F) -> Result<(), keyring::Error>
    where
        F: FnMut(Option<Question>) -> Option<Question> + Send,
    {
        let key = joined(&[chat, id.as_str()]);
        let update = self.keyring.update(self.device, kind::QUESTION, &key, |row| {
            let known = row.and_then(|row| from_json(&row).ok());
            change(known).and_then(|question| to_json(&question).ok())
        });
        update.await
    }
}
