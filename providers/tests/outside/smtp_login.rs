//! How the relay is logged in to.

use std::{fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use pillarbox_providers::{
    EmailProvider, SendError,
    email::smtp::{OAuth2Settings, SmtpAuth, SmtpRelay, SmtpSettings, SmtpTls},
};
use tempfile::tempdir;
use tokio::time;

use crate::{
    http_server::{self, Server},
    messages::email,
    smtp_server::{Act, Relay},
};

fn settings(relay: &Relay, auth: SmtpAuth) -> SmtpSettings {
    SmtpSettings {
        port: Some(relay.port),
        tls: SmtpTls::None,
        username: Some("us@example.com".to_owned()),
        auth,
        ..SmtpSettings::for_host("127.0.0.1")
    }
}

/// The `AUTH` commands that a relay has heard, with what is in base64 decoded.
fn logins(relay: &Relay) -> Vec<String> {
    let commands = relay.commands();
    let logins = commands.iter().filter_map(|command| {
        let (mechanism, response) = command.strip_prefix("AUTH ")?.split_once(' ')?;
        let response = String::from_utf8(STANDARD.decode(response).unwrap()).unwrap();
        Some(format!("{mechanism} {response}"))
    });
    logins.collect()
}

const XOAUTH2: &[&str] = &["AUTH PLAIN LOGIN XOAUTH2"];

#[tokio::test]
async fn the_mechanism_can_be_chosen() {
    for (auth, first) in [
        (
            SmtpAuth::Auto,
            "AUTH PLAIN AHVzQGV4YW1wbGUuY29tAGh1bnRlcjI=",
        ),
        (
            SmtpAuth::Plain,
            "AUTH PLAIN AHVzQGV4YW1wbGUuY29tAGh1bnRlcjI=",
        ),
        (SmtpAuth::Login, "AUTH LOGIN"),
    ] {
        let relay = Relay::start_with(XOAUTH2, None, false).await;
        let client = SmtpRelay::new(&SmtpSettings {
            password: "hunter2".into(),
            ..settings(&relay, auth)
        });
        client.unwrap().send(&email(1)).await.unwrap();
        assert_eq!(relay.commands()[1], first);
    }
}

#[tokio::test]
async fn login_answers_the_questions_of_the_relay() {
    let relay = Relay::start_with(&["AUTH LOGIN"], None, false).await;
    relay.will("AUTH", Act::Say("334 VXNlcm5hbWU6"));
    relay.will("?", Act::Say("334 UGFzc3dvcmQ6"));
    relay.will("?", Act::Say("235 welcome"));
    let client = SmtpRelay::new(&SmtpSettings {
        password: "hunter2".into(),
        ..settings(&relay, SmtpAuth::Auto)
    });
    client.unwrap().send(&email(1)).await.unwrap();
    let commands = relay.commands();
    assert_eq!(commands[2], STANDARD.encode("us@example.com"));
    assert_eq!(commands[3], STANDARD.encode("hunter2"));
}

#[tokio::test]
async fn a_mechanism_that_the_relay_does_not_offer_sends_it_nothing() {
    let relay = Relay::start_with(&["AUTH PLAIN"], None, false).await;
    for auth in [SmtpAuth::Login, SmtpAuth::Xoauth2] {
        let client = SmtpRelay::new(&SmtpSettings {
            password: "hunter2".into(),
            ..settings(&relay, auth)
        });
        let error = client.unwrap().send(&email(1)).await.unwrap_err();
        let expected = "the relay offers no way to log in that we know";
        assert_eq!(error, SendError::unavailable(expected));
    }
    assert!(logins(&relay).is_empty());
}

#[tokio::test]
async fn a_token_is_read_from_its_file_for_each_connection() {
    let relay = Relay::start_with(XOAUTH2, None, false).await;
    let directory = tempdir().unwrap();
    let file = directory.path().join("token");
    let client = SmtpRelay::new(&SmtpSettings {
        token_file: Some(file.clone()),
        ..settings(&relay, SmtpAuth::Xoauth2)
    })
    .unwrap();
    let error = client.send(&email(1)).await.unwrap_err();
    let expected = "there is no access token for the relay";
    assert_eq!(error, SendError::unavailable(expected));
    for token in ["first", "second"] {
        fs::write(&file, format!("{token}\n")).unwrap();
        // A refused sender with 421 costs the connection.
        client.send(&email(1)).await.unwrap();
        relay.will("MAIL", Act::SayAndHangUp("421 bye"));
    }
    assert_eq!(
        logins(&relay),
        [
            "XOAUTH2 user=us@example.com\x01auth=Bearer first\x01\x01",
            "XOAUTH2 user=us@example.com\x01auth=Bearer second\x01\x01",
        ]
    );
}

#[tokio::test]
async fn a_refused_token_is_reported_with_its_code_and_not_shown() {
    let relay = Relay::start_with(XOAUTH2, None, false).await;
    relay.will("AUTH", Act::Say("334 eyJzdGF0dXMiOiI0MDAifQ=="));
    relay.will("?", Act::Say("535 5.7.8 the token hunter2 is not accepted"));
    let client = SmtpRelay::new(&SmtpSettings {
        password: "hunter2".into(),
        ..settings(&relay, SmtpAuth::Xoauth2)
    });
    let error = client.unwrap().send(&email(1)).await.unwrap_err();
    assert_eq!(
        error.detail().to_string(),
        "the relay refuses our login, smtp 535, code 5.7.8"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}

fn oauth2(server: &Server) -> OAuth2Settings {
    OAuth2Settings {
        token_url: format!("{}/token", server.url),
        client_id: "client".to_owned(),
        client_secret: "hunter2".into(),
        refresh_token: None,
        scope: Some("https://outlook.office365.com/.default".to_owned()),
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_again_when_it_is_refused_or_expires() {
    let relay = Relay::start_with(XOAUTH2, None, false).await;
    let server = Server::start().await;
    for token in ["first", "second", "third"] {
        let reply =
            format!(r#"{{"access_token": "{token}", "token_type": "Bearer", "expires_in": 3600}}"#);
        server.will(http_server::json(200, &reply));
    }
    let client = SmtpRelay::new(&SmtpSettings {
        oauth2: Some(oauth2(&server)),
        ..settings(&relay, SmtpAuth::Xoauth2)
    })
    .unwrap();
    relay.will("AUTH", Act::Say("535 5.7.3 Authentication unsuccessful"));
    client.send(&email(1)).await.unwrap_err();
    client.send(&email(1)).await.unwrap();
    relay.will("MAIL", Act::SayAndHangUp("421 bye"));
    client.send(&email(1)).await.unwrap();
    // The idle connection is too old by then, too.
    time::pause();
    time::advance(Duration::from_hours(1)).await;
    time::resume();
    client.send(&email(1)).await.unwrap();

    let tokens: Vec<_> = logins(&relay)
        .iter()
        .map(|login| login.split(['\x01', ' ']).nth(3).unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["first", "second", "second", "third"]);
    assert_eq!(
        server.requests()[0].body,
        "client_id=client&client_secret=hunter2&grant_type=client_credentials\
         &scope=https%3A%2F%2Foutlook.office365.com%2F.default"
    );
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let relay = Relay::start_with(XOAUTH2, None, false).await;
    let server = Server::start().await;
    let client = SmtpRelay::new(&SmtpSettings {
        oauth2: Some(OAuth2Settings {
            refresh_token: Some("refresh".into()),
            ..oauth2(&server)
        }),
        ..settings(&relay, SmtpAuth::Xoauth2)
    })
    .unwrap();
    for reply in [
        http_server::json(400, r#"{"error": "invalid_grant"}"#),
        http_server::json(200, "{}"),
        http_server::Act::HangUp,
    ] {
        server.will(reply);
        let error = client.send(&email(1)).await.unwrap_err();
        let expected = "there is no access token for the relay";
        assert_eq!(error, SendError::unavailable(expected));
    }
    assert!(logins(&relay).is_empty());
    let body = &server.requests()[0].body;
    assert!(
        body.contains("grant_type=refresh_token&refresh_token=refresh"),
        "{body}"
    );
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_found_at_the_start() {
    let relay = Relay::start().await;
    let server = Server::start().await;
    let with = |auth, change: &dyn Fn(&mut SmtpSettings)| {
        let mut settings = settings(&relay, auth);
        change(&mut settings);
        SmtpRelay::new(&settings).is_ok()
    };
    let token = |settings: &mut SmtpSettings| settings.password = "hunter2".into();
    let file = |settings: &mut SmtpSettings| settings.token_file = Some("/token".into());
    let fetched = |settings: &mut SmtpSettings| settings.oauth2 = Some(oauth2(&server));
    for change in [&token as &dyn Fn(&mut SmtpSettings), &file, &fetched] {
        assert!(with(SmtpAuth::Xoauth2, change));
    }
    assert!(!with(SmtpAuth::Xoauth2, &|_| ()));
    assert!(!with(SmtpAuth::Xoauth2, &|settings| {
        token(settings);
        file(settings);
    }));
    assert!(!with(SmtpAuth::Auto, &file));
    assert!(!with(SmtpAuth::Plain, &fetched));
    assert!(!with(SmtpAuth::Login, &|settings| settings.username = None));
    assert!(!with(SmtpAuth::Xoauth2, &|settings| {
        fetched(settings);
        settings.oauth2.as_mut().unwrap().token_url = "outlook".to_owned();
    }));
}
