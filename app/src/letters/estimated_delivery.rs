use domain::{Postage, Timestamp};
use templates::letter_timings::Timings;

/// Returns the latest time at which a letter that was created at this time arrives (`docs/spec/public-api.md` §14).
pub(crate) fn estimated_delivery(created_at: Timestamp, postage: Postage) -> Timestamp {
    let created = jiff::Timestamp::from_microsecond(created_at.unix_micros()).unwrap_or_default();
    let latest = Timings::of(created, postage).latest_delivery;
    Timestamp::from_unix_micros(latest.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_postage_has_a_day_on_which_the_letter_has_arrived() {
        let created: Timestamp = "2026-03-02T10:06:07.000008Z".parse().unwrap();
        let days: Vec<String> = Postage::ALL
            .iter()
            .map(|postage| estimated_delivery(created, *postage).to_string())
            .collect();
        assert_eq!(days[1], "2026-03-10T16:00:07.000008Z");
        assert_eq!(days.len(), 5);
    }
}
