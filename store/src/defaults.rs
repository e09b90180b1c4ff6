//! What the three lists of which a service has one default share: text message senders, reply-to addresses, contact
//! blocks. A unique index of each proves that there are never two defaults.

use domain::ServiceId;
use uuid::Uuid;

use crate::{Error, Tx, db::args};

/// A list with a default.
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

/// Makes room for another default.
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

/// Archives what is not the default; whether there was such a thing.
pub(crate) async fn archive(
    tx: &mut Tx,
    list: List,
    service: ServiceId,
    id: Uuid,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            format!(
                "UPDATE {} SET archived = $3 WHERE service_id = $1 AND id = $2 AND NOT archived AND NOT is_default",
                list.table()
            ),
            args![service, id, true],
        )
        .await?;
    Ok(touched == 1)
}
