//! SIGHUP while messages are sent: the process goes on, with the key that its settings file has now.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::HeaderMap, routing::post};
use tokio::net::TcpListener;

use crate::{load::Load, platform::Platform};

/// The keys with which messages came to a gateway, in order, without repetitions.
type Keys = Arc<Mutex<Vec<String>>>;

async fn gateway() -> (String, Keys) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/send", listener.local_addr().unwrap());
    let keys = Keys::default();
    let seen = keys.clone();
    let send = async move |headers: HeaderMap| {
        let key = headers["authorization"].to_str().unwrap().to_owned();
        let mut seen = seen.lock().unwrap();
        if !seen.contains(&key) {
            seen.push(key);
        }
        "{}"
    };
    let router = Router::new().route("/send", post(send));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, keys)
}

async fn wait_for(keys: &Keys, count: usize) {
    let all_there = async {
        while keys.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_mins(1), all_there).await;
    ended.unwrap_or_else(|_| panic!("only {:?} were used", keys.lock().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_changes_the_key_and_ends_nothing() {
    let platform = Platform::new().await;
    let (url, keys) = gateway().await;
    let configure = |key: &str| {
        let file = platform.data_dir().join("pillarbox.toml");
        let provider = format!(
            "[[providers.sms]]\nkind = 'http'\nname = 'acme'\nurl = '{url}'\nauth = {{ bearer = {{ token = '{key}' }} }}\n\
             body = {{ json = {{ to = '{{to}}' }} }}\n"
        );
        fs::write(file, provider).unwrap();
    };
    fs::create_dir_all(platform.data_dir()).unwrap();
    configure("first");
    let process = platform.start().await;
    let load = Load::begin(&platform);
    wait_for(&keys, 1).await;
    // A quotation mark ends the key too soon: nothing changes.
    configure("a'b");
    process.signal("HUP").await;
    configure("second");
    process.signal("HUP").await;
    wait_for(&keys, 2).await;
    configure("third");
    process.signal("HUP").await;
    wait_for(&keys, 3).await;
    load.end().await;
    process.stop().await;
    let expected = ["Bearer first", "Bearer second", "Bearer third"];
    assert_eq!(*keys.lock().unwrap(), expected);
}
