//! Pages of letters, made from a template, sealed and stored: how many in a second, and the memory that the process takes after
//! a thousand, five thousand and ten thousand.

use anyhow::{Result, ensure};
use app::{manage::templates::NewTemplate, tasks::POOLS};
use domain::{Clock as _, Lane, NotificationId, TaskId, TemplateId};
use queue::{Enqueue as _, NewTask};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::notifications::{Contents, insert_many};

use crate::{
    baseline::row,
    children::{self, Order, Worker},
    databases::{Backend, DataLocation},
    job::{self, Workers},
    options::{Channel, Options},
    platform::{BenchProvider, Platform, RealClock, SystemRandom},
    results::{Measured, Results},
    usage::{Run, Usage},
};

/// Letters in one task, as a job makes them.
const LETTERS_A_TASK: u32 = 100;

/// Numbers of letters after which the memory is measured.
const STOPS: [u32; 3] = [1_000, 5_000, 10_000];

/// A measurement of making pages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    location: DataLocation,
    letters: u32,
}

/// Returns the stops below the number of letters, and that number.
fn stops(letters: u32) -> impl Iterator<Item = u32> {
    let before = STOPS.into_iter().filter(move |stop| *stop < letters);
    before.chain([letters])
}

pub(crate) async fn measure(
    options: &Options,
    backend: &Backend,
    results: &mut Results,
) -> Result<()> {
    let fresh = backend.fresh().await?;
    let letters = options.letters;
    let mut child = Worker::start(&Order::Letters(Task {
        location: fresh.location.clone(),
        letters,
    }))?;
    let mut made = 0;
    for stop in stops(letters) {
        let run: Run = child.receive().await?;
        results.add(&Measured {
            database: backend.name(),
            part: "letters",
            what: format!("letters {} to {stop}", made + 1),
            note: format!("{} MiB resident", run.usage.resident_kib / 1024),
            ..Measured::alone(u64::from(stop - made), run.took).with_usage(&run.usage)
        });
        made = stop;
    }
    child.end().await?;
    fresh.remove().await
}

/// Runs in the child.
pub(crate) async fn make(task: &Task) -> Result<()> {
    let platform = Platform::open(&task.location, BenchProvider::Instant).await?;
    let template = template(&platform).await?;
    let mut made = 0;
    for stop in stops(task.letters) {
        for first in (made..stop).step_by(LETTERS_A_TASK as usize) {
            insert(&platform, template, first..stop.min(first + LETTERS_A_TASK)).await?;
        }
        let (before, started) = (Usage::mine()?, RealClock.now());
        let workers = Workers::start(&platform.app, POOLS.to_vec());
        let took = job::wait_until_sent(&platform.app).await?.since(started);
        workers.stop().await?;
        made = stop;
        let usage = Usage::since(&before)?;
        children::reply(&Run { took, usage })?;
    }
    let waiting =
        store::print_runs::exist_waiting(&mut platform.app.read().await?, RealClock.now()).await?;
    ensure!(waiting, "no letter waits for its print run");
    Ok(())
}

/// Stores letters, with the task that makes their pages.
async fn insert(
    platform: &Platform,
    template: TemplateId,
    numbers: std::ops::Range<u32>,
) -> Result<()> {
    let letters: Vec<_> = numbers
        .map(|number| {
            let lines = format!("Ada {number}\n{number} Mill Lane\nSW1A 1AA");
            let mut letter = row(platform, Channel::Sms, None, number);
            letter.channel = domain::Channel::Letter;
            letter.template_id = template;
            letter.reply_to_text = None;
            letter.phone_prefix = None;
            letter.rate_multiplier = None;
            letter.postage = Some(domain::Postage::Second);
            letter.reference = Some(format!("LETTER{number:010}"));
            letter.contents = Contents {
                normalised: lines
                    .split_whitespace()
                    .collect::<String>()
                    .to_lowercase()
                    .into(),
                recipient: lines.into(),
                personalisation: values(number).into(),
                unsubscribe_url: None,
            };
            letter.seal(platform.app.store().keyring())
        })
        .collect();
    let ids: Vec<NotificationId> = letters.iter().map(|letter| letter.id).collect();
    let now = RealClock.now();
    let task = NewTask {
        id: TaskId::generate(now, &SystemRandom),
        pool: "create-letters-pdf-tasks",
        lane: Lane::Normal,
        service_id: platform.tenant.service,
        kind: "get-pdf-for-templated-letter.v1",
        payload: json!({"ids": ids}).to_string(),
        subjects: None,
        attempt: 0,
        ready_at: now,
        created_at: now,
    };
    let mut tx = platform.app.store().write().await?;
    insert_many(&mut tx, &letters).await?;
    tx.enqueue(vec![task]).await?;
    tx.commit().await?;
    Ok(())
}

fn values(number: u32) -> Map<String, Value> {
    [
        ("address_line_1", format!("Ada {number}")),
        ("address_line_2", format!("{number} Mill Lane")),
        ("postcode", "SW1A 1AA".to_owned()),
        ("name", format!("Ada {number}")),
        ("bin day", "Friday".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.into()))
    .collect()
}

async fn template(platform: &Platform) -> Result<TemplateId> {
    let new = NewTemplate {
        template_type: domain::Channel::Letter,
        name: "A letter".to_owned(),
        subject: Some("Your bin day changes".to_owned()),
        content: "Dear ((name))\n\nYour bin day changes from ((bin day)) to the day after it.\n\n# What to do\n\n* put out \
                  the bin by 6am\n* tell your neighbours\n\nYou can find all dates at https://council.example/bins or \
                  call us between 9am and 5pm from Monday to Friday.\n\nYours sincerely\n\nThe waste team"
            .to_owned(),
        lane: None,
        created_by: None,
    };
    let made = app::manage::templates::create(&platform.app, platform.tenant.service, new).await?;
    Ok(made.id)
}
