//! The active providers of each channel, and which of them sends the next message (`docs/spec/workers.md` §7.2).

use std::{fmt, sync::Arc};

use domain::RandomSource;
use providers::{EmailProvider, FileService, LetterProvider, Scanner, SmsProvider};

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
            .finish()
    }
}

impl Providers {
    /// The provider that takes the next e-mail.
    pub(crate) fn choose_email(
        &self,
        entropy: &dyn RandomSource,
    ) -> Option<Arc<dyn EmailProvider>> {
        choose(self.email.iter(), entropy)
    }

    /// The provider that takes a letter: the one of this name, who may have it already, if he is still in use.
    pub(crate) fn choose_letter(
        &self,
        before: Option<&str>,
        entropy: &dyn RandomSource,
    ) -> Option<Arc<dyn LetterProvider>> {
        let mut all = self.letter.iter();
        let same = all.find(|one| Some(one.provider.name()) == before);
        same.map(|one| one.provider.clone())
            .or_else(|| choose(self.letter.iter(), entropy))
    }

    /// The provider that takes the next text; for one that goes abroad, only of those that can.
    pub(crate) fn choose_sms(
        &self,
        international: bool,
        entropy: &dyn RandomSource,
    ) -> Option<Arc<dyn SmsProvider>> {
        choose(
            self.sms
                .iter()
                .filter(|one| !international || one.provider.supports_international()),
            entropy,
        )
    }
}

/// Draws one by weight. One alone is taken whatever its weight; where all weigh nothing, each is as likely.
fn choose<'all, P: ?Sized + 'all>(
    candidates: impl Iterator<Item = &'all Weighted<P>> + Clone,
    entropy: &dyn RandomSource,
) -> Option<Arc<P>> {
    let mut alone = candidates.clone();
    if let (Some(only), None) = (alone.next(), alone.next()) {
        return Some(only.provider.clone());
    }
    let total: u64 = candidates.clone().map(|one| u64::from(one.priority)).sum();
    let evenly = total == 0;
    let total = if evenly {
        candidates.clone().count() as u64
    } else {
        total
    };
    if total == 0 {
        return None;
    }
    let mut random = [0; 8];
    entropy.fill(&mut random);
    let mut drawn = u64::from_be_bytes(random) % total;
    for one in candidates {
        let weight = if evenly { 1 } else { u64::from(one.priority) };
        if drawn < weight {
            return Some(one.provider.clone());
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

    fn drawn(weights: &[u32], number: u64) -> Option<String> {
        let all: Vec<Weighted<str>> = weights
            .iter()
            .enumerate()
            .map(|(index, weight)| Weighted {
                provider: index.to_string().into(),
                priority: *weight,
            })
            .collect();
        choose(all.iter(), &Fixed(number)).map(|name| name.to_string())
    }

    #[test]
    fn providers_are_drawn_by_weight() {
        let counts = (0..100)
            .filter(|number| drawn(&[51, 49], *number).as_deref() == Some("0"))
            .count();
        assert_eq!(counts, 51);
    }

    #[test]
    fn one_alone_is_taken_even_with_no_weight_and_none_is_no_panic() {
        assert_eq!(drawn(&[0], 5).as_deref(), Some("0"));
        assert_eq!(drawn(&[], 5), None);
        assert_eq!(drawn(&[0, 0], 1).as_deref(), Some("1"));
    }
}
