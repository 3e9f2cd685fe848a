//! What goes wrong with media on purpose, set through `Server` and asked by the routes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::server::handle::Server;

/// The way of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// What happens to one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused with this status.
    Refused(u16),
    /// The connection breaks after so many bytes.
    Cut(usize),
    /// One byte arrives wrong.
    Garbled,
}

/// The faults that wait to happen.
#[derive(Default)]
pub(crate) struct MediaFaults {
    up: VecDeque<Fault>,
    down: VecDeque<Fault>,
    /// The pause after every part of a blob.
    pub(crate) pause: Option<Duration>,
    /// Blobs are refused above so many bytes.
    pub(crate) largest: Option<usize>,
    /// What accounts are told of pictures, films and sound, in mebibytes.
    pub(crate) told: Option<u32>,
}

impl MediaFaults {
    pub(crate) fn plan(&mut self, way: Way, fault: Fault, times: usize) {
        self.of(way).extend(std::iter::repeat_n(fault, times));
    }

    pub(crate) fn take(&mut self, way: Way) -> Option<Fault> {
        self.of(way).pop_front()
    }

    fn of(&mut self, way: Way) -> &mut VecDeque<Fault> {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }
}

impl Server {
    /// Refuses the next uploads with this status: 401, 404, 413, 500 ...
    pub fn refuses_uploads(&self, status: u16, times: usize) {
        self.plan(Way::Up, Fault::Refused(status), times);
    }

    /// Refuses the next downloads with this status.
    pub fn refuses_downloads(&self, status: u16, times: usize) {
        self.plan(Way::Down, Fault::Refused(status), times);
    }

    /// Breaks the next upload off after so many bytes, which it keeps.
    pub fn cuts_next_upload(&self, after: usize) {
        self.plan(Way::Up, Fault::Cut(after), 1);
    }

    /// Breaks the next download off after so many bytes.
    pub fn cuts_next_download(&self, after: usize) {
        self.plan(Way::Down, Fault::Cut(after), 1);
    }

    /// The next download arrives with one wrong byte.
    pub fn garbles_next_download(&self) {
        self.plan(Way::Down, Fault::Garbled, 1);
    }

    /// Pauses after every 64 KiB of every blob, both ways; `None` ends it.
    pub fn slows_media(&self, pause: Option<Duration>) {
        self.shared().act(|state| state.blobs.faults.pause = pause);
    }

    /// From now on uploads of more than so many bytes, which are sealed ones, are refused as too large.
    pub fn takes_files_up_to(&self, bytes: usize) {
        self.shared().act(|state| state.blobs.faults.largest = Some(bytes));
    }

    /// From now on accounts that ask are told that pictures, films and sound may have so many mebibytes.
    pub fn tells_media_limit(&self, mebibytes: u32) {
        self.shared().act(|state| state.blobs.faults.told = Some(mebibytes));
    }

    /// From now on a blob is refused with this status: 404 and 410 gone, 403 the address expired. Answers
    /// whether there is such a blob.
    pub fn expires_media(&self, direct_path: &str, status: u16) -> bool {
        self.shared().act(|state| state.blobs.expire(direct_path, status))
    }

    /// From now on every blob of now is refused with this status.
    pub fn expires_all_media(&self, status: u16) {
        self.shared().act(|state| state.blobs.expire_all(status));
    }

    /// Forgets who may upload: clients have to ask for a new permission.
    pub fn revokes_uploads(&self) {
        self.shared().act(|state| state.blobs.revoke());
    }

    /// How many blobs are kept, expired ones included.
    pub fn blob_count(&self) -> usize {
        self.shared().look(|state| state.blobs.len())
    }

    fn plan(&self, way: Way, fault: Fault, times: usize) {
        self.shared().act(|state| state.blobs.faults.plan(way, fault, times));
    }
}
