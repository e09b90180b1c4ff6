//! Guest lists: whom a service may reach in trial mode beside its team.

use domain::ServiceId;

use crate::{Error, Session, Tx, db::args, services};

/// The guests of a service, as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guests {
    /// By e-mail.
    pub email_addresses: Vec<String>,
    /// By text.
    pub phone_numbers: Vec<String>,
}

/// The guests of a service.
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

/// The guests of one service or of all: whose guest each is, of which kind, and as written.
pub async fn list_of_all(
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

/// Takes a guest, as written, from a service's list; whether they were on it.
pub async fn delete(
    tx: &mut Tx,
    service: ServiceId,
    kind: &str,
    recipient: &str,
) -> Result<bool, Error> {
    let touched = tx
        .execute(
            "DELETE FROM guest_list WHERE service_id = $1 AND kind = $2 AND recipient = $3",
            args![service, kind, recipient],
        )
        .await?;
    Ok(touched == 1)
}

/// Makes these, and nobody else, the guests of a service.
pub async fn replace(tx: &mut Tx, service: ServiceId, guests: &Guests) -> Result<(), Error> {
    tx.execute(
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
