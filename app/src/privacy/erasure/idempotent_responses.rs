//! Stored responses of idempotency keys, which show the rendered message.

use std::collections::BTreeSet;

use domain::NotificationId;
use serde_json::Value;
use store::idempotency_keys::{self, StoredResponse};

use super::{EraseError, Erasure, PAGE_SIZE};
use crate::accept::idempotency;

/// The fields of a response that show its message.
const PERSONAL_FIELDS: [&str; 3] = ["body", "subject", "one_click_unsubscribe_url"];

impl Erasure<'_> {
    pub(super) async fn erase_idempotent_responses(&mut self) -> Result<(), EraseError> {
        let (app, mut after) = (self.app, None::<StoredResponse>);
        loop {
            let mut session = app.read().await?;
            let page = idempotency_keys::list_responses(
                &mut session,
                self.service,
                after.as_ref(),
                PAGE_SIZE,
            )
            .await?;
            drop(session);
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            self.empty_responses_of_erased(page).await?;
        }
    }

    async fn empty_responses_of_erased(
        &mut self,
        page: Vec<StoredResponse>,
    ) -> Result<(), EraseError> {
        let mut answers = Vec::new();
        for kept in page {
            if let Some((id, answer)) = self.open(&kept)? {
                answers.push((id, kept, answer));
            }
        }
        let ids: Vec<NotificationId> = answers.iter().map(|(id, ..)| *id).collect();
        let erased = self.erased_among(&ids).await?;
        for (id, kept, answer) in answers {
            let Some(emptied) = erased.contains(&id).then(|| emptied(answer)).flatten() else {
                continue;
            };
            let owner = idempotency::owner(kept.service_id, &kept.key_hash);
            let sealed = self.app.store.keyring().seal(&owner, &emptied);
            let mut tx = self.write().await?;
            // The key stays, so that repeating the request sends nothing.
            let replaced = idempotency_keys::replace_response(&mut tx, &kept, sealed).await?;
            tx.commit().await?;
            self.report.answers += u64::from(replaced);
        }
        Ok(())
    }

    /// Returns the response to one message and the message's id; responses to other requests show nothing personal.
    fn open(&self, kept: &StoredResponse) -> Result<Option<(NotificationId, Value)>, EraseError> {
        let owner = idempotency::owner(kept.service_id, &kept.key_hash);
        let plain = self.app.store.keyring().open(&owner, &kept.sealed);
        let plain = plain.map_err(store::Error::from)?;
        // Not the response to a message, so it shows nothing personal.
        let Ok(answer) = serde_json::from_slice::<Value>(&plain) else {
            return Ok(None);
        };
        let id = answer["id"].as_str().and_then(|id| id.parse().ok());
        Ok(id.map(|id| (id, answer)))
    }

    async fn erased_among(
        &self,
        ids: &[NotificationId],
    ) -> Result<BTreeSet<NotificationId>, EraseError> {
        let app = self.app;
        let mut session = app.read().await?;
        let mut erased = BTreeSet::new();
        // One after the other: each may be megabytes.
        for id in ids {
            let found = store::notifications::find_for_any_service(&mut session, *id).await?;
            if let Some(message) = found
                && message.open(app.store.keyring())?.is_erased()
            {
                erased.insert(message.id);
            }
        }
        Ok(erased)
    }
}

/// Returns the response without its personal fields, or nothing if it has none.
fn emptied(mut answer: Value) -> Option<Vec<u8>> {
    let content = answer.get_mut("content")?.as_object_mut()?;
    let mut shows = false;
    for name in PERSONAL_FIELDS {
        if let Some(text) = content.get_mut(name)
            && text.as_str().is_some_and(|text| !text.is_empty())
        {
            *text = "".into();
            shows = true;
        }
    }
    shows.then(|| serde_json::to_vec(&answer).expect("JSON is writable"))
}
