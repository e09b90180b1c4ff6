//! Prices of messages (`docs/spec/public-api.md` §14.2, `docs/spec/letters.md` §11.2). Each rate is stored with the
//! time from which it is valid; a database without rates has the default ones.

use std::{sync::Arc, time::Duration};

use domain::{Postage, Timestamp};
pub use store::rates::{LetterRate, SmsRate};
use templates::letter_timings::{from_london, to_london};

use super::loading::LoadingCache;
use crate::{App, Money, database_gate::DatabaseGate};

/// Rates change a few times a year, and are set ahead.
const CACHE_TTL: Duration = Duration::from_mins(1);

/// Default prices of letters: pounds without tax, in pence for one to five sheets, valid from London midnight of the
/// given day.
const DEFAULT_LETTER_RATES: [(Postage, &str, [i64; 5]); 7] = [
    (Postage::Second, "2019-10-01", [35, 40, 45, 50, 55]),
    (Postage::First, "2019-10-01", [61, 66, 71, 76, 81]),
    (Postage::Economy, "2026-01-05", [64, 69, 73, 78, 82]),
    (Postage::Second, "2026-01-05", [73, 77, 82, 87, 91]),
    (Postage::First, "2026-04-07", [156, 161, 166, 171, 176]),
    (Postage::Europe, "2026-05-03", [180, 184, 188, 192, 196]),
    (
        Postage::RestOfWorld,
        "2026-05-03",
        [180, 184, 188, 192, 196],
    ),
];
const MICROPOUNDS_PER_PENNY: i64 = 10_000;

/// All rates, newest first within each kind.
#[derive(Debug)]
pub struct Rates {
    sms: Vec<SmsRate>,
    letters: Vec<LetterRate>,
    default_sms: Money,
}

impl Rates {
    /// Returns the domestic price of a text message fragment that was created at this time: the rate that was valid
    /// at midnight UTC of that day.
    pub fn sms(&self, created_at: Timestamp) -> Money {
        // A rate that is set during a day does not change the price of what was already sent on it.
        let midnight = created_at.utc_day().start();
        let valid = self.sms.iter().find(|rate| rate.valid_from <= midnight);
        valid.map_or(self.default_sms, |rate| Money {
            micropounds: rate.micropounds,
        })
    }

    /// Returns the price of a letter that was created at this time, or `None` if there is no rate for this many
    /// sheets. A letter without sheets is free.
    pub fn letter(&self, created_at: Timestamp, postage: Postage, sheets: u32) -> Option<Money> {
        if sheets == 0 {
            return Some(Money { micropounds: 0 });
        }
        let midnight = london_midnight(created_at);
        self.letters
            .iter()
            .find(|rate| {
                rate.postage == postage && rate.sheet_count == sheets && rate.start_date <= midnight
            })
            .map(|rate| Money {
                micropounds: rate.micropounds,
            })
    }

    /// Returns the letter rates that are valid at `now`, ordered by sheets, then rate, then class.
    pub fn letters_at(&self, now: Timestamp) -> Vec<LetterRate> {
        let mut current: Vec<LetterRate> = Vec::new();
        for rate in self.letters.iter().filter(|rate| rate.start_date <= now) {
            // Rates are newest first, so the first of each kind is the valid one.
            let is_known = current
                .iter()
                .any(|one| (one.postage, one.sheet_count) == (rate.postage, rate.sheet_count));
            if !is_known {
                current.push(*rate);
            }
        }
        current.sort_by_key(|rate| (rate.sheet_count, rate.micropounds, rate.postage.as_str()));
        current
    }
}

/// Returns the start of the London day that contains `at`.
fn london_midnight(at: Timestamp) -> Timestamp {
    let at = jiff::Timestamp::from_microsecond(at.unix_micros()).unwrap_or_default();
    midnight_of(to_london(at).date())
}

fn midnight_of(day: jiff::civil::Date) -> Timestamp {
    Timestamp::from_unix_micros(from_london(day.at(0, 0, 0, 0)).as_microsecond())
}

/// Returns the default rates if none is stored. A single stored rate replaces them, or an operator could not take a class
/// out of use.
pub(crate) fn or_default(stored: Vec<LetterRate>) -> Vec<LetterRate> {
    if stored.is_empty() {
        default_letter_rates()
    } else {
        stored
    }
}

fn default_letter_rates() -> Vec<LetterRate> {
    let mut rates: Vec<LetterRate> = DEFAULT_LETTER_RATES
        .iter()
        .flat_map(|(postage, day, pence)| {
            let start_date = midnight_of(day.parse().expect("the table has days"));
            (1..)
                .zip(pence)
                .map(move |(sheet_count, pence)| LetterRate {
                    start_date,
                    postage: *postage,
                    sheet_count,
                    micropounds: pence * MICROPOUNDS_PER_PENNY,
                })
        })
        .collect();
    rates.sort_by_key(|rate| std::cmp::Reverse(rate.start_date));
    rates
}

/// Cache of the rates: a single entry.
#[derive(Debug)]
pub(crate) struct RateCache(LoadingCache<(), Arc<Rates>>);

impl RateCache {
    pub(crate) fn new(gate: &DatabaseGate) -> Self {
        Self(LoadingCache::new(1, CACHE_TTL, gate))
    }
}

/// Returns all rates, at most a minute old.
pub async fn find(app: &App) -> Result<Arc<Rates>, Arc<store::Error>> {
    let cache = &app.caches.rates.0;
    cache.get_or_load((), app.clock.now(), || load(app)).await
}

async fn load(app: &App) -> Result<Arc<Rates>, store::Error> {
    let mut session = app.store.read().await?;
    let sms = store::rates::list_sms(&mut session).await?;
    let letters = or_default(store::rates::list_letter(&mut session).await?);
    Ok(Arc::new(Rates {
        sms,
        letters,
        default_sms: app.settings.sms_rate,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn standard() -> Rates {
        Rates {
            sms: vec![SmsRate {
                valid_from: moment("2026-04-01T00:00:00Z"),
                micropounds: 25_000,
            }],
            letters: default_letter_rates(),
            default_sms: Money {
                micropounds: 23_300,
            },
        }
    }

    #[test]
    fn a_text_costs_what_was_valid_at_midnight_of_its_day() {
        let rates = standard();
        assert_eq!(
            rates.sms(moment("2026-04-01T00:00:00Z")).micropounds,
            25_000
        );
        assert_eq!(
            rates.sms(moment("2026-03-31T23:59:59Z")).micropounds,
            23_300,
            "before the first rate the standard one holds"
        );
    }

    #[test]
    fn a_letter_costs_what_was_valid_at_midnight_of_its_london_day() {
        let rates = standard();
        let first = |at: &str| {
            rates
                .letter(moment(at), Postage::First, 1)
                .unwrap()
                .micropounds
        };
        // In summer London's day begins at eleven in the evening.
        assert_eq!(first("2026-04-06T22:59:59Z"), 610_000);
        assert_eq!(first("2026-04-06T23:00:00Z"), 1_560_000);
        let at = moment("2026-06-01T12:00:00Z");
        assert_eq!(rates.letter(at, Postage::First, 6), None);
        assert_eq!(
            rates.letter(at, Postage::First, 0),
            Some(Money { micropounds: 0 })
        );
        assert_eq!(
            rates.letter(moment("2018-01-01T00:00:00Z"), Postage::First, 1),
            None
        );
    }

    #[test]
    fn the_rates_of_now_are_one_of_each_kind() {
        let now = standard().letters_at(moment("2026-03-01T00:00:00Z"));
        let seconds: Vec<i64> = now
            .iter()
            .filter(|rate| rate.postage == Postage::Second)
            .map(|rate| rate.micropounds)
            .collect();
        assert_eq!(seconds, [730_000, 770_000, 820_000, 870_000, 910_000]);
        assert_eq!(now.len(), 15);
        assert_eq!(
            (now[0].sheet_count, now[0].postage),
            (1, Postage::First),
            "by sheets, then rate"
        );
    }
}
