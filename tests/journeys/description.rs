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

/// How long each half is tried by requests of their own, and by links from answer to request, in seconds.
const PATIENCE: [(&str, &str); 2] = [("examples,coverage,fuzzing", "20"), ("stateful", "15")];

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
        for half in ["--exclude-tag", "--include-tag"] {
            for (phases, seconds) in PATIENCE {
                let half = keys.map(|tag| [half, tag]).concat();
                let said = tries(&world, &[&half[..], &["--phases", phases, "--max-time", seconds]].concat()).await;
                if phases == "stateful" {
                    assert!(followed(&said) > 0, "no link was followed: {said}");
                }
            }
        }

        let ready = world.rest.raw(Method::GET, "/readyz").send().await.unwrap();
        assert_eq!(ready.status(), 200);
    }
}

/// How many ways along links were gone.
fn followed(said: &str) -> u32 {
    let line = said.lines().find_map(|line| line.trim().strip_prefix("Scenarios:"));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

async fn tries(world: &World, more: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schemathesis");
    let ran = Command::new(script)
        .args(["run", &format!("{}/docs/swagger.json", world.wharf.url())])
        .args(["--url", &world.wharf.url(), "--checks", CHECKS])
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
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    println!("{said}");
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    said
}
