//! What goes wrong with the stanzas owed to one companion: messages come twice, in the wrong order, or not
//! before the next login.
//!
//! Owned by [`super::companion`], which asks for every stanza it owes; set through `Server`.

use whatsapp_rust::wacore_binary::Node;

/// The tricks that wait to be played on the next messages.
#[derive(Default)]
pub(crate) struct Tricks {
    pub(crate) duplicates: u32,
    pub(crate) losses: u32,
    pub(crate) swaps: u32,
    held: Option<Node>,
}

/// A stanza to owe, and whether it is sent although the companion listens.
pub(crate) struct Play {
    pub(crate) stanza: Node,
    pub(crate) is_lost: bool,
}

impl Tricks {
    /// What is owed in place of a stanza, in order.
    pub(crate) fn play(&mut self, stanza: Node) -> Vec<Play> {
        if stanza.tag != "message" {
            return vec![sent(stanza)];
        }
        if self.swaps > 0 && self.held.is_none() {
            self.swaps -= 1;
            self.held = Some(stanza);
            return Vec::new();
        }
        let is_lost = take(&mut self.losses);
        let mut plays = vec![Play {
            stanza: stanza.clone(),
            is_lost,
        }];
        if take(&mut self.duplicates) {
            plays.push(sent(stanza));
        }
        plays.extend(self.held.take().map(sent));
        plays
    }

    /// The message still held back: nothing came after it.
    pub(crate) fn release(&mut self) -> Option<Node> {
        self.held.take()
    }
}

fn sent(stanza: Node) -> Play {
    Play { stanza, is_lost: false }
}

fn take(left: &mut u32) -> bool {
    let is_due = *left > 0;
    *left = left.saturating_sub(1);
    is_due
}
