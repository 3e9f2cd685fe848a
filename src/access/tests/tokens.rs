//! The rules of tokens.

use super::*;

/// T02: bootstrap and the first token.
#[tokio::test]
async fn t02_the_first_token_of_all_makes_the_host_identity() {
    for world in World::both().await {
        let admin = world.admin().await;
        let too_early = NewTokenRequest {
            use_host: true,
            ..NewTokenRequest::default()
        };
        assert!(matches!(
            world.access.create_token(&admin, too_early).await,
            Err(Error::NoHost)
        ));
        assert!(ids(&world, &admin).await.is_empty());

        let first = world.token(&admin, false).await;
        let second = world.token(&admin, false).await;
        let rows = world.access.list_tokens(&admin).await.unwrap();
        assert_eq!(
            rows.iter().map(|token| token.is_admin).collect::<Vec<_>>(),
            [true, false]
        );
        assert!(first.secret.starts_with("mt_") && first.secret.len() == 46);
        assert_eq!(format!("@{}:hs.test", rows[0].matrix_username), first.user.as_str());
        assert_ne!(first.user, second.user);
    }
}

/// T05: tokens are seen by those who made them; super admins do not see those of others.
#[tokio::test]
async fn t05_w10_a_credential_sees_and_deletes_only_its_own_tokens() {
    let world = World::start().await;
    let (admin, one, two) = (
        world.admin().await,
        world.caller("one", None).await,
        world.caller("two", None).await,
    );
    let of_admin = world.token(&admin, false).await;
    let of_one = world.token(&one, false).await;
    for caller in [&one, &two] {
        for scope in [Scope::CreateTokens, Scope::ReadTokens, Scope::DeleteTokens] {
            caller.require(scope).unwrap();
        }
        assert!(matches!(caller.require(Scope::ReadCredentials), Err(Error::Forbidden)));
    }
    assert_eq!(ids(&world, &admin).await, [of_admin.id]);
    assert_eq!(ids(&world, &one).await, [of_one.id]);
    assert!(ids(&world, &two).await.is_empty());
    for (stranger, token) in [
        (&two, of_one.id),
        (&admin, of_one.id),
        (&one, of_admin.id),
        (&one, TokenId(999)),
    ] {
        assert!(matches!(
            world.access.remove_token(stranger, token.0).await,
            Err(Error::NotFound("Token"))
        ));
    }
    assert!(world.access.token(&of_one.secret).await.is_ok());
    assert!(world.take_jobs().await.is_empty());
}

/// T05: tokens older than the rule belong to nobody; super admins see them.
#[tokio::test]
async fn t05_super_admins_see_tokens_that_no_credential_made() {
    for world in World::both().await {
        let (admin, user) = (world.admin().await, world.caller("user", None).await);
        let token = world.token(&admin, false).await;
        let identity = identity_of(&world, &token).await;
        let mut tx = world.store.begin().await.unwrap();
        let row = crate::store::NewToken {
            identity,
            credential: None,
            token_hash: vec![7; 32],
            is_admin: false,
            expires_at: None,
        };
        let ownerless = tx.insert_token(&row).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ids(&world, &admin).await, [token.id, ownerless.id]);
        assert!(ids(&world, &user).await.is_empty());
        world.access.remove_token(&admin, ownerless.id.0).await.unwrap();
    }
}

/// T06 and T10: the host identity is shared by its tokens; everybody else is alone.
#[tokio::test]
async fn t06_t10_host_tokens_open_one_identity_and_others_one_each() {
    let world = World::start().await;
    let (admin, user) = (world.admin().await, world.caller("user", None).await);
    let host = world.token(&admin, false).await;
    let shared = world.token(&admin, true).await;
    let (alone, also_alone) = (world.token(&admin, false).await, world.token(&user, false).await);
    let identity = identity_of(&world, &host).await;
    assert_eq!(identity_of(&world, &shared).await, identity);
    assert_ne!(identity_of(&world, &alone).await, identity);
    assert_ne!(
        identity_of(&world, &also_alone).await,
        identity_of(&world, &alone).await
    );
    let request = NewTokenRequest {
        use_host: true,
        expires_at: Some("nonsense".into()),
        ..NewTokenRequest::default()
    };
    assert!(matches!(
        world.access.create_token(&user, request).await,
        Err(Error::HostForbidden)
    ));
}

/// W-16: the host identity outlives its tokens.
#[tokio::test]
async fn w16_the_host_identity_survives_deletion_and_expiry_of_its_tokens() {
    for world in World::both().await {
        let admin = world.admin().await;
        let first = world.token(&admin, false).await;
        let identity = identity_of(&world, &first).await;
        world.access.remove_token(&admin, first.id.0).await.unwrap();
        assert!(world.take_jobs().await.is_empty());

        let request = NewTokenRequest {
            use_host: true,
            expires_at: Some("2026-04-27T11:00:00Z".into()),
            ..NewTokenRequest::default()
        };
        let second = world.access.create_token(&admin, request).await.unwrap();
        assert_eq!(identity_of(&world, &second).await, identity);
        world.clock.advance(2 * 60 * 60 * 1000);
        assert_eq!(world.access.purge_expired().await.unwrap(), 1);
        assert!(world.take_jobs().await.is_empty());
        let third = world.token(&admin, true).await;
        assert_eq!(identity_of(&world, &third).await, identity);
    }
}

/// T07 and W-17: an expired token opens nothing; purging it retires what it opened, once.
#[tokio::test]
async fn t07_w17_an_expired_token_opens_nothing_and_its_identity_is_retired_when_it_is_purged() {
    for world in World::both().await {
        let admin = world.admin().await;
        world.token(&admin, false).await;
        let lasting = world.token(&admin, false).await;
        let request = NewTokenRequest {
            expires_at: Some("2026-04-27T12:00:00.5+02:00".into()),
            ..NewTokenRequest::default()
        };
        assert_eq!(
            world
                .access
                .create_token(&admin, request.clone())
                .await
                .unwrap()
                .expires_at
                .unwrap()
                .millis()
                % 1000,
            500
        );
        let request = NewTokenRequest {
            expires_at: Some("2026-04-27T10:00:01Z".into()),
            ..request
        };
        let brief = world.access.create_token(&admin, request).await.unwrap();
        let identity = identity_of(&world, &brief).await;
        world.clock.advance(499);
        assert_eq!(world.access.purge_expired().await.unwrap(), 0);
        world.clock.advance(501);
        assert!(matches!(world.access.token(&brief.secret).await, Err(Error::BadToken)));
        assert_eq!(world.access.purge_expired().await.unwrap(), 2);
        assert!(retired(&world.take_jobs().await).contains(&identity));
        assert_eq!(world.access.purge_expired().await.unwrap(), 0);
        assert!(world.take_jobs().await.is_empty());
        assert!(world.access.token(&lasting.secret).await.is_ok());
    }
}

/// W-17: the last token of an identity takes it along, in the same transaction.
#[tokio::test]
async fn w17_deleting_the_only_token_of_an_identity_retires_it() {
    for world in World::both().await {
        let admin = world.admin().await;
        world.token(&admin, false).await;
        let token = world.token(&admin, false).await;
        let identity = identity_of(&world, &token).await;
        world.access.remove_token(&admin, token.id.0).await.unwrap();
        assert!(matches!(world.access.token(&token.secret).await, Err(Error::BadToken)));
        assert_eq!(retired(&world.take_jobs().await), [identity]);
        assert!(matches!(
            world.access.remove_token(&admin, token.id.0).await,
            Err(Error::NotFound("Token"))
        ));
        assert!(world.take_jobs().await.is_empty());
    }
}

/// W-17: the devices may stay linked for a while, the webhooks go with the token.
#[tokio::test]
async fn w17_an_identity_is_retired_when_its_time_is_over() {
    for world in World::both().await {
        let access = world.retiring_after(3600);
        let admin = world.admin().await;
        world.token(&admin, false).await;
        let token = world.token(&admin, false).await;
        let identity = identity_of(&world, &token).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_webhook(identity, "https://a.example/", "secret")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        access.remove_token(&admin, token.id.0).await.unwrap();
        assert!(matches!(access.token(&token.secret).await, Err(Error::BadToken)));
        let mut read = world.store.read().await.unwrap();
        assert!(read.list_webhooks(identity).await.unwrap().is_empty());
        for (advance, due) in [(0, 0), (3_599_999, 0), (1, 1)] {
            world.clock.advance(advance);
            assert_eq!(read.count_due(world.clock.now()).await.unwrap(), due);
        }
        drop(read);
        assert_eq!(retired(&world.take_jobs().await), [identity]);
    }
}

#[tokio::test]
async fn the_last_use_of_a_token_is_remembered_once_a_minute() {
    for world in World::both().await {
        let admin = world.admin().await;
        let token = world.token(&admin, false).await;
        let last_use = async || world.access.list_tokens(&admin).await.unwrap()[0].last_used_at;
        assert_eq!(last_use().await, None);
        let start = world.clock.now();
        for (advance, expected) in [(0, 0), (59_000, 0), (1_000, 60_000), (30_000, 60_000)] {
            world.clock.advance(advance);
            world.access.token(&token.secret).await.unwrap();
            assert_eq!(last_use().await, Some(start.plus_millis(expected)));
        }
    }
}

/// W-15: races end as if one had come after the other.
#[tokio::test]
async fn w15_first_tokens_and_equal_names_at_the_same_moment_have_one_winner() {
    for world in World::both().await {
        let admin = world.admin().await;
        let tokens = join_all((0..8).map(|_| world.token(&admin, false))).await;
        assert_eq!(tokens.len(), 8);
        let rows = world.access.list_tokens(&admin).await.unwrap();
        assert_eq!(rows.iter().filter(|token| token.is_admin).count(), 1);

        let new = NewCredential {
            client_id: "app".into(),
            description: String::new(),
        };
        let made = join_all((0..8).map(|_| world.access.create_credential(new.clone()))).await;
        let mut secrets = made.into_iter().filter_map(|result| match result {
            Ok((_, secret)) => Some(secret),
            Err(Error::CredentialTaken(name)) if name == "app" => None,
            Err(error) => panic!("{error}"),
        });
        let winner = secrets.next().unwrap();
        assert_eq!(secrets.next(), None);
        assert!(world.access.basic("app", &winner).await.is_ok());
    }
}

#[tokio::test]
async fn members_are_kept_with_the_identity() {
    let world = World::start().await;
    let members = vec![
        "@alice:hs.test".to_owned(),
        "@bob:elsewhere.test".into(),
        "@alice:hs.test".into(),
    ];
    let request = NewTokenRequest {
        members,
        ..NewTokenRequest::default()
    };
    let token = world.access.create_token(&world.admin().await, request).await.unwrap();
    let identity = identity_of(&world, &token).await;
    let kept = world.store.read().await.unwrap().list_members(identity).await.unwrap();
    assert_eq!(kept.len(), 2);
    let request = NewTokenRequest {
        members: vec!["alice".into()],
        ..NewTokenRequest::default()
    };
    let error = world
        .access
        .create_token(&world.admin().await, request)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "Invalid member: 'alice'");
    assert_eq!(ids(&world, &world.admin().await).await.len(), 1);
}
