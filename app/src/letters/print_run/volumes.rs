//! How many letters a print provider is to expect (`docs/spec/letters.md` §7.2). The e-mails are sent in `upkeep`.

use std::collections::BTreeMap;

use domain::{Postage, Timestamp};
use queue::Enqueue as _;
use serde_json::{Map, Value};
use store::{
    Tx,
    print_runs::{self, Volume},
};
use templates::letter_timings::to_london;

use crate::{
    App,
    compose::to_jiff,
    tasks::{self, LetterVolumes},
};

/// Enqueues an e-mail to each address of each provider that got letters of a run, in the transaction that ends the run.
pub(super) async fn enqueue(
    app: &App,
    tx: &mut Tx,
    deadline: Timestamp,
    now: Timestamp,
) -> Result<(), store::Error> {
    for (provider, volumes) in print_runs::volumes(tx, deadline).await? {
        let mut configured = app.providers.letter.iter();
        let addresses = configured
            .find(|one| one.provider.name() == provider)
            .map_or(0, |one| one.provider.volumes_to().len());
        let values = values(&volumes, deadline);
        let told = (0..addresses).map(|address| {
            let key = format!(
                "volumes {provider} {deadline} {address} {}",
                values["total_volume"]
            );
            let payload = LetterVolumes {
                provider: provider.clone(),
                address,
                values: values.clone(),
            };
            tasks::send_volumes(&key, &payload, now)
        });
        tx.enqueue(told.collect()).await?;
    }
    Ok(())
}

/// Returns the values of the e-mail. The classes abroad are added up.
fn values(volumes: &BTreeMap<Postage, Volume>, deadline: Timestamp) -> Map<String, Value> {
    type IsClass = fn(Postage) -> bool;
    const CLASSES: [(&str, IsClass); 5] = [
        ("total", |_| true),
        ("first_class", |class| class == Postage::First),
        ("second_class", |class| class == Postage::Second),
        ("economy_mail", |class| class == Postage::Economy),
        ("international", |class| {
            matches!(class, Postage::Europe | Postage::RestOfWorld)
        }),
    ];
    let mut values = Map::new();
    for (name, is_class) in CLASSES {
        let of_class = || volumes.iter().filter(|(class, _)| is_class(**class));
        let letters: u64 = of_class().map(|(_, volume)| volume.letters).sum();
        let sheets: u64 = of_class().map(|(_, volume)| volume.sheets).sum();
        values.insert(format!("{name}_volume"), letters.into());
        values.insert(format!("{name}_sheets"), sheets.into());
    }
    let day = to_london(to_jiff(deadline))
        .date()
        .strftime("%-d %B %Y")
        .to_string();
    values.insert("date".to_owned(), day.into());
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_added_up_by_class() {
        let volume = |postage, letters, sheets| (postage, Volume { letters, sheets });
        let volumes = BTreeMap::from([
            volume(Postage::First, 1, 2),
            volume(Postage::Second, 10, 11),
            volume(Postage::Europe, 3, 4),
            volume(Postage::RestOfWorld, 5, 6),
        ]);
        let values = values(&volumes, "2018-01-13T17:30:00Z".parse().unwrap());
        let expected = serde_json::json!({
            "total_volume": 19, "total_sheets": 23,
            "first_class_volume": 1, "first_class_sheets": 2,
            "second_class_volume": 10, "second_class_sheets": 11,
            "economy_mail_volume": 0, "economy_mail_sheets": 0,
            "international_volume": 8, "international_sheets": 10,
            "date": "13 January 2018",
        });
        assert_eq!(Value::Object(values), expected);
    }
}
