//! Whether somebody hears of what is said in a room.
//!
//! Deliberately not here: what people do to us (`incoming`).

use ruma::{
    RoomId,
    api::client::push::{RuleKind, delete_pushrule, set_pushrule},
    push::{EventMatchConditionData, NewConditionalPushRule, NewPushRule, PushCondition},
};

use super::{Actor, Error};

impl Actor {
    /// A real person is not told by sounds and numbers of what is said in a room, or is again. What was said meanwhile
    /// stays untold. Users of ours hear nothing anyhow.
    pub(crate) async fn hears_nothing_of(&self, room: &RoomId, nothing: bool) -> Result<(), Error> {
        if !self.is_puppet() {
            return Ok(());
        }
        let name = format!("wharf.history.{room}");
        if nothing {
            let here = EventMatchConditionData::new("room_id".into(), room.as_str().into());
            let rule = NewConditionalPushRule::new(name, vec![PushCondition::EventMatch(here)], Vec::new());
            let request = set_pushrule::v3::Request::new(NewPushRule::Override(rule));
            return self.request("set_pushrule", request).await.map(drop);
        }
        let request = delete_pushrule::v3::Request::new(RuleKind::Override, name);
        match self.request("delete_pushrule", request).await {
            // It was taken away before.
            Ok(_) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
