//! Groups of a network in their rooms: name, topic, picture, who may do what, who is in it; and the spaces in which rooms
//! stand.
//!
//! What is known of a group and what its room shows of it are both stored. Whatever happens (a change that is told, a
//! comparison, a change that was made in the room) alters one of the two, and `put` makes the room follow the difference:
//! so a change told twice, or told back to us, does nothing. Members come in by a lane of their own, and nobody's message
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
    members::{enter_to_speak, gather, push_gather},
    put::let_write,
};
