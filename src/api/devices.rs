//! `/api/v1/devices`: the devices of an identity.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Bearer,
    body::RawBody,
    client::Outside,
    credentials::Done,
    error::{Error, ErrorBody},
};
use crate::{
    bridge::{Bridge, Linking},
    model::{Device, Platform},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct AddDevice {
    #[schema(example = "wa")]
    platform: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RemoveDevice {
    #[schema(example = "15550001111")]
    device_id: Option<String>,
    #[schema(example = "wa")]
    platform: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct LinkingBegun {
    message: &'static str,
    /// Where the codes to scan are shown.
    #[schema(example = "ws://localhost:8080/api/v1/devices/qr-code?token=mt_abc123")]
    qr_code_url: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView {
    #[schema(example = "wa")]
    platform: &'static str,
    /// The owner's phone number, digits only.
    #[schema(example = "15550001111")]
    device_id: String,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            platform: device.platform.as_str(),
            device_id: device.number,
        }
    }
}

/// Begins to link a device; the codes come over the WebSocket in the answer.
#[utoipa::path(post, path = "/api/v1/devices", operation_id = "link_device", tag = "devices", security(("BearerAuth" = [])),
    request_body = AddDevice, responses(
    (status = 201, body = LinkingBegun), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 500, body = ErrorBody)))]
pub(super) async fn add(
    State(bridge): State<Bridge>,
    bearer: Bearer,
    outside: Outside,
    body: RawBody,
) -> Result<(StatusCode, Json<LinkingBegun>), Error> {
    let request: AddDevice = body.json("Invalid request body. Must be a JSON object.")?;
    platform(request.platform)?;
    bridge.start_linking(bearer.caller.identity, Linking::Qr).await?;
    let scheme = if outside.is_secure { "wss" } else { "ws" };
    let qr_code_url = format!(
        "{scheme}://{}/api/v1/devices/qr-code?token={}",
        outside.host, bearer.token
    );
    let answer = LinkingBegun {
        message: "Scan the QR code to link your device",
        qr_code_url,
    };
    Ok((StatusCode::CREATED, Json(answer)))
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
