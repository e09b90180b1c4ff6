//! Warnings at the start about combinations of settings that work but cause trouble later.

use ::providers::Server;

use super::Settings;

/// Returns a sentence for each combination of settings that an operator should reconsider.
pub fn warnings(settings: &Settings) -> Vec<String> {
    let mut found: Vec<String> = [
        short_lease(settings),
        one_channel_in_sink(settings),
        example_domain(settings),
        public_without_tls(settings),
        unscanned_files(settings),
        unused_file_limit(settings),
        exposed_file(settings),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.extend(without_encryption(settings));
    found
}

/// A lease is renewed at a third of its time, also while a provider is waited for, so it must outlast slow renewals rather
/// than slow providers.
const SHORTEST_LEASE_SECONDS: u64 = 15;

fn short_lease(settings: &Settings) -> Option<String> {
    (settings.lease_seconds < SHORTEST_LEASE_SECONDS).then(|| {
        format!(
            "the setting lease_seconds ({}) is so short that a lease expires when the database pauses for a few seconds: \
             another worker may then claim a task while its message is being sent, and send it again; set it to \
             {SHORTEST_LEASE_SECONDS} or more",
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
        // Both in the sink is a platform for development, and neither is one in use.
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
    // A single address may be one of a private network, so only these are certain.
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

fn exposed_file(settings: &Settings) -> Option<String> {
    settings.exposed_file.as_ref().map(|path| {
        format!(
            "the settings file {} holds secrets, and everybody on this machine can read it: run chmod 600 on it",
            path.display()
        )
    })
}

/// Warns about each way on which messages and files leave this machine in clear.
fn without_encryption(settings: &Settings) -> Vec<String> {
    let providers = settings.providers.list_servers().into_iter();
    let mut servers: Vec<(String, Server)> = providers
        .map(|(name, server)| (format!("messages to the provider {name}"), server))
        .collect();
    let service = settings.file_downloads.service.as_deref();
    if let Some(server) = service.and_then(Server::of_url) {
        servers.push(("files for the file service".to_owned(), server));
    }
    if settings.files_address().starts_with("s3:")
        && let Some(server) = settings.files_s3.server()
    {
        servers.push(("stored files".to_owned(), server));
    }
    let unencrypted = servers
        .into_iter()
        .filter(|(_, server)| !server.is_encrypted);
    let mut hosts: Vec<(String, String)> = unencrypted
        .map(|(what, server)| (what, server.host))
        .collect();
    let scanner = settings.virus_scanner.as_deref();
    if let Some((host, _)) = scanner
        .and_then(|address| address.strip_prefix("tcp:"))
        .and_then(|address| address.rsplit_once(':'))
    {
        hosts.push(("files for the virus scanner".to_owned(), host.to_owned()));
    }
    hosts
        .into_iter()
        .filter(|(_, host)| !is_this_machine(host))
        .map(|(what, host)| {
            format!(
                "{what} travel to {host} without encryption, so everybody on the way can read them: use TLS, or a tunnel \
                 from this machine"
            )
        })
        .collect()
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Result<std::net::IpAddr, _> = host.parse();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
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
    fn a_lease_that_a_slow_database_can_outlast_causes_a_warning() {
        let relay = ::providers::email::smtp::SmtpSettings::for_host("relay.example");
        let email = vec![ConfiguredProvider {
            kind: "smtp",
            priority: 100,
            limits: app::ProviderLimits::default(),
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
        // The relay may take ten minutes after the end of data, and the lease is renewed meanwhile.
        let usual = Settings {
            lease_seconds: 30,
            ..settings
        };
        let found = warnings(&usual);
        assert!(!found.iter().any(|one| one.contains("lease")), "{found:?}");
    }

    fn with_relay(host: &str, tls: ::providers::email::smtp::SmtpTls) -> Settings {
        let mut relay = ::providers::email::smtp::SmtpSettings::for_host(host);
        relay.tls = tls;
        let email = vec![ConfiguredProvider {
            kind: "smtp",
            priority: 100,
            limits: app::ProviderLimits::default(),
            settings: Arc::new(relay) as _,
        }];
        Settings {
            providers: Providers {
                email,
                ..Providers::default()
            },
            ..Settings::default()
        }
    }

    #[test]
    fn what_leaves_this_machine_in_clear_causes_a_warning() {
        use ::providers::email::smtp::SmtpTls;

        let mut settings = with_relay("relay.example", SmtpTls::None);
        settings.virus_scanner = Some("tcp:scanner.example:3310".to_owned());
        settings.file_downloads.service = Some("http://files.example:8080/api".to_owned());
        settings.files = Some("s3://notify".to_owned());
        settings.files_s3.endpoint = Some("http://buckets.example".to_owned());
        let found = warnings(&settings);
        for host in [
            "relay.example",
            "scanner.example",
            "files.example",
            "buckets.example",
        ] {
            let about = format!("travel to {host} without encryption");
            assert!(found.iter().any(|one| one.contains(&about)), "{found:?}");
        }
    }

    #[test]
    fn encryption_and_this_machine_cause_no_warning() {
        use ::providers::email::smtp::SmtpTls;

        for (host, tls) in [
            ("relay.example", SmtpTls::Starttls),
            ("localhost", SmtpTls::None),
            ("127.0.0.1", SmtpTls::None),
            ("::1", SmtpTls::None),
        ] {
            let found = warnings(&with_relay(host, tls));
            assert!(
                !found.iter().any(|one| one.contains("without encryption")),
                "{found:?}"
            );
        }
    }
}
