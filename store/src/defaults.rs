//! What the three lists with one default per service have in common: text message senders, reply-to addresses and
//! contact blocks. A unique index on each table rules out two defaults.

use domain::ServiceId;
use uuid::Uuid;

use crate::{Error, Tx, db::args};

/// List with a default.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    SmsSenders,
    ReplyTos,
    LetterContacts,
}

impl List {
    const fn table(self) -> &'static str {
        match self {
            Self::SmsSenders => "sms_senders",
            Self::ReplyTos => "reply_to_addresses",
            Self::LetterContacts => "letter_contacts",
        }
    }
}

/// Clears the default of a list, so that another row can become it.
pub(crate) async fn clear(tx: &mut Tx, list: List, service: ServiceId) -> Result<(), Error> {
    tx.execute(
        format!(
            "UPDATE {} SET is_default = $2 WHERE service_id = $1 AND is_default",
            list.table()
        ),
        args![service, false],
    )
    .await?;
    Ok(())
}

/// Archives a row unless it is the default. Returns whether it was archived.
pub(crate) async fn archive(
    tx: &mut Tx,
    list: List,
    service: ServiceId,
    id: Uuid,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            format!(
                // The default must be replaced before it can be archived, so that a service that has senders always
                // has a default.
                "UPDATE {} SET archived = $3 WHERE service_id = $1 AND id = $2 AND NOT archived AND NOT is_default",
                list.table()
            ),
            args![service, id, true],
        )
        .await?;
    Ok(changed == 1)
}
