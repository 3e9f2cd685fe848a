//! The floors of the house: imports only point down. Reads every source file and compares what it names with the
//! table in ARCHITECTURE.md.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Room, and the rooms it may name. Floor 5 (files directly in `src/`) may name everything and is named by nobody.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("store", &["model"]),
    ("network", &["model", "store"]),
    ("matrix", &["model"]),
    ("media", &["model"]),
    ("webhook", &["model"]),
    ("access", &["model", "store"]),
    ("bridge", &["model", "store", "network", "matrix", "media", "webhook"]),
    ("api", &["model", "access", "bridge"]),
    ("appservice", &["model", "bridge"]),
];

/// Foreign names and the only rooms that may speak them.
const FOREIGN: &[(&str, &[&str])] = &[
    ("whatsapp_rust", &["network/whatsapp"]),
    ("wacore", &["network/whatsapp"]),
    ("ureq", &["network/whatsapp"]),
    ("sqlx", &["store"]),
    ("axum", &["api", "appservice"]),
    ("reqwest", &["matrix", "webhook", "network/whatsapp"]),
];

/// The source files, without the modules that are there for tests only.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let door = fs::read_to_string(dir.join("mod.rs")).unwrap_or_default();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if is_for_tests(&door, &name) {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether one of the attributes right above the declaration of a module says that it is for tests.
fn is_for_tests(door: &str, name: &str) -> bool {
    let lines: Vec<&str> = door.lines().collect();
    let declared = lines.iter().position(|line| line.ends_with(&format!("mod {name};")));
    declared.is_some_and(|at| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        attributes
            .into_iter()
            .any(|line| line.contains("cfg(test)") || line.contains("cfg(all(test"))
    })
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The text without comments and without the tests at its end: tests may reach for a neighbour.
fn production(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every word right after `crate::`, also inside `use crate::{a, b::c}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut word, mut fresh) = (0_i32, String::new(), true);
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => (word, fresh) = (String::new(), true),
                    c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => word.push(c),
                    c if depth == 0 && !c.is_whitespace() => fresh = false,
                    _ => {}
                }
                if depth == 0 && !word.is_empty() && (!fresh || c == ',') {
                    named.insert(word.clone());
                }
            }
            if !word.is_empty() {
                named.insert(word);
            }
        } else {
            let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            named.insert(word);
        }
    }
    named
}

fn place(path: &Path) -> String {
    path.strip_prefix(src()).unwrap().to_string_lossy().replace('\\', "/")
}

#[test]
fn imports_only_point_down() {
    let rooms: Vec<&str> = MAY_NAME.iter().map(|(room, _)| *room).collect();
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let place = place(&path);
        let Some((room, _)) = place.split_once('/') else {
            continue;
        };
        let allowed = MAY_NAME
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} has no floor"))
            .1;
        for named in rooms_named(&production(&fs::read_to_string(&path).unwrap())) {
            let known_room = rooms.contains(&named.as_str());
            let is_top = [
                "app",
                "config",
                "telemetry",
                "server",
                "opening",
                "check",
                "registration",
                "Config",
                "App",
            ]
            .contains(&named.as_str());
            if (known_room && named != room && !allowed.contains(&named.as_str())) || is_top {
                wrong.push(format!("{place} names crate::{named}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn networks_know_the_keyring_and_nothing_else_of_the_store() {
    let mut wrong = Vec::new();
    for path in sources(&src().join("network")) {
        let code = production(&fs::read_to_string(&path).unwrap());
        for (at, _) in code.match_indices("store::") {
            let before = &code[..at];
            let own =
                before.ends_with("crate::") || before.trim_end().ends_with('{') || before.trim_end().ends_with(',');
            let rest = &code[at + "store::".len()..];
            if own
                && before
                    .rfind("crate::")
                    .is_some_and(|from| !before[from..].contains(';'))
                && !rest.starts_with("keyring")
            {
                wrong.push(place(&path));
            }
        }
    }
    assert!(wrong.is_empty(), "networks may use store::keyring only: {wrong:?}");
}

#[test]
fn foreign_names_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let place = place(&path);
        if !place.contains('/') {
            continue;
        }
        let code = production(&fs::read_to_string(&path).unwrap());
        for (name, homes) in FOREIGN {
            let named = code
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !homes.iter().any(|home| place.starts_with(&format!("{home}/"))) {
                wrong.push(format!("{place} names {name}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "foreign names outside their rooms:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_file_is_longer_than_five_hundred_lines_of_production_code() {
    let mut wrong = Vec::new();
    for path in sources(&src()) {
        let lines = production(&fs::read_to_string(&path).unwrap()).lines().count();
        if lines > 500 {
            wrong.push(format!("{} has {lines}", place(&path)));
        }
    }
    assert!(wrong.is_empty(), "split: {wrong:?}");
}

#[test]
fn no_file_of_tests_is_longer_than_five_hundred_lines() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut wrong = Vec::new();
    for path in sources(&tests) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > 500 {
            wrong.push(format!("{} has {lines}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "split: {wrong:?}");
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    for path in sources(&src()) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let forbidden = ["utils", "helpers", "common", "manager", "handler", "service"];
        let types_outside = name == "types" && !place(&path).starts_with("store/");
        assert!(
            !forbidden.contains(&name.as_str()) && !types_outside,
            "{}",
            place(&path)
        );
    }
}
