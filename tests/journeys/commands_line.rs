//! The commands beside `run`: what they write, what they say, how they end.

use crate::support::{database::Engine, process::Wharf, world::World};

async fn run(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Wharf::command(world.dir());
    command.args(arguments).envs(environment.iter().copied());
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_are_not_replaced_by_accident() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let before = std::fs::read_to_string(world.dir().join("registration.yaml")).unwrap();
    let (code, _, said) = run(&world, &["registration"], &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("--force"), "{said}");
    assert_eq!(
        std::fs::read_to_string(world.dir().join("registration.yaml")).unwrap(),
        before
    );
    let puppet = std::fs::read_to_string(world.dir().join("registration-doublepuppet.yaml")).unwrap();
    assert!(puppet.contains("url: null"), "{puppet}");

    let (code, _, said) = run(&world, &["registration", "--force"], &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_ne!(
        std::fs::read_to_string(world.dir().join("registration.yaml")).unwrap(),
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_says_what_it_does_and_a_second_time_has_nothing_to_do() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let (code, said, _) = run(&world, &["migrate", "--status"], &[]).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("pending"), "{said}");
    let (code, said, _) = run(&world, &["migrate"], &[]).await;
    assert_eq!(code, Some(0));
    assert!(said.contains("applied now"), "{said}");
    let (_, said, _) = run(&world, &["migrate"], &[]).await;
    assert!(said.contains("current"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_a_working_bridge_good_and_a_broken_one_wrong() {
    let mut world = World::start(Engine::Sqlite).await;
    let (code, said, _) = run(&world, &["check"], &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("files: the homeserver takes up to 50 MiB"), "{said}");
    assert!(said.contains("files: WhatsApp takes pictures up to 16 MiB"), "{said}");
    world.wharf.stops().await;
    let (code, said, _) = run(&world, &["check"], &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("wharf run"), "{said}");
    let (code, said, _) = run(
        &world,
        &["check"],
        &[("WHARF_HOMESERVER__ADDRESS", "http://127.0.0.1:9")],
    )
    .await;
    assert_eq!(code, Some(1));
    assert!(said.contains("does not answer"), "{said}");
}

/// The lines of `wharf check` that begin with these words.
async fn lines(world: &World, words: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let (_, said, _) = run(world, &["check"], environment).await;
    let lines: Vec<String> = said
        .lines()
        .filter(|line| line[5..].trim_start().starts_with(words))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "nothing of {words} in:\n{said}");
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_a_wrong_token_of_the_homeserver_from_a_bridge_that_does_not_run() {
    let mut world = World::prepare(Engine::Sqlite, "").await;
    let away = lines(&world, "ping", &[]).await;
    assert!(
        away[0].starts_with("WRONG ping: the homeserver cannot connect to us"),
        "{away:?}"
    );
    assert!(
        away[0].contains("Is `wharf run` running") && !away[0].contains("hs_token"),
        "{away:?}"
    );
    // The homeserver has loaded another file than the one that stands here now.
    changes_token(&world, "hs_token");
    world.wharf.start().await;
    assert_eq!(
        lines(&world, "ping", &[]).await,
        [
            "WRONG ping: the homeserver reaches us, but shows another hs_token than ours (we answered 403). Give it the \
             registration file that stands in homeserver.registration, and restart both"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_when_the_homeserver_does_not_know_us() {
    let world = World::start(Engine::Sqlite).await;
    changes_token(&world, "as_token");
    let said = lines(&world, "as_token", &[]).await;
    assert!(
        said[0].starts_with("WRONG as_token: the homeserver does not know it ("),
        "{said:?}"
    );
    assert!(
        said[0].ends_with("Add the registration file to its app_service_config_files and restart it"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_when_there_is_no_registration() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let said = lines(
        &world,
        "registration",
        &[("WHARF_HOMESERVER__REGISTRATION", "nowhere.yaml")],
    )
    .await;
    assert!(
        said[0].starts_with("WRONG registration: ") && said[0].contains("nowhere.yaml"),
        "{said:?}"
    );
    assert!(said[0].ends_with("Make one with `wharf registration`"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_when_the_database_does_not_answer() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let nowhere = [("WHARF_DATABASE__URL", "postgres://wharf:sesame@127.0.0.1:9/wharf")];
    let said = lines(&world, "database", &nowhere).await;
    assert!(
        said[0].starts_with("WRONG database: the database did not answer as it should: "),
        "{said:?}"
    );
    assert!(
        said[0].contains("refused") && said[0].contains("Is its server running"),
        "{said:?}"
    );
    assert!(!said[0].contains("sesame"), "{said:?}");
}

/// Another token stands in wharf's registration than the homeserver has loaded.
fn changes_token(world: &World, token: &str) {
    let path = world.dir().join("registration.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let change = |line: &str| match line.split_once(": ") {
        Some((key, _)) if key == token => format!("{key}: {}", "x".repeat(64)),
        _ => line.to_owned(),
    };
    let changed: Vec<String> = text.lines().map(change).collect();
    assert_ne!(changed.join("\n"), text.trim_end());
    std::fs::write(path, changed.join("\n") + "\n").unwrap();
}

on_both_engines! {
    async fn check_changes_no_schema_and_says_which_migrations_are_pending(engine: Engine) {
        let mut world = World::prepare(engine, "").await;
        let by_hand = [("WHARF_DATABASE__MIGRATE", "false")];
        let (before, forbidden) = (lines(&world, "database", &[]).await, lines(&world, "database", &by_hand).await);
        match engine {
            Engine::Sqlite => {
                assert_eq!(before, ["ok   database: there is none yet; `wharf run` makes it"]);
                assert_eq!(forbidden, ["WRONG database: there is none yet. Make it with `wharf migrate`"]);
                assert!(!world.dir().join("wharf.db").exists());
            }
            Engine::Postgres => {
                assert!(before[0].starts_with("ok   database: it answers; migrations are pending (00001_begin, "), "{before:?}");
                assert!(forbidden[0].contains("Run `wharf migrate`"), "{forbidden:?}");
                let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
                assert_eq!(world.count(tables).await, 0);
            }
        }
        world.wharf.start().await;
        // Also while the bridge runs.
        assert_eq!(lines(&world, "database", &by_hand).await, ["ok   database: it answers, schema current"]);
        world.wharf.stops().await;
        world.changes_database("delete from schema_migrations where name = (select max(name) from schema_migrations)").await;
        let ran = "select count(*) from schema_migrations";
        let left = world.count(ran).await;
        let pending = lines(&world, "database", &[]).await;
        assert!(pending[0].starts_with("ok   database: it answers; migrations are pending (00"), "{pending:?}");
        assert!(pending[0].ends_with("which `wharf run` does at its start"), "{pending:?}");
        let pending = lines(&world, "database", &by_hand).await;
        assert!(pending[0].starts_with("WRONG database: it answers, but migrations are pending (00"), "{pending:?}");
        assert!(pending[0].ends_with("Run `wharf migrate`, or set database.migrate to true"), "{pending:?}");
        assert_eq!(world.count(ran).await, left, "nothing was brought");
    }

    async fn a_second_process_on_the_same_database_is_refused(engine: Engine) {
        let world = World::start(engine).await;
        let (code, _, said) = run(&world, &["run"], &[("PORT", "0")]).await;
        assert_eq!(code, Some(1));
        assert!(said.contains("another wharf") || said.contains("in use"), "{said}");
    }
}
