//! What people do to messages beside saying new ones, over the whole way: edits, reactions, deletions, polls.

use ::simulator::Speech;
use whatsapp_rust::{
    buffa::MessageField,
    wacore::poll::{PollVoteCiphertext, compute_option_hash, decrypt_poll_vote_with_secret},
    waproto::whatsapp as wa,
};

use super::{simulator::OnSimulator, *};
use crate::{
    model::{MessageRef, Poll},
    network::Error,
};

/// What votes in Ana's poll are sealed with.
const SECRET: [u8; 32] = [7; 32];

fn poll_with(secret: [u8; 32]) -> wa::Message {
    let option = |name: &str| wa::message::poll_creation_message::Option {
        option_name: Some(name.to_owned()),
        ..Default::default()
    };
    wa::Message {
        poll_creation_message_v3: MessageField::some(wa::message::PollCreationMessage {
            name: Some("Coming?".into()),
            options: vec![option("Yes"), option("No")],
            selectable_options_count: Some(1),
            ..Default::default()
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_secret: Some(secret.to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn linked() -> (OnSimulator, DeviceId) {
    let stage = OnSimulator::begins().await;
    let device = (&stage as &dyn Stage).links(Linking::Qr).await;
    (stage, device)
}

fn message(id: &str, sender: Sender) -> MessageRef {
    MessageRef {
        id: MessageId::from_adapter(id),
        sender,
    }
}

async fn acts(stage: &OnSimulator, device: DeviceId, seed: &str, action: Action) -> Result<MessageId, Error> {
    let network = stage.network();
    let id = network.message_id(seed);
    network.act(&portal(&*network, device), &id, &action).await.map(|()| id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_contact_does_to_messages_is_told() {
    let (stage, _) = linked().await;
    let (ana, phone) = (&stage.ana, &stage.phone);
    let id = ana.says(phone, "hello");
    let deeds = [
        Speech::Reaction {
            id: id.clone(),
            emoji: "👍".into(),
        },
        Speech::Reaction {
            id: id.clone(),
            emoji: String::new(),
        },
        Speech::Edit {
            id: id.clone(),
            text: "hello there".into(),
        },
        Speech::Delete { id: id.clone() },
    ];
    for deed in deeds {
        ana.speaks(phone, deed).unwrap();
    }
    let target = || message(&id, Sender::Contact(super::ana()));
    let events = stage.intake.waits_for(5).await;
    let actions: Vec<Action> = events.into_iter().skip(1).map(|event| event.action).collect();
    let emoji = |emoji: Option<&str>| Action::React {
        target: target(),
        emoji: emoji.map(ToOwned::to_owned),
    };
    assert_eq!(
        actions,
        [
            emoji(Some("👍")),
            emoji(None),
            Action::Edit {
                target: target(),
                content: Content::words("hello there")
            },
            Action::Delete { target: target() },
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_owner_does_to_messages_reaches_the_contact_once_the_server_took_it() {
    let (stage, device) = linked().await;
    let hers = stage.ana.says(&stage.phone, "hello");
    stage.intake.waits_for(1).await;
    let own = acts(&stage, device, "$say", Action::Say(Say::new(Content::words("hi"))))
        .await
        .unwrap();
    let own = message(own.as_str(), Sender::Owner);
    let reaction = Action::React {
        target: message(&hers, Sender::Contact(ana())),
        emoji: Some("👍".into()),
    };
    let edit = Action::Edit {
        target: own.clone(),
        content: Content::words("hi Ana"),
    };
    for (seed, action) in [
        ("$react", reaction),
        ("$edit", edit),
        ("$delete", Action::Delete { target: own }),
    ] {
        let id = acts(&stage, device, seed, action).await.unwrap();
        let heard = stage
            .ana
            .waits_for(|received| received.id == id.as_str(), PATIENCE)
            .await
            .unwrap();
        match seed {
            "$react" => {
                let reaction = &heard.message.reaction_message;
                assert_eq!(
                    (reaction.text.as_deref(), reaction.key.id.as_ref()),
                    (Some("👍"), Some(&hers))
                );
                assert_eq!(reaction.key.from_me, Some(false));
            }
            "$edit" => {
                let edited = &heard.message.protocol_message.edited_message;
                assert_eq!(edited.conversation.as_deref(), Some("hi Ana"));
            }
            _ => assert_eq!(heard.message.protocol_message.key.from_me, Some(true)),
        }
    }
    let refused = Action::Delete {
        target: message(&hers, Sender::Contact(ana())),
    };
    assert!(matches!(
        acts(&stage, device, "$no", refused).await,
        Err(Error::Refused(_))
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_are_opened_and_sealed_with_the_secret_of_their_poll() {
    let (stage, device) = linked().await;
    let poll = Poll {
        answers: Vec::new(),
        question: "Coming?".into(),
        options: vec!["Yes".into(), "No".into()],
        choices: 1,
        ends_at: None,
    };
    let own = acts(
        &stage,
        device,
        "$poll",
        Action::Say(Say::new(Content::Poll(poll.clone()))),
    )
    .await
    .unwrap();
    stage
        .ana
        .waits_for(|received| received.id == own.as_str(), PATIENCE)
        .await
        .unwrap();
    let vote = Speech::Vote {
        id: own.as_str().to_owned(),
        options: vec!["No".into()],
    };
    stage.ana.speaks(&stage.phone, vote).unwrap();
    let event = stage.intake.waits_for(1).await.remove(0);
    assert_eq!(
        event.action,
        Action::Vote {
            poll: message(own.as_str(), Sender::Owner),
            options: vec!["No".into()]
        }
    );

    let asked = stage.ana.sends(&stage.phone, poll_with(SECRET));
    let event = stage.intake.waits_for(2).await.remove(1);
    assert_eq!(said(&event).content, Content::Poll(poll));
    let vote = |options| Action::Vote {
        poll: message(&asked, Sender::Contact(ana())),
        options,
    };
    let id = acts(&stage, device, "$vote", vote(vec!["Yes".into()])).await.unwrap();
    let heard = stage
        .ana
        .waits_for(|received| received.id == id.as_str(), PATIENCE)
        .await
        .unwrap();
    let sealed = &heard.message.poll_update_message.vote;
    let sealed = PollVoteCiphertext {
        enc_payload: sealed.enc_payload.as_deref().unwrap(),
        enc_iv: sealed.enc_iv.as_deref().unwrap(),
    };
    let owner = format!("{OWNER}@s.whatsapp.net");
    let chosen = decrypt_poll_vote_with_secret(sealed, &SECRET, &asked, &stage.ana.jid(), &owner).unwrap();
    assert_eq!(chosen, [compute_option_hash("Yes").to_vec()]);
    let unknown = acts(&stage, device, "$other", vote(vec!["Perhaps".into()])).await;
    assert!(matches!(unknown, Err(Error::Refused(_))));
}
