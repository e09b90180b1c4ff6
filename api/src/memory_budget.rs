//! Memory that the requests of all clients share. Each client may hold as much as is still free, so that one alone takes at
//! most half and the next one always finds room.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::client::Client;

/// An amount of memory in bytes.
pub(crate) struct Budget {
    limit: usize,
    used: Mutex<Used>,
}

struct Used {
    total: usize,
    /// Only clients that hold something.
    by_client: BTreeMap<Client, usize>,
}

/// The part of a budget that one body uses, until it is dropped.
pub(crate) struct Share {
    budget: &'static Budget,
    client: Client,
    bytes: usize,
}

impl Budget {
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: Mutex::new(Used {
                total: 0,
                by_client: BTreeMap::new(),
            }),
        }
    }

    /// Returns a share of nothing yet.
    pub(crate) const fn share(&'static self, client: Client) -> Share {
        Share {
            budget: self,
            client,
            bytes: 0,
        }
    }

    fn reserve(&self, client: Client, bytes: usize) -> bool {
        let mut used = self.used();
        let of_client = used.by_client.get(&client).copied().unwrap_or_default();
        let (of_client, total) = (
            of_client.saturating_add(bytes),
            used.total.saturating_add(bytes),
        );
        if of_client > self.limit.saturating_sub(total) {
            return false;
        }
        used.total = total;
        used.by_client.insert(client, of_client);
        true
    }

    fn release(&self, client: Client, bytes: usize) {
        let mut used = self.used();
        used.total -= bytes;
        if let Some(of_client) = used.by_client.get_mut(&client) {
            *of_client -= bytes;
            // Addresses are forgotten with their last byte: there are many of them.
            if *of_client == 0 {
                used.by_client.remove(&client);
            }
        }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Returns whether it is a share of this budget.
    pub(crate) fn is_of(&self, budget: &'static Budget) -> bool {
        std::ptr::eq(self.budget, budget)
    }

    /// Reserves this many bytes altogether. Returns false if that is more than the client may hold now; the share is as
    /// before then.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let is_reserved = more == 0 || self.budget.reserve(self.client, more);
        if is_reserved {
            self.bytes += more;
        }
        is_reserved
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.client, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u128) -> Client {
        Client::Service(uuid::Uuid::from_u128(number).into())
    }

    #[test]
    fn a_client_leaves_room_for_the_next() {
        static BUDGET: Budget = Budget::new(1000);
        let mut shares = Vec::new();
        // What is left after each: 500, 250, 125.
        for (number, most) in [(1, 500), (2, 250), (3, 125)] {
            let mut share = BUDGET.share(client(number));
            assert!(share.grow_to(most), "{number}");
            assert!(!share.grow_to(most + 1), "{number}");
            assert!(!BUDGET.share(client(number)).grow_to(1), "{number}");
            shares.push(share);
        }
        drop(shares);
        assert!(BUDGET.share(client(2)).grow_to(500));
        let used = BUDGET.used();
        assert_eq!((used.total, used.by_client.len()), (0, 0));
    }

    #[test]
    fn more_than_there_is_cannot_be_reserved() {
        static BUDGET: Budget = Budget::new(1000);
        let mut share = BUDGET.share(client(1));
        assert!(!share.grow_to(usize::MAX));
        assert!(share.grow_to(100));
        assert!(!share.grow_to(usize::MAX));
    }
}
