//! The stage of WhatsApp: the real adapter over the unmodified library, and the simulator as its server.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use simulator::{Contact, MediaKind, Options, Phone, Server, UploadAgain};
use whatsapp_rust::{buffa::MessageField, waproto::whatsapp as wa};

use super::{ANA, Heard, OWNER, PATIENCE, Stage, recorder::Recorder};
use crate::{
    model::{ChatId, Clock, DeviceId, MediaRef},
    network::{
        Intake, LinkStep, Network,
        whatsapp::{Config, WhatsApp},
    },
    store::{Store, testing::World},
};

pub(super) struct OnSimulator {
    pub(super) server: Server,
    pub(super) phone: Phone,
    pub(super) ana: Contact,
    pub(super) intake: Arc<Recorder>,
    network: Arc<WhatsApp>,
    world: World,
}

pub(super) async fn stage() -> Box<dyn Stage> {
    Box::new(OnSimulator::begins().await)
}

pub(super) async fn stage_on_postgres() -> Box<dyn Stage> {
    Box::new(OnSimulator::begins_on(World::postgres().await).await)
}

impl OnSimulator {
    pub(super) async fn begins() -> Self {
        Self::begins_on(World::sqlite().await).await
    }

    pub(super) async fn begins_on(world: World) -> Self {
        let server = Server::start(Options::default()).await.expect("the simulator starts");
        let intake = Arc::<Recorder>::default();
        let network = Self::another(&server, &world.store, &intake);
        let (phone, ana) = (server.phone(OWNER, "Olivia"), server.contact(ANA, "Ana"));
        Self {
            server,
            phone,
            ana,
            intake,
            network,
            world,
        }
    }

    /// Another adapter with the same memory.
    fn another(server: &Server, store: &Store, intake: &Arc<Recorder>) -> Arc<WhatsApp> {
        Self::with_intake(server, store, Arc::clone(intake) as Arc<dyn Intake>)
    }

    fn with_intake(server: &Server, store: &Store, intake: Arc<dyn Intake>) -> Arc<WhatsApp> {
        let config = Config {
            url: server.url(),
            media_url: Some(server.control_url()),
            ack_timeout_seconds: 2,
            ..Config::default()
        };
        Arc::new(WhatsApp::new(config, store.keyring(), intake, Clock::System))
    }

    /// What is stored of a kind.
    pub(super) async fn stored(&self, device: DeviceId, kind: &str) -> Vec<(String, Vec<u8>)> {
        self.world
            .store
            .keyring()
            .list(device, kind, None)
            .await
            .expect("the keyring lists")
    }

    /// As if it had never been stored.
    pub(super) async fn forget_stored(&self, device: DeviceId, kind: &str) {
        self.world
            .store
            .keyring()
            .clear_kind(device, kind)
            .await
            .expect("the keyring forgets");
    }

    pub(super) fn a_second_adapter(&self) -> (Arc<WhatsApp>, Arc<Recorder>) {
        let intake = Arc::<Recorder>::default();
        (Self::another(&self.server, &self.world.store, &intake), intake)
    }
}

/// Another process with the same memory, which is going to die.
pub(super) struct Accident {
    pub(super) network: Arc<WhatsApp>,
}

impl Accident {
    /// The stage's own process ends in an orderly way and this one begins.
    pub(super) fn on(stage: &mut OnSimulator, intake: Arc<dyn Intake>) -> Self {
        stage.network = OnSimulator::another(&stage.server, &stage.world.store, &stage.intake);
        Self {
            network: OnSimulator::with_intake(&stage.server, &stage.world.store, intake),
        }
    }

    /// Nothing more is done: no farewell to the server, no last write.
    pub(super) fn dies(self) {
        drop(self.network);
    }
}

#[async_trait]
impl Stage for OnSimulator {
    fn network(&self) -> Arc<dyn Network> {
        Arc::clone(&self.network) as Arc<dyn Network>
    }

    fn intake(&self) -> &Arc<Recorder> {
        &self.intake
    }

    async fn phone_accepts(&self, step: &LinkStep) {
        match step {
            LinkStep::Qr { code, .. } => self.phone.scans(code).expect("the phone scans"),
            LinkStep::Code { code, .. } => self.phone.types(&code.replace('-', "")).await.expect("the phone types"),
            step => panic!("nothing to accept in {step:?}"),
        }
    }

    async fn ana_says(&self, _: DeviceId, text: &str) -> String {
        self.ana.says(&self.phone, text)
    }

    async fn ana_replies(&self, _: DeviceId, quoted: &Heard, text: &str) -> String {
        self.ana.replies(&self.phone, &quoted.id, text)
    }

    async fn owner_says(&self, _: DeviceId, text: &str) -> String {
        self.phone.says(&self.ana, text)
    }

    async fn ana_sees(&self, _: DeviceId) -> Vec<Heard> {
        let mut seen = HashSet::new();
        let received = self
            .ana
            .received()
            .into_iter()
            .filter(|received| seen.insert(received.id.clone()));
        received
            .map(|received| Heard {
                id: received.id,
                text: received.text.unwrap_or_default(),
                quoted_id: received.quoted_id,
                quoted_text: received.quoted_text,
            })
            .collect()
    }

    async fn ana_sends_picture(&self, _: DeviceId, bytes: &[u8]) -> (String, MediaRef) {
        let uploaded = self
            .server
            .upload(MediaKind::Image, bytes)
            .expect("a file on the server");
        let place = serde_json::json!({
            "media_type": "image",
            "direct_path": uploaded.direct_path,
            "media_key": STANDARD.encode(&uploaded.media_key),
            "file_sha256": STANDARD.encode(&uploaded.file_sha256),
            "file_enc_sha256": STANDARD.encode(&uploaded.file_enc_sha256),
            "file_length": uploaded.file_length,
        });
        let message = wa::Message {
            image_message: MessageField::some(uploaded.image()),
            ..Default::default()
        };
        (self.ana.sends(&self.phone, message), MediaRef(place))
    }

    async fn ana_makes_group(&self, _: DeviceId, title: &str, picture: &[u8]) -> ChatId {
        let group = self.server.group(title, &[&self.ana, &self.phone]).expect("a group");
        group.sets_picture(&self.ana, Some(picture)).expect("a picture");
        ChatId::from_adapter(group.jid())
    }

    async fn ana_renames(&self, _: DeviceId, group: &ChatId, title: &str) {
        let group = self.server.find_group(group.as_str()).expect("the group");
        group.renames(&self.ana, title).expect("another name");
    }

    async fn files_expire(&self) {
        self.server.expires_all_media(410);
    }

    async fn phone_loses_files(&self) {
        self.phone.uploads_again(UploadAgain::HasLost);
    }

    async fn refuses_next_message(&self) {
        self.server.nacks_next(463);
    }

    async fn loses_next_answer(&self) {
        self.server.loses_next_ack();
    }

    async fn connection_breaks(&self, _: DeviceId) {
        self.server.is_down();
    }

    async fn connection_returns(&self, _: DeviceId) {
        self.server.is_up();
    }

    async fn phone_unlinks(&self, _: DeviceId) {
        self.phone
            .waits_for_companions(1, PATIENCE)
            .await
            .expect("one companion");
        self.phone.unlinks_all();
    }

    async fn restarts(&mut self) {
        // The process is gone without a word: the sessions are dropped, nothing is said to the server.
        self.network = Self::another(&self.server, &self.world.store, &self.intake);
    }
}
