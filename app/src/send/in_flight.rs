//! The messages that this process is handing over right now. A task comes to one worker at a time, but the same message
//! may be named by two tasks – one that was replayed, one that was doubled – and is then in one hand only.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
};

use domain::NotificationId;

/// Who has what in hand. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlightNotifications(Arc<Mutex<HashSet<NotificationId>>>);

/// Messages that are in one worker's hands until this is dropped, however its work ends.
#[derive(Debug)]
pub(super) struct Claim {
    in_hand: InFlightNotifications,
    ids: Mutex<Vec<NotificationId>>,
}

impl Claim {
    /// The messages that are being sent.
    pub(super) fn ids(&self) -> Vec<NotificationId> {
        self.ids.lock().expect("no one panics holding it").clone()
    }

    /// Lets go of messages that other tasks continue with.
    pub(super) fn release(&self, gone: &BTreeSet<NotificationId>) {
        let mut ids = self.ids.lock().expect("no one panics holding it");
        let released: Vec<_> = ids.extract_if(.., |id| gone.contains(id)).collect();
        self.in_hand.remove(&released);
    }
}

impl InFlightNotifications {
    /// Takes those of the messages that nobody has in hand; and the others.
    pub(super) fn claim(&self, ids: &[NotificationId]) -> (Claim, Vec<NotificationId>) {
        let mut taken = self.0.lock().expect("no one panics holding it");
        let (ids, elsewhere) = ids.iter().copied().partition(|id| taken.insert(*id));
        let claim = Claim {
            in_hand: self.clone(),
            ids: Mutex::new(ids),
        };
        (claim, elsewhere)
    }

    fn remove(&self, ids: &[NotificationId]) {
        let mut taken = self.0.lock().expect("no one panics holding it");
        for id in ids {
            taken.remove(id);
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.in_hand.remove(&self.ids());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_in_one_hand_until_that_lets_go() {
        let (in_hand, id) = (InFlightNotifications::default(), |number: u128| {
            NotificationId::from_uuid(uuid::Uuid::from_u128(number))
        });
        let (first, none) = in_hand.claim(&[id(1), id(2)]);
        assert_eq!((first.ids().len(), none.len()), (2, 0));
        let (second, elsewhere) = in_hand.claim(&[id(2), id(3)]);
        assert_eq!((second.ids(), elsewhere), (vec![id(3)], vec![id(2)]));
        first.release(&[id(1)].into());
        let third = in_hand.claim(&[id(1), id(2)]).0;
        assert_eq!(third.ids(), [id(1)]);
        drop(first);
        assert_eq!(in_hand.claim(&[id(1), id(2)]).0.ids(), [id(2)]);
    }
}
