//! Waking a push that sleeps. Deliberately not here: a clock that decides alone; see `ROUNDS`.

use super::*;

/// How soon what waits must flow (R6).
const TARGET: Duration = Duration::from_secs(2);
/// A machine with much else to do is late now and then, so one round in time is enough. Synapse's own next attempt is
/// sixteen seconds away in each: whoever waits for it is in time in none.
const ROUNDS: usize = 10;
/// After these, at 0, 2, 6 and 14 seconds, Synapse means to wait for sixteen.
const REFUSED: usize = 4;

#[tokio::test]
async fn r6_a_backlog_flows_within_two_seconds_of_waking_a_synapse_that_waits() {
    let synapse = Synapse::start().await;
    let mut person = synapse.person("alice").await;
    let room = synapse.room_with("whatsapp_r6", user_id!("@alice:hs.test")).await;
    person.joins(&room).await;
    let repair = Repair::new(synapse.homeserver.clone());
    repair.wake().await.unwrap();
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let text = format!("while you were away, {round}");
        {
            let mut pushed = synapse.pushed.lock().unwrap();
            (pushed.down, pushed.refused) = (true, 0);
        }
        person.says(&room, &text).await;
        synapse
            .waits(|pushed| pushed.refused >= REFUSED, "refused pushes")
            .await;
        synapse.pushed.lock().unwrap().down = false;
        let woken = Instant::now();
        repair.wake().await.unwrap();
        synapse.waits_for_push(&text).await;
        took.push(woken.elapsed());
        println!("R6: pushed {took:?} after the wake");
        if took.last() <= Some(&TARGET) {
            return;
        }
    }
    panic!("R6: in no round within {TARGET:?}: {took:?}");
}
