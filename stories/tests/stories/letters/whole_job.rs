//! A job of letters from its spreadsheet to the doormat and back: print run, hand-over, response files or callbacks, retention,
//! returned letters. Every count is worked out by hand. `PILLARBOX_LETTERS=10000` makes it that large.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use app::Weighted;
use domain::{Clock as _, Timestamp};
use pillarbox_stories::{FakePrintService, Fate, PrintShop, TestService, World};
use providers::LetterProvider;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    file_drop::{in_directory, over_sftp, provider},
    service_that_sends_letters, template,
};

/// Letters by default: two zips, the second with one letter.
const LETTERS: u32 = 501;

fn letters() -> u32 {
    let asked = std::env::var("PILLARBOX_LETTERS").ok();
    asked
        .and_then(|number| number.parse().ok())
        .unwrap_or(LETTERS)
}

struct Town {
    world: World,
    service: TestService,
    job: String,
    count: u32,
}

impl Town {
    /// Sends a job of letters, each of one sheet, and makes their pages.
    async fn send(provider: Arc<dyn LetterProvider>) -> Self {
        let count = letters();
        let world = World::with(|_, providers| {
            providers.letter = vec![Weighted::new(provider, 100)];
        })
        .await;
        let new = app::manage::services::NewService {
            limits: [(domain::Allowance::Letter, i64::from(count))].into(),
            ..service_that_sends_letters("Riverside Council")
        };
        let service = world.service_with(new).await;
        let template = template(&world, service.id).await;
        let rows =
            (0..count).map(|row| format!("Ada {row},{row} Mill Lane,SW1A 1AA,Ada {row},bins\n"));
        let header = "address_line_1,address_line_2,postcode,name,thing\n".to_owned();
        let people: String = std::iter::once(header).chain(rows).collect();
        let job = world.job(service.id, template, people).await;
        world.run_tasks().await;
        Self {
            world,
            service,
            job,
            count,
        }
    }

    async fn run_schedule_at(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.world.advance(time.since(self.world.clock.now()));
        self.world.run_schedule().await;
    }

    /// Returns the number of the job's letters by status.
    async fn statistics(&self) -> BTreeMap<String, u64> {
        let job = self.world.job_status(self.service.id, &self.job).await;
        let statistics = job["statistics"].as_array().unwrap().iter();
        statistics
            .map(|one| {
                let status = one["status"].as_str().unwrap().to_owned();
                (status, one["count"].as_u64().unwrap())
            })
            .collect()
    }

    async fn check_statistics(&self, expected: &[(&str, u32)]) {
        let expected: BTreeMap<String, u64> = expected
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(status, count)| ((*status).to_owned(), u64::from(*count)))
            .collect();
        assert_eq!(self.statistics().await, expected);
    }

    async fn report_returned(&self, references: &[&str]) {
        let body = json!({"references": references});
        let answer = self
            .world
            .internal_request("POST", "/letters/returned", body.to_string())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.world.run_tasks().await;
    }

    async fn returned(&self) -> Value {
        let path = format!("/service/{}/returned-letter-summary", self.service.id);
        let answer = self.world.internal_request("GET", &path, "").await;
        answer.data().clone()
    }

    async fn sorted_counts(&self) -> Vec<(String, u64, u64)> {
        let from = app::letters::response_files::parse_day("2026-03-01").unwrap();
        let to = app::letters::response_files::parse_day("2026-03-31").unwrap();
        let counts = app::letters::response_files::list_counts(&self.world.app, from, to)
            .await
            .unwrap();
        let mut counts: Vec<_> = counts
            .iter()
            .map(|one| {
                let day = app::letters::response_files::day_of(one).to_string();
                (
                    day,
                    u64::from(one.sorted_count),
                    u64::from(one.unsorted_count),
                )
            })
            .collect();
        counts.sort();
        counts
    }
}

/// Returns how many of the first `count` numbers end with one of these digits.
fn ending_with(count: u32, digits: &[u32]) -> u32 {
    let ends = (0..count).filter(|number| digits.contains(&(number % 10)));
    u32::try_from(ends.count()).unwrap()
}

/// What becomes of a letter, by the last digit of its place: seven sorted, one unsorted, one spoilt, one lost.
const fn fate(place: usize) -> Fate {
    match place % 10 {
        0..=6 => Fate::Sorted,
        7 => Fate::Unsorted,
        8 => Fate::Spoilt,
        _ => Fate::Lost,
    }
}

async fn a_job_through_a_file_drop(mut settings: Value, directory: &Path) {
    let responses = directory.join("responses");
    fs::create_dir(&responses).unwrap();
    settings["responses"] = json!(responses);
    let mut town = Town::send(provider(settings)).await;
    // A letter that failed is an alert.
    town.world.expect_dead_letters();
    let count = town.count;
    town.check_statistics(&[("created", count)]).await;
    town.run_schedule_at("2026-03-02T17:50:00Z").await;
    town.check_statistics(&[("sending", count)]).await;

    let mut shop = PrintShop::new(directory, &responses);
    // The run claims a thousand letters at a time; a zip has up to 500 of them.
    let zips: u32 = (0..count)
        .step_by(1000)
        .map(|first| (count - first).min(1000).div_ceil(500))
        .sum();
    assert_eq!(shop.collect(), zips as usize);
    assert_eq!((shop.printed().len(), shop.copies()), (count as usize, 0));
    let references: Vec<String> = shop
        .printed()
        .iter()
        .map(|one| one.reference.clone())
        .collect();
    assert_eq!(
        references.iter().collect::<BTreeSet<_>>().len(),
        count as usize
    );

    let of = |is_in: fn(usize) -> bool| {
        let places = references
            .iter()
            .enumerate()
            .filter(move |(place, _)| is_in(*place));
        places.map(|(place, reference)| (reference.as_str(), 1, fate(place)))
    };
    // The file of the evening comes before that of the morning, and both come a second time.
    for (at, name, is_in) in [
        (
            "2026-03-03T18:05:00Z",
            "20260303180000",
            (|place| place % 2 == 1) as fn(usize) -> bool,
        ),
        ("2026-03-03T18:10:00Z", "20260303120000", |place| {
            place % 2 == 0
        }),
        ("2026-03-03T18:15:00Z", "20260303120000", |place| {
            place % 2 == 0
        }),
        ("2026-03-03T18:20:00Z", "20260303180000", |place| {
            place % 2 == 1
        }),
    ] {
        shop.respond(name, of(is_in));
        town.run_schedule_at(at).await;
    }
    let delivered = ending_with(count, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let (spoilt, lost) = (ending_with(count, &[8]), ending_with(count, &[9]));
    assert_eq!(delivered + spoilt + lost, count);
    let expected = [
        ("delivered", delivered),
        ("temporary-failure", spoilt),
        ("sending", lost),
    ];
    town.check_statistics(&expected).await;
    let day = "2026-03-03".to_owned();
    let mut counts = vec![
        (
            day.clone(),
            u64::from(ending_with(count, &[0, 2, 4, 6])),
            u64::from(spoilt),
        ),
        (
            day,
            u64::from(ending_with(count, &[1, 3, 5])),
            u64::from(ending_with(count, &[7])),
        ),
    ];
    counts.sort();
    assert_eq!(
        town.sorted_counts().await,
        counts,
        "a file that comes twice counts once"
    );

    // Retention archives what has ended; what is said afterwards still arrives.
    town.run_schedule_at("2026-03-12T03:00:00Z").await;
    town.check_statistics(&expected).await;
    let late = references
        .iter()
        .enumerate()
        .filter(|(place, _)| place % 10 >= 8);
    shop.respond(
        "20260312090000",
        late.map(|(_, reference)| (reference.as_str(), 1, Fate::Sorted)),
    );
    town.run_schedule_at("2026-03-12T09:05:00Z").await;
    town.check_statistics(&[("delivered", count)]).await;
    counts.push(("2026-03-12".to_owned(), u64::from(spoilt + lost), 0));
    assert_eq!(town.sorted_counts().await, counts);
    some_return(&town, &references).await;
}

/// Reports every tenth letter as returned, twice, and one that nobody knows.
async fn some_return(town: &Town, references: &[String]) {
    let mut returned: Vec<&str> = references.iter().step_by(10).map(String::as_str).collect();
    let count = u32::try_from(returned.len()).unwrap();
    assert_eq!(count, ending_with(town.count, &[0]));
    returned.push("UNKNOWN000000000");
    for _ in 0..2 {
        town.report_returned(&returned).await;
    }
    town.check_statistics(&[
        ("returned-letter", count),
        ("delivered", town.count - count),
    ])
    .await;
    let day = town.world.clock.now().to_string();
    assert_eq!(
        town.returned().await,
        json!([{"returned_letter_count": count, "reported_at": &day[..10]}])
    );
}

#[tokio::test]
async fn a_job_is_printed_reported_purged_and_returned_and_every_count_is_right() {
    let directory = TempDir::new().unwrap();
    a_job_through_a_file_drop(in_directory(directory.path()), directory.path()).await;
}

#[tokio::test]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn a_job_over_sftp_is_printed_and_reported_and_every_count_is_right() {
    let (settings, directory) = over_sftp();
    a_job_through_a_file_drop(settings, directory.path()).await;
}

#[tokio::test]
async fn a_job_over_http_is_printed_and_reported_and_every_count_is_right() {
    let printer = FakePrintService::start().await;
    let mut town = Town::send(printer.provider()).await;
    town.world.expect_dead_letters();
    let count = town.count;
    town.run_schedule_at("2026-03-02T17:50:00Z").await;
    town.check_statistics(&[("sending", count)]).await;
    let jobs = printer.jobs();
    let ids: BTreeSet<_> = jobs.iter().map(|job| &job.id).collect();
    assert_eq!(
        (jobs.len(), ids.len(), printer.conflicts()),
        (count as usize, count as usize, 0)
    );

    // Each report comes twice, the last letter first.
    for _ in 0..2 {
        for (place, job) in jobs.iter().enumerate().rev() {
            let report = match fate(place) {
                Fate::Sorted => job.despatched(1, "MM"),
                Fate::Unsorted => job.despatched(1, "UNSORTED"),
                Fate::Spoilt => job.rejected(),
                _ => continue,
            };
            report_to(&town, job.report_path(), &report).await;
        }
        town.world.run_tasks().await;
    }
    let (spoilt, lost) = (ending_with(count, &[8]), ending_with(count, &[9]));
    let expected = [
        ("delivered", count - spoilt - lost),
        ("technical-failure", spoilt),
        ("sending", lost),
    ];
    town.check_statistics(&expected).await;

    town.run_schedule_at("2026-03-12T03:00:00Z").await;
    town.check_statistics(&expected).await;
    // The despatch is believed, also of letters that were given up and archived.
    for job in jobs
        .iter()
        .enumerate()
        .filter(|(place, _)| place % 10 >= 8)
        .map(|(_, job)| job)
    {
        report_to(&town, job.report_path(), &job.despatched(1, "MM")).await;
    }
    town.world.run_tasks().await;
    town.check_statistics(&[("delivered", count)]).await;
    let references: Vec<String> = jobs.iter().map(|job| job.reference().to_owned()).collect();
    let mut session = town.world.app.read().await.unwrap();
    let mut sorted = 0;
    for job in &jobs {
        let id = job.id.parse().unwrap();
        let despatch = store::despatches::find(&mut session, town.service.id, id).await;
        sorted += u32::from(despatch.unwrap().unwrap().cost_threshold == "sorted");
    }
    drop(session);
    assert_eq!(sorted, count - ending_with(count, &[7]));
    some_return(&town, &references).await;
}

async fn report_to(town: &Town, path: &str, report: &Value) {
    let answer = town
        .world
        .request("POST", path, None, report.to_string())
        .await;
    assert_eq!(answer.status, 204, "{}", answer.text);
}
