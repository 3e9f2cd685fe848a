//! Which events of the library a session wants to hear of.
//!
//! Deliberately not here: what is done with them (`session`, `linking`).

use whatsapp_rust::prelude::EventKind;

/// The events that are handled in order; acknowledgements are handled where they appear.
pub(super) const EVENTS: [EventKind; 39] = [
    EventKind::DeleteChatUpdate,
    EventKind::ClearChatUpdate,
    EventKind::Connected,
    EventKind::Disconnected,
    EventKind::LoggedOut,
    EventKind::StreamReplaced,
    EventKind::ConnectFailure,
    EventKind::TemporaryBan,
    EventKind::ClientOutdated,
    EventKind::PairingQrCode,
    EventKind::PairingQrCodesExhausted,
    EventKind::PairingCode,
    EventKind::PairingCodeError,
    EventKind::PairSuccess,
    EventKind::PairError,
    EventKind::PairPasskeyRequest,
    EventKind::PairPasskeyConfirmation,
    EventKind::PairPasskeyError,
    EventKind::Messages,
    EventKind::UndecryptableMessage,
    EventKind::ChatPresence,
    EventKind::Receipt,
    EventKind::ContactUpdated,
    EventKind::Presence,
    EventKind::BusinessStatusUpdate,
    EventKind::MuteUpdate,
    EventKind::PinUpdate,
    EventKind::ArchiveUpdate,
    EventKind::MarkChatAsReadUpdate,
    EventKind::ContactUpdate,
    EventKind::ServerAck,
    EventKind::IncomingCall,
    EventKind::MissedCall,
    EventKind::GroupUpdate,
    EventKind::PictureUpdate,
    EventKind::HistorySync,
    EventKind::DeleteMessageForMeUpdate,
    EventKind::MexNotification,
    EventKind::NewsletterLiveUpdate,
];
