//! The fields of a message, however they are sent: JSON, an HTML form or multipart.

use axum::{
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, multipart::Field},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Api, Config,
    body::{RawBody, media_type},
    error::Error,
    file::{self, SentFile},
};
use crate::bridge::Recipients;

const BAD_BODY: &str = "Invalid request body. Must be a JSON object.";
const BAD_PARTS: &str = "Invalid multipart form data";

/// The fields as they came.
#[derive(Deserialize, ToSchema, Default, PartialEq, Eq, Debug)]
pub(super) struct MessageForm {
    /// One or more recipients with commas between them.
    #[schema(example = "1234567890, 0987654321")]
    pub(super) contact: Option<String>,
    /// One or more invite links of groups with commas between them; `contact` is ignored then.
    #[schema(example = "https://chat.whatsapp.com/invite123")]
    pub(super) group_url: Option<String>,
    #[schema(example = "wa", required = true, nullable = false)]
    pub(super) platform: Option<String>,
    /// The words.
    pub(super) text: Option<String>,
    /// The event this message answers, as webhooks call it.
    pub(super) reply_id: Option<String>,
}

/// The fields as multipart carries them, beside which a file may come. It is described and never made: the file is taken
/// from the body part by part.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct MessageUpload {
    #[serde(flatten)]
    fields: MessageForm,
    /// One file; its name has an extension. `text` stands under it.
    #[schema(value_type = String, format = Binary, required = false)]
    file: Option<String>,
}

/// The fields and the file of a message.
#[derive(Default, Debug)]
pub(super) struct Sent {
    /// The fields.
    pub(super) form: MessageForm,
    /// The file: only multipart can carry one.
    pub(super) file: Option<SentFile>,
}

impl FromRequest<Api> for Sent {
    type Rejection = Error;

    async fn from_request(mut request: Request, api: &Api) -> Result<Self, Error> {
        let kind = media_type(&request);
        if kind.as_deref() == Some("multipart/form-data") {
            let bad = |_| Error::bad_request(BAD_PARTS);
            let parts = Multipart::from_request(request, api).await.map_err(bad)?;
            return read_parts(parts, &api.config).await;
        }
        // Only files may be large.
        DefaultBodyLimit::max(api.config.body_limit).apply(&mut request);
        let body = RawBody::from_request(request, api).await?;
        if kind.as_deref() != Some("application/x-www-form-urlencoded") {
            let form = body.json(BAD_BODY)?;
            return Ok(Self { form, file: None });
        }
        let mut form = MessageForm::default();
        for (name, value) in body.form() {
            form.set(&name, value)?;
        }
        Ok(Self { form, file: None })
    }
}

/// One file; the first counts, as with every field.
async fn read_parts(mut parts: Multipart, config: &Config) -> Result<Sent, Error> {
    let mut sent = Sent::default();
    let mut left = config.body_limit;
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(|error| file::broken(&error, BAD_PARTS))?
    {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" {
            let file = file::read(part, config.file_limit).await?;
            sent.file.get_or_insert(file);
        } else {
            let text = words(part, &mut left).await?;
            sent.form.set(&name, text)?;
        }
    }
    Ok(sent)
}

/// The words of a field: all fields together may have as many bytes as any other body.
async fn words(mut part: Field<'_>, left: &mut usize) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(|error| file::broken(&error, BAD_PARTS))? {
        *left = left
            .checked_sub(chunk.len())
            .ok_or_else(|| Error::of(StatusCode::PAYLOAD_TOO_LARGE))?;
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Error::bad_request(BAD_PARTS))
}

impl MessageForm {
    /// The first value of a field counts, unknown fields are ignored.
    fn set(&mut self, name: &str, value: String) -> Result<(), Error> {
        // No database of ours can keep a NUL, and no text of a person holds one.
        if value.contains('\0') {
            return Err(Error::bad_request(BAD_BODY));
        }
        let field = match name {
            "contact" => &mut self.contact,
            "group_url" => &mut self.group_url,
            "platform" => &mut self.platform,
            "text" => &mut self.text,
            "reply_id" => &mut self.reply_id,
            _ => return Ok(()),
        };
        field.get_or_insert(value);
        Ok(())
    }

    /// To whom the message goes.
    ///
    /// # Errors
    /// 400 when nobody is named, or too many are.
    pub(super) fn recipients(&self) -> Result<Recipients, Error> {
        let groups = split("group_url", self.group_url.as_deref())?;
        if !groups.is_empty() {
            return Ok(Recipients::Groups(groups));
        }
        let contacts = split("contact", self.contact.as_deref())?;
        if contacts.is_empty() {
            Err(Error::missing("contact or group_url"))
        } else {
            Ok(Recipients::Contacts(contacts))
        }
    }
}

/// Most recipients of one request.
const MOST_RECIPIENTS: usize = 256;

/// The items of a comma list: trimmed, without empty ones and repeats, in their order.
fn split(field: &str, list: Option<&str>) -> Result<Vec<String>, Error> {
    let mut items: Vec<String> = Vec::new();
    for item in list
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        if items.iter().any(|known| known == item) {
            continue;
        }
        if items.len() == MOST_RECIPIENTS {
            let why = format!("Invalid {field}: at most {MOST_RECIPIENTS} recipients in one request");
            return Err(Error::bad_request(why));
        }
        items.push(item.to_owned());
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// T12: comma lists.
    #[test]
    fn a_comma_list_is_trimmed_and_its_repeats_and_gaps_are_dropped() {
        let table: [(&str, &[&str]); 6] = [
            (
                "1234567890, 0987654321, another_address",
                &["1234567890", "0987654321", "another_address"],
            ),
            ("a,a , a,,b", &["a", "b"]),
            (" , ,, ", &[]),
            ("", &[]),
            ("+1 555", &["+1 555"]),
            ("b,a,b", &["b", "a"]),
        ];
        for (list, expected) in table {
            assert_eq!(split("contact", Some(list)).unwrap(), expected, "{list}");
        }
        assert!(split("contact", None).unwrap().is_empty());
    }

    /// T12: groups win over contacts, but only when they name any.
    #[test]
    fn groups_win_over_contacts() {
        let form = |contact: &str, group: &str| MessageForm {
            contact: Some(contact.into()),
            group_url: Some(group.into()),
            ..MessageForm::default()
        };
        assert!(matches!(form("a", "https://g").recipients(), Ok(Recipients::Groups(g)) if g == ["https://g"]));
        assert!(matches!(form("a", " , ").recipients(), Ok(Recipients::Contacts(c)) if c == ["a"]));
        assert!(form(" ", "").recipients().is_err());
    }

    #[test]
    fn a_list_has_an_end() {
        let numbers = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(
            split("contact", Some(&numbers(MOST_RECIPIENTS))).unwrap().len(),
            MOST_RECIPIENTS
        );
        assert!(split("contact", Some(&numbers(MOST_RECIPIENTS + 1))).is_err());
        assert_eq!(split("contact", Some(&"1,".repeat(100_000))).unwrap(), ["1"]);
    }

    proptest! {
        #[test]
        fn items_are_never_blank_and_never_repeat(list in "[ab ,+]{0,30}") {
            let items = split("contact", Some(&list)).unwrap();
            for (n, item) in items.iter().enumerate() {
                prop_assert!(!item.trim().is_empty() && item.trim() == item && !item.contains(','));
                prop_assert!(!items[..n].contains(item));
            }
        }
    }
}
