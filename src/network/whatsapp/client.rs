//! The library's client as this house wants it.

use std::time::Duration;

use url::Url;
use whatsapp_rust::{
    bot::{Bot, BotBuilder, Provided},
    cache_config::{CacheConfig, MsgSecretRetention},
    transport::TokioWebSocketTransportFactory,
    wacore::store::DevicePropsOverride,
    waproto::whatsapp::device_props::PlatformType,
};

use super::{super::Error, Config, keys::Keys, media};

/// A builder with everything that has all it needs but the hook.
pub(super) type Builder = BotBuilder<Provided, Provided, Provided, Provided>;

/// The library's client for a device, everything set but the hook.
pub(super) fn builder(config: &Config, keys: Keys) -> Result<Builder, Error> {
    let mut builder = Bot::builder()
        .with_backend(keys)
        .with_cache_config(CacheConfig {
            msg_secret_retention: MsgSecretRetention {
                // What is sealed with the secret of a poll or an event is opened here, see `envelopes`.
                poll_event: Duration::ZERO,
                ..MsgSecretRetention::default()
            },
            ..CacheConfig::default()
        })
        .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(config.url.clone()))
        .with_device_props(
            DevicePropsOverride::new()
                .with_os(config.device_name.clone())
                .with_platform_type(PlatformType::DESKTOP),
        );
    if let Some(version) = config.claimed_version() {
        builder = builder.with_version(version);
    }
    if let Some(wanted) = config.wanted_pre_keys() {
        builder = builder.with_wanted_pre_key_count(wanted);
    }
    builder = match config.media_base() {
        None => builder.with_http_client(media::http()),
        Some(elsewhere) => {
            let base = Url::parse(&elsewhere).map_err(|error| Error::Unreachable(Box::new(error)))?;
            builder.with_http_client(media::OnlyHere::new(base))
        }
    };
    Ok(builder)
}
