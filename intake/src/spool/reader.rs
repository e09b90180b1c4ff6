//! Reading a queue of the spool.

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use domain::Channel;
use sqlx::{Row as _, SqliteConnection};
use tokio::time::{Instant, timeout_at};

use super::{Spool, database_failed, writer::Change};
use crate::{Delivery, DeliveryId, LogError, LogReader, queue_name};

/// How often a reader looks for groups that other processes have appended.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A reader of one queue.
#[derive(Debug)]
pub(super) struct SpoolReader {
    spool: Spool,
    queue: Channel,
    connection: SqliteConnection,
    held: BTreeSet<i64>,
}

impl SpoolReader {
    pub(super) fn new(spool: Spool, queue: Channel, connection: SqliteConnection) -> Self {
        spool.queue(queue).lock().readers += 1;
        Self {
            spool,
            queue,
            connection,
            held: BTreeSet::new(),
        }
    }

    /// Returns the oldest groups that no reader of this process holds. Those of other processes hold none while this one
    /// has the lock.
    async fn take(&mut self, max: usize) -> Result<Vec<Delivery>, LogError> {
        if !self.spool.may_read(self.queue)? {
            return Ok(Vec::new());
        }
        let mut deliveries = Vec::new();
        for number in self.hold_oldest(max).await? {
            let row = sqlx::query("SELECT body FROM groups WHERE number = ?")
                .bind(number)
                .fetch_optional(&mut self.connection)
                .await
                .map_err(database_failed)?;
            // Gone only if another process has acknowledged it, late, after it had lost the lock.
            let Some(row) = row else {
                self.forget(number);
                continue;
            };
            let body: Vec<u8> = row.try_get(0).map_err(database_failed)?;
            deliveries.push(Delivery {
                id: DeliveryId(number.unsigned_abs()),
                group: body.into(),
            });
        }
        Ok(deliveries)
    }

    async fn hold_oldest(&mut self, max: usize) -> Result<Vec<i64>, LogError> {
        let held = self.spool.queue(self.queue).lock().held.len();
        let rows = sqlx::query("SELECT number FROM groups WHERE queue = ? ORDER BY number LIMIT ?")
            .bind(queue_name(self.queue))
            // Readers may hold the oldest ones, and others may begin to hold more meanwhile: then fewer are found.
            .bind(i64::try_from(max + held).unwrap_or(i64::MAX))
            .fetch_all(&mut self.connection)
            .await
            .map_err(database_failed)?;
        let mut shared = self.spool.queue(self.queue).lock();
        let mut found = Vec::with_capacity(max);
        for row in rows {
            let number: i64 = row.try_get(0).map_err(database_failed)?;
            if found.len() < max && shared.held.insert(number) {
                self.held.insert(number);
                found.push(number);
            }
        }
        Ok(found)
    }

    fn forget(&mut self, number: i64) {
        self.held.remove(&number);
        self.spool.queue(self.queue).lock().held.remove(&number);
    }

    fn number_of(&self, delivery: DeliveryId) -> Result<i64, LogError> {
        let number = i64::try_from(delivery.0).ok();
        number
            .filter(|number| self.held.contains(number))
            .ok_or_else(|| LogError::new("this reader does not hold the group"))
    }
}

#[async_trait]
impl LogReader for SpoolReader {
    async fn receive(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>, LogError> {
        let until = Instant::now() + wait;
        loop {
            let spool = self.spool.clone();
            let changed = spool.queue(self.queue).changed.notified();
            tokio::pin!(changed);
            // Before the look, so that what is appended after it wakes this reader.
            changed.as_mut().enable();
            let deliveries = self.take(max).await?;
            if !deliveries.is_empty() || Instant::now() >= until {
                return Ok(deliveries);
            }
            let next_look = until.min(Instant::now() + POLL_INTERVAL);
            let _ = timeout_at(next_look, changed).await;
        }
    }

    async fn acknowledge(&mut self, deliveries: &[DeliveryId]) -> Result<(), LogError> {
        let numbers = deliveries.iter().map(|delivery| self.number_of(*delivery));
        let numbers = numbers.collect::<Result<Vec<i64>, LogError>>()?;
        let change = Change::Remove {
            numbers: numbers.clone(),
        };
        self.spool.0.writer.write(change).await?;
        for number in numbers {
            self.forget(number);
        }
        Ok(())
    }

    async fn set_aside(
        &mut self,
        delivery: DeliveryId,
        rest: Bytes,
        reason: &str,
    ) -> Result<(), LogError> {
        let number = self.number_of(delivery)?;
        let change = Change::SetAside {
            queue: self.queue,
            number,
            rest,
            reason: reason.to_owned(),
        };
        self.spool.0.writer.write(change).await?;
        self.forget(number);
        Ok(())
    }
}

impl Drop for SpoolReader {
    fn drop(&mut self) {
        let queue = self.spool.queue(self.queue);
        let mut shared = queue.lock();
        for number in &self.held {
            shared.held.remove(number);
        }
        shared.readers -= 1;
        if shared.readers == 0 {
            // Another process reads on.
            shared.lock = None;
        }
        drop(shared);
        queue.changed.notify_waiters();
    }
}
