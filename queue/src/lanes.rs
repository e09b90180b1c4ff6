//! In which order a worker looks at the lanes.

use domain::Lane;

/// The lanes in the order in which they are looked at in this round. Priority comes first, but one round in four begins
/// with normal and one in sixteen with bulk, so that a flood in one lane slows the lanes behind it and starves none.
pub(crate) const fn order(round: u32) -> [Lane; 3] {
    match round % 16 {
        15 => [Lane::Bulk, Lane::Priority, Lane::Normal],
        3 | 7 | 11 => [Lane::Normal, Lane::Priority, Lane::Bulk],
        _ => [Lane::Priority, Lane::Normal, Lane::Bulk],
    }
}

/// How many of a pool's workers a lane may use: bulk leaves two for the others, normal one for priority, where the
/// pool is large enough to leave any.
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
