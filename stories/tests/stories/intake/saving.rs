//! Savers: whatever comes twice is stored once, and what cannot be stored holds up nothing.

use std::time::Duration;

use app::{IntakeMode, savers};
use bytes::Bytes;
use domain::{Allowance, Channel, Clock as _};
use futures::future::join_all;
use pillarbox_stories::World;
use serde_json::json;

use super::{accepted, assert_depth, assert_sent_once, id_of, world};
use crate::storage_outages::run;

#[tokio::test]
async fn what_was_accepted_before_a_restart_is_saved_after_it() {
    let mut world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(accepted(&world, &service).await);
    }
    assert_depth(&world, 5).await;
    world = world.restarted().await;
    assert_eq!(world.save_accepted().await, 5);
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
    assert_depth(&world, 0).await;
}

/// Returns the groups of the log, and leaves them there.
async fn groups(world: &World) -> Vec<Bytes> {
    let mut reader = world.intake().reader(Channel::Sms).await.unwrap();
    let read = reader
        .receive(100, Duration::from_millis(200))
        .await
        .unwrap();
    drop(reader);
    assert_depth(world, read.len() as u64).await;
    read.into_iter().map(|delivery| delivery.group).collect()
}

#[tokio::test]
async fn a_group_whose_acknowledgement_was_lost_is_saved_once() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let sends = (0..40).map(|_| accepted(&world, &service));
    let mut ids = join_all(sends).await;
    let again = groups(&world).await;
    assert!(again.len() < 40, "messages share groups");
    // The saver commits and dies. Before or after the message is sent, the group comes again.
    for sends in [false, true] {
        world.save_accepted().await;
        if sends {
            world.run_tasks().await;
        }
        for group in &again {
            let appended = world.intake().append(Channel::Sms, group.clone());
            appended.await.unwrap();
        }
    }
    ids.push(accepted(&world, &service).await);
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
    let mut session = world.app.read().await.unwrap();
    let today = world.clock.now().utc_day();
    let spent = store::counters::find_spent(&mut session, service.id, Allowance::Sms, today).await;
    assert_eq!(spent.unwrap(), 41, "nothing is counted twice");
}

#[tokio::test]
async fn two_savers_with_the_same_groups_store_them_once() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let ids = join_all((0..60).map(|_| accepted(&world, &service))).await;
    // As after a lost connection: each of them is given everything.
    for group in groups(&world).await {
        let appended = world.intake().append(Channel::Sms, group);
        appended.await.unwrap();
    }
    let (second, third) = (world.another_process(), world.another_process());
    let saved = join_all([
        savers::save_what_waits(&world.app),
        savers::save_what_waits(&second),
        savers::save_what_waits(&third),
    ])
    .await;
    assert!(saved.iter().all(Result::is_ok), "{saved:?}");
    world.run_tasks().await;
    assert_sent_once(&world, &ids);
    assert_depth(&world, 0).await;
}

#[tokio::test]
async fn savers_wait_for_the_database() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let id = accepted(&world, &service).await;
    world.outage().refuse();
    assert!(savers::save_what_waits(&world.app).await.is_err());
    assert_depth(&world, 1).await;
    world.outage().end();
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &[id]);
}

#[tokio::test]
async fn a_group_that_does_not_read_goes_aside_and_the_rest_flows() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    let before = accepted(&world, &service).await;
    // Someone else's bytes, and what is sealed for another place.
    let foreign = world
        .app
        .store()
        .keyring()
        .seal(b"elsewhere", b"{\"version\":1,\"notifications\":[]}");
    let newer = world
        .app
        .store()
        .keyring()
        .seal(b"intake log", b"{\"version\":2}");
    for poison in [Bytes::from_static(b"poison"), foreign.into(), newer.into()] {
        let appended = world.intake().append(Channel::Sms, poison);
        appended.await.unwrap();
    }
    let after = accepted(&world, &service).await;
    world.save_accepted().await;
    world.run_tasks().await;
    assert_sent_once(&world, &[before, after]);
    assert_depth(&world, 0).await;
    let aside = world.intake().count_aside(Channel::Sms).await.unwrap();
    assert_eq!(aside, 3);
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_goes_aside_alone() {
    let world = world(IntakeMode::Always).await;
    let service = world.service("Riverside Council").await;
    refuse_poison(&world).await;
    let post = async |reference: String| {
        let body = json!({
            "phone_number": "07700900123", "template_id": service.sms, "reference": reference,
            "personalisation": {"name": "Ada", "day": "Friday"},
        });
        let path = "/v2/notifications/sms";
        let answer = world.post(&service.normal, path, &body).await;
        assert_eq!(answer.status, 201);
        id_of(&answer)
    };
    let posts = (0..30).map(|number| {
        post(if number == 17 {
            "poison".to_owned()
        } else {
            format!("good-{number}")
        })
    });
    let mut ids = join_all(posts).await;
    world.save_accepted().await;
    world.run_tasks().await;
    let poison = ids.remove(17);
    assert_sent_once(&world, &ids);
    let aside = world.intake().count_aside(Channel::Sms).await.unwrap();
    assert_eq!(aside, 1);

    // An operator removes the cause.
    run(&world, drop_trigger(&world).to_owned()).await;
    let replayed = world.intake().replay_aside(Channel::Sms).await.unwrap();
    assert_eq!(replayed, 1);
    world.save_accepted().await;
    world.run_tasks().await;
    ids.push(poison);
    assert_sent_once(&world, &ids);
}

/// Makes the database refuse one message, for good.
async fn refuse_poison(world: &World) {
    if world.database_address().starts_with("sqlite") {
        let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON notifications \
                       WHEN NEW.client_reference = 'poison' BEGIN SELECT RAISE(ABORT, 'refused by the story'); END";
        run(world, trigger.to_owned()).await;
        return;
    }
    let function = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                    $$ BEGIN RAISE EXCEPTION 'refused by the story'; END $$";
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON notifications FOR EACH ROW \
                   WHEN (NEW.client_reference = 'poison') EXECUTE FUNCTION refuse()";
    run(world, function.to_owned()).await;
    run(world, trigger.to_owned()).await;
}

fn drop_trigger(world: &World) -> &'static str {
    if world.database_address().starts_with("sqlite") {
        "DROP TRIGGER refuse"
    } else {
        "DROP FUNCTION refuse CASCADE"
    }
}
