//! Authentication at a relay: by password, or by an access token of OAuth 2 (`XOAUTH2`).

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lettre::transport::smtp::{
    authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism},
    client::AsyncSmtpConnection,
};

use super::{SmtpAuth, SmtpSettings, classify::Cause, oauth2::OAuth2};
use crate::{Secret, SettingsError, settings::check_settings_file};

/// How to authenticate.
pub(super) struct Login {
    username: String,
    method: Method,
}

enum Method {
    Password {
        mechanisms: &'static [Mechanism],
        password: Secret,
    },
    Token(TokenSource),
}

enum TokenSource {
    Fixed(Secret),
    /// Kept fresh by another program.
    File(PathBuf),
    Fetched(Box<OAuth2>),
}

impl Login {
    /// Returns how to authenticate by these settings; `None` if they name no user.
    pub(super) fn new(settings: &SmtpSettings) -> Result<Option<Self>, SettingsError> {
        let invalid = |setting, reason| SettingsError::invalid(&settings.name, setting, reason);
        let Some(username) = &settings.username else {
            let needs_one = settings.auth != SmtpAuth::Auto;
            return if needs_one {
                Err(invalid("auth", "it needs a username"))
            } else {
                Ok(None)
            };
        };
        let has_token = settings.token_file.is_some() || settings.oauth2.is_some();
        if has_token && settings.auth != SmtpAuth::Xoauth2 {
            return Err(invalid("auth", "a token needs auth = \"xoauth2\""));
        }
        let password = |mechanisms| Method::Password {
            mechanisms,
            password: settings.password.clone(),
        };
        let method = match settings.auth {
            SmtpAuth::Auto => password(DEFAULT_MECHANISMS),
            SmtpAuth::Plain => password(&[Mechanism::Plain]),
            SmtpAuth::Login => password(&[Mechanism::Login]),
            SmtpAuth::Xoauth2 => Method::Token(TokenSource::new(settings)?),
        };
        Ok(Some(Self {
            username: username.clone(),
            method,
        }))
    }

    pub(super) async fn authenticate(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), Cause> {
        match &self.method {
            Method::Password {
                mechanisms,
                password,
            } => {
                require(smtp, mechanisms)?;
                let (user, password) = (self.username.clone(), password.expose().to_owned());
                smtp.auth(mechanisms, &Credentials::new(user, password))
                    .await?;
                Ok(())
            }
            Method::Token(source) => {
                require(smtp, &[Mechanism::Xoauth2])?;
                let token = source.token().await.ok_or(Cause::NoToken)?;
                let outcome = xoauth2(smtp, &self.username, &token).await;
                if let (Err(_), TokenSource::Fetched(oauth2)) = (&outcome, source) {
                    // It may have been revoked before it expired.
                    oauth2.forget().await;
                }
                outcome
            }
        }
    }
}

fn require(smtp: &AsyncSmtpConnection, mechanisms: &[Mechanism]) -> Result<(), Cause> {
    let offered = smtp.server_info().get_auth_mechanism(mechanisms);
    offered.map(drop).ok_or(Cause::NoLogin)
}

async fn xoauth2(smtp: &mut AsyncSmtpConnection, user: &str, token: &str) -> Result<(), Cause> {
    let response = STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"));
    let reply = smtp.command(format!("AUTH XOAUTH2 {response}\r\n")).await?;
    if reply.has_code(334) {
        // A refusal comes as a challenge that describes it; the error code follows an empty response. lettre would break off
        // here, and the operator would not learn the code.
        smtp.command("\r\n").await?;
        return Err(Cause::UnexpectedReply);
    }
    Ok(())
}

impl TokenSource {
    fn new(settings: &SmtpSettings) -> Result<Self, SettingsError> {
        let password = Some(&settings.password).filter(|password| !password.expose().is_empty());
        match (password, &settings.token_file, &settings.oauth2) {
            (Some(token), None, None) => Ok(Self::Fixed(token.clone())),
            (None, Some(file), None) => {
                check_settings_file(&settings.name, "token_file", file)?;
                Ok(Self::File(file.clone()))
            }
            (None, None, Some(oauth2)) => {
                let oauth2 = OAuth2::new(&settings.name, oauth2.clone())?;
                Ok(Self::Fetched(Box::new(oauth2)))
            }
            _ => Err(SettingsError::invalid(
                &settings.name,
                "auth",
                "xoauth2 needs an access token: one of password, token_file and oauth2",
            )),
        }
    }

    /// Returns an access token; `None` if there is none to be had.
    async fn token(&self) -> Option<String> {
        match self {
            Self::Fixed(token) => Some(token.expose().to_owned()),
            Self::File(file) => {
                let token = files::settings_file::read_text_apart(file).await.ok()?;
                Some(token.trim().to_owned()).filter(|token| !token.is_empty())
            }
            Self::Fetched(oauth2) => oauth2.token().await,
        }
    }
}
