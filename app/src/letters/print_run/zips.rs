//! Batches of claimed letters for a provider that takes zips (`docs/spec/letters.md` §7.3).

use domain::Timestamp;
use providers::letter::file_drop::Grouping;
use queue::NewTask;
use store::{
    Tx,
    print_runs::{BatchLetter, WaitingLetter},
};

use crate::{App, tasks};

/// Divides the letters of a portion among batches, in the transaction that claims them, and returns the tasks that hand them
/// over. They are in order of creation.
pub(super) async fn enqueue_batches(
    app: &App,
    tx: &mut Tx,
    provider: &str,
    deadline: Timestamp,
    letters: &[WaitingLetter],
) -> Result<Vec<NewTask>, store::Error> {
    let now = app.clock.now();
    let mut grouping = Grouping::default();
    let mut batches: Vec<Vec<BatchLetter>> = Vec::new();
    for letter in letters {
        let row = BatchLetter {
            id: letter.id,
            service_id: letter.service_id,
            created_at: letter.created_at,
        };
        let begins = grouping.begins_zip(letter.file_bytes);
        match batches.last_mut() {
            Some(batch) if !begins => batch.push(row),
            _ => batches.push(vec![row]),
        }
    }
    let mut tasks = Vec::new();
    for batch in batches {
        let id = domain::generate(now, app.random());
        let of = (id, deadline, provider);
        store::print_runs::insert_batch(tx, of, &batch, now).await?;
        tasks.push(tasks::zip_and_send(id, now));
    }
    Ok(tasks)
}
