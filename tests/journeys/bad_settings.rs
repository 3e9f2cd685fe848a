//! Settings that cannot work: one line with key, value and reason, exit code 2, and nothing is started.

use crate::support::{database::Engine, process::Wharf, world::World};

/// A variable of the environment and what is said of it: everything that a room's own check refuses.
const CHECKED: &[(&str, &str, &str)] = &[
    ("HOST", "nowhere", r#"server.host = "nowhere": must be an IP address"#),
    (
        "WHARF_SERVER__PUBLIC_URL",
        "ftp://wharf.example",
        r#"server.public_url = "ftp://wharf.example/": must be an address as https://wharf.example.org"#,
    ),
    (
        "APP_MODE",
        "test",
        r#"server.mode = "test": must be development or production"#,
    ),
    (
        "WHARF_SERVER__HEAD_TIMEOUT",
        "0",
        "server.head_timeout = 0: must be at least 1",
    ),
    (
        "WHARF_SERVER__WRITE_TIMEOUT",
        "0",
        "server.write_timeout = 0: must be at least 1",
    ),
    (
        "TLS_CERT_FILE",
        "chain.pem",
        r#"server.tls_key_file = "": must be set together with server.tls_cert_file"#,
    ),
    (
        "APP_MODE",
        "production",
        r#"server.tls_cert_file = "": production wants TLS, or server.allow_insecure behind a proxy"#,
    ),
    (
        "LOG_LEVEL",
        "wharf=loud",
        r#"log.level = "wharf=loud": error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5"#,
    ),
    (
        "WHARF_DATABASE__URL",
        "mysql://wharf:sesame@db/wharf",
        "database.url (not shown: it may be secret): must be sqlite:PATH or postgres://user:password@host/database",
    ),
    (
        "WHARF_DATABASE__URL",
        "sqlite:",
        "database.url (not shown: it may be secret): must be sqlite:PATH or postgres://user:password@host/database",
    ),
    (
        "WHARF_DATABASE__CONNECTIONS",
        "0",
        "database.connections = 0: must be at least 1",
    ),
    (
        "WHARF_HOMESERVER__BOT",
        "The Bot",
        r#"homeserver.bot = "The Bot": must be small letters, digits and the signs . _ = - / +"#,
    ),
    (
        "WHARF_HOMESERVER__GHOST_PREFIX",
        "@",
        r#"homeserver.ghost_prefix = "@": must be small letters, digits and the signs . _ = - / +"#,
    ),
    (
        "WHARF_HOMESERVER__IDENTITY_PREFIX",
        "",
        r#"homeserver.identity_prefix = "": must be small letters, digits and the signs . _ = - / +"#,
    ),
    (
        "WHARF_HOMESERVER__ADDRESS",
        "ftp://hs.test",
        r#"homeserver.address = "ftp://hs.test/": must begin with http:// or https://"#,
    ),
    (
        "WHARF_HOMESERVER__REQUEST_TIMEOUT_SECONDS",
        "0",
        "homeserver.request_timeout_seconds = 0: must be at least 1",
    ),
    ("WHARF_BRIDGE__WORKERS", "0", "bridge.workers = 0: must be at least 1"),
    (
        "WHARF_BRIDGE__GHOST_NAME",
        "nobody",
        r#"bridge.ghost_name = "nobody": must contain {name}"#,
    ),
    (
        "WHARF_BRIDGE__MESSAGES_PER_MINUTE",
        "0",
        "bridge.messages_per_minute = 0: must be at least 1",
    ),
    ("WHARF_BRIDGE__BURST", "0", "bridge.burst = 0: must be at least 1"),
    (
        "WHARF_BRIDGE__REPAIR_EVERY",
        "0",
        "bridge.repair_every = 0: must be at least 1 second",
    ),
    (
        "WHARF_MEDIA__TIME_LIMIT_SECONDS",
        "0",
        "media.time_limit_seconds = 0: must be at least 1",
    ),
    (
        "WHARF_WEBHOOK__TIMEOUT",
        "0",
        "webhook.timeout = 0: must be at least 1 second",
    ),
    (
        "WHARF_WEBHOOK__USER_AGENT",
        "",
        r#"webhook.user_agent = "": must be printable ASCII text"#,
    ),
    (
        "HASH_KEY",
        "sesame",
        "access.hash_key (not shown: it may be secret): must be base64 of exactly 32 bytes",
    ),
    (
        "WHARF_ACCESS__HASH_KEY",
        "",
        "access.hash_key: is required: base64 of 32 random bytes (openssl rand -base64 32)",
    ),
    (
        "CLIENT_ID",
        "a:b",
        r#"access.client_id = "a:b": must have at most 128 characters, no colon and no control characters"#,
    ),
    (
        "MATRIX_TOKEN_PREFIX",
        "m t",
        r#"access.token_prefix = "m t": must be letters, digits and underscores"#,
    ),
    (
        "WHARF_ACCESS__HOST_MEMBERS",
        r#"["alice"]"#,
        r#"access.host_members = ["alice"]: must be whole Matrix ids, such as @alice:example.org"#,
    ),
    (
        "WHARF_API__ALLOWED_ORIGINS",
        r#"["*"]"#,
        r#"api.allowed_origins = ["*"]: each must be scheme, host and perhaps port, as https://page.example"#,
    ),
    (
        "WHARF_API__TRUSTED_PROXIES",
        r#"["10.1"]"#,
        r#"api.trusted_proxies = ["10.1"]: each must be a network, as 10.0.0.0/8"#,
    ),
    ("WHARF_API__TIMEOUT", "0", "api.timeout = 0: must be at least 1 second"),
    ("WHARF_API__PING", "0", "api.ping = 0: must be at least 1 second"),
    (
        "WHARF_API__BODY_LIMIT",
        "7",
        "api.body_limit = 7: must be at least 1024 bytes",
    ),
    (
        "WHARF_API__FILE_LIMIT",
        "0",
        "api.file_limit = 0: must be at least 1 byte and at most 2 GiB",
    ),
    (
        "WHARF_WHATSAPP__URL",
        "nonsense",
        r#"whatsapp.url = "nonsense": is not an address: relative URL without a base"#,
    ),
    (
        "WHARF_WHATSAPP__URL",
        "https://127.0.0.1/",
        r#"whatsapp.url = "https://127.0.0.1/": must begin with ws:// or wss://"#,
    ),
    (
        "WHARF_WHATSAPP__URL",
        "wss://web.whatsapp.com/ws/chat",
        r#"whatsapp.url = "wss://web.whatsapp.com/ws/chat": must be a loopback address: this binary was built with the feature `simulator`, which does not check the server's certificate"#,
    ),
    (
        "WHARF_WHATSAPP__MEDIA_URL",
        "https://mmg.whatsapp.net",
        r#"whatsapp.media_url = "https://mmg.whatsapp.net": must be a loopback address: this binary was built with the feature `simulator`, which does not check the server's certificate"#,
    ),
];

/// The same for what cannot even be read; in the brackets after it stands where it came from.
const UNREADABLE: &[(&str, &str, &str)] = &[
    (
        "PORT",
        "many",
        r#"server.port = "many": must be a whole number from 0 to 65535 (in "#,
    ),
    (
        "PORT",
        "70000",
        "server.port = 70000: must be a whole number from 0 to 65535 (in ",
    ),
    (
        "WHARF_MEDIA__JOBS",
        "0",
        "media.jobs = 0: must be a whole number of at least 1 (in ",
    ),
    (
        "WHARF_BRIDGE__PRESENCE",
        "yes",
        r#"bridge.presence = "yes": must be true or false (in "#,
    ),
    (
        "WHARF_LOG__FORMAT",
        "loud",
        r#"log.format = "loud": unknown variant: found `loud`, expected "#,
    ),
    (
        "WHARF_WEBHOOK__ALLOW",
        r#"["10.1"]"#,
        r#"webhook.allow = ["10.1"]: '10.1' is no network (in "#,
    ),
    (
        "WHARF_HOMESERVER__ADDRESS",
        "nonsense",
        r#"homeserver.address = "nonsense": "#,
    ),
    (
        "WHARF_HOMESERVER__SERVER_NAME",
        "a b",
        r#"homeserver.server_name = "a b": "#,
    ),
    (
        "WHARF_ACCESS__CLIENT_SECRET",
        "12345",
        "access.client_secret (not shown: it may be secret): must be text; in the environment put digits in quotes (in ",
    ),
    (
        "WHARF_ACCESS__CLIENT_SECRT",
        "sesame",
        "access.client_secrt (not shown: it may be secret): there is no such key, only ",
    ),
    (
        "WHARF_ACCESS__HASH_KEY_FILE",
        "/nonexistent",
        "access.hash_key_file: /nonexistent: No such file or directory",
    ),
];

/// What is said of these settings: one line, and the code for bad settings.
async fn refused(world: &World, environment: (&str, &str)) -> String {
    let mut command = Wharf::command(world.dir());
    command.arg("run").envs([environment]);
    let output = command.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{environment:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        output.stdout.is_empty() && !said.contains("sesame") && !said.contains("12345"),
        "{said}"
    );
    said.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_are_one_line_and_exit_code_two() {
    let world = World::prepare(Engine::Sqlite, "").await;
    for (name, value, line) in CHECKED {
        assert_eq!(
            refused(&world, (name, value)).await,
            format!("config: {line}"),
            "{name}"
        );
    }
    for (name, value, line) in UNREADABLE {
        let said = refused(&world, (name, value)).await;
        assert!(said.starts_with(&format!("config: {line}")), "{name}: {said}");
    }
    let long = "a".repeat(300);
    let said = refused(&world, ("WHARF_HOMESERVER__BOT", &long)).await;
    assert_eq!(said, format!("config: homeserver.bot = \"{long}\": must be shorter"));
    assert!(!world.dir().join("wharf.db").exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_config_file_is_one_line_with_its_place() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let path = world.dir().join("config.toml");
    std::fs::write(&path, "[access]\nclient_id = \"me\"\nclient_secret = sesame\n").unwrap();
    let said = refused(&world, ("PORT", "1")).await;
    let expected = format!("config: {}: line 3, column 17: ", path.display());
    assert!(said.starts_with(&expected) && said.len() > expected.len(), "{said}");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    let said = refused(&world, ("PORT", "1")).await;
    assert!(said.starts_with(&format!("config: {}: ", path.display())), "{said}");
}
