//! Examples for the descriptions: one for each property that has none of its own, and from them one for each good answer,
//! so that no handler repeats them.

use serde_json::{Map, Value, json};

/// Gives every property of every schema an example, and every good answer in JSON.
pub(super) fn fill(description: &mut Value) {
    let Some(schemas) = description
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in schemas.iter_mut() {
        describe_properties(name, schema);
    }
    let schemas = schemas.clone();
    let paths = description
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let answers = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (_, answer) in answers
            .into_iter()
            .flatten()
            .filter(|(status, _)| status.starts_with('2'))
        {
            let Some(content) = answer.pointer_mut("/content/application~1json") else {
                continue;
            };
            if content.get("example").is_none() {
                let example = shown(&schemas, &content["schema"]);
                content["example"] = example;
            }
        }
    }
}

fn describe_properties(name: &str, schema: &mut Value) {
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten() {
        describe_properties(name, part);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (property, described) in properties {
        // What is described elsewhere has its examples there.
        let is_elsewhere = |described: &Value| described.to_string().contains("\"$ref\"");
        if described.get("example").is_none() && !is_elsewhere(described) {
            described["example"] = example(name, property).unwrap_or_else(|| plain(described));
        }
    }
}

/// Properties that are absent where the others have the values of their examples.
const SELDOM: &[&str] = &["without_scopes"];

/// What a value of a schema looks like.
fn shown(schemas: &Map<String, Value>, schema: &Value) -> Value {
    if let Some(example) = schema.get("example") {
        return example.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return schemas.get(name).map(|found| shown(schemas, found)).unwrap_or_default();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| shown(schemas, part));
        let fields = parts.filter_map(|part| part.as_object().cloned()).flatten();
        return Value::Object(fields.collect());
    }
    for choice in ["oneOf", "anyOf"] {
        let real = |one: &&Value| one["type"] != "null";
        if let Some(one) = schema[choice].as_array().and_then(|all| all.iter().find(real)) {
            return shown(schemas, one);
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        let sent = properties.iter().filter(|(name, _)| !SELDOM.contains(&name.as_str()));
        let fields = sent.map(|(name, one)| (name.clone(), shown(schemas, one)));
        return Value::Object(fields.collect());
    }
    match schema.get("items") {
        Some(items) => json!([shown(schemas, items)]),
        None => plain(schema),
    }
}

/// What nothing better is known of.
fn plain(schema: &Value) -> Value {
    let is =
        |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all.contains(&json!(kind)));
    match () {
        () if is("boolean") => json!(false),
        () if is("array") => json!([]),
        () if is("integer") => json!(1),
        () => Value::Null,
    }
}

const EVENT: &str = "$eCLf_5pzs8ZBhEs5ZojVRS0K3SBLf73cHs2q_Je4kfQ";

/// An example for a property; first those that mean something else in one schema than in others.
fn example(schema: &str, property: &str) -> Option<Value> {
    Some(match (schema, property) {
        ("CredentialAnswer", "message") => json!("Credential created successfully"),
        ("TokenCreated", "message") => json!("Matrix token created successfully"),
        ("TokenCreated" | "TokenView", "expires_at") => json!("2026-12-31T23:59:59Z"),
        ("LinkingBegun", "message") => json!("Scan the QR code to link your device"),
        ("TokenSet", "message") => json!("Matrix token attached to session"),
        ("Retry", "message") => json!("The phone is asked for the file"),
        ("ErrorBody", "error") => json!("Device not found"),
        ("MessageView" | "CrossingView" | "DeliveryView" | "StepView", "error")
        | ("RecipientResult", "reason")
        | ("SetToken", "token_id") => Value::Null,
        ("ChatView", "type") => json!("direct"),
        ("NewChatView", "type") => json!("group"),
        ("NewChatView", "title") => json!("Tea party"),
        ("SenderView", "type") => json!("contact"),
        ("MessageView" | "CrossingView", "type") => json!("text"),
        ("SenderView", "id") | ("ReactionView", "sender") => json!("@whatsapp_15550002222:example.org"),
        ("MessageView", "id" | "reply_to") => json!("3EB0A9253FA64269E11C9D"),
        ("DeliveryView", "id") | ("RecipientResult" | "CrossingView", "message_id") => {
            json!("019dce1f-84c7-7b5e-8f06-5e0a3f9f3f6c")
        }
        ("DeviceReportView", "id") => json!("15550001111"),
        ("QrView", "path") => json!("M0 0h7v1h-7z"),
        ("QrView", "size") => json!(61),
        ("PasskeyView", "request") => json!({ "publicKey": {} }),
        ("PasskeyAnswer", "answer") => json!({ "id": "credential", "response": {} }),
        ("StepView", "code") => json!("2@abc,def,ghi,jkl"),
        ("StepView", "step") => json!("qr"),
        ("CrossingView", "kind") => json!("incoming"),
        ("CrossingView", "link") => json!("connected"),
        ("Login", "username") => json!("my-app"),
        ("SessionView" | "LoggedIn" | "CredentialView", "scopes") => json!(["tokens:write:create", "devices:*"]),
        ("UpdateCredential", "scopes") => json!(["tokens:write:create", "tokens:read:*"]),
        ("UpdateCredential", "regenerate_secret") | ("CreateToken", "use_host") => json!(false),
        _ => return of_all(property),
    })
}

/// An example for a property that means the same everywhere.
fn of_all(property: &str) -> Option<Value> {
    Some(match property {
        "client_id" => json!("my-app"),
        "client_secret" | "password" => json!("q83vEjRWeJASNFZ4kBI0VniQEjRWeJASNFZ4kBI0Vng="),
        "description" => json!("My application"),
        "token" => json!("mt_7Yb1mJ0Zq3rV5xT8cW2nK4hL6pD9sF1gA0eU7iO5yQ"),
        "secret" => json!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "message" => json!("Device deleted successfully"),
        "active" | "has_matrix_token" | "connected" | "logged_in" | "saved" | "on_whatsapp" | "without_scopes" => {
            json!(true)
        }
        "url" => json!("https://your-server.com/webhook"),
        "events" => json!(["message.created", "device.updated"]),
        "matrix_username" => json!("9f86d081884c7d65"),
        "matrix_device_id" => json!("2c26b46b68ffc68f"),
        "matrix_user_id" => json!("@wharf_9f86d081884c7d65:example.org"),
        "device_id" => json!("15550001111"),
        "chat_id" | "chat" | "recipient" => json!("15550002222"),
        "room_id" => json!("!abc:example.org"),
        "title" | "topic" => json!("Tea party"),
        "text" => json!("Your order is *ready*."),
        "name" | "push_name" => json!("Ana"),
        "reply_id" | "event_id" | "up_to" => json!(EVENT),
        "mime_type" => json!("application/pdf"),
        "filename" => json!("letter.pdf"),
        "file" => json!("%PDF-1.7 …"),
        "size" => json!(48_213),
        "width" | "height" | "duration" | "edited_at" | "played_at" | "read_at" | "error" | "reconnecting_since"
        | "next_attempt_at" | "muted_until" | "disappearing_timer" | "note" => Value::Null,
        "member_count" => json!(12),
        "my_role" => json!("member"),
        "direction" => json!("in"),
        "state" => json!("delivered"),
        "emoji" => json!("👍"),
        "line" => json!("Use the passkey of your phone"),
        "next_cursor" | "previous_cursor" => json!("MTc3NzI4NDAwMDAwMA"),
        _ if property.ends_with("_at") || matches!(property, "at" | "from") => json!("2026-04-27T10:00:00Z"),
        _ => return None,
    })
}
