//! A linked device as small as it can be: links, logs in, reads, confirms, writes.
//!
//! Called by [`super::engine`], one task each. It asks for nothing again and keeps nothing: what it cannot read
//! is counted. For whether a real client copes there are the tests with real clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::sync::mpsc::UnboundedReceiver;
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::MessageBuilderExt as _;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::pair::{DeviceState, PairUtils};
use whatsapp_rust::wacore::types::jid::JidExt as _;
use whatsapp_rust::wacore_binary::{Jid, Node};
use whatsapp_rust::waproto::whatsapp as wa;

use super::line::Line;
use crate::phone::Phone;
use crate::server::stanza::{self, SERVER, node};
use crate::server::step;
use crate::signal::{self, Peer};

/// One-time keys brought at a time.
const KEYS: usize = 30;

/// Something to write.
pub(super) struct Order {
    pub(super) to: Jid,
    pub(super) id: String,
    pub(super) text: String,
}

/// What went wrong on the devices.
#[derive(Default)]
pub(super) struct Troubles {
    pub(super) unreadable: AtomicUsize,
    pub(super) refused: AtomicUsize,
}

/// A linked device.
pub(super) struct LightDevice {
    line: Line,
    signal: Peer,
    own: Jid,
    identity: Vec<u8>,
    requests: u32,
    troubles: Arc<Troubles>,
}

impl LightDevice {
    /// A new device, linked to the phone's account by QR and listening.
    pub(super) async fn link(url: &str, phone: &Phone, troubles: Arc<Troubles>) -> anyhow::Result<Self> {
        let registration = step::random::<u32>() % 16_000 + 1;
        let signal = Peer::new(registration)?;
        let state = DeviceState {
            identity_key: signal.pair(),
            noise_key: KeyPair::generate(&mut step::rng()),
            adv_secret_key: step::random(),
        };
        let registering = wa::ClientPayload {
            device_pairing_data: MessageField::some(signal.registration_data()),
            ..Default::default()
        };
        let mut line = Line::open(url, &state.noise_key, &registering).await?;
        let (own, identity) = pair(&mut line, phone, &state).await?;
        // The server closes the connection of the linking.
        while line.next().await?.is_some() {}
        let line = Line::open(url, &state.noise_key, &wa::ClientPayload::default()).await?;
        let mut device = Self {
            line,
            signal,
            own,
            identity,
            requests: 0,
            troubles,
        };
        device.log_in().await?;
        Ok(device)
    }

    /// Begins the sessions with the people it writes to and with its own phone.
    pub(super) async fn meets(&mut self, people: &[Jid]) -> anyhow::Result<()> {
        let phone = self.own.to_non_ad();
        let users = people
            .iter()
            .chain([&phone])
            .map(|jid| node("user").attr("jid", jid).build());
        let wanted = node("key").children(users.collect::<Vec<_>>()).build();
        let answer = self.ask("encrypt", "get", vec![wanted]).await?;
        let list = answer.get_optional_child("list").context("no bundles")?;
        for user in list.get_children_by_tag("user") {
            let jid = stanza::address(user, "jid").context("a bundle of nobody")?;
            let bundle = signal::bundle_of_user(user).context("a broken bundle")?;
            self.signal.begin(&jid.to_protocol_address(), &bundle)?;
        }
        Ok(())
    }

    /// Reads and writes until nobody gives orders any more.
    pub(super) async fn lives(mut self, mut orders: UnboundedReceiver<Order>) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.write(order).await?,
                    None => return Ok(()),
                },
                stanza = self.line.next() => match stanza? {
                    Some(stanza) => self.handle(stanza).await?,
                    None => return Err(anyhow!("the server hung up")),
                },
            }
        }
    }

    async fn log_in(&mut self) -> anyhow::Result<()> {
        while self.line.expect().await?.tag != "success" {}
        self.brings_keys().await?;
        self.ask("passive", "set", vec![node("active").build()]).await?;
        loop {
            let stanza = self.line.expect().await?;
            if stanza.tag == "ib" && stanza.get_optional_child("offline").is_some() {
                return Ok(());
            }
            self.handle(stanza).await?;
        }
    }

    async fn brings_keys(&mut self) -> anyhow::Result<()> {
        let keys = self.signal.upload(KEYS);
        self.ask("encrypt", "set", keys).await.map(|_| ())
    }

    /// Asks and waits for the answer; what comes before it is handled.
    async fn ask(&mut self, space: &'static str, kind: &'static str, children: Vec<Node>) -> anyhow::Result<Node> {
        self.requests += 1;
        let id = self.requests.to_string();
        let iq = node("iq")
            .attr("to", SERVER)
            .attr("type", kind)
            .attr("xmlns", space)
            .attr("id", &id)
            .children(children);
        self.line.send(&iq.build()).await?;
        loop {
            let stanza = self.line.expect().await?;
            if stanza.tag == "iq" && stanza::attr(&stanza, "id") == id {
                return Ok(stanza);
            }
            Box::pin(self.handle(stanza)).await?;
        }
    }

    async fn handle(&mut self, stanza: Node) -> anyhow::Result<()> {
        let id = stanza::attr(&stanza, "id");
        let from = stanza::address(&stanza, "from");
        match stanza.tag.as_ref() {
            "message" => {
                let from = from.context("a message from nobody")?;
                self.read(&from, &stanza);
                let receipt = node("receipt").attr("id", id).attr("to", from);
                self.line.send(&receipt.build()).await
            }
            "notification" | "receipt" => {
                let class = if stanza.tag == "receipt" {
                    "receipt"
                } else {
                    "notification"
                };
                let ack = stanza::ack(class, &id, None);
                self.line.send(&ack.build()).await?;
                if stanza::attr(&stanza, "type") == "encrypt" {
                    self.brings_keys().await?;
                }
                Ok(())
            }
            "ack" if stanza.attrs.get("error").is_some() => {
                self.troubles.refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read(&mut self, from: &Jid, message: &Node) {
        for enc in message.get_children_by_tag("enc") {
            let kind = stanza::attr(enc, "type");
            let read = self
                .signal
                .decrypt(&from.to_protocol_address(), &kind, stanza::bytes(enc));
            if read.is_err() {
                self.troubles.unreadable.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn write(&mut self, order: Order) -> anyhow::Result<()> {
        let message = wa::Message::text(order.text);
        let phone = self.own.to_non_ad();
        let copy = wa::Message {
            device_sent_message: MessageField::some(wa::message::DeviceSentMessage {
                destination_jid: Some(order.to.to_string()),
                message: MessageField::some(message.clone()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut participants = Vec::new();
        for (jid, message) in [(&order.to, &message), (&phone, &copy)] {
            let (kind, sealed) = self.signal.encrypt(&jid.to_protocol_address(), message)?;
            let enc = node("enc").attr("v", "2").attr("type", kind).bytes(sealed).build();
            participants.push(node("to").attr("jid", jid).children([enc]).build());
        }
        let stanza = node("message")
            .attr("to", &order.to)
            .attr("id", order.id)
            .attr("type", "text")
            .children([
                node("participants").children(participants).build(),
                node("device-identity").bytes(self.identity.clone()).build(),
            ]);
        self.line.send(&stanza.build()).await
    }
}

/// Shows a QR code, lets the phone scan it and signs; answers its address and its signed identity.
async fn pair(line: &mut Line, phone: &Phone, state: &DeviceState) -> anyhow::Result<(Jid, Vec<u8>)> {
    loop {
        let stanza = line.expect().await?;
        if let Some(offer) = stanza.get_optional_child("pair-device") {
            let reference = offer.get_optional_child("ref").map(stanza::bytes).unwrap_or_default();
            let fields = [
                String::from_utf8_lossy(reference).into_owned(),
                BASE64_STANDARD.encode(state.noise_key.public_key.public_key_bytes()),
                BASE64_STANDARD.encode(state.identity_key.public_key.public_key_bytes()),
                BASE64_STANDARD.encode(state.adv_secret_key),
                "1".to_owned(),
            ];
            phone.scans(&fields.join(","))?;
        }
        if let Some(success) = stanza.get_optional_child("pair-success") {
            let sealed = success.get_optional_child("device-identity").map(stanza::bytes);
            let (identity, index) =
                PairUtils::do_pair_crypto(state, sealed.unwrap_or_default()).map_err(|error| anyhow!("{error:?}"))?;
            let answer = PairUtils::build_pair_success_response(&stanza::attr(&stanza, "id"), identity.clone(), index);
            line.send(&answer).await?;
            let own = success.get_optional_child("device");
            let own = own.and_then(|device| stanza::address(device, "jid"));
            return Ok((own.context("no address")?, identity));
        }
    }
}
