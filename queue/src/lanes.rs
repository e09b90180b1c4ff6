//! The order in which a worker tries the lanes, and how many workers each lane may use.

use domain::Lane;

/// Returns the lanes in the order in which they are tried in this round.
///
/// Priority comes first in most rounds, but three in sixteen begin with normal and one with bulk, so that a flood in one
/// lane slows the lanes behind it and starves none.
pub(crate) const fn order(round: u32) -> [Lane; 3] {
    match round % 16 {
        15 => [Lane::Bulk, Lane::Priority, Lane::Normal],
        3 | 7 | 11 => [Lane::Normal, Lane::Priority, Lane::Bulk],
        _ => [Lane::Priority, Lane::Normal, Lane::Bulk],
    }
}

/// Returns how many of a pool's workers a lane may use. Bulk leaves two for the other lanes and normal one for priority,
/// where the pool is large enough: a slow task cannot be interrupted, so room for urgent ones must be left free.
pub(crate) const fn capacity(lane: Lane, workers: u32) -> u32 {
    let reserved = match (lane, workers) {
        (Lane::Bulk, 3..) => 2,
        (Lane::Bulk | Lane::Normal, 2..) => 1,
        _ => 0,
    };
    workers - reserved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_comes_first_now_and_then() {
        for lane in Lane::ALL {
            assert!((0..16).any(|round| order(round)[0] == *lane), "{lane}");
        }
    }

    #[test]
    fn a_flood_of_bulk_leaves_workers_for_the_other_lanes() {
        assert_eq!(
            (
                capacity(Lane::Bulk, 8),
                capacity(Lane::Normal, 8),
                capacity(Lane::Priority, 8)
            ),
            (6, 7, 8)
        );
        assert_eq!((capacity(Lane::Bulk, 2), capacity(Lane::Normal, 2)), (1, 1));
        assert_eq!((capacity(Lane::Bulk, 1), capacity(Lane::Normal, 1)), (1, 1));
    }
}
