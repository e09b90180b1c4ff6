//! STARTTLS, certificates and logging in.

use std::{fs, path::PathBuf, sync::Arc};

use pillarbox_providers::{
    EmailProvider, SendError,
    email::smtp::{SmtpRelay, SmtpSettings, SmtpTls},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::{TempDir, tempdir};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::settings;
use crate::{
    messages::email,
    smtp_server::{Act, Relay},
};

#[tokio::test]
async fn a_relay_that_offers_no_starttls_is_told_nothing() {
    let relay = Relay::start().await;
    let client = SmtpRelay::new(&SmtpSettings {
        tls: SmtpTls::Starttls,
        username: Some("us".to_owned()),
        password: "hunter2".into(),
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("the relay offers no STARTTLS")
    );
    assert_eq!(relay.commands(), ["EHLO pillarbox.example"]);
}

#[tokio::test]
async fn a_relay_that_refuses_starttls_is_told_nothing() {
    let relay = Relay::start_with(&["STARTTLS"], None, false).await;
    relay.will("STARTTLS", Act::Say("454 TLS not available"));
    let client = SmtpRelay::new(&SmtpSettings {
        tls: SmtpTls::Starttls,
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }), "{error}");
    assert!(relay.texts().is_empty());
}

/// An authority's file to trust, and a server's side of TLS for `localhost` that it vouches for.
pub(super) fn certificates() -> (TempDir, PathBuf, Arc<ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();

    let directory = tempdir().unwrap();
    let file = directory.path().join("authority.pem");
    fs::write(&file, authority.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (directory, file, Arc::new(server))
}

#[tokio::test]
async fn the_password_and_the_message_go_over_a_protected_connection() {
    let (_directory, authority, server) = certificates();
    for (tls, from_the_start) in [(SmtpTls::Starttls, false), (SmtpTls::Tls, true)] {
        let relay = Relay::start_with(
            &["STARTTLS", "AUTH PLAIN"],
            Some(server.clone()),
            from_the_start,
        )
        .await;
        let client = SmtpRelay::new(&SmtpSettings {
            host: "localhost".to_owned(),
            tls,
            ca_file: Some(authority.clone()),
            username: Some("us".to_owned()),
            password: "hunter2".into(),
            ..settings(&relay)
        })
        .unwrap();
        client.send(&email(1)).await.unwrap();
        let verbs: Vec<_> = relay
            .commands()
            .iter()
            .map(|command| command.split(' ').next().unwrap().to_owned())
            .collect();
        let expected: &[&str] = if from_the_start {
            &["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        } else {
            &["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
        };
        assert_eq!(verbs, expected);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let (_directory, _, server) = certificates();
    let relay = Relay::start_with(&["STARTTLS"], Some(server), false).await;
    let client = SmtpRelay::new(&SmtpSettings {
        host: "localhost".to_owned(),
        tls: SmtpTls::Starttls,
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::unavailable("no connection to the relay, or no protected one")
    );
    assert_eq!(relay.commands().len(), 2);
}

#[tokio::test]
async fn a_refused_login_is_an_operators_matter_and_does_not_show_the_password() {
    let relay = Relay::start_with(&["AUTH PLAIN LOGIN"], None, false).await;
    relay.will(
        "AUTH",
        Act::Say("535 5.7.8 hunter2 is not the password of us"),
    );
    let client = SmtpRelay::new(&SmtpSettings {
        username: Some("us".to_owned()),
        password: "hunter2".into(),
        ..settings(&relay)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable { .. }));
    assert_eq!(
        error.detail().to_string(),
        "the relay refuses our login, smtp 535, code 5.7.8"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn what_follows_the_reply_to_starttls_in_the_clear_is_not_read() {
    let (_directory, authority, server) = certificates();
    let relay = Relay::start_with(&["STARTTLS"], Some(server), false).await;
    let settings = SmtpSettings {
        host: "localhost".to_owned(),
        tls: SmtpTls::Starttls,
        ca_file: Some(authority),
        ..settings(&relay)
    };
    // A reply by a man in the middle, to be taken for that to the EHLO inside TLS.
    relay.will(
        "STARTTLS",
        Act::SayAsUsual("220 go ahead\r\n250-relay.example\r\n250 AUTH PLAIN"),
    );
    let client = SmtpRelay::new(&settings).unwrap();
    let receipt = client.send(&email(1)).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("4XyZ123abc"));
}
