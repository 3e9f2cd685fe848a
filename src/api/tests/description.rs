//! The description of the door: complete for programs that read it, and the same as its copy in the documents.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use super::World;

/// Where each description is served, and its copy.
const COPIES: [(&str, &str); 2] = [
    ("/docs/swagger.json", "docs/openapi.json"),
    ("/docs/console.json", "docs/openapi-console.json"),
];

async fn descriptions() -> Vec<Value> {
    let world = World::start().await;
    let mut found = Vec::new();
    for (path, _) in COPIES {
        found.push(world.call(&format!("GET {path}"), "", Value::Null).await.ok(200));
    }
    found
}

/// All operations of both, with what they are called in failures.
fn operations(descriptions: &[Value]) -> Vec<(String, &Value)> {
    let paths = descriptions.iter().flat_map(|one| one["paths"].as_object().unwrap());
    let methods = paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |found| (path, found)));
    methods
        .map(|(path, (method, operation))| (format!("{method} {path}"), operation))
        .collect()
}

/// `WHARF_BLESS=1` writes the copies anew.
#[tokio::test]
async fn the_copies_in_the_documents_are_current() {
    for (mut description, (_, copy)) in descriptions().await.into_iter().zip(COPIES) {
        description.as_object_mut().unwrap().remove("servers");
        // It changes with each release and says nothing of the door.
        description["info"]["version"] = Value::Null;
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(copy);
        let text = serde_json::to_string_pretty(&description).unwrap() + "\n";
        if std::env::var_os("WHARF_BLESS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == text,
            "{copy} is old: run this test with WHARF_BLESS=1 and read what changed"
        );
    }
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_a_summary_and_a_body_for_each_answer() {
    for description in descriptions().await {
        let mut names = BTreeSet::new();
        for (place, operation) in operations(&[description]) {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{place}");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let json = &answer["content"]["application/json"];
                if status.starts_with(['4', '5']) && place.contains(" /api/") {
                    assert!(json["example"]["error"].is_string(), "{place} {status}: {answer}");
                    assert!(!answer["description"].as_str().unwrap_or_default().is_empty());
                } else if json.is_object() {
                    let example = &json["example"];
                    assert!(example.is_object() || example.is_array(), "{place} {status}: {answer}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_property_has_an_example_or_is_described_elsewhere() {
    for description in descriptions().await {
        for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
            let parts = schema["allOf"].as_array().into_iter().flatten();
            for part in parts.chain([schema]) {
                for (property, described) in part["properties"].as_object().into_iter().flatten() {
                    let is_there = described.get("example").is_some() || described.to_string().contains("$ref");
                    assert!(is_there, "{name}.{property}: {described}");
                }
            }
        }
    }
}

#[tokio::test]
async fn requests_name_what_must_be_there() {
    let all = descriptions().await;
    let schema = |name: &str| {
        all.iter()
            .find_map(|one| one["components"]["schemas"].get(name))
            .unwrap()
    };
    for (name, required) in [
        ("AddDevice", json!(["platform"])),
        ("RemoveDevice", json!(["device_id", "platform"])),
        ("AddWebhook", json!(["url"])),
        ("CreateCredential", json!(["client_id"])),
        ("Lookup", json!(["phones"])),
        ("MessageForm", json!(["platform"])),
        ("PasskeyAnswer", json!(["answer"])),
        ("Login", json!(["username", "password"])),
    ] {
        assert_eq!(schema(name)["required"], required, "{name}");
    }
    let send = &all[0]["paths"]["/api/v1/devices/{device_id}/message"]["post"]["requestBody"]["content"];
    let upload = &send["multipart/form-data"]["schema"]["$ref"];
    assert_eq!(upload, "#/components/schemas/MessageUpload");
    let parts = schema("MessageUpload")["allOf"].as_array().unwrap();
    let file = parts.iter().find_map(|part| part["properties"].get("file")).unwrap();
    assert_eq!((&file["type"], &file["format"]), (&json!("string"), &json!("binary")));
}

#[tokio::test]
async fn basic_operations_name_the_scope_they_need() {
    for (place, operation) in operations(&descriptions().await) {
        for requirement in operation["security"].as_array().into_iter().flatten() {
            if let Some(scopes) = requirement.get("BasicAuth") {
                assert_eq!(scopes.as_array().unwrap().len(), 1, "{place}");
            }
        }
    }
}
