//! Guest lists: recipients that a service in trial mode may send to beside its team.

use domain::ServiceId;

use crate::{Error, Session, Tx, db::args, services};

/// Guest list of a service, as entered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guests {
    /// E-mail addresses.
    pub email_addresses: Vec<String>,
    /// Phone numbers.
    pub phone_numbers: Vec<String>,
}

/// Returns the guest list of a service.
pub async fn list(session: &mut Session, service: ServiceId) -> Result<Guests, Error> {
    let mut guests = Guests::default();
    for row in session
        .fetch_all(
            "SELECT kind, recipient FROM guest_list WHERE service_id = $1 ORDER BY recipient",
            args![service],
        )
        .await?
    {
        let kind: String = row.get("kind")?;
        let recipient = row.get("recipient")?;
        if kind == "email" {
            guests.email_addresses.push(recipient);
        } else {
            guests.phone_numbers.push(recipient);
        }
    }
    Ok(guests)
}

/// Returns the guests of one service or of all, each with its service, kind and text.
pub async fn list_all(
    session: &mut Session,
    service: Option<ServiceId>,
) -> Result<Vec<(ServiceId, String, String)>, Error> {
    let (only, args) = match service {
        Some(service) => (" WHERE service_id = $1", args![service]),
        None => ("", args![]),
    };
    session
        .fetch_all(
            format!("SELECT service_id, kind, recipient FROM guest_list{only}"),
            args,
        )
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.get("service_id")?,
                row.get("kind")?,
                row.get("recipient")?,
            ))
        })
        .collect()
}

/// Removes a guest, given as entered, from a service's list. Returns whether it was on it.
pub async fn delete(
    tx: &mut Tx,
    service: ServiceId,
    kind: &str,
    recipient: &str,
) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "DELETE FROM guest_list WHERE service_id = $1 AND kind = $2 AND recipient = $3",
            args![service, kind, recipient],
        )
        .await?;
    Ok(changed == 1)
}

/// Replaces the guest list of a service.
pub async fn replace(tx: &mut Tx, service: ServiceId, guests: &Guests) -> Result<(), Error> {
    tx.execute(
        // The list is short and edited as a whole, so replacing it is simpler than comparing.
        "DELETE FROM guest_list WHERE service_id = $1",
        args![service],
    )
    .await?;
    for address in &guests.email_addresses {
        services::add_guest(tx, service, "email", address).await?;
    }
    for number in &guests.phone_numbers {
        services::add_guest(tx, service, "mobile", number).await?;
    }
    Ok(())
}
