//! Providers as an operator manages them: their share of the messages, and the history of every change
//! (`docs/spec/workers.md` §7.2, §8).

use domain::{Channel, ProviderId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    Error, Session, Tx,
    db::{Row, args},
};

/// A provider and its share of the messages of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderDetails {
    /// Primary key.
    pub id: ProviderId,
    /// Channel whose messages it sends.
    pub notification_type: Channel,
    /// Name in the settings, in `sent_by` and in logs.
    pub identifier: String,
    /// Weight against the other providers of the channel, 0 to 100.
    pub priority: u32,
    /// Weight that it returns to after automatic changes.
    pub resting_priority: u32,
    /// Weight in the settings when they were last applied.
    pub configured_priority: u32,
    /// Whether it gets messages.
    pub active: bool,
    /// Whether it gets text messages to other countries.
    pub supports_international: bool,
    /// Counts the changes, from 1.
    pub version: u32,
    /// When it was last changed; none before the first change.
    pub updated_at: Option<Timestamp>,
    /// Person who made the last change; none if it was the platform or its settings.
    pub created_by: Option<UserId>,
    /// Why it was last changed.
    pub reason: Option<String>,
}

impl ProviderDetails {
    /// Returns the id of a provider: a function of channel and name, so that two processes that start at once insert
    /// one row.
    pub fn id_of(channel: Channel, identifier: &str) -> ProviderId {
        Uuid::new_v5(
            &Uuid::nil(),
            format!("provider {channel} {identifier}").as_bytes(),
        )
        .into()
    }
}

const COLUMNS: &str = "id, notification_type, identifier, priority, resting_priority, configured_priority, active, \
                       supports_international, version, updated_at, created_by, reason";

/// Inserts a provider with the first entry of its history. Returns false if it exists.
pub async fn insert(tx: &mut Tx, provider: &ProviderDetails) -> Result<bool, Error> {
    let inserted = tx
        .execute(
            format!(
                "INSERT INTO provider_details ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT DO NOTHING"
            ),
            values(provider),
        )
        .await?;
    if inserted == 1 {
        insert_history(tx, provider).await?;
    }
    Ok(inserted == 1)
}

/// Writes a changed provider and appends it to the history. The caller has locked the row and raised `version`.
pub async fn update(tx: &mut Tx, provider: &ProviderDetails) -> Result<(), Error> {
    tx.execute(
        "UPDATE provider_details SET priority = $2, resting_priority = $3, configured_priority = $4, active = $5, \
         supports_international = $6, version = $7, updated_at = $8, created_by = $9, reason = $10 WHERE id = $1",
        args![
            provider.id,
            provider.priority,
            provider.resting_priority,
            provider.configured_priority,
            provider.active,
            provider.supports_international,
            provider.version,
            provider.updated_at,
            provider.created_by,
            provider.reason.as_deref()
        ],
    )
    .await?;
    insert_history(tx, provider).await
}

async fn insert_history(tx: &mut Tx, provider: &ProviderDetails) -> Result<(), Error> {
    tx.execute(
        format!(
            "INSERT INTO provider_details_history ({COLUMNS}) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        ),
        values(provider),
    )
    .await?;
    Ok(())
}

fn values(provider: &ProviderDetails) -> Vec<crate::db::Arg> {
    args![
        provider.id,
        provider.notification_type,
        &*provider.identifier,
        provider.priority,
        provider.resting_priority,
        provider.configured_priority,
        provider.active,
        provider.supports_international,
        provider.version,
        provider.updated_at,
        provider.created_by,
        provider.reason.as_deref()
    ]
}

/// Returns all providers by channel and name.
pub async fn list(session: &mut Session) -> Result<Vec<ProviderDetails>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM provider_details ORDER BY notification_type, identifier");
    parse_all(&session.fetch_all(sql, args![]).await?)
}

/// Returns the providers of a channel by name and locks their rows until the transaction ends.
pub async fn lock_channel(tx: &mut Tx, channel: Channel) -> Result<Vec<ProviderDetails>, Error> {
    let for_update = tx.kind().for_update();
    // In one order everywhere, so that two changes at once wait for each other instead of deadlocking.
    let sql = format!(
        "SELECT {COLUMNS} FROM provider_details WHERE notification_type = $1 ORDER BY identifier {for_update}"
    );
    parse_all(&tx.fetch_all(sql, args![channel]).await?)
}

/// Returns a provider.
pub async fn find(session: &mut Session, id: ProviderId) -> Result<Option<ProviderDetails>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM provider_details WHERE id = $1");
    let row = session.fetch_optional(sql, args![id]).await?;
    row.as_ref().map(parse).transpose()
}

/// Returns every version of a provider, newest first.
pub async fn list_versions(
    session: &mut Session,
    id: ProviderId,
) -> Result<Vec<ProviderDetails>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM provider_details_history WHERE id = $1 ORDER BY version DESC"
    );
    parse_all(&session.fetch_all(sql, args![id]).await?)
}

fn parse_all(rows: &[Row]) -> Result<Vec<ProviderDetails>, Error> {
    rows.iter().map(parse).collect()
}

fn parse(row: &Row) -> Result<ProviderDetails, Error> {
    const TABLE: &str = "provider_details";
    Ok(ProviderDetails {
        id: row.get("id")?,
        notification_type: row.parse(TABLE, "notification_type")?,
        identifier: row.get("identifier")?,
        priority: row.get_u32(TABLE, "priority")?,
        resting_priority: row.get_u32(TABLE, "resting_priority")?,
        configured_priority: row.get_u32(TABLE, "configured_priority")?,
        active: row.get("active")?,
        supports_international: row.get("supports_international")?,
        version: row.get_u32(TABLE, "version")?,
        updated_at: row.get("updated_at")?,
        created_by: row.get("created_by")?,
        reason: row.get("reason")?,
    })
}
