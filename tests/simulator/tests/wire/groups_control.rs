//! Groups through the control API, as scripts use it.

use serde_json::{Value, json};

use crate::device::{ANA, OWNER, World};
use crate::groups::hears;

#[tokio::test]
async fn control_groups_are_made_and_changed_by_scripts() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let admin = world.server.control_url();
    let http = reqwest::Client::builder().build()?;
    let posts = async |path: String, body: Value| -> anyhow::Result<Value> {
        let answer = http.post(format!("{admin}/{path}")).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    };
    let made = posts(
        "groups".into(),
        json!({ "subject": "Scripted", "members": [ANA, OWNER], "lid": true }),
    )
    .await?;
    hears(&device, "create").await?;
    let id = made["id"].as_str().unwrap_or_default().to_owned();
    posts(format!("groups/{id}/say"), json!({ "from": ANA, "text": "by script" })).await?;
    assert_eq!(device.gets_one().await?.text, "by script");
    let changed = posts(
        format!("groups/{id}/change"),
        json!({ "by": ANA, "subject": "Renamed" }),
    )
    .await?;
    assert_eq!(changed["subject"], "Renamed");
    hears(&device, "subject").await?;
    posts(format!("groups/{id}/change"), json!({ "by": ANA, "promote": [OWNER] })).await?;
    hears(&device, "promote").await?;
    posts(format!("groups/{id}/type"), json!({ "from": ANA, "composing": true })).await?;
    posts(
        format!("contacts/{ANA}/status"),
        json!({ "text": "today", "readers": [OWNER] }),
    )
    .await?;
    assert_eq!(device.gets_one().await?.chat, "status@broadcast");
    let refused = http
        .post(format!("{admin}/groups/{id}/change"))
        .json(&json!({ "by": "15550009999", "subject": "Mine" }))
        .send()
        .await?;
    assert_eq!(refused.status(), 400);
    let listed: Value = http.get(format!("{admin}/groups")).send().await?.json().await?;
    assert_eq!(listed["groups"][0]["admins"], json!([OWNER, ANA]));
    Ok(())
}
