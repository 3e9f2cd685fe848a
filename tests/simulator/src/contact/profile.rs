//! What a person tells about itself: picture, about text, name, number, business, disappearing messages.

use std::sync::Arc;

use super::Contact;
use crate::server::profile::Dated;
use crate::server::{Business, business, pictures, profile};

impl Contact {
    /// Has another picture; answers its id.
    pub fn sets_picture(&self, picture: impl Into<Vec<u8>>) -> u64 {
        let picture = (picture.into(), None);
        self.shared
            .act(|state| pictures::set(state, &self.number, None, Some(picture)))
            .unwrap_or_default()
    }

    /// Has another picture with a preview of its own; answers its id.
    pub fn sets_picture_with_preview(&self, picture: impl Into<Vec<u8>>, preview: impl Into<Vec<u8>>) -> u64 {
        let picture = (picture.into(), Some(preview.into()));
        self.shared
            .act(|state| pictures::set(state, &self.number, None, Some(picture)))
            .unwrap_or_default()
    }

    /// Has no picture any more.
    pub fn removes_picture(&self) {
        self.shared.act(|state| pictures::set(state, &self.number, None, None));
    }

    /// The picture.
    pub fn picture(&self) -> Option<Vec<u8>> {
        self.shared.look(|state| state.pictures.full(&self.number))
    }

    /// Has another about text.
    pub fn sets_about(&self, text: &str) {
        self.shared
            .act(|state| profile::set_about(state, &self.number, None, text));
    }

    /// The about text.
    pub fn about(&self) -> Option<String> {
        self.person(|person| person.profile.about.as_ref().map(|about| about.what.clone()))
            .flatten()
    }

    /// Has another short status with an emoji.
    pub fn sets_text_status(&self, text: &str, emoji: &str) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.profile.text_status = Some(Dated::now((text.to_owned(), emoji.to_owned())));
            }
        });
    }

    /// Can be found under a username.
    pub fn sets_username(&self, name: &str) {
        self.shared.act(|state| {
            if let Ok(person) = state.person_mut(&self.number) {
                person.profile.username = Some(name.to_owned());
            }
        });
    }

    /// Has another name, which others see with its next message.
    pub fn is_called(&self, name: &str) {
        self.shared.act(|state| profile::set_name(state, &self.number, name));
    }

    /// The name.
    pub fn name(&self) -> String {
        self.person(|person| person.name.clone()).unwrap_or_default()
    }

    /// Others should look again at what they know about this person.
    pub fn is_touched(&self) {
        self.shared.act(|state| profile::touched(state, &self.number));
    }

    /// Moves to another number and keeps its LID; this handle is good for nothing afterwards.
    ///
    /// # Errors
    /// When the number is somebody's or none at all, or when this person has linked devices.
    pub fn changes_number(&self, number: &str) -> anyhow::Result<Self> {
        self.shared
            .act(|state| profile::change_number(state, &self.number, number))?;
        Ok(Self {
            shared: Arc::clone(&self.shared),
            number: number.to_owned(),
        })
    }

    /// Messages in new chats with this person disappear after so many seconds; 0 keeps them.
    pub fn lets_messages_disappear(&self, seconds: u32) {
        self.shared
            .act(|state| profile::set_disappearing(state, &self.number, None, seconds));
    }

    /// After how many seconds messages in new chats with this person disappear.
    pub fn disappearing_seconds(&self) -> u32 {
        self.person(|person| person.profile.disappearing.as_ref().map_or(0, |mode| mode.what))
            .unwrap_or_default()
    }

    /// Is a business with a verified name, or is none any more.
    ///
    /// # Errors
    /// When the name cannot be signed.
    pub fn is_business(&self, business: Option<Business>) -> anyhow::Result<()> {
        self.shared.act(|state| business::set(state, &self.number, business))
    }
}
