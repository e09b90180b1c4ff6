//! The kinds of providers that settings can name. To register a provider, add one line to the table.

use crate::{
    EmailProvider, LetterProvider, SmsProvider,
    email::{ses::SesSettings, smtp::SmtpSettings},
    letter::{dvla::DvlaSettings, file_drop::FileDropSettings},
    settings::ProviderKind,
    sink::SinkSettings,
    sms::{
        firetext::FiretextSettings, http::HttpSmsSettings, mmg::MmgSettings, sms_v2::SmsV2Settings,
        twilio::TwilioSettings,
    },
};

/// The kind that stands for the platform's own development sink, in every channel.
pub const SINK: &str = "sink";

/// The table of kinds, by channel.
#[rustfmt::skip]
pub const KINDS: Kinds = Kinds {
    email: &[
        ProviderKind::new::<SesSettings>("ses"),
        ProviderKind::new::<SmtpSettings>("smtp"),
        ProviderKind::new::<SinkSettings>(SINK),
    ],
    sms: &[
        ProviderKind::new::<FiretextSettings>("firetext"),
        ProviderKind::new::<HttpSmsSettings>("http"),
        ProviderKind::new::<MmgSettings>("mmg"),
        ProviderKind::new::<SmsV2Settings>("sms-v2"),
        ProviderKind::new::<TwilioSettings>("twilio"),
        ProviderKind::new::<SinkSettings>(SINK),
    ],
    letter: &[
        ProviderKind::new::<DvlaSettings>("dvla"),
        ProviderKind::new::<FileDropSettings>("file-drop"),
        ProviderKind::new::<SinkSettings>(SINK),
    ],
};

/// Kinds of providers by channel.
#[derive(Debug)]
pub struct Kinds {
    /// Kinds of e-mail providers.
    pub email: &'static [ProviderKind<dyn EmailProvider>],
    /// Kinds of text message providers.
    pub sms: &'static [ProviderKind<dyn SmsProvider>],
    /// Kinds of letter providers.
    pub letter: &'static [ProviderKind<dyn LetterProvider>],
}
