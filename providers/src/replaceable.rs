//! A provider that can be replaced while messages are sent through it.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use domain::SmsReceiptSource;

use crate::{
    Email, EmailProvider, Letter, LetterProvider, SendError, SendReceipt, Sms, SmsProvider,
    letter::{ChangingCredentials, ResponseFiles, file_drop::FileDrop},
    sms::receipts::{InboundSms, ProviderRequest, RequestError, SmsReceipt, SmsReceiver},
};

/// A provider whose settings can change while the platform runs, where `P` is the channel's port such as
/// `dyn SmsProvider`. Calls in flight end with the provider that they began with.
pub struct Replaceable<P: ?Sized> {
    // The row that it is chosen by has this name for as long as the process runs.
    name: String,
    current: RwLock<Arc<P>>,
}

impl<P: ?Sized> Replaceable<P> {
    /// Creates one that is `provider` at first.
    pub fn new(name: impl Into<String>, provider: Arc<P>) -> Self {
        Self {
            name: name.into(),
            current: RwLock::new(provider),
        }
    }

    /// Returns the identifier of the provider's row.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Replaces the provider for all later calls.
    pub fn replace(&self, provider: Arc<P>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = provider;
    }

    /// Returns the provider of the next call.
    pub fn current(&self) -> Arc<P> {
        // Cloned, so that no lock is held during the call.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<P: ?Sized> fmt::Debug for Replaceable<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Replaceable").field(&self.name).finish()
    }
}

macro_rules! forward {
    ($port:ident of $message:ty) => {
        #[async_trait]
        impl $port for Replaceable<dyn $port> {
            fn name(&self) -> &str {
                &self.name
            }

            fn reports_delivery(&self) -> bool {
                self.current().reports_delivery()
            }

            fn concurrency(&self) -> usize {
                self.current().concurrency()
            }

            async fn send(&self, message: &$message) -> Result<SendReceipt, SendError> {
                self.current().send(message).await
            }
        }
    };
}

forward!(EmailProvider of Email);

#[async_trait]
impl LetterProvider for Replaceable<dyn LetterProvider> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reports_delivery(&self) -> bool {
        self.current().reports_delivery()
    }

    fn concurrency(&self) -> usize {
        self.current().concurrency()
    }

    fn file_drop(&self) -> Option<FileDrop> {
        self.current().file_drop()
    }

    fn response_files(&self) -> Option<Arc<dyn ResponseFiles>> {
        self.current().response_files()
    }

    fn volumes_to(&self) -> Vec<String> {
        self.current().volumes_to()
    }

    fn changing_credentials(&self) -> Option<Arc<dyn ChangingCredentials>> {
        self.current().changing_credentials()
    }

    async fn send(&self, letter: &Letter) -> Result<SendReceipt, SendError> {
        self.current().send(letter).await
    }
}

#[async_trait]
impl SmsProvider for Replaceable<dyn SmsProvider> {
    fn name(&self) -> &str {
        &self.name
    }

    fn reports_delivery(&self) -> bool {
        self.current().reports_delivery()
    }

    fn supports_international(&self) -> bool {
        self.current().supports_international()
    }

    fn concurrency(&self) -> usize {
        self.current().concurrency()
    }

    fn receiver(&self) -> Option<&dyn SmsReceiver> {
        self.current().receiver().is_some().then_some(self)
    }

    async fn send(&self, sms: &Sms) -> Result<SendReceipt, SendError> {
        self.current().send(sms).await
    }
}

/// Receives for the provider that is current at each call, whose secrets may have changed since the last one.
impl SmsReceiver for Replaceable<dyn SmsProvider> {
    fn source(&self) -> SmsReceiptSource {
        let current = self.current();
        // Asked for only after a request was parsed, so there is one, unless it was replaced in between.
        current
            .receiver()
            .map_or(SmsReceiptSource::Http, SmsReceiver::source)
    }

    fn parse_receipt(
        &self,
        request: &ProviderRequest<'_>,
    ) -> Result<Option<SmsReceipt>, RequestError> {
        match self.current().receiver() {
            Some(receiver) => receiver.parse_receipt(request),
            None => Err(RequestError::Unsupported),
        }
    }

    fn parse_inbound(&self, request: &ProviderRequest<'_>) -> Result<InboundSms, RequestError> {
        match self.current().receiver() {
            Some(receiver) => receiver.parse_inbound(request),
            None => Err(RequestError::Unsupported),
        }
    }
}
