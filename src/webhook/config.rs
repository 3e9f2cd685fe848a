//! What can be set about deliveries.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Settings of webhook deliveries.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seconds one attempt may take, from looking up the name to the answer.
    pub timeout: u32,
    /// Networks that deliveries may reach although they are not on the public internet: `["10.1.0.0/16"]`.
    #[serde(deserialize_with = "read_nets", serialize_with = "write_nets")]
    pub allow: Vec<IpNet>,
    /// Whether deliveries may reach this machine itself.
    pub allow_loopback: bool,
    /// How we introduce ourselves.
    pub user_agent: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout: 10,
            allow: Vec::new(),
            allow_loopback: false,
            user_agent: "Shortmesh-Webhook/1.0".into(),
        }
    }
}

impl Config {
    /// What is wrong with these settings: key and reason.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.timeout == 0 {
            return Err(("webhook.timeout", "must be at least 1 second"));
        }
        if self.user_agent.is_empty() || !self.user_agent.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err(("webhook.user_agent", "must be printable ASCII text"));
        }
        Ok(())
    }
}

fn read_nets<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let read = |text: &String| {
        text.parse()
            .map_err(|_| D::Error::custom(format!("'{text}' is no network")))
    };
    Vec::<String>::deserialize(from)?.iter().map(read).collect()
}

fn write_nets<S: Serializer>(nets: &[IpNet], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(nets.iter().map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_people_write_them_and_errors_name_the_bad_one() {
        let config: Config = serde_json::from_str(r#"{"allow":["10.1.0.0/16","fd00::/8"]}"#).unwrap();
        assert_eq!(config.allow.len(), 2);
        assert!(
            serde_json::to_string(&config)
                .unwrap()
                .contains(r#"["10.1.0.0/16","fd00::/8"]"#)
        );
        let error = serde_json::from_str::<Config>(r#"{"allow":["10.1"]}"#).unwrap_err();
        assert!(error.to_string().contains("'10.1' is no network"), "{error}");
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        assert!(Config::default().check().is_ok());
        let silent = Config {
            user_agent: "a\nb".into(),
            ..Config::default()
        };
        assert_eq!(silent.check().unwrap_err().0, "webhook.user_agent");
        let hasty = Config {
            timeout: 0,
            ..Config::default()
        };
        assert_eq!(hasty.check().unwrap_err().0, "webhook.timeout");
    }
}
