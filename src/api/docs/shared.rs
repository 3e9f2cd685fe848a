//! What the descriptions of all operations share, so that no handler repeats it: the answers that what surrounds them
//! gives (`routes`), and an example sentence for each failure.

use utoipa::{
    Modify,
    openapi::{
        self, Content, Ref, RefOr, Response,
        path::{Operation, PathItem},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::super::error::OOPS;

/// The ways to authenticate.
pub(super) struct Schemes;

impl Modify for Schemes {
    fn modify(&self, description: &mut openapi::OpenApi) {
        let components = description.components.get_or_insert_default();
        for (name, scheme) in [
            ("BasicAuth", HttpAuthScheme::Basic),
            ("BearerAuth", HttpAuthScheme::Bearer),
        ] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
        }
    }
}

/// The failures of what surrounds every operation.
pub(super) struct Failures;

impl Modify for Failures {
    fn modify(&self, description: &mut openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            if path.starts_with("/api/") {
                operations(item).for_each(complete);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn complete(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    let scheme = scheme(operation);
    let mut shared = vec!["408", "500"];
    if operation.request_body.is_some() {
        shared.push("413");
    }
    if scheme.is_some() {
        shared.extend(["401", "403", "429"]);
    }
    for status in shared {
        let answers = &mut operation.responses.responses;
        answers.entry(status.to_owned()).or_insert_with(|| RefOr::T(failure()));
    }
    for (status, answer) in &mut operation.responses.responses {
        let sentence = sentence(status, scheme.as_deref(), &tag);
        let (RefOr::T(answer), true) = (answer, status.starts_with(['4', '5'])) else {
            continue;
        };
        if answer.description.is_empty() {
            sentence.clone_into(&mut answer.description);
        }
        for content in answer.content.values_mut() {
            if let RefOr::T(content) = content {
                give_example(content, sentence);
            }
        }
    }
}

/// How a caller shows who it is.
fn scheme(operation: &Operation) -> Option<String> {
    let requirement = operation.security.iter().flatten().next()?;
    let value = serde_json::to_value(requirement).ok()?;
    Some(value.as_object()?.keys().next()?.clone())
}

fn failure() -> Response {
    let content = Content::new(Some(Ref::from_schema_name("ErrorBody")));
    let mut answer = Response::new("");
    answer.content.insert("application/json".to_owned(), RefOr::T(content));
    answer
}

fn give_example(content: &mut Content, sentence: &str) {
    if content.example.is_none() && content.examples.is_empty() {
        content.example = Some(serde_json::json!({ "error": sentence }));
    }
}

/// What such a failure says, for example.
fn sentence(status: &str, scheme: Option<&str>, tag: &str) -> &'static str {
    match (status, scheme, tag) {
        ("400", _, "admin") => "Invalid request body",
        ("400", _, "watching") => "Invalid bodies: true or false",
        ("400", _, _) => "Invalid request body. Must be a JSON object.",
        ("401", Some("BasicAuth"), _) => "invalid credentials",
        ("401", Some("BearerAuth"), _) => "invalid token format",
        ("401", ..) => "Invalid or missing session. Please log in.",
        ("403", Some("BasicAuth"), _) => "insufficient permissions",
        ("403", Some("BearerAuth"), _) => "invalid or expired token",
        ("403", _, "admin") => "Request from another site refused",
        ("403", ..) => "Matrix token not set for this session. Please set it first.",
        ("404", _, "credentials") => "Credential not found",
        ("404", _, "admin" | "tokens") => "Token not found",
        ("404", _, "webhooks") => "Webhook not found",
        ("404", _, "contacts") => "Contact not found",
        ("404", _, "chats") => "Chat not found",
        ("404", ..) => "Device not found",
        ("408", ..) => "Request timed out",
        ("409", _, "chats" | "contacts") => "Device is not linked",
        ("409", _, "webhooks") => "Webhook URL already exists for this user",
        ("409", ..) => "Credential with client_id 'my-app' already exists",
        ("413", ..) => "Request body too large",
        ("422", _, "webhooks") => "The webhook is switched off. Switch it on first.",
        ("422", _, "chats") => "participants: +15550004444 is not on WhatsApp",
        ("422", ..) => "Idempotency-Key was used for another request",
        ("503", ..) => "WhatsApp does not answer through this device. Please try again later.",
        ("429", ..) => "Too many failed attempts",
        _ => OOPS,
    }
}
