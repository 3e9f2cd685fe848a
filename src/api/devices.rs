//! `/api/v1/devices`: the devices of an identity.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Bearer,
    body::RawBody,
    client::Outside,
    credentials::Done,
    error::{Error, ErrorBody},
    proof::Proof,
};
use crate::{
    bridge::{Bridge, DeviceReport, PairingCode, Traffic},
    model::{Device, LinkState, Platform, Timestamp},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct AddDevice {
    #[schema(example = "wa", required = true, nullable = false)]
    platform: Option<String>,
    /// The number of the phone with its country, to link by a code that is typed into it instead of scanning one.
    #[schema(example = "+15550001111")]
    phone: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RemoveDevice {
    #[schema(example = "15550001111", required = true, nullable = false)]
    device_id: Option<String>,
    #[schema(example = "wa", required = true, nullable = false)]
    platform: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct LinkingBegun {
    message: &'static str,
    /// Where the codes to scan are shown.
    #[schema(example = "ws://localhost:8080/api/v1/devices/qr-code?token=mt_abc123")]
    qr_code_url: String,
    /// What to type into the phone; there when `phone` was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairing: Option<PairingView>,
}

/// A code to type into the phone: Linked devices, Link a device, Link with phone number instead.
#[derive(Serialize, ToSchema)]
pub(super) struct PairingView {
    #[schema(example = "ABCD-1234")]
    code: String,
    /// When the code is worth nothing any more.
    #[schema(example = "2026-01-31T12:03:00Z")]
    expires_at: String,
}

impl From<PairingCode> for PairingView {
    fn from(pairing: PairingCode) -> Self {
        Self {
            code: pairing.code,
            expires_at: pairing.until.rfc3339(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView {
    #[schema(example = "wa")]
    platform: &'static str,
    /// The owner's phone number, digits only.
    #[schema(example = "15550001111")]
    device_id: String,
}

/// How a device is doing.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceReportView {
    id: String,
    #[schema(example = "wa")]
    platform: &'static str,
    #[schema(example = "15550001111")]
    device_id: String,
    /// `connected`, `reconnecting`, or why the session is over.
    #[schema(example = "connected")]
    state: &'static str,
    connected: bool,
    /// Whether the session is good; if not, only linking again helps.
    logged_in: bool,
    /// Since when the connection is broken.
    reconnecting_since: Option<String>,
    linked_at: String,
    /// When WhatsApp last told something of this device.
    last_contact_at: Option<String>,
    /// Jobs of its chats that wait.
    waiting: i64,
    /// Messages of each hour of the last day; hours without any are left out.
    traffic: Vec<TrafficView>,
}

/// The messages of one hour.
#[derive(Serialize, ToSchema)]
pub(super) struct TrafficView {
    /// When the hour began.
    from: String,
    incoming: i64,
    outgoing: i64,
}

impl From<DeviceReport> for DeviceReportView {
    fn from(report: DeviceReport) -> Self {
        let reconnecting_since = report.link.passing_since().map(Timestamp::rfc3339);
        Self {
            id: report.device.number.clone(),
            platform: report.device.platform.as_str(),
            device_id: report.device.number,
            state: report.link.name(),
            connected: report.link.is_up(),
            logged_in: !matches!(
                report.link,
                LinkState::Unlinked | LinkState::Linking | LinkState::LoggedOut { .. }
            ),
            reconnecting_since,
            linked_at: report.device.linked_at.rfc3339(),
            last_contact_at: report.heard_at.map(Timestamp::rfc3339),
            waiting: report.waiting,
            traffic: report.traffic.into_iter().map(TrafficView::from).collect(),
        }
    }
}

impl From<Traffic> for TrafficView {
    fn from(traffic: Traffic) -> Self {
        Self {
            from: traffic.from.rfc3339(),
            incoming: traffic.incoming,
            outgoing: traffic.outgoing,
        }
    }
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            platform: device.platform.as_str(),
            device_id: device.number,
        }
    }
}

/// Begins to link a device: by QR codes, which come over the WebSocket in the answer, or with `phone` by a code that stands
/// in the answer.
#[utoipa::path(post, path = "/api/v1/devices", operation_id = "link_device", tag = "devices", security(("BearerAuth" = [])),
    request_body = AddDevice, responses(
    (status = 201, body = LinkingBegun), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 422, body = ErrorBody, description = "WhatsApp gives no code",
    example = json!({ "error": "No code: WhatsApp gave no code for this number" })), (status = 500, body = ErrorBody)))]
pub(super) async fn add(
    State(api): State<Api>,
    bearer: Bearer,
    outside: Outside,
    body: RawBody,
) -> Result<(StatusCode, Json<LinkingBegun>), Error> {
    let request: AddDevice = body.json("Invalid request body. Must be a JSON object.")?;
    platform(request.platform)?;
    let identity = bearer.caller.identity;
    let (message, pairing) = match request.phone.filter(|text| !text.trim().is_empty()) {
        None => {
            api.bridge.start_linking(identity).await?;
            ("Scan the QR code to link your device", None)
        }
        Some(text) => {
            let pairing = api.bridge.pairing_code(identity, phone(&text)?).await?;
            (
                "Type the code into your phone to link your device",
                Some(pairing.into()),
            )
        }
    };
    let scheme = if outside.is_secure { "wss" } else { "ws" };
    let token = match bearer.proof {
        Proof::Token(token) => token,
        // The page does not know the token; this stands for it here and nowhere else.
        Proof::Session(_) => api.access.ticket(bearer.caller.token),
    };
    let qr_code_url = format!("{scheme}://{}/api/v1/devices/qr-code?token={token}", outside.host);
    let answer = LinkingBegun {
        message,
        qr_code_url,
        pairing,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Tells how a device is doing.
#[utoipa::path(get, path = "/api/v1/devices/{device_id}", tag = "devices", security(("BearerAuth" = [])),
    params(("device_id" = String, Path, description = "Device, from the list of devices")), responses(
    (status = 200, body = DeviceReportView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn report(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    Path(device_id): Path<String>,
) -> Result<Json<DeviceReportView>, Error> {
    let report = bridge
        .device_report(bearer.caller.identity, Platform::WhatsApp, number(&device_id))
        .await?;
    Ok(Json(report.into()))
}

/// Lists the devices, oldest first.
#[utoipa::path(get, path = "/api/v1/devices", operation_id = "list_devices", tag = "devices", security(("BearerAuth" = [])), responses(
    (status = 200, body = Vec<DeviceView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 500, body = ErrorBody)))]
pub(super) async fn list(State(bridge): State<Bridge>, bearer: Bearer) -> Result<Json<Vec<DeviceView>>, Error> {
    let devices = bridge.list_devices(bearer.caller.identity).await?;
    Ok(Json(devices.into_iter().map(DeviceView::from).collect()))
}

/// Deletes a device and unlinks it.
#[utoipa::path(delete, path = "/api/v1/devices", operation_id = "remove_device", tag = "devices", security(("BearerAuth" = [])),
    request_body = RemoveDevice, responses(
    (status = 200, body = Done), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn remove(State(bridge): State<Bridge>, bearer: Bearer, body: RawBody) -> Result<Json<Done>, Error> {
    let request: RemoveDevice = body.json("Invalid request body. Must be a JSON object.")?;
    let device_id = required(request.device_id, "device_id")?;
    let platform = platform(request.platform)?;
    bridge
        .remove_device(bearer.caller.identity, platform, number(&device_id))
        .await?;
    Ok(Json(Done {
        message: "Device deleted successfully",
    }))
}

/// A phone number with its country, as people write it; digits only.
fn phone(text: &str) -> Result<String, Error> {
    let is_filling = |c: char| c.is_whitespace() || matches!(c, '+' | '-' | '(' | ')' | '.');
    let digits: String = text.chars().filter(|c| !is_filling(*c)).collect();
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        Ok(digits)
    } else {
        Err(Error::bad_request(
            "Invalid phone: a whole number with its country, as +15550001111",
        ))
    }
}

/// A field that must be there and not blank.
pub(super) fn required(field: Option<String>, name: &str) -> Result<String, Error> {
    field
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Error::missing(name))
}

/// The network that is meant.
pub(super) fn platform(field: Option<String>) -> Result<Platform, Error> {
    let name = required(field, "platform")?;
    Platform::parse(name.trim()).ok_or_else(|| Error::bad_request(format!("Unsupported platform: {name}")))
}

/// A `device_id` as it is stored: some clients put the plus of the phone number before it.
pub(super) fn number(device_id: &str) -> &str {
    let text = device_id.trim();
    text.strip_prefix('+').unwrap_or(text)
}
