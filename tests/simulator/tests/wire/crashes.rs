//! A device that is killed: whatever its store had not kept yet must not cost a message.

use std::collections::HashSet;
use std::sync::Arc;

use whatsapp_rust::prelude::*;
use whatsapp_rust::wacore::store::InMemoryBackend;

use crate::PATIENCE;
use crate::device::{Device, Journal, OWNER, World};

/// Messages each way, and how often the device is killed on the way.
const MESSAGES: usize = 200;
const KILLS: usize = 10;

/// A device in a runtime of its own, so that it can be killed as a process would be.
struct Process {
    runtime: tokio::runtime::Runtime,
    device: Arc<Device>,
}

impl Process {
    async fn connects(url: String, backend: Arc<InMemoryBackend>) -> anyhow::Result<Self> {
        let process = Self::starts(url, backend).await?;
        let device = Arc::clone(&process.device);
        process.runtime.spawn(async move { device.connects().await }).await??;
        Ok(process)
    }

    async fn starts(url: String, backend: Arc<InMemoryBackend>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let device = runtime
            .spawn(async move { Device::starts_with(&url, backend, true).await })
            .await??;
        Ok(Self {
            runtime,
            device: Arc::new(device),
        })
    }

    /// Sends under a chosen id and waits for the server's word.
    async fn says(&self, to: String, id: String, text: String) -> anyhow::Result<()> {
        let device = Arc::clone(&self.device);
        self.runtime
            .spawn(async move {
                let mut options = SendOptions::default();
                options.message_id = Some(id.clone());
                device
                    .client
                    .send_message_with_options(to.parse::<Jid>()?, wa::Message::text(text), options)
                    .await?;
                device.hears_ack(&id).await.map(|_| ())
            })
            .await?
    }

    /// Ends at once; what it committed can still be looked at.
    fn killed(self) -> Journal {
        let journal = self.device.journal.clone();
        self.runtime.shutdown_background();
        journal
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn post_login_a_device_killed_again_and_again_loses_nothing() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    let url = world.server.url();
    let per_life = MESSAGES / KILLS;
    let (mut written, mut read) = (Vec::new(), HashSet::new());
    for life in 0..KILLS {
        let process = Process::connects(url.clone(), Arc::clone(&backend)).await?;
        for n in 0..per_life {
            let number = life * per_life + n;
            written.push(world.ana.says(&world.phone, &number.to_string()));
            process
                .says(world.ana.jid(), format!("3EB0DEVICE{number:04}"), number.to_string())
                .await?;
        }
        // In mid-work: the next message is on its way in both directions.
        written.push(world.ana.says(&world.phone, "on its way"));
        let unfinished = process.says(world.ana.jid(), format!("3EB0UNSURE{life:04}"), "unsure".into());
        let _ = tokio::time::timeout(std::time::Duration::from_millis(2), unfinished).await;
        let journal = process.killed();
        world.server.waits_for_connections(OWNER, 0, PATIENCE).await?;
        read.extend(journal.ids());
    }
    let process = Process::connects(url, backend).await?;
    world.phone.waits_for_empty_backlog(PATIENCE).await?;
    read.extend(process.device.journal.ids());
    let lost: Vec<&String> = written.iter().filter(|id| !read.contains(*id)).collect();
    assert!(lost.is_empty(), "the device never got {lost:?}");
    let received: Vec<String> = world
        .ana
        .received()
        .into_iter()
        .filter(|one| one.id.starts_with("3EB0DEVICE"))
        .filter_map(|one| one.text)
        .collect();
    assert_eq!(received, (0..MESSAGES).map(|n| n.to_string()).collect::<Vec<_>>());
    process.killed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn post_login_a_device_killed_while_it_catches_up_gets_everything_in_order() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let backend = world.links().await?.stops().await;
    let written: Vec<String> = (0..600).map(|n| world.ana.says(&world.phone, &n.to_string())).collect();
    let (mut seen, mut order) = (HashSet::new(), Vec::new());
    for life in 0..6 {
        let process = Process::starts(world.server.url(), Arc::clone(&backend)).await?;
        let some = if life == 5 { written.len() - seen.len() } else { 1 };
        process.device.journal.waits_for(some).await?;
        if life == 5 {
            world.phone.waits_for_empty_backlog(PATIENCE).await?;
        }
        let journal = process.killed();
        world.server.waits_for_connections(OWNER, 0, PATIENCE).await?;
        for id in journal.ids() {
            if seen.insert(id.clone()) {
                order.push(id);
            }
        }
        if seen.len() == written.len() {
            break;
        }
    }
    assert_eq!(order, written);
    Ok(())
}
