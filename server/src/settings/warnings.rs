//! Combinations of settings that work and hurt, said at the start.

use super::Settings;

/// What someone should think about again, a sentence each.
pub fn warnings(settings: &Settings) -> Vec<String> {
    [
        too_short_a_lease(settings),
        one_channel_to_nobody(settings),
        the_domain_of_examples(settings),
        open_door(settings),
        unscanned_files(settings),
        own_limits_elsewhere(settings),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn too_short_a_lease(settings: &Settings) -> Option<String> {
    let (name, seconds) = settings.providers.slowest()?;
    (settings.lease_seconds < seconds).then(|| {
        format!(
            "the setting lease_seconds ({}) is shorter than the provider {name} may take to answer ({seconds} seconds): \
             a worker that is stopped for a moment may lose its task while a message is on its way; make it longer",
            settings.lease_seconds
        )
    })
}

fn one_channel_to_nobody(settings: &Settings) -> Option<String> {
    let what = match (
        settings.providers.email_in_sink(),
        settings.providers.sms_in_sink(),
    ) {
        (true, false) => "e-mails",
        (false, true) => "text messages",
        _ => return None,
    };
    Some(format!(
        "{what} are kept in the sink and sent to nobody, while the other channel has a real provider"
    ))
}

fn the_domain_of_examples(settings: &Settings) -> Option<String> {
    let real = !settings.providers.email.is_empty()
        && settings.email_domain == Settings::default().email_domain;
    real.then(|| {
        format!(
            "e-mails will come from {}, which nobody owns: set email_domain to yours",
            settings.email_domain
        )
    })
}

fn open_door(settings: &Settings) -> Option<String> {
    let outside = ["0.0.0.0:", "[::]:"]
        .iter()
        .any(|any| settings.listen.starts_with(any));
    (outside && !settings.trust_forwarded_proto).then(|| {
        "the platform listens on every network and speaks no TLS: put a proxy before it, and set trust_forwarded_proto"
            .to_owned()
    })
}

/// Only where files are meant for real people: links of their own, and nobody else who looks.
fn unscanned_files(settings: &Settings) -> Option<String> {
    let downloads = &settings.file_downloads;
    let unscanned =
        downloads.root.is_some() && downloads.service.is_none() && settings.virus_scanner.is_none();
    unscanned.then(|| {
        "nobody looks for viruses in files by e-mail: set virus_scanner, or be sure that services only send files of \
         their own"
            .to_owned()
    })
}

fn own_limits_elsewhere(settings: &Settings) -> Option<String> {
    let downloads = &settings.file_downloads;
    let limit = Settings::default().file_downloads.max_bytes;
    (downloads.service.is_some() && downloads.max_bytes != limit).then(|| {
        "file_downloads.max_bytes has no effect: the file service that files go to has a limit of its own".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::settings::{ConfiguredProvider, Providers};

    #[test]
    fn the_defaults_are_nothing_to_warn_of() {
        assert_eq!(warnings(&Settings::default()), Vec::<String>::new());
    }

    #[test]
    fn a_lease_shorter_than_a_provider_takes_is_warned_of() {
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
        let said = warnings(&settings);
        assert!(
            said.iter().any(|one| one.contains("lease_seconds (5)")),
            "{said:?}"
        );
        assert!(
            said.iter()
                .any(|one| one.contains("text messages are kept in the sink")),
            "{said:?}"
        );
    }
}
