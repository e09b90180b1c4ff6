//! The sink, whose files are named for our reference.

use async_trait::async_trait;
use pillarbox_providers::{EmailProvider, SendError, SendReceipt, Sink};
use tempfile::TempDir;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{Behaviour, Subject};
use crate::messages::email;

pub(crate) struct SinkSubject {
    sink: Sink,
    never: Notify,
    _directory: TempDir,
}

#[async_trait]
impl Subject for SinkSubject {
    async fn start() -> Self {
        let directory = TempDir::new().unwrap();
        Self {
            sink: Sink::new(directory.path()),
            never: Notify::new(),
            _directory: directory,
        }
    }

    fn next(&self, behaviour: Behaviour) {
        assert_eq!(behaviour, Behaviour::Accept);
    }

    async fn send(&self, id: Uuid) -> Result<SendReceipt, SendError> {
        EmailProvider::send(&self.sink, &email(id.as_u128())).await
    }

    fn received(&self) -> Vec<Uuid> {
        let mut messages = self.sink.list(None, 10).unwrap();
        messages.sort_by_key(|message| (message.id, message.copy));
        messages.iter().map(|message| message.id).collect()
    }

    fn hanging(&self) -> &Notify {
        &self.never
    }
}
