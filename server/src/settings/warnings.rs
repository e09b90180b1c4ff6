//! Warnings at the start about combinations of settings that work but cause trouble later.

use super::Settings;

/// Returns a sentence for each combination of settings that an operator should reconsider.
pub fn warnings(settings: &Settings) -> Vec<String> {
    [
        short_lease(settings),
        one_channel_in_sink(settings),
        example_domain(settings),
        public_without_tls(settings),
        unscanned_files(settings),
        unused_file_limit(settings),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn short_lease(settings: &Settings) -> Option<String> {
    let (name, seconds) = settings.providers.slowest()?;
    (settings.lease_seconds < seconds).then(|| {
        format!(
            "the setting lease_seconds ({}) is shorter than the timeout of the provider {name} ({seconds} seconds): another \
             worker may claim a task while its message is being sent, and send it again; make lease_seconds longer",
            settings.lease_seconds
        )
    })
}

fn one_channel_in_sink(settings: &Settings) -> Option<String> {
    let what = match (
        settings.providers.email_in_sink(),
        settings.providers.sms_in_sink(),
    ) {
        (true, false) => "e-mails",
        (false, true) => "text messages",
        _ => return None,
    };
    Some(format!(
        "{what} are stored in the sink and not sent, while the other channel has a real provider: configure one for \
         them too"
    ))
}

fn example_domain(settings: &Settings) -> Option<String> {
    let real = !settings.providers.email.is_empty()
        && settings.email_domain == Settings::default().email_domain;
    real.then(|| {
        format!(
            "the sender address of e-mails is in {}, a domain for examples: set email_domain to your own",
            settings.email_domain
        )
    })
}

fn public_without_tls(settings: &Settings) -> Option<String> {
    let public = ["0.0.0.0:", "[::]:"]
        .iter()
        .any(|any| settings.listen.starts_with(any));
    (public && !settings.trust_forwarded_proto).then(|| {
        "the platform listens on all network interfaces without TLS: put a proxy in front of it, and set trust_forwarded_proto"
            .to_owned()
    })
}

/// Warns only where files reach the public: download links have an address, and no file service scans for viruses.
fn unscanned_files(settings: &Settings) -> Option<String> {
    let downloads = &settings.file_downloads;
    let unscanned =
        downloads.root.is_some() && downloads.service.is_none() && settings.virus_scanner.is_none();
    unscanned.then(|| {
        "files by e-mail are not scanned for viruses: set virus_scanner, unless services send only files that they made \
         themselves"
            .to_owned()
    })
}

fn unused_file_limit(settings: &Settings) -> Option<String> {
    let downloads = &settings.file_downloads;
    let limit = Settings::default().file_downloads.max_bytes;
    (downloads.service.is_some() && downloads.max_bytes != limit).then(|| {
        "file_downloads.max_bytes has no effect: the file service in file_downloads.service has its own limit".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::settings::{ConfiguredProvider, Providers};

    #[test]
    fn the_defaults_cause_no_warning() {
        assert_eq!(warnings(&Settings::default()), Vec::<String>::new());
    }

    #[test]
    fn a_lease_shorter_than_a_provider_timeout_causes_a_warning() {
        let relay = ::providers::email::smtp::SmtpSettings::for_host("relay.example");
        let email = vec![ConfiguredProvider {
            kind: "smtp",
            priority: 100,
            settings: Arc::new(relay) as _,
        }];
        let settings = Settings {
            lease_seconds: 5,
            email_domain: "riverside.example".to_owned(),
            providers: Providers {
                email,
                ..Providers::default()
            },
            ..Settings::default()
        };
        let found = warnings(&settings);
        assert!(
            found.iter().any(|one| one.contains("lease_seconds (5)")),
            "{found:?}"
        );
        assert!(
            found
                .iter()
                .any(|one| one.contains("text messages are stored in the sink")),
            "{found:?}"
        );
    }
}
