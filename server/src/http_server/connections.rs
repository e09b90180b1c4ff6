//! Which connections are open, and which may be opened. The number is bounded, and so is the part of one address.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One address may have this many times as many connections as are still free: three quarters of all while it is alone.
/// However many addresses take what they can, some are left for the next one.
const SHARE_OF_FREE: usize = 3;

/// The open connections of a listener.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next_id: u64,
    connections: BTreeMap<u64, Entry>,
    of_peer: HashMap<Peer, usize>,
    /// Evicted connections whose descriptors are not closed yet.
    closing: usize,
}

#[derive(Debug)]
struct Entry {
    peer: Peer,
    activity: Arc<Activity>,
}

/// Where connections come from; see [`api::network_of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Peer(IpAddr);

/// What a connection does, as far as it matters when another one needs its place.
#[derive(Debug)]
pub(super) struct Activity {
    /// Whether a handler works on a request: it waits for the platform then, and not for its client.
    is_working: AtomicBool,
    last_progress: Mutex<Instant>,
    evicted: CancellationToken,
}

/// A connection that may stay open. Gives its place back when it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    connections: Arc<Connections>,
    id: u64,
    pub(super) activity: Arc<Activity>,
}

impl Connections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            open: Mutex::default(),
        })
    }

    /// Admits a connection from `address`. Where there is no room for it, it takes the place of the connection that has
    /// waited longest for its client; returns `None` if there is none, because all wait for the platform.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let peer = Peer(api::network_of(address));
        let mut open = self.open();
        let count = open.of_peer.get(&peer).copied().unwrap_or_default();
        let free = self.limit.saturating_sub(open.connections.len());
        if count >= free.saturating_mul(SHARE_OF_FREE) {
            // Evicted connections hold their descriptors until their tasks run: they are not to add up.
            if open.closing > self.limit / 4 {
                return None;
            }
            // One of its own, if the address has any: opening more pushes out no other address.
            let victim = open.stalest((count > 0).then_some(peer))?;
            open.evict(victim);
        }
        let (id, activity) = open.insert(peer);
        drop(open);
        Some(Admitted {
            connections: Arc::clone(self),
            id,
            activity,
        })
    }

    /// Returns whether evicted connections still hold their descriptors.
    pub(super) fn are_closing(&self) -> bool {
        self.open().closing > 0
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("no one panics holding it")
    }
}

impl Open {
    fn insert(&mut self, peer: Peer) -> (u64, Arc<Activity>) {
        let activity = Arc::new(Activity {
            is_working: AtomicBool::new(false),
            last_progress: Mutex::new(Instant::now()),
            evicted: CancellationToken::new(),
        });
        let id = self.next_id;
        self.next_id += 1;
        *self.of_peer.entry(peer).or_default() += 1;
        let entry = Entry {
            peer,
            activity: Arc::clone(&activity),
        };
        self.connections.insert(id, entry);
        (id, activity)
    }

    /// Returns the connection that has waited longest for its client: of one peer, or of all.
    fn stalest(&self, of_peer: Option<Peer>) -> Option<u64> {
        let candidates = self.connections.iter().filter(|(_, one)| {
            of_peer.is_none_or(|peer| peer == one.peer)
                && !one.activity.is_working.load(Ordering::Relaxed)
        });
        candidates
            .min_by_key(|(_, one)| one.activity.last_progress())
            .map(|(id, _)| *id)
    }

    fn evict(&mut self, id: u64) {
        if let Some(entry) = self.remove(id) {
            self.closing += 1;
            entry.activity.evicted.cancel();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.connections.remove(&id)?;
        if let Some(count) = self.of_peer.get_mut(&entry.peer) {
            *count -= 1;
            // Addresses are forgotten with their last connection: there are many of them.
            if *count == 0 {
                self.of_peer.remove(&entry.peer);
            }
        }
        Some(entry)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        if open.remove(self.id).is_none() {
            // Evicted before: its place is given away already, and now its descriptor is closed too.
            open.closing -= 1;
        }
    }
}

impl Activity {
    /// Records whether the connection waits for the platform.
    pub(super) fn set_working(&self, is_working: bool) {
        self.is_working.store(is_working, Ordering::Relaxed);
    }

    /// Records that the client sent or took something.
    pub(super) fn progress(&self) {
        *self.lock_progress() = Instant::now();
    }

    /// Completes when the connection has to make room for another.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    fn last_progress(&self) -> Instant {
        *self.lock_progress()
    }

    fn lock_progress(&self) -> MutexGuard<'_, Instant> {
        self.last_progress.lock().expect("no one panics holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admits connections whose handlers run, so that none of them can be evicted.
    fn admit(connections: &Arc<Connections>, address: &str, count: usize) -> Vec<Admitted> {
        let admit = |_| {
            let admitted = connections.admit(address.parse().unwrap())?;
            admitted.activity.set_working(true);
            Some(admitted)
        };
        (0..count).map_while(admit).collect()
    }

    #[test]
    fn every_address_leaves_something_for_the_next() {
        let connections = Connections::new(100);
        let first = admit(&connections, "192.0.2.1", 200);
        let second = admit(&connections, "192.0.2.2", 200);
        let third = admit(&connections, "192.0.2.3", 200);
        assert_eq!((first.len(), second.len(), third.len()), (75, 19, 5));
        assert!(connections.admit("192.0.2.1".parse().unwrap()).is_none());
        drop(first);
        assert!(!admit(&connections, "192.0.2.2", 10).is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let connections = Connections::new(100);
        let _first = admit(&connections, "2001:db8::1", 75);
        assert!(
            connections
                .admit("2001:db8::2:1".parse().unwrap())
                .is_none()
        );
        assert!(
            connections
                .admit("2001:db8:0:1::1".parse().unwrap())
                .is_some()
        );
        assert!(
            connections
                .admit("::ffff:192.0.2.1".parse().unwrap())
                .is_some()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_connection_that_waited_longest_makes_room() {
        let connections = Connections::new(4);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let mut admitted = Vec::new();
        for _ in 0..3 {
            admitted.push(connections.admit(address).unwrap());
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        admitted[0].activity.set_working(true);
        admitted[1].activity.progress();
        let fourth = connections.admit(address).unwrap();
        // The first one's handler runs, and the second one has just sent something.
        let evicted = admitted
            .iter()
            .map(|one| one.activity.evicted.is_cancelled());
        assert_eq!(evicted.collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(connections.open().closing, 1);
        drop((admitted, fourth));
        let open = connections.open();
        assert_eq!(
            (open.connections.len(), open.of_peer.len(), open.closing),
            (0, 0, 0)
        );
    }
}
