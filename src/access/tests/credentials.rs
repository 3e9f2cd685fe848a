//! The rules of credentials.

use super::*;

#[tokio::test]
async fn the_super_admin_is_as_the_contract_describes_it_and_starting_again_changes_nothing() {
    let world = World::start().await;
    world.access.bootstrap().await.unwrap();
    let all = world.access.list_credentials().await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].role, Role::SuperAdmin);
    assert_eq!(all[0].scopes.as_deref(), Some(["*".to_owned()].as_slice()));
    assert_eq!(all[0].description, "System super admin credentials from environment");
}

/// W-09: a super admin of earlier settings stays no super admin.
#[tokio::test]
async fn w09_only_the_super_admin_of_the_settings_lives_on() {
    for world in World::both().await {
        let token = world.token(&world.admin().await, false).await;
        world.with_super_admin(("other", "secret")).bootstrap().await.unwrap();
        assert!(matches!(
            world.access.basic("admin", "admin-secret").await,
            Err(Error::BadCredentials)
        ));
        assert!(matches!(world.access.token(&token.secret).await, Err(Error::BadToken)));
        assert!(world.access.basic("other", "secret").await.is_ok());

        world.with_super_admin(("other", "changed")).bootstrap().await.unwrap();
        assert!(matches!(
            world.access.basic("other", "secret").await,
            Err(Error::BadCredentials)
        ));
        assert!(world.access.basic("other", "changed").await.is_ok());

        // Whoever knows the new secret does not open what was made with the one before.
        let caller = world.access.basic("other", "changed").await.unwrap();
        let token = world.token(&caller, false).await;
        assert!(world.access.own_token(&caller, token.id.0).await.is_ok());
        world.clock.advance(1_000);
        for (secret, opens) in [("changed", true), ("again", false)] {
            world.with_super_admin(("other", secret)).bootstrap().await.unwrap();
            let caller = world.access.basic("other", secret).await.unwrap();
            assert_eq!(
                world.access.own_token(&caller, token.id.0).await.is_ok(),
                opens,
                "{secret}"
            );
        }
        world.with_super_admin(("other", "changed")).bootstrap().await.unwrap();

        world.with_super_admin(("", "")).bootstrap().await.unwrap();
        assert!(world.access.basic("other", "changed").await.is_ok());
    }
}

/// W-08 and T18: what is switched off opens nothing, at once, and opens again when it is switched on.
#[tokio::test]
async fn t18_w08_a_credential_that_is_switched_off_takes_its_tokens_along() {
    for world in World::both().await {
        let secret = world.credential("app").await;
        let caller = world.access.basic("app", &secret).await.unwrap();
        let token = world.token(&caller, false).await;

        switch(&world, "app", false).await.unwrap();
        assert!(matches!(
            world.access.basic("app", &secret).await,
            Err(Error::BadCredentials)
        ));
        assert!(matches!(world.access.token(&token.secret).await, Err(Error::BadToken)));

        switch(&world, "app", true).await.unwrap();
        assert!(world.access.basic("app", &secret).await.is_ok());
        assert!(world.access.token(&token.secret).await.is_ok());
        assert!(world.take_jobs().await.is_empty());
    }
}

/// T18: a deleted credential revokes its tokens in the same moment; identities nobody opens any more are retired.
#[tokio::test]
async fn t18_a_deleted_credential_takes_its_tokens_along_and_retires_their_identities() {
    for world in World::both().await {
        let host = world.token(&world.admin().await, false).await;
        let app = world.caller("app", None).await;
        let (one, two) = (world.token(&app, false).await, world.token(&app, false).await);
        let other = world.token(&world.caller("other", None).await, false).await;
        let mut expected = [identity_of(&world, &one).await, identity_of(&world, &two).await];
        expected.sort();

        world.access.remove_credential("app").await.unwrap();
        for token in [&one, &two] {
            assert!(matches!(world.access.token(&token.secret).await, Err(Error::BadToken)));
        }
        for token in [&host, &other] {
            assert!(world.access.token(&token.secret).await.is_ok());
        }
        let mut found = retired(&world.take_jobs().await);
        found.sort();
        assert_eq!(found, expected);
        assert!(matches!(
            world.access.remove_credential("app").await,
            Err(Error::NotFound("Credential"))
        ));
    }
}

#[tokio::test]
async fn super_admins_cannot_be_crippled() {
    let world = World::start().await;
    let admin = world.admin().await;
    let none = CredentialChange::default();
    let table = [
        (
            CredentialChange {
                active: Some(false),
                ..none.clone()
            },
            "Cannot deactivate super admin credentials",
        ),
        (
            CredentialChange {
                regenerate_secret: true,
                ..none.clone()
            },
            "Cannot regenerate secret for super admin credentials",
        ),
        (
            CredentialChange {
                scopes: Some(vec![]),
                ..none.clone()
            },
            "Cannot modify scopes of super admin credentials",
        ),
    ];
    for (change, sentence) in table {
        let error = world
            .access
            .update_credential(&admin, "admin", change)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), sentence);
    }
    let error = world.access.remove_credential("admin").await.unwrap_err();
    assert_eq!(error.to_string(), "Cannot delete super admin credentials");
    let harmless = CredentialChange {
        description: Some("ours".into()),
        active: Some(true),
        ..none
    };
    assert_eq!(
        world
            .access
            .update_credential(&admin, "admin", harmless)
            .await
            .unwrap()
            .0
            .description,
        "ours"
    );
    assert_eq!(world.admin().await, admin);
}

#[tokio::test]
async fn a_new_secret_ends_the_old_one() {
    for world in World::both().await {
        let old = world.credential("app").await;
        let change = CredentialChange {
            regenerate_secret: true,
            ..CredentialChange::default()
        };
        let (_, new) = world
            .access
            .update_credential(&world.admin().await, "app", change)
            .await
            .unwrap();
        let new = new.unwrap();
        assert_ne!(old, new);
        assert!(matches!(
            world.access.basic("app", &old).await,
            Err(Error::BadCredentials)
        ));
        assert!(world.access.basic("app", &new).await.is_ok());
    }
}

/// T04: scopes are checked as they are set, and nobody gives what they do not hold.
#[tokio::test]
async fn t04_nobody_grants_more_than_they_hold() {
    let world = World::start().await;
    let admin = world.admin().await;
    let boss = world
        .caller("boss", Some(&["credentials:write:*", "tokens:read:*"]))
        .await;
    world.credential("app").await;
    let set = |scopes: &[&str]| CredentialChange {
        scopes: Some(scopes.iter().map(|&scope| scope.to_owned()).collect()),
        ..CredentialChange::default()
    };
    let guide = set(&["tokens:read:*", "tokens:write:create", "tokens:write:delete"]);
    assert!(
        world
            .access
            .update_credential(&admin, "app", guide.clone())
            .await
            .is_ok()
    );
    assert!(matches!(
        world.access.update_credential(&boss, "app", guide).await,
        Err(Error::Forbidden)
    ));
    assert!(matches!(
        world.access.update_credential(&boss, "app", set(&["*"])).await,
        Err(Error::Forbidden)
    ));
    assert!(matches!(
        world
            .access
            .update_credential(&boss, "boss", set(&["credentials:*"]))
            .await,
        Err(Error::Forbidden)
    ));
    assert!(
        world
            .access
            .update_credential(&boss, "app", set(&["tokens:read:*"]))
            .await
            .is_ok()
    );
    let bad = world
        .access
        .update_credential(&admin, "app", set(&["tokens:read:*", "Tokens"]))
        .await
        .unwrap_err();
    assert_eq!(bad.to_string(), "Invalid scope: 'Tokens'");
    let many = world
        .access
        .update_credential(&admin, "app", set(&["a"; 65]))
        .await
        .unwrap_err();
    assert!(matches!(many, Error::InvalidScope(_)));
    assert!(
        world
            .access
            .update_credential(&admin, "app", set(&["a"; 64]))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nobody_takes_over_a_stronger_credential_by_its_secret() {
    let world = World::start().await;
    let boss = world.caller("boss", Some(&["credentials:write:*"])).await;
    world.caller("strong", Some(&["credentials:*"])).await;
    world.caller("plain", None).await;
    let change = CredentialChange {
        regenerate_secret: true,
        ..CredentialChange::default()
    };
    let stronger = world.access.update_credential(&boss, "strong", change.clone()).await;
    assert!(matches!(stronger, Err(Error::Forbidden)));
    assert!(
        world
            .access
            .update_credential(&boss, "plain", change)
            .await
            .unwrap()
            .1
            .is_some()
    );
}

#[tokio::test]
async fn names_that_basic_authentication_cannot_carry_are_refused() {
    let world = World::start().await;
    let long = "a".repeat(129);
    for name in ["", " ", "a:b", "a\nb", "a\u{7f}", &long] {
        let new = NewCredential {
            client_id: name.into(),
            description: String::new(),
        };
        assert!(
            matches!(
                world.access.create_credential(new).await,
                Err(Error::InvalidClientId(_))
            ),
            "{name:?}"
        );
    }
    assert_eq!(world.access.list_credentials().await.unwrap().len(), 1);
    let secret = world.credential(&"ü".repeat(128)).await;
    assert!(world.access.basic(&"ü".repeat(128), &secret).await.is_ok());
}
