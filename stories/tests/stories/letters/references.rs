//! References of letters are unique among stored and archived ones (`docs/spec/letters.md` §1).

use pillarbox_stories::World;
use store::notifications::insert_many;

use super::{Printed, archive, insert_printed, new_printed, service};

#[tokio::test]
async fn no_letter_gets_the_reference_of_another_stored_or_archived() {
    let world = World::new().await;
    let here = service(&world, "Riverside Council").await;
    let there = service(&world, "Hillside Council").await;
    let printed = Printed::sending("AAAABBBBCCCC0001");
    let first = insert_printed(&world, (here.id, here.sms), &printed).await;
    for is_archived in [false, true] {
        if is_archived {
            let mut tx = world.app.store().write().await.unwrap();
            archive(&mut tx, here.id, first).await;
            tx.commit().await.unwrap();
        }
        let mut tx = world.app.store().write().await.unwrap();
        let second = new_printed(&world, (there.id, there.sms), &printed);
        let inserted = insert_many(&mut tx, &[second]).await;
        assert!(
            matches!(inserted, Err(store::Error::Exists)),
            "{inserted:?}"
        );
    }
    // Two in one transaction.
    let printed = Printed::sending("AAAABBBBCCCC0002");
    let both = [1, 2].map(|_| new_printed(&world, (here.id, here.sms), &printed));
    let mut tx = world.app.store().write().await.unwrap();
    let inserted = insert_many(&mut tx, &both).await;
    assert!(
        matches!(inserted, Err(store::Error::Exists)),
        "{inserted:?}"
    );
}

#[tokio::test]
async fn a_letter_that_is_inserted_twice_keeps_its_first_reference() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let of = (service.id, service.sms);
    let first = new_printed(&world, of, &Printed::sending("AAAABBBBCCCC0001"));
    let again = store::notifications::NewNotification {
        id: first.id,
        ..new_printed(&world, of, &Printed::sending("AAAABBBBCCCC0002"))
    };
    let mut tx = world.app.store().write().await.unwrap();
    assert_eq!(insert_many(&mut tx, &[first]).await.unwrap(), 1);
    assert_eq!(insert_many(&mut tx, &[again]).await.unwrap(), 0);
    // The second reference is still free.
    let other = new_printed(&world, of, &Printed::sending("AAAABBBBCCCC0002"));
    assert_eq!(insert_many(&mut tx, &[other]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}
