//! The pictures of people, groups and channels: set, removed, asked for, fetched over HTTP.
//!
//! Called by [`super::queries`] for the space `w:profile:picture`, by `Contact` and `Phone`, and by the
//! HTTP port for the bytes. A picture is not resized: its preview is the picture, unless the one who set
//! it brought a preview of its own.

use std::collections::HashMap;

use whatsapp_rust::wacore_binary::{Jid, JidExt as _, Node};

use super::companion::Device;
use super::privacy::{self, Category};
use super::stanza::{self, Answer, Refusal, node};
use super::state::State;
use super::{announcements, groups};

/// Below it the bytes are served.
pub(crate) const ROUTE: &str = "/v/pictures";

/// All pictures, by the number of a person or the whole address of a group or channel.
#[derive(Default)]
pub(crate) struct Pictures {
    by_owner: HashMap<String, Picture>,
}

struct Picture {
    id: u64,
    full: Vec<u8>,
    preview: Option<Vec<u8>>,
}

impl Pictures {
    /// The id of the picture, when there is one.
    pub(crate) fn id(&self, owner: &str) -> Option<u64> {
        self.by_owner.get(owner).map(|picture| picture.id)
    }

    /// Where the bytes are below the media host.
    pub(crate) fn path(&self, owner: &str, is_preview: bool) -> Option<String> {
        let size = if is_preview { "preview" } else { "image" };
        self.id(owner).map(|id| format!("{ROUTE}/{id}/{size}"))
    }

    /// The bytes under a path.
    pub(crate) fn bytes(&self, id: u64, size: &str) -> Option<Vec<u8>> {
        let picture = self.by_owner.values().find(|picture| picture.id == id)?;
        match size {
            "preview" => Some(picture.preview.clone().unwrap_or_else(|| picture.full.clone())),
            "image" => Some(picture.full.clone()),
            _ => None,
        }
    }

    /// The picture itself.
    pub(crate) fn full(&self, owner: &str) -> Option<Vec<u8>> {
        self.by_owner.get(owner).map(|picture| picture.full.clone())
    }
}

/// Gives an owner another picture, or none; answers its id.
pub(crate) fn put(state: &mut State, owner: &str, picture: Option<(Vec<u8>, Option<Vec<u8>>)>) -> Option<u64> {
    let id = 1_700_000_000 + state.next();
    let Some((full, preview)) = picture else {
        state.pictures.by_owner.remove(owner);
        return None;
    };
    let picture = Picture { id, full, preview };
    state.pictures.by_owner.insert(owner.to_owned(), picture);
    Some(id)
}

/// A person gets another picture, or none; everybody who may see it is told.
pub(crate) fn set(
    state: &mut State,
    number: &str,
    by: Option<u16>,
    picture: Option<(Vec<u8>, Option<Vec<u8>>)>,
) -> Option<u64> {
    let face = state.person(number).ok()?.face();
    let id = put(state, number, picture);
    let change = change(&face, &face, id);
    announcements::tell(state, number, by, "picture", Some(Category::Picture), &change);
    id
}

/// What a notification says about a picture that changed.
pub(crate) fn change(whose: &Jid, author: &Jid, id: Option<u64>) -> Node {
    let change = match id {
        Some(id) => node("set").attr("id", id),
        None => node("delete"),
    };
    change.attr("jid", whose).attr("author", author).build()
}

/// Answers an IQ of the space `w:profile:picture`.
pub(crate) fn answer(state: &mut State, device: &Device, iq: &Node) -> Answer {
    let target = stanza::address(iq, "target");
    if stanza::attr(iq, "type") == "get" {
        let asked = iq.get_optional_child("picture").ok_or(Refusal::BAD_REQUEST)?;
        return get(state, device, target, asked);
    }
    let bytes = iq
        .get_optional_child("picture")
        .map(|picture| stanza::bytes(picture).to_vec());
    if bytes.as_ref().is_some_and(Vec::is_empty) {
        return Err(Refusal::BAD_REQUEST);
    }
    let picture = bytes.map(|bytes| (bytes, None));
    let id = match target.filter(|jid| !is_of(jid, device)) {
        Some(group) if group.is_group() => groups::pictures::set(state, device, &group, picture)?,
        Some(_) => return Err(Refusal::FORBIDDEN),
        None => set(state, &device.number, Some(device.id), picture),
    };
    Ok(id
        .map(|id| node("picture").attr("id", id).build())
        .into_iter()
        .collect())
}

fn get(state: &State, device: &Device, target: Option<Jid>, asked: &Node) -> Answer {
    let owner = match target {
        Some(jid) if jid.is_group() => {
            groups::pictures::needs_viewer(state, &jid, &device.number)?;
            jid.to_non_ad().to_string()
        }
        Some(jid) if jid.is_newsletter() => jid.to_non_ad().to_string(),
        Some(jid) => {
            let owner = state.resolve(&jid).ok_or(Refusal::NOT_FOUND)?.number;
            if privacy::is_blocked(state, &owner, &device.number)
                || !privacy::shows(state, &owner, Category::Picture, &device.number)
            {
                return Err(Refusal::NOT_AUTHORIZED);
            }
            owner
        }
        None => device.number.clone(),
    };
    let is_preview = stanza::attr(asked, "type") == "preview";
    let id = state.pictures.id(&owner).ok_or(Refusal::NOT_FOUND)?;
    let path = state.pictures.path(&owner, is_preview).ok_or(Refusal::NOT_FOUND)?;
    if stanza::attr(asked, "id") == id.to_string() {
        return Ok(vec![node("picture").build()]);
    }
    Ok(vec![
        node("picture")
            .attr("id", id)
            .attr("type", if is_preview { "preview" } else { "image" })
            .attr("url", format!("https://{}{path}", state.media_host))
            .attr("direct_path", path)
            .build(),
    ])
}

fn is_of(jid: &Jid, device: &Device) -> bool {
    jid.is_pn() && jid.user == device.number.as_str()
}
