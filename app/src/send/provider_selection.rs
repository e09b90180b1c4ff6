//! The configured providers of each channel, and which of them sends the next message (`docs/spec/workers.md` §7.2).

use std::{fmt, sync::Arc};

use domain::{Channel, RandomSource};
use providers::{
    EmailProvider, FileService, LetterProvider, ScanError, ScanResult, Scanner, SmsProvider,
    letter::ResponseFiles, outbound::OutboundClient,
};

/// A provider with its share of the traffic, as the settings have it.
pub struct Weighted<P: ?Sized> {
    /// The provider.
    pub provider: Arc<P>,
    /// Its share: 0–100, against those of the others. An operator's later change wins.
    pub priority: u32,
    /// How much it takes.
    pub limits: ProviderLimits,
}

/// How much a provider takes. Without a limit, as much as its `concurrency` allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Messages a second, for each process that sends.
    pub per_second: Option<u32>,
    /// Messages a day (UTC), for all processes together.
    pub daily_quota: Option<u32>,
}

impl<P: ?Sized> Weighted<P> {
    /// Returns a provider with this share and no limits.
    pub const fn new(provider: Arc<P>, priority: u32) -> Self {
        let limits = ProviderLimits {
            per_second: None,
            daily_quota: None,
        };
        Self {
            provider,
            priority,
            limits,
        }
    }

    /// Returns the same provider with these limits.
    #[must_use]
    pub fn with_limits(self, limits: ProviderLimits) -> Self {
        Self { limits, ..self }
    }
}

/// What the settings say of a provider, whatever its channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Configured<'a> {
    pub(super) name: &'a str,
    pub(super) priority: u32,
    pub(super) concurrency: usize,
    pub(super) supports_international: bool,
    pub(super) limits: ProviderLimits,
}

impl<P: ?Sized> Clone for Weighted<P> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            priority: self.priority,
            limits: self.limits,
        }
    }
}

/// The configured providers of every channel.
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
    /// Where print providers leave response files, besides the places of the providers themselves.
    pub response_files: Vec<Arc<dyn ResponseFiles>>,
    /// Calls the URLs of services. Without it, no callback is sent.
    pub outbound: Option<Arc<dyn OutboundClient>>,
}

impl Providers {
    /// Scans a file for viruses. `None` if there is no scanner.
    pub(crate) async fn scan(&self, file: &[u8]) -> Result<Option<ScanResult>, ScanError> {
        match &self.scanner {
            Some(scanner) => scanner.scan(file).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns the providers of a channel in the order of the settings.
    pub(super) fn configured(&self, channel: Channel) -> Vec<Configured<'_>> {
        match channel {
            Channel::Email => configured(&self.email, |one| Configured {
                name: one.name(),
                concurrency: one.concurrency(),
                ..Configured::default()
            }),
            Channel::Sms => configured(&self.sms, |one| Configured {
                name: one.name(),
                concurrency: one.concurrency(),
                supports_international: one.supports_international(),
                ..Configured::default()
            }),
            Channel::Letter => configured(&self.letter, |one| Configured {
                name: one.name(),
                concurrency: one.concurrency(),
                ..Configured::default()
            }),
        }
    }
}

/// Adds the settings that every provider has to what the ports of a channel say.
fn configured<'a, P: ?Sized>(
    providers: &'a [Weighted<P>],
    of_port: fn(&'a P) -> Configured<'a>,
) -> Vec<Configured<'a>> {
    let configured = providers.iter().map(|one| Configured {
        priority: one.priority,
        limits: one.limits,
        ..of_port(&one.provider)
    });
    configured.collect()
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
            .finish_non_exhaustive()
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
