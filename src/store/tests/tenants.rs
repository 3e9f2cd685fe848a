//! Credentials, tokens, identities and their members.

use ruma::user_id;
use tokio::task::JoinSet;

use super::{on_both_engines, portal};
use crate::{
    model::{ChatKind, Credential, Device, Identity, IdentityId, LinkState, Role, TokenId},
    store::{
        CredentialChange, Error, NewCredential, NewToken, Portal,
        testing::{START, World, device},
    },
};

fn credential(client_id: &str) -> NewCredential {
    NewCredential {
        client_id: client_id.into(),
        secret_hash: vec![1, 2, 3],
        role: Role::User,
        scopes: None,
        description: "for tests".into(),
    }
}

fn token(identity: &Identity, credential: Option<&Credential>, hash: &[u8]) -> NewToken {
    NewToken {
        identity: identity.id,
        credential: credential.map(|credential| credential.id),
        token_hash: hash.to_vec(),
        is_admin: false,
        expires_at: None,
    }
}

impl World {
    async fn credential(&self, client_id: &str) -> Credential {
        let mut tx = self.store.begin().await.unwrap();
        let made = tx.insert_credential(&credential(client_id)).await.unwrap();
        tx.commit().await.unwrap();
        made
    }

    async fn token(&self, new: &NewToken) -> TokenId {
        let mut tx = self.store.begin().await.unwrap();
        let made = tx.insert_token(new).await.unwrap();
        tx.commit().await.unwrap();
        made.id
    }
}

on_both_engines! {
    async fn a_credential_is_as_it_was_made(world: World) {
        let made = world.credential("shop").await;
        assert_eq!((made.role, made.active, made.created_at), (Role::User, true, START));
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_credential("shop").await.unwrap().as_ref(), Some(&made));
        assert_eq!(tx.find_credential_by_id(made.id).await.unwrap().as_ref(), Some(&made));
        assert_eq!(tx.list_credentials().await.unwrap(), [made]);
        assert!(tx.find_credential("Shop").await.unwrap().is_none());
        let taken = tx.insert_credential(&credential("shop")).await.unwrap_err();
        assert!(matches!(taken, Error::Taken("credential")), "{taken:?}");
        tx.insert_credential(&credential("other")).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn a_change_of_a_credential_leaves_the_rest(world: World) {
        let made = world.credential("shop").await;
        world.clock.advance(1000);
        let mut tx = world.store.begin().await.unwrap();
        let change = CredentialChange { scopes: Some(vec!["tokens:read".into()]), ..CredentialChange::default() };
        let changed = tx.update_credential("shop", &change).await.unwrap().unwrap();
        let expected = Credential {
            scopes: Some(vec!["tokens:read".into()]),
            updated_at: START.plus_millis(1000),
            ..made
        };
        assert_eq!(changed, expected);
        let change = CredentialChange {
            description: Some("new".into()),
            active: Some(false),
            secret_hash: Some(vec![9]),
            role: Some(Role::SuperAdmin),
            scopes: None,
        };
        let changed = tx.update_credential("shop", &change).await.unwrap().unwrap();
        assert_eq!((changed.description.as_str(), changed.active, changed.role), ("new", false, Role::SuperAdmin));
        assert_eq!((changed.secret_hash, changed.scopes), (vec![9], Some(vec!["tokens:read".to_owned()])));
        assert!(tx.update_credential("nobody", &change).await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn there_is_one_active_super_admin(world: World) {
        world.credential("shop").await;
        let mut tx = world.store.begin().await.unwrap();
        let (first, others) = tx.upsert_super_admin("root", &[1]).await.unwrap();
        assert_eq!((first.role, others), (Role::SuperAdmin, 0));
        assert_eq!(tx.upsert_super_admin("root", &[2]).await.unwrap().0.secret_hash, [2]);
        let (second, others) = tx.upsert_super_admin("shop", &[3]).await.unwrap();
        assert_eq!((second.role, second.active, others), (Role::SuperAdmin, true, 1));
        assert!(!tx.find_credential("root").await.unwrap().unwrap().active);
        tx.commit().await.unwrap();
    }

    async fn a_removed_credential_takes_its_tokens_along_and_names_the_orphans(world: World) {
        let (shop, other) = (world.credential("shop").await, world.credential("other").await);
        let (alone, shared) = (world.identity("alone").await, world.identity("shared").await);
        let host = Identity { id: IdentityId::generate(), is_host: true, ..world.identity("x").await };
        let host = Identity { user: "@host:example.org".try_into().unwrap(), ..host };
        let mut tx = world.store.begin().await.unwrap();
        tx.insert_identity(&host).await.unwrap();
        for new in [
            token(&alone, Some(&shop), b"1"),
            token(&alone, Some(&shop), b"2"),
            token(&shared, Some(&shop), b"3"),
            token(&shared, Some(&other), b"4"),
            token(&host, Some(&shop), b"5"),
        ] {
            tx.insert_token(&new).await.unwrap();
        }
        assert_eq!(tx.remove_credential("shop").await.unwrap(), Some(vec![alone.id]));
        assert_eq!(tx.remove_credential("shop").await.unwrap(), None);
        assert_eq!(tx.count_tokens().await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    async fn a_token_says_what_is_known_of_it(world: World) {
        let (shop, ana) = (world.credential("shop").await, world.identity("wharf_ana").await);
        let mut tx = world.store.begin().await.unwrap();
        let expires_at = Some(START.plus_millis(5000));
        let made = tx.insert_token(&NewToken { expires_at, ..token(&ana, Some(&shop), b"1") }).await.unwrap();
        assert_eq!((made.client_id.as_deref(), made.matrix_username.as_str()), (Some("shop"), "wharf_ana"));
        assert_eq!((made.matrix_device.as_str(), made.last_used_at, made.is_admin), ("WHARF", None, false));
        assert_eq!(tx.find_token_by_hash(b"1").await.unwrap().as_ref(), Some(&made));
        assert!(tx.find_token_by_hash(b"2").await.unwrap().is_none());
        assert!(tx.list_expired_tokens(START.plus_millis(4999)).await.unwrap().is_empty());
        assert_eq!(tx.list_expired_tokens(START.plus_millis(5000)).await.unwrap(), [made]);
        let taken = tx.insert_token(&token(&ana, None, b"1")).await.unwrap_err();
        assert!(matches!(taken, Error::Taken("token")), "{taken:?}");
        tx.commit().await.unwrap();
    }

    async fn the_use_of_a_token_is_written_once_a_minute(world: World) {
        let ana = world.identity("ana").await;
        let id = world.token(&token(&ana, None, b"1")).await;
        let mut tx = world.store.begin().await.unwrap();
        for (used, shown) in [(0, 0), (59_999, 0), (60_000, 60_000)] {
            tx.touch_token(id, START.plus_millis(used)).await.unwrap();
            let last = tx.find_token_by_hash(b"1").await.unwrap().unwrap().last_used_at;
            assert_eq!(last, Some(START.plus_millis(shown)));
        }
        tx.commit().await.unwrap();
    }

    async fn of_many_first_tokens_one_is_the_admins(world: World) {
        let ana = world.identity("ana").await;
        let mut all = JoinSet::new();
        for number in 0..8 {
            let (store, new) = (world.store.clone(), NewToken { is_admin: true, ..token(&ana, None, &[number]) });
            all.spawn(async move {
                let mut tx = store.begin().await.unwrap();
                match tx.insert_token(&new).await {
                    Ok(_) => tx.commit().await.map(|()| 1).unwrap(),
                    Err(Error::Taken("admin token")) => {
                        // The transaction goes on: it is another token then.
                        tx.insert_token(&NewToken { is_admin: false, ..new }).await.unwrap();
                        tx.commit().await.map(|()| 0).unwrap()
                    }
                    Err(other) => panic!("{other:?}"),
                }
            });
        }
        assert_eq!(all.join_all().await.into_iter().sum::<usize>(), 1);
        assert_eq!(world.store.read().await.unwrap().count_tokens_of(ana.id).await.unwrap(), 8);
    }

    async fn a_credential_sees_its_tokens_and_on_request_those_of_nobody(world: World) {
        let (shop, other) = (world.credential("shop").await, world.credential("other").await);
        let ana = world.identity("ana").await;
        let mine = world.token(&token(&ana, Some(&shop), b"1")).await;
        world.token(&token(&ana, Some(&other), b"2")).await;
        let ownerless = world.token(&token(&ana, None, b"3")).await;
        let mut tx = world.store.begin().await.unwrap();
        let ids = |tokens: Vec<crate::model::Token>| tokens.into_iter().map(|token| token.id).collect::<Vec<_>>();
        assert_eq!(ids(tx.list_tokens_visible_to(shop.id, false).await.unwrap()), [mine]);
        assert_eq!(ids(tx.list_tokens_visible_to(shop.id, true).await.unwrap()), [mine, ownerless]);
        assert_eq!(tx.remove_token(mine).await.unwrap(), Some(ana.id));
        assert_eq!(tx.remove_token(mine).await.unwrap(), None);
        tx.commit().await.unwrap();
    }

    async fn an_identity_is_found_by_its_user(world: World) {
        let ana = world.identity("ana").await;
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.find_identity(ana.id).await.unwrap().as_ref(), Some(&ana));
        assert_eq!(tx.find_identity_by_user(&ana.user).await.unwrap().as_ref(), Some(&ana));
        assert!(tx.host_identity().await.unwrap().is_none());
        let again = Identity { id: IdentityId::generate(), ..ana.clone() };
        assert!(matches!(tx.insert_identity(&again).await, Err(Error::Taken("identity"))));
        let host = Identity { user: "@host:example.org".try_into().unwrap(), is_host: true, ..again.clone() };
        tx.insert_identity(&host).await.unwrap();
        let second = Identity { id: IdentityId::generate(), user: "@h2:example.org".try_into().unwrap(), ..host.clone() };
        assert!(matches!(tx.insert_identity(&second).await, Err(Error::Taken("identity"))));
        assert_eq!(tx.host_identity().await.unwrap(), Some(host.clone()));
        tx.commit().await.unwrap();
    }

    async fn members_join_and_leave(world: World) {
        let (ana, ben) = (world.identity("ana").await, world.identity("ben").await);
        let (one, two) = (user_id!("@one:example.org"), user_id!("@two:example.org"));
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.add_member(ana.id, one).await.unwrap());
        assert!(!tx.add_member(ana.id, one).await.unwrap());
        assert!(tx.add_member(ana.id, two).await.unwrap());
        assert!(tx.add_member(ben.id, two).await.unwrap());
        assert_eq!(tx.list_members(ana.id).await.unwrap(), [one, two]);
        assert_eq!(tx.list_identities_of_member(two).await.unwrap(), [ana.id, ben.id]);
        assert!(tx.remove_member(ana.id, one).await.unwrap());
        assert!(!tx.remove_member(ana.id, one).await.unwrap());
        let nobody = tx.add_member(IdentityId::generate(), one).await.unwrap_err();
        assert!(!nobody.is_transient(), "what refers to nothing will never succeed");
    }

    async fn a_removed_identity_takes_everything_of_its_own_along(world: World) {
        let (ana, ben) = (world.identity("ana").await, world.identity("ben").await);
        let mut tx = world.store.begin().await.unwrap();
        for identity in [&ana, &ben] {
            let made = tx.insert_token(&token(identity, None, identity.user.as_bytes())).await.unwrap();
            tx.insert_idempotent(made.id, "key", b"hash", "answer", START).await.unwrap();
            tx.insert_webhook(identity.id, "https://example.org", "whsec_").await.unwrap();
            tx.add_member(identity.id, user_id!("@one:example.org")).await.unwrap();
            let device = Device { link: LinkState::Unlinked, ..device(identity.id) };
            tx.insert_device(&device).await.unwrap();
            let key = crate::model::PortalKey { device: device.id, ..portal() };
            let shown = Portal { key, room: None, kind: ChatKind::Direct, name: None, ready: false };
            tx.upsert_portal(&shown).await.unwrap();
        }
        tx.remove_identity(ana.id).await.unwrap();
        for (table, left) in [
            ("select count(*) as number from identities", 1),
            ("select count(*) as number from tokens", 1),
            ("select count(*) as number from idempotency_keys", 1),
            ("select count(*) as number from webhooks", 1),
            ("select count(*) as number from members", 1),
            ("select count(*) as number from devices", 1),
            ("select count(*) as number from portals", 1),
        ] {
            assert_eq!(tx.number(sqlx::query(table)).await.unwrap(), left, "{table}");
        }
        assert_eq!(tx.find_identity(ben.id).await.unwrap().as_ref(), Some(&ben));
        assert_eq!(tx.number(sqlx::query("select count(*) as number from identities")).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}
