//! The control API, as scripts use it.

use anyhow::Context as _;
use serde_json::{Value, json};
use simulator::{Options, Server};

use crate::PATIENCE;
use crate::device::{ANA, Device, OWNER, World};

#[tokio::test]
async fn control_a_script_links_a_phone_and_lets_people_talk() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let admin = world.server.control_url();
    let http = reqwest::Client::builder().build()?;
    let device = Device::starts(&world.server.url()).await?;
    let qr = device.shows_qr().await?;
    let answer: Value = http
        .post(format!("{admin}/mock-phone/scan-qr"))
        .body(qr)
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(answer["number"], OWNER);
    device.connects().await?;

    let said: Value = http
        .post(format!("{admin}/contacts/{ANA}/say"))
        .json(&json!({ "to": OWNER, "text": "hello from curl" }))
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(said["id"], device.gets_one().await?.id);
    let id = device.says(&world.ana.jid(), "hello curl").await?;
    world.ana.waits_for(|received| received.id == id, PATIENCE).await?;
    let received: Value = http
        .get(format!("{admin}/contacts/{ANA}/received"))
        .send()
        .await?
        .json()
        .await?;
    assert_eq!(received["received"][0]["text"], "hello curl");
    assert_eq!(received["total"], 1);

    http.post(format!("{admin}/faults"))
        .json(&json!({ "nack": 463 }))
        .send()
        .await?
        .error_for_status()?;
    let id = device.says(&world.ana.jid(), "refused").await?;
    assert_eq!(device.hears_ack(&id).await?.as_deref(), Some("463"));
    Ok(())
}

#[tokio::test]
async fn control_the_push_name_of_a_client_chooses_its_phone_and_the_same_name_its_next_device() -> anyhow::Result<()> {
    let server = Server::start(Options {
        phones_by_name: true,
        ..Options::default()
    })
    .await?;
    let scan = format!("{}/mock-phone/scan-qr", server.control_url());
    let http = reqwest::Client::builder().build()?;
    let mut devices = Vec::new();
    for name in ["Olivia", "Olivia", "Peter"] {
        let device = Device::starts_named(&server.url(), name).await?;
        let qr = device.shows_qr().await?;
        let answer: Value = http.post(&scan).body(qr).send().await?.json().await?;
        device.connects().await?;
        let own = device.client.pn().context("its address")?;
        assert_eq!(answer["number"], own.user.as_str());
        devices.push((own.user.to_string(), own.device, device));
    }
    let [(first, one, olivia), (second, two, _), (third, three, _)] = &devices[..] else {
        anyhow::bail!("three devices");
    };
    assert_eq!((first, *one, *two), (second, 1, 2));
    assert!(first.starts_with("1555") && first != third && first != OWNER);
    assert_eq!(*three, 1);
    // Whoever names a phone is not asked for the name.
    let device = Device::starts_named(&server.url(), "Olivia").await?;
    let qr = device.shows_qr().await?;
    let named = format!("{scan}?number={OWNER}");
    let answer: Value = http.post(named).body(qr).send().await?.json().await?;
    assert_eq!(answer["number"], OWNER);
    let phone = server.phone(first, "");
    server.contact(ANA, "Ana").says(&phone, "hello Olivia");
    assert_eq!(olivia.gets_one().await?.text, "hello Olivia");
    Ok(())
}

#[tokio::test]
async fn control_what_cannot_be_done_is_refused_with_the_reason() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let admin = world.server.control_url();
    let http = reqwest::Client::builder().build()?;
    let posts = [
        ("contacts", json!({ "number": "12a" })),
        ("contacts/15550009999/say", json!({ "to": OWNER, "text": "x" })),
    ];
    for (path, body) in posts {
        let answer = http.post(format!("{admin}/{path}")).json(&body).send().await?;
        assert_eq!(answer.status(), 400, "{path}");
        assert!(answer.json::<Value>().await?["error"].is_string());
    }
    let answer = http
        .post(format!("{admin}/mock-phone/scan-qr"))
        .body("nonsense")
        .send()
        .await?;
    assert_eq!(answer.status(), 400);
    Ok(())
}

#[tokio::test]
async fn control_a_script_gives_people_faces_channels_and_calls() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let admin = world.server.control_url();
    let http = reqwest::Client::builder().build()?;
    let posts = async |path: &str, body: Value| -> anyhow::Result<Value> {
        let request = http.post(format!("{admin}/{path}")).json(&body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    };
    let ana = format!("contacts/{ANA}");
    http.put(format!("{admin}/{ana}/picture"))
        .body("a face")
        .send()
        .await?
        .error_for_status()?;
    assert_eq!(world.ana.picture().as_deref(), Some(&b"a face"[..]));
    let profile = json!({ "name": "Ana B", "about": "busy", "business": { "name": "Ana's" } });
    posts(&format!("{ana}/profile"), profile).await?;
    posts(
        &format!("{ana}/presence"),
        json!({ "online": true, "recording_to": OWNER }),
    )
    .await?;
    posts(
        &format!("{ana}/privacy"),
        json!({ "set": ["last", "none"], "block": OWNER, "unblock": OWNER }),
    )
    .await?;
    assert_eq!((world.ana.name().as_str(), world.ana.is_seen_online()), ("Ana B", true));

    let call = posts(&format!("{ana}/call"), json!({ "to": OWNER, "video": true })).await?;
    let id = call["id"].as_str().unwrap_or_default().to_owned();
    posts(&format!("phones/{OWNER}/calls/{id}/answer"), json!({})).await?;
    let url = format!("{admin}/{ana}/calls/{id}");
    assert_eq!(http.get(&url).send().await?.json::<Value>().await?["state"], "answered");
    http.delete(&url).send().await?.error_for_status()?;

    let channel = posts("newsletters", json!({ "name": "News" })).await?;
    let path = format!("newsletters/{}", channel["id"].as_str().unwrap_or_default());
    posts(&format!("{path}/followers"), json!({ "number": OWNER })).await?;
    let post = posts(&format!("{path}/posts"), json!({ "text": "today" })).await?;
    assert_eq!(device.gets_one().await?.text, "today");
    let change = json!({ "views": 3, "reactions": ["👍", 2] });
    posts(&format!("{path}/posts/{}", post["server_id"]), change).await?;
    let listed: Value = http.get(format!("{admin}/{path}/posts")).send().await?.json().await?;
    assert_eq!(listed["posts"][0]["reactions"]["👍"], 2);
    posts(&format!("{ana}/move"), json!({ "to": "15550004444" })).await?;
    Ok(())
}
