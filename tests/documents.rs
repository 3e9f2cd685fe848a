//! The documents say what the code does: the examples are complete and current, links lead somewhere, every promise that
//! is marked as kept has a test, and dashboards name metrics that exist.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use figment::{
    Figment,
    providers::{Format as _, Toml},
};
use serde_json::Value;
use wharf::Config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A key of `config.example.toml`: section, name, default, and whether a line of meaning stands above it.
struct Key {
    section: String,
    name: String,
    default: String,
    explained: bool,
}

fn example_keys() -> Vec<Key> {
    let (mut section, mut explained, mut keys) = (String::new(), false, Vec::new());
    for line in text("config.example.toml").lines() {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        }
        let setting = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
        let setting = setting.filter(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        if let Some((name, default)) = setting {
            let (name, default) = (name.to_owned(), default.to_owned());
            keys.push(Key {
                section: section.clone(),
                name,
                default,
                explained,
            });
            explained = false;
        } else {
            explained = line.starts_with("# ");
        }
    }
    keys
}

#[test]
fn the_example_shows_every_setting_with_its_default_and_meaning() {
    let keys = example_keys();
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let mut known = BTreeSet::new();
    for (section, settings) in defaults.as_object().unwrap() {
        known.extend(
            settings
                .as_object()
                .unwrap()
                .keys()
                .map(|name| format!("{section}.{name}")),
        );
    }
    let shown: BTreeSet<_> = keys.iter().map(|key| format!("{}.{}", key.section, key.name)).collect();
    assert_eq!(shown, known, "left: config.example.toml, right: the Config structs");
    assert_eq!(shown.len(), keys.len(), "a key is there twice");
    for key in &keys {
        assert!(key.explained, "{}.{} is not explained", key.section, key.name);
        let default = &defaults[&key.section][&key.name];
        assert_eq!(
            default.is_null(),
            key.default == "unset",
            "{}.{}",
            key.section,
            key.name
        );
    }

    let mut lines = Vec::new();
    let mut section = "";
    for key in keys.iter().filter(|key| key.default != "unset") {
        if key.section != section {
            section = &key.section;
            lines.push(format!("[{section}]"));
        }
        lines.push(format!("{} = {}", key.name, key.default));
    }
    let read: Config = Figment::from(Toml::string(&lines.join("\n"))).extract().unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), defaults);
}

fn yaml(path: &Path) -> BTreeMap<String, Value> {
    yaml_serde::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_registration_in_the_example_is_what_the_binary_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registration.yaml");
    // What is set around the tests is no setting.
    let written = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .env_clear()
        .args(["registration", "--url", "http://127.0.0.1:8080", "--output"])
        .arg(&path)
        .arg("--double-puppet")
        .arg(folder.path().join("double-puppet.yaml"))
        .env("WHARF_HOMESERVER__SERVER_NAME", "example.org")
        .env("WHARF_WHATSAPP__URL", "ws://127.0.0.1:1/ws/chat")
        .env("HASH_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let (mut made, mut example) = (yaml(&path), yaml(&root().join("registration.yaml.example")));
    for random in ["as_token", "hs_token", "sender_localpart"] {
        assert!(
            made.remove(random).is_some() && example.remove(random).is_some(),
            "{random}"
        );
    }
    assert_eq!(made, example);
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_promise_that_is_kept_has_a_test_with_its_id() {
    let named: BTreeSet<_> = ["src", "tests/journeys", "tests/simulator", "tests/synapse"]
        .into_iter()
        .flat_map(ids_in)
        .collect();
    let (mut rows, mut missing) = (BTreeSet::new(), Vec::new());
    for line in text("docs/bridging.md").lines().filter(|line| line.starts_with("| B")) {
        let cells: Vec<_> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let [id, _, state, ..] = cells[..] else {
            panic!("{line}")
        };
        assert!(rows.insert(id.to_owned()), "{id} is there twice");
        assert!(["done", "partly", "later"].contains(&state), "{id} is '{state}'");
        if state == "done" && !named.contains(id) {
            missing.push(id.to_owned());
        }
    }
    assert!(rows.len() > 50, "the table has lost rows");
    assert!(
        missing.is_empty(),
        "done, but no test is named after them or says so: {missing:?}"
    );
}

/// Ids that stand in names of tests, and in what is said of a test right before it; never in what is said of anything
/// else, such as a file or a part of a test.
fn ids_in(folder: &str) -> BTreeSet<String> {
    // Whatever has a name directly in one of these is a test.
    const OF_TESTS: [&str; 3] = ["on_both_engines! {", "rows! {", "proofs! {"];
    let mut named = BTreeSet::new();
    for path in sources(&root().join(folder)) {
        let text = fs::read_to_string(path).unwrap();
        let (mut said, mut is_test, mut depth) = (Vec::new(), false, None);
        for line in text.lines() {
            let words = line.trim();
            let indent = line.len() - line.trim_start().len();
            if words.starts_with("///") {
                said.push(words);
                continue;
            }
            if words.starts_with("#[") {
                is_test |= words.starts_with("#[test]") || words.starts_with("#[tokio::test");
                continue;
            }
            let is_directly_in_one = depth.is_some_and(|depth| indent == depth + 4) && !words.starts_with("//");
            if is_test || is_directly_in_one {
                let words = said.iter().chain([&words]);
                let words = words.flat_map(|line| line.split(|c: char| !c.is_alphanumeric()));
                named.extend(words.map(str::to_uppercase));
            }
            if OF_TESTS.contains(&words) {
                depth = Some(indent);
            } else if words == "}" && depth == Some(indent) {
                depth = None;
            }
            said.clear();
            is_test = false;
        }
    }
    named
}

#[test]
fn every_row_that_is_done_is_proved_with_the_stub_homeserver_and_with_synapse() {
    let with_stub = ids_in("tests/journeys");
    let with_synapse = ids_in("tests/synapse");
    let bridging = text("docs/bridging.md");
    let rows = bridging.lines().filter(|line| line.starts_with("| B"));
    let done = rows.filter(|line| line.contains("| done |"));
    let ids = done.filter_map(|line| line.split('|').nth(1)).map(str::trim);
    let missing: Vec<_> = ids
        .filter(|id| !(with_stub.contains(*id) && with_synapse.contains(*id)))
        .collect();
    assert!(
        missing.is_empty(),
        "done, but not named by tests of both homeservers: {missing:?}"
    );
}

/// The tests that the contract of the REST door lists, and the weaknesses of the original that it names.
#[test]
fn every_test_and_weakness_of_the_rest_contract_stands_in_the_name_of_a_test() {
    let mut named = BTreeSet::new();
    for path in sources(&root().join("src"))
        .into_iter()
        .chain(sources(&root().join("tests")))
    {
        for line in fs::read_to_string(path).unwrap().lines() {
            if let Some((_, name)) = line.split_once("fn ") {
                named.extend(name.split('_').take(3).map(str::to_owned));
            }
        }
    }
    let tests = (1..=21).map(|number| format!("t{number:02}"));
    let weaknesses = (1..=23).map(|number| format!("w{number:02}"));
    let missing: Vec<_> = tests.chain(weaknesses).filter(|id| !named.contains(id)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}

/// The simulator's own table of proofs: each of its tests exists, and each row of the protocol begins the names of some.
#[test]
fn the_simulator_proves_what_its_readme_says() {
    let mut tests = BTreeSet::new();
    for path in sources(&root().join("tests/simulator/tests/wire")) {
        tests.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
        for line in fs::read_to_string(path).unwrap().lines() {
            let name = line.strip_prefix("async fn ").and_then(|line| line.split_once("() ->"));
            tests.extend(name.map(|(name, _)| name.to_owned()));
        }
    }
    let readme = text("tests/simulator/README.md");
    let table = readme.split("## What proves what").nth(1).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("|---"));
    let cells = rows.skip(1).take_while(|line| line.starts_with('|'));
    let mut told = BTreeSet::new();
    for cell in cells.map(|line| line.split(" | ").nth(1).unwrap()) {
        for name in cell.split('`').skip(1).step_by(2) {
            let is_there = match name.strip_suffix('*') {
                Some(beginning) => tests.iter().any(|test| test.starts_with(beginning)),
                None => tests.contains(name),
            };
            assert!(is_there, "no test of the simulator is {name}");
            told.insert(name);
        }
    }
    for row in [
        "socket",
        "pair",
        "login",
        "post_login",
        "keys",
        "usync",
        "dm",
        "groups",
        "receipts",
        "presence",
        "app_state",
        "peer_message",
        "media",
        "groups_iq",
        "profile",
        "newsletters",
        "calls",
        "stream_end",
        "keepalive",
        "control",
    ] {
        assert!(
            told.contains(format!("{row}_*").as_str()),
            "the table does not speak of {row}"
        );
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "docs/bridging.md",
        "docs/console.md",
        "docs/known-limits.md",
    ] {
        let text = text(document);
        let folder = root().join(document).parent().unwrap().to_owned();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(link, _)| link)
        {
            let outside = link.starts_with("http") || link.starts_with('#');
            assert!(outside || folder.join(link).exists(), "{document} links to {link}");
        }
    }
}

#[test]
fn the_floors_of_the_document_are_those_of_the_test() {
    let architecture = text("ARCHITECTURE.md");
    let floors = text("tests/floors.rs");
    let rooms = floors.split("MAY_NAME").nth(1).unwrap().split("];").next().unwrap();
    let rooms = rooms
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\""))
        .map(|line| line.split('"').next().unwrap());
    for room in rooms {
        let told = architecture.lines().any(|line| {
            let cell = line
                .strip_prefix("| ")
                .and_then(|line| line.split(" | ").next())
                .unwrap_or_default();
            cell.split(", ").any(|word| word == room)
        });
        assert!(told, "ARCHITECTURE.md does not say what {room} may use");
    }
}

#[test]
fn dashboards_and_rules_name_metrics_that_exist() {
    let code: String = sources(&root().join("src"))
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for document in ["docker/grafana.json", "docker/prometheus-rules.yaml"] {
        let text = text(document);
        let names: BTreeSet<&str> = text
            .match_indices("wharf_")
            .map(|(at, _)| {
                let rest = &text[at..];
                &rest[..rest
                    .find(|c: char| !c.is_ascii_lowercase() && c != '_')
                    .unwrap_or(rest.len())]
            })
            .collect();
        assert!(names.len() > 3, "{document}");
        for name in names {
            assert!(code.contains(&format!("\"{name}\"")), "{document} names {name}");
        }
    }
}
