//! Pictures of groups: set by whoever may edit the group, seen by members.
//!
//! Called by [`crate::server::pictures`], which keeps the bytes, by [`super::queries`] for many at once and
//! by the library's `Group`.

use whatsapp_rust::wacore_binary::{Jid, Node};

use super::nodes;
use super::notices;
use super::refused::Refused;
use super::store::group_id;
use crate::server::clock;
use crate::server::companion::Device;
use crate::server::pictures;
use crate::server::stanza::{self, Refusal, node};
use crate::server::state::State;

/// A picture and perhaps its preview.
type Bytes = Option<(Vec<u8>, Option<Vec<u8>>)>;

/// A linked device gives a group another picture, or none; answers its id.
pub(crate) fn set(state: &mut State, by: &Device, group: &Jid, picture: Bytes) -> Result<Option<u64>, Refusal> {
    let id = group_id(group).ok_or(Refusal::BAD_REQUEST)?;
    Ok(change(state, id, &by.number, picture)?)
}

/// Whoever may see the picture: members, and members of the community.
pub(crate) fn needs_viewer(state: &State, group: &Jid, by: &str) -> Result<(), Refusal> {
    let group = state.groups.get(group_id(group).ok_or(Refusal::BAD_REQUEST)?)?;
    let parent = group.community.parent.as_ref();
    let in_community = parent.is_some_and(|parent| state.groups.get(parent).is_ok_and(|parent| parent.has(by)));
    if group.has(by) || in_community {
        Ok(())
    } else {
        Err(Refusal::NOT_AUTHORIZED)
    }
}

/// Somebody gives a group another picture, or none; answers its id.
pub(crate) fn change(state: &mut State, id: &str, by: &str, picture: Bytes) -> Result<Option<u64>, Refused> {
    let group = state.groups.get(id)?;
    group.needs_editor(by)?;
    let (jid, people, by_lid) = (group.jid(), group.numbers(), group.by_lid);
    let new = pictures::put(state, &jid.to_string(), picture);
    notices::remember(state, id, by, "picture", &[]);
    let author = nodes::face(state, by_lid, by);
    let notice = node("notification")
        .attr("from", &jid)
        .attr("type", "picture")
        .attr("id", state.next())
        .attr("t", clock::seconds())
        .children([pictures::change(&jid, &author, new)])
        .build();
    for number in &people {
        state.push_to_companions(number, None, &notice);
    }
    Ok(new)
}

/// `<pictures>` of many groups; those without one are left out.
pub(super) fn many(state: &State, by: &str, asked: &Node) -> Node {
    let found = asked.get_children_by_tag("picture").filter_map(|one| {
        let is_preview = stanza::attr(one, "type") == "preview";
        one_of_many(state, by, &stanza::address(one, "jid")?, is_preview)
    });
    node("pictures").children(found.collect::<Vec<_>>()).build()
}

fn one_of_many(state: &State, by: &str, jid: &Jid, is_preview: bool) -> Option<Node> {
    needs_viewer(state, jid, by).ok()?;
    let owner = jid.to_non_ad().to_string();
    let path = state.pictures.path(&owner, is_preview)?;
    let picture = node("picture")
        .attr("jid", jid)
        .attr("id", state.pictures.id(&owner)?)
        .attr("type", if is_preview { "preview" } else { "image" })
        .attr("url", format!("https://{}{path}", state.media_host))
        .attr("direct_path", path);
    Some(picture.build())
}
