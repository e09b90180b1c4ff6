//! A network that drops packets without an error: requests are answered, and soon after the network works again
//! everything does, without a restart. Connections from before are never answered again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::join_all;
use pillarbox_stories::{BlackHole, World};
use server::system::SystemRandom;
use store::{Keyring, Store};
use tokio::time::timeout;

#[tokio::test]
async fn everything_works_again_soon_after_the_network_does() {
    let world = World::new().await;
    let address = world.database_address();
    if !address.starts_with("postgres") {
        return;
    }
    let council = world.service("Riverside Council").await;
    let proxy = BlackHole::before(&address).await;
    let keyring = Keyring::open_file(&world.keyring(), Arc::new(SystemRandom)).unwrap();
    let store = Store::connect(&proxy.address_for(&address), 4, keyring)
        .await
        .unwrap();
    let process = world.process_over(store.clone());
    let client = World::client_of(&process);
    let body = serde_json::json!({"phone_number": "07700900123", "template_id": council.sms, "personalisation": {"name": "Ada", "day": "Friday"}});
    let body = body.to_string();
    let send = || async {
        let token = world.token(&council.normal.service.to_string(), &council.normal.secret);
        let headers = [("authorization", token.as_str())];
        let path = "/v2/notifications/sms";
        client.request("POST", path, &headers, body.clone()).await
    };
    let accepted = join_all((0..8).map(|_| send())).await;
    assert!(accepted.iter().all(|answer| answer.status == 201));

    for _ in 0..2 {
        proxy.vanish();
        // More than there are connections, so that nothing of the pool is left untouched.
        let limit = Duration::from_secs(30);
        let refused = timeout(limit, join_all((0..8).map(|_| send()))).await;
        let refused = refused.expect("every request is answered");
        assert!(refused.iter().all(|answer| answer.status == 503));

        proxy.return_for_new_connections();
        let returned = Instant::now();
        while send().await.status != 201 {
            assert!(returned.elapsed() < Duration::from_secs(15));
        }
        assert!(returned.elapsed() < Duration::from_secs(15));
    }

    proxy.vanish();
    let closing = timeout(Duration::from_secs(10), store.close()).await;
    assert!(closing.is_ok(), "a process can stop meanwhile");
    world.run_tasks().await;
}
