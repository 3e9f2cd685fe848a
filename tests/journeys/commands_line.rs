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
async fn bad_settings_are_one_line_and_exit_code_two() {
    let world = World::prepare(Engine::Sqlite, "").await;
    let (code, _, said) = run(&world, &["run"], &[("PORT", "many")]).await;
    assert_eq!(code, Some(2));
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("server.port") && said.contains("many"), "{said}");
    let (code, _, said) = run(&world, &["check"], &[("WHARF_BRIDGE__GHOST_NAME", "nobody")]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("bridge.ghost_name"), "{said}");
    let (code, _, said) = run(
        &world,
        &["run"],
        &[("WHARF_WHATSAPP__URL", "wss://web.whatsapp.com/ws/chat")],
    )
    .await;
    assert_eq!(code, Some(2), "a build for the simulator refuses the real WhatsApp");
    assert!(said.contains("whatsapp"), "{said}");
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

on_both_engines! {
    async fn a_second_process_on_the_same_database_is_refused(engine: Engine) {
        let world = World::start(engine).await;
        let (code, _, said) = run(&world, &["run"], &[("PORT", "0")]).await;
        assert_eq!(code, Some(1));
        assert!(said.contains("another wharf") || said.contains("in use"), "{said}");
    }
}
