//! The demo service of a first run: something to send with before anything was set up.

use domain::{
    Allowance, Channel, KeyType, Permission, ReplyToId, ServiceId, TemplateId, UserId, UserState,
};
use store::{senders::ReplyTo, users::User};
use uuid::Uuid;

use crate::{
    AdminError, App,
    api_keys::{self, MadeKey},
    services::{self, NewService},
    templates::{self, NewTemplate, TemplateError},
};

/// The demo service's id: the same in every installation, so that two processes that start at once make one.
pub const DEMO_SERVICE: ServiceId =
    ServiceId::from_uuid(Uuid::from_u128(0xd6111a6b_07de_4000_8000_000000000001));
const DEMO_USER: UserId =
    UserId::from_uuid(Uuid::from_u128(0xd6111a6b_07de_4000_8000_000000000002));
const EMAIL_TEMPLATE: TemplateId =
    TemplateId::from_uuid(Uuid::from_u128(0xd6111a6b_07de_4000_8000_00000000000e));
const SMS_TEMPLATE: TemplateId =
    TemplateId::from_uuid(Uuid::from_u128(0xd6111a6b_07de_4000_8000_000000000005));
const LETTER_TEMPLATE: TemplateId =
    TemplateId::from_uuid(Uuid::from_u128(0xd6111a6b_07de_4000_8000_00000000001e));

/// The demo service's templates.
#[derive(Debug, Clone, Copy)]
pub struct DemoTemplates {
    /// An e-mail.
    pub email: TemplateId,
    /// A text message.
    pub sms: TemplateId,
    /// A letter.
    pub letter: TemplateId,
}

/// The templates of the demo service.
pub const DEMO_TEMPLATES: DemoTemplates = DemoTemplates {
    email: EMAIL_TEMPLATE,
    sms: SMS_TEMPLATE,
    letter: LETTER_TEMPLATE,
};

/// The keys of the demo service, at the only moment at which they can be read.
#[derive(Debug, Clone)]
pub struct DemoKeys {
    /// Sends to anybody.
    pub normal: MadeKey,
    /// Sends to the team and the guest list.
    pub team: MadeKey,
    /// Sends nothing.
    pub test: MadeKey,
}

/// Why the demo service cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The service or its keys.
    #[error(transparent)]
    Service(#[from] AdminError),
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The store.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

/// Makes the demo service with a person, templates and keys, all or nothing. Nothing, if it is there.
pub async fn create(app: &App) -> Result<Option<DemoKeys>, DemoError> {
    if store::services::find(&mut app.read().await?, DEMO_SERVICE)
        .await?
        .is_some()
    {
        return Ok(None);
    }
    let now = app.clock.now();
    let mut tx = app.write().await?;
    let new = NewService {
        permissions: [Permission::Email, Permission::Sms, Permission::Letter].into(),
        // A demo is for trying out, also how fast it is.
        rate_limit: 60_000,
        limits: [(Allowance::Email, 5_000_000), (Allowance::Sms, 5_000_000)].into(),
        ..NewService::named("Riverside Council")
    };
    match services::create_in(app, &mut tx, DEMO_SERVICE, new).await {
        Ok(_) => {}
        // Another process that starts at the same moment makes it.
        Err(AdminError::Fields(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let user = User {
        id: DEMO_USER,
        name: "Dana Demo".to_owned(),
        email_address: "dana@riverside.example".to_owned(),
        mobile_number: Some("07700900555".to_owned()),
        state: UserState::Active,
        platform_admin: false,
        created_at: now,
    };
    store::users::insert(&mut tx, &user).await?;
    store::services::add_member(&mut tx, DEMO_SERVICE, DEMO_USER).await?;
    let reply_to = ReplyTo {
        id: ReplyToId::generate(now, app.random()),
        email_address: "enquiries@riverside.example".to_owned(),
        is_default: true,
    };
    store::senders::insert_reply_to(&mut tx, DEMO_SERVICE, &reply_to, now).await?;
    for (id, new) in demo_templates() {
        store::templates::insert(
            &mut tx,
            &templates::first_version(DEMO_SERVICE, id, new, now)?,
        )
        .await?;
    }
    let mut key = async |name, key_type| {
        api_keys::create_in(app, &mut tx, DEMO_SERVICE, name, key_type, Some(DEMO_USER)).await
    };
    let keys = DemoKeys {
        normal: key("live", KeyType::Normal).await?,
        team: key("team", KeyType::Team).await?,
        test: key("test", KeyType::Test).await?,
    };
    tx.commit().await?;
    Ok(Some(keys))
}

fn demo_templates() -> [(TemplateId, NewTemplate); 3] {
    let template = |template_type, name: &str, subject: Option<&str>, content: &str| NewTemplate {
        template_type,
        name: name.to_owned(),
        subject: subject.map(str::to_owned),
        content: content.to_owned(),
        lane: None,
        created_by: Some(DEMO_USER),
    };
    [
        (
            EMAIL_TEMPLATE,
            template(
                Channel::Email,
                "Your library card",
                Some("((name)), your library card is ready"),
                "Hello ((name))\n\n# Your card is ready\n\nYou can collect it from ((branch)) library from ((date)).\n\n\
                 Bring:\n\n* this e-mail\n* something with your name on it\n\n\
                 ^ The library is closed on Sundays.\n\nRiverside Council",
            ),
        ),
        (
            SMS_TEMPLATE,
            template(
                Channel::Sms,
                "Bin day",
                None,
                "Hello ((name)), your next bin day is ((day)). Put it out by 7am.",
            ),
        ),
        (
            LETTER_TEMPLATE,
            template(
                Channel::Letter,
                "Your parking permit",
                Some("Your parking permit for ((zone))"),
                "Dear ((name))\n\nYour parking permit for zone ((zone)) starts on ((date)).",
            ),
        ),
    ]
}
