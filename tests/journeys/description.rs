//! What our description promises, tried by a program that knows nothing but the description: Schemathesis makes
//! requests that fit it and requests that do not, follows its links from answer to request, and compares what comes.

use std::{path::Path, process::Stdio};

use reqwest::Method;
use tokio::process::Command;

use crate::support::{
    database::Engine,
    rest::{CLIENT_ID, CLIENT_SECRET},
    world::World,
};

/// What is compared: no failure of ours, no status, type or body that is not described, no route that opens without
/// its key, and nothing left of what was deleted.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,unsupported_method,ignored_auth,\
                      use_after_free";

/// How long each half is tried, in seconds.
const PATIENCE: &str = "25";

on_both_engines! {
    /// No failure inside and nothing undescribed, whatever is sent.
    async fn a_program_that_reads_the_description_gets_what_it_says(engine: Engine) {
        let world = World::start(engine).await;
        let linked = world.linked_device(&[]).await;
        let settings = format!(
            "[auth.openapi.BasicAuth]\nusername = \"{CLIENT_ID}\"\npassword = \"{CLIENT_SECRET}\"\n\n\
             [auth.openapi.BearerAuth]\nbearer = \"{}\"\n",
            linked.rest.token()
        );
        std::fs::write(world.dir().join("schemathesis.toml"), settings).unwrap();

        // Apart, and in this order: the program deletes what it finds, tokens and credentials too.
        let keys = ["credentials", "tokens"];
        tries(&world, &keys.map(|tag| ["--exclude-tag", tag]).concat()).await;
        tries(&world, &keys.map(|tag| ["--include-tag", tag]).concat()).await;

        let ready = world.rest.raw(Method::GET, "/readyz").send().await.unwrap();
        assert_eq!(ready.status(), 200);
    }
}

async fn tries(world: &World, more: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schemathesis");
    let ran = Command::new(script)
        .args(["run", &format!("{}/docs/swagger.json", world.wharf.url())])
        .args(["--url", &world.wharf.url(), "--checks", CHECKS, "--max-time", PATIENCE])
        .args([
            "--seed",
            "1",
            "--no-color",
            "--warnings",
            "off",
            "--suppress-health-check",
            "all",
        ])
        .args(more)
        .current_dir(world.dir())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    println!("{said}");
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
}
