//! Nonsense from clients: the simulator refuses or ignores it and goes on.

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::wacore::net::TransportFactory as _;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::device::World;

#[tokio::test]
async fn socket_bytes_that_are_no_handshake_end_only_that_connection() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let openings: [&[u8]; 7] = [
        b"GET / HTTP/1.1",
        b"WA\x06\x03",
        b"WA\x06\x03\x00\x00\x00",
        b"WA\x06\x03\x00\x00\x03abc",
        b"ED\0\x01\xFF\xFF\xFF",
        b"ED\0\x01\x00\x00\x01xWA\x06\x03\x00\x00\x01\x08",
        b"",
    ];
    for opening in openings {
        let factory = TokioWebSocketTransportFactory::new().with_url(world.server.url());
        let (transport, _events) = factory.create_transport().await?;
        // The simulator may have hung up already.
        let _ = transport.send(Bytes::from_static(opening)).await;
        transport.disconnect().await;
    }
    world.ana.says(&world.phone, "still here");
    assert_eq!(device.gets_one().await?.text, "still here");
    Ok(())
}

#[tokio::test]
async fn socket_stanzas_that_make_no_sense_change_nothing() -> anyhow::Result<()> {
    let world = World::starts().await?;
    let device = world.links().await?;
    let tags = [
        "iq",
        "message",
        "receipt",
        "ack",
        "presence",
        "chatstate",
        "ib",
        "notification",
        "xyz",
    ];
    for tag in tags {
        for stanza in nonsense(tag) {
            device.client.send_node(stanza).await?;
        }
    }
    world.ana.says(&world.phone, "still here");
    assert_eq!(device.gets_one().await?.text, "still here");
    let id = device.says(&world.ana.jid(), "me too").await?;
    assert_eq!(device.hears_ack(&id).await?, None);
    Ok(())
}

fn nonsense(tag: &'static str) -> Vec<Node> {
    let spaces = [
        "encrypt",
        "usync",
        "md",
        "w:sync:app:state",
        "passive",
        "w:g2",
        "w:m",
        "",
    ];
    let children = [
        "registration",
        "key",
        "rotate",
        "usync",
        "sync",
        "link_code_companion_reg",
        "pair-device-sign",
        "participants",
        "enc",
        "retry",
        "list",
        "offline_batch",
        "composing",
        "active",
    ];
    let mut all = vec![NodeBuilder::new(tag).build()];
    for kind in ["get", "set", "result", "retry", "subscribe", "read"] {
        for space in spaces {
            for child in children {
                let inner = NodeBuilder::new("user")
                    .attr("jid", "@lid")
                    .bytes(vec![0xFF; 3])
                    .build();
                all.push(
                    NodeBuilder::new(tag)
                        .attr("id", "x")
                        .attr("type", kind)
                        .attr("xmlns", space)
                        .attr("to", "15550002222:7@s.whatsapp.net")
                        .children([NodeBuilder::new(child).attr("count", "-1").children([inner]).build()])
                        .build(),
                );
            }
        }
    }
    all
}
