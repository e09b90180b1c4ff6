//! A process reports at its start that the database server has too few connections for it (`docs/spec/workers.md`
//! §17, F24).

use std::sync::Arc;

use pillarbox_stories::World;
use server::{
    settings::Settings,
    system::SystemRandom,
    wiring::{self, Platform},
};

async fn start(world: &World, connections: u32) -> anyhow::Result<Platform> {
    let settings = Settings {
        data_dir: world.keyring().parent().unwrap().to_owned(),
        database: Some(world.database_address().into()),
        database_connections: connections,
        keyring_file: Some(world.keyring()),
        internal_secret: Some(pillarbox_stories::INTERNAL_SECRET.into()),
        ..Settings::default()
    };
    wiring::open_with(settings, world.clock.clone(), Arc::new(SystemRandom)).await
}

#[tokio::test]
async fn a_process_without_enough_database_connections_does_not_start() {
    let world = World::new().await;
    let has_server = world.database_address().starts_with("postgres");
    let starts = start(&world, 2).await.expect("there is room for two");
    starts.app.store().close().await;

    let refused = start(&world, 1_000_000).await;
    assert_eq!(refused.is_err(), has_server);
    if let Err(why) = refused {
        let why = why.to_string();
        assert!(
            why.contains("may open 1000000 connections (database_connections)"),
            "{why}"
        );
        assert!(why.contains("raise the server's max_connections"), "{why}");
    }
}
