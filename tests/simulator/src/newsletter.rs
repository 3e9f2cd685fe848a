//! A channel as whoever runs it sees it: posts, edits, deletes, counts followers and reactions.
//!
//! A cheap handle. What followers' devices hear is in `server::newsletters`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::proto_helpers::MessageExt as _;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::contact::until;
use crate::phone::Phone;
use crate::server::newsletters::{self, Channel, posts};
use crate::server::pictures;
use crate::server::profile::Dated;
use crate::server::state::Shared;

/// A channel.
#[derive(Clone)]
pub struct Newsletter {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: String,
}

/// A message in a channel.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Published {
    /// The message id.
    pub id: String,
    /// The number the server gave it.
    pub server_id: u64,
    /// The number of the account that posted it, when it is one of this world.
    pub author: Option<String>,
    /// The text; nothing once it was deleted.
    pub text: Option<String>,
    /// How often each reaction was given.
    pub reactions: BTreeMap<String, u64>,
    /// How often it was seen.
    pub views: u64,
}

impl Newsletter {
    /// The address `id@newsletter`.
    pub fn jid(&self) -> String {
        format!("{}@newsletter", self.id)
    }

    /// The code of the link that leads here.
    pub fn invite(&self) -> String {
        self.look(|channel| channel.invite.clone()).unwrap_or_default()
    }

    /// The name.
    pub fn name(&self) -> String {
        self.look(|channel| channel.name.what.clone()).unwrap_or_default()
    }

    /// Posts a text; answers the number of the message.
    pub fn posts(&self, text: &str) -> u64 {
        self.posts_message(wa::Message::text(text))
    }

    /// Posts any message; answers its number.
    pub fn posts_message(&self, message: wa::Message) -> u64 {
        self.shared.act(|state| {
            let id = state.next_message_id();
            posts::post(state, &self.id, &id, message, None).unwrap_or_default()
        })
    }

    /// Puts another text in the place of a message.
    pub fn edits(&self, post: u64, text: &str) {
        self.changes(post, Some(wa::Message::text(text)));
    }

    /// Deletes a message.
    pub fn deletes(&self, post: u64) {
        self.changes(post, None);
    }

    fn changes(&self, post: u64, message: Option<wa::Message>) {
        let id = self.published().into_iter().find(|one| one.server_id == post);
        if let Some(one) = id {
            self.shared
                .act(|state| posts::change(state, &self.id, &one.id, message, None));
        }
    }

    /// So many followers that are nobody here react to a message.
    pub fn gets_reactions(&self, post: u64, code: &str, count: u64) {
        self.shared.act(|state| {
            posts::update(state, &self.id, post, |post| {
                post.other_reactions.insert(code.to_owned(), count);
            })
        });
    }

    /// A message was seen so often.
    pub fn gets_views(&self, post: u64, count: u64) {
        self.shared
            .act(|state| posts::update(state, &self.id, post, |post| post.views = count));
    }

    /// What was posted, oldest first.
    pub fn published(&self) -> Vec<Published> {
        let all = self.look(|channel| channel.posts.iter().map(Published::of).collect());
        all.unwrap_or_default()
    }

    /// Waits until a message is in the channel.
    ///
    /// # Errors
    /// When none came in time.
    pub async fn waits_for(&self, is_it: impl Fn(&Published) -> bool, patience: Duration) -> anyhow::Result<()> {
        until(&self.shared, || self.published().iter().any(&is_it), patience).await
    }

    /// An account follows, from its phone.
    pub fn is_followed(&self, by: &Phone) {
        self.shared
            .act(|state| newsletters::follow(state, &self.id, &by.number, None));
    }

    /// An account follows no more, from its phone.
    pub fn is_left(&self, by: &Phone) {
        self.shared
            .act(|state| newsletters::leave(state, &self.id, &by.number, None));
    }

    /// An account runs it too from now on, or only follows again.
    pub fn is_run_by(&self, who: &Phone, runs: bool) {
        self.shared.act(|state| {
            if let Some(channel) = state.newsletters.get_mut(&self.id) {
                channel.gives_role(&who.number, runs);
            }
            newsletters::changed(state, &self.id, None);
        });
    }

    /// The numbers of the accounts that follow.
    pub fn followers(&self) -> Vec<String> {
        let all = self.look(|channel| channel.members.keys().cloned().collect());
        all.unwrap_or_default()
    }

    /// So many more follow that are nobody here.
    pub fn has_followers(&self, count: u64) {
        self.alter(|channel| channel.others = count);
    }

    /// Has the mark of a verified channel, or has not.
    pub fn is_verified(&self, verified: bool) {
        self.alter(|channel| channel.is_verified = verified);
    }

    /// Has another name.
    pub fn is_called(&self, name: &str) {
        self.alter(|channel| channel.name = Dated::now(name.to_owned()));
    }

    /// Has another description.
    pub fn is_about(&self, description: &str) {
        self.alter(|channel| channel.description = Dated::now(description.to_owned()));
    }

    /// Has another picture.
    pub fn sets_picture(&self, picture: impl Into<Vec<u8>>) {
        let picture = (picture.into(), None);
        self.shared.act(|state| {
            pictures::put(state, &self.jid(), Some(picture));
            newsletters::changed(state, &self.id, None);
        });
    }

    fn look<R>(&self, look: impl FnOnce(&Channel) -> R) -> Option<R> {
        self.shared.look(|state| state.newsletters.get(&self.id).map(look))
    }

    fn alter(&self, change: impl FnOnce(&mut Channel)) {
        self.shared.act(|state| {
            if let Some(channel) = state.newsletters.get_mut(&self.id) {
                change(channel);
            }
            newsletters::changed(state, &self.id, None);
        });
    }
}

impl Published {
    fn of(post: &posts::Post) -> Self {
        Self {
            id: post.id.clone(),
            server_id: post.server_id,
            author: post.author.clone(),
            text: post
                .message
                .as_ref()
                .and_then(|message| message.text_content().or_else(|| message.get_caption()))
                .map(ToOwned::to_owned),
            reactions: post.counts(),
            views: post.views,
        }
    }
}
