//! The active providers of each channel, and which of them sends the next message (`docs/spec/workers.md` §7.2).

use std::{fmt, sync::Arc};

use domain::RandomSource;
use providers::{
    EmailProvider, FileService, LetterProvider, Scanner, SmsProvider, outbound::OutboundClient,
};

/// A provider with its share of the traffic.
pub struct Weighted<P: ?Sized> {
    /// The provider.
    pub provider: Arc<P>,
    /// Its share: 0–100, against those of the others.
    pub priority: u32,
}

impl<P: ?Sized> Clone for Weighted<P> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            priority: self.priority,
        }
    }
}

/// The active providers of every channel.
#[derive(Clone, Default)]
pub struct Providers {
    /// For e-mails.
    pub email: Vec<Weighted<dyn EmailProvider>>,
    /// For texts.
    pub sms: Vec<Weighted<dyn SmsProvider>>,
    /// For letters.
    pub letter: Vec<Weighted<dyn LetterProvider>>,
    /// For files by e-mail, where they go to somebody else's service instead of into our own store.
    pub file_service: Option<Arc<dyn FileService>>,
    /// Looks for viruses in what people upload.
    pub scanner: Option<Arc<dyn Scanner>>,
    /// Calls the URLs of services. Without it, no callback is sent.
    pub outbound: Option<Arc<dyn OutboundClient>>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers")
            .field(
                "email",
                &self
                    .email
                    .iter()
                    .map(|one| one.provider.name())
                    .collect::<Vec<_>>(),
            )
            .field(
                "sms",
                &self
                    .sms
                    .iter()
                    .map(|one| one.provider.name())
                    .collect::<Vec<_>>(),
            )
            .field(
                "letter",
                &self
                    .letter
                    .iter()
                    .map(|one| one.provider.name())
                    .collect::<Vec<_>>(),
            )
            .field("file_service", &self.file_service)
            .field("scanner", &self.scanner)
            .field("outbound", &self.outbound)
            .finish()
    }
}

/// Draws one of these by weight. One alone is taken whatever its weight; where all weigh nothing, each is as likely.
pub(super) fn draw(weights: &[u64], random: &dyn RandomSource) -> Option<usize> {
    if weights.len() <= 1 {
        return weights.first().map(|_| 0);
    }
    let total: u64 = weights.iter().sum();
    let evenly = total == 0;
    let total = if evenly { weights.len() as u64 } else { total };
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let mut drawn = u64::from_be_bytes(bytes) % total;
    for (place, weight) in weights.iter().enumerate() {
        let weight = if evenly { 1 } else { *weight };
        if drawn < weight {
            return Some(place);
        }
        drawn -= weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed(u64);

    impl RandomSource for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.copy_from_slice(&self.0.to_be_bytes());
        }
    }

    fn drawn(weights: &[u64], number: u64) -> Option<usize> {
        draw(weights, &Fixed(number))
    }

    #[test]
    fn providers_are_drawn_by_weight() {
        let counts = (0..100)
            .filter(|number| drawn(&[51, 49], *number) == Some(0))
            .count();
        assert_eq!(counts, 51);
    }

    #[test]
    fn one_alone_is_taken_even_with_no_weight_and_none_is_no_panic() {
        assert_eq!(drawn(&[0], 5), Some(0));
        assert_eq!(drawn(&[], 5), None);
        assert_eq!(drawn(&[0, 0], 1), Some(1));
    }
}
