//! Groups of a network in their rooms: name, topic, picture, who may do what, who is in it; and the spaces in which rooms
//! stand.
//!
//! What is known of a group and what its room shows of it are both stored. What is news of the group (a change that is told,
//! a comparison) is no longer known as shown, unless a person wrote the same, and `put` makes the room follow: so a change
//! told twice, or told back to us, does nothing, and none overrules what a person wrote of something else. Members come in by a lane of their own, and nobody's message
//! waits for them. Deliberately not here: what Matrix wants done to a group (`bridge::outgoing`).

mod changes;
mod compare;
mod furnish;
mod introduce;
mod members;
mod place;
mod put;
mod spaces;
mod words;

pub(super) use self::{
    changes::{Missed, room_is_ready, take},
    compare::{all as compare_all, ask, begin, look, push_compare, push_look},
    furnish::{furnish, push_furnish},
    members::{Claims, enter_to_speak, gather, push_gather},
    put::{learn, let_write},
};
