//! How large files may be: WhatsApp tells each account among its properties, asked when a device connects.
//!
//! The properties are those of its web client (`wacore` 0.7.0, `iq/abprops.rs`): one limit each for pictures, films and
//! sound, in mebibytes; who is told nothing goes by the client's own values, which are [`USUAL`]. Deliberately not here:
//! what the servers refuse all the same when a file comes (`upload`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use whatsapp_rust::{
    Client,
    request::IqError,
    wacore::iq::{
        abprops::{AbProp, web},
        props::PropsSpec,
    },
};

use super::super::{
    super::{Error, MediaLimits},
    Shared,
    sending::read_iq_error,
    session::Session,
};
use crate::model::{DeviceId, in_units};

const MIB: u64 = 1024 * 1024;

/// What is sent of each kind unless WhatsApp says otherwise. Plain files are no property: they may have a little less than
/// `MAX_FILE_SIZE_BYTES` of the web client (2 GiB, see the library's HTTP client); stickers are ours, on the careful side of
/// what people report.
pub(crate) const USUAL: MediaLimits = MediaLimits {
    picture: 16 * MIB,
    film: 16 * MIB,
    sound: 16 * MIB,
    sticker: MIB,
    file: 2000 * MIB,
};

/// What WhatsApp told the account of a session; empty until it answered.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Limits(Arc<Mutex<Option<MediaLimits>>>);

impl Limits {
    /// Asks as soon as the device is connected, so that the first file does not wait for the answer.
    pub(in super::super) fn ask(&self, device: DeviceId, client: &Arc<Client>) {
        let (limits, client) = (self.clone(), Arc::clone(client));
        tokio::spawn(async move {
            if let Err(error) = limits.asked(device, &client).await {
                tracing::debug!(device.id = %device, %error, "WhatsApp was not asked how large files may be");
            }
        });
    }

    /// Another connection may be told something else.
    pub(in super::super) fn forget(&self) {
        *self.known() = None;
    }

    fn known(&self) -> MutexGuard<'_, Option<MediaLimits>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn asked(&self, device: DeviceId, client: &Client) -> Result<MediaLimits, Error> {
        let limits = match client.execute(PropsSpec::new()).await {
            Ok(told) => {
                let told = told.experiment_props.iter();
                let told: Vec<_> = told.map(|(code, value)| (*code, value.as_str())).collect();
                read(&told)
            }
            // It does not say: what its own client would go by counts.
            Err(IqError::ServerError { code: 400..500, .. } | IqError::ParseError(_)) => USUAL,
            Err(error) => return Err(read_iq_error(error, "the limits of files")),
        };
        let before = self.known().replace(limits);
        if before != Some(limits) {
            tracing::info!(
                device.id = %device,
                picture = in_units(limits.picture),
                film = in_units(limits.film),
                sound = in_units(limits.sound),
                file = in_units(limits.file),
                "WhatsApp takes files up to this"
            );
        }
        Ok(limits)
    }
}

/// How large files of a device may be; asked now when nobody did before.
pub(in super::super) async fn limits(shared: &Shared, session: &Session) -> Result<MediaLimits, Error> {
    let known = *session.limits().known();
    if let Some(limits) = known {
        return Ok(limits);
    }
    session.ready(shared.config.connect_timeout()).await?;
    session.limits().asked(session.device(), session.client()).await
}

/// What is told in the properties of an account, by their numbers.
fn read(told: &[(u32, &str)]) -> MediaLimits {
    let of = |property: AbProp, usual: u64| {
        let value = told.iter().find(|(code, _)| *code == property.code);
        let told = value.and_then(|(_, value)| value.trim().parse::<u64>().ok());
        let limit = told.filter(|limit| *limit > 0).map(|limit| limit.saturating_mul(MIB));
        limit.unwrap_or(usual).min(USUAL.file)
    };
    MediaLimits {
        picture: of(web::DEFAULT_MEDIA_LIMIT_MB, USUAL.picture),
        film: of(web::DEFAULT_VIDEO_LIMIT_MB, USUAL.film),
        sound: of(web::DEFAULT_AUDIO_LIMIT_MB, USUAL.sound),
        ..USUAL
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::wacore::iq::abprops::AbDefault;

    use super::*;

    #[test]
    fn b31_what_whatsapp_says_counts_and_else_what_its_client_goes_by() {
        for (property, usual) in [
            (web::DEFAULT_MEDIA_LIMIT_MB, USUAL.picture),
            (web::DEFAULT_VIDEO_LIMIT_MB, USUAL.film),
            (web::DEFAULT_AUDIO_LIMIT_MB, USUAL.sound),
        ] {
            assert_eq!(
                property.default,
                AbDefault::Int(i64::try_from(usual / MIB).unwrap()),
                "{}",
                property.name
            );
        }
        let told = [
            (web::DEFAULT_VIDEO_LIMIT_MB.code, "100"),
            (1, "7"),
            (web::DEFAULT_AUDIO_LIMIT_MB.code, "2"),
        ];
        let expected = MediaLimits {
            film: 100 * MIB,
            sound: 2 * MIB,
            ..USUAL
        };
        assert_eq!(read(&told), expected);
        for nonsense in ["", "-1", "0", "many", "1e3", "99999999999999999999"] {
            assert_eq!(
                read(&[(web::DEFAULT_VIDEO_LIMIT_MB.code, nonsense)]),
                USUAL,
                "{nonsense}"
            );
        }
        let endless = u64::MAX.to_string();
        let most = read(&[(web::DEFAULT_VIDEO_LIMIT_MB.code, endless.as_str())]);
        assert_eq!(most.film, USUAL.file);
    }
}
