//! The description of the door: complete for programs that read it, and the same as its copy in the documents.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::World;

async fn description() -> Value {
    World::start()
        .await
        .call("GET /docs/swagger.json", "", Value::Null)
        .await
        .ok(200)
}

/// `WHARF_BLESS=1` writes the copy anew.
#[tokio::test]
async fn the_copy_in_the_documents_is_current() {
    let mut description = description().await;
    description.as_object_mut().unwrap().remove("servers");
    // It changes with each release and says nothing of the door.
    description["info"]["version"] = Value::Null;
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let text = serde_json::to_string_pretty(&description).unwrap() + "\n";
    if std::env::var_os("WHARF_BLESS").is_some() {
        fs::write(&copy, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&copy).unwrap_or_default() == text,
        "docs/openapi.json is old: run this test with WHARF_BLESS=1 and read what changed"
    );
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_a_summary_and_a_body_for_each_answer() {
    let description = description().await;
    let mut names = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(
                !operation["summary"].as_str().unwrap_or_default().is_empty(),
                "{method} {path}"
            );
            for (status, answer) in operation["responses"].as_object().unwrap() {
                if status.starts_with(['4', '5']) && path.starts_with("/api/") {
                    let example = &answer["content"]["application/json"]["example"]["error"];
                    assert!(example.is_string(), "{method} {path} {status}: {answer}");
                    assert!(!answer["description"].as_str().unwrap_or_default().is_empty());
                }
            }
        }
    }
}

#[tokio::test]
async fn basic_operations_name_the_scope_they_need() {
    let description = description().await;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for requirement in operation["security"].as_array().into_iter().flatten() {
                if let Some(scopes) = requirement.get("BasicAuth") {
                    assert_eq!(scopes.as_array().unwrap().len(), 1, "{method} {path}");
                }
            }
        }
    }
}
