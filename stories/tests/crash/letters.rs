//! A job of letters whose process is killed while pages are made, letters are collated and handed over, in zips to a file drop or
//! one by one to a print service, and while what the printer says is applied (`docs/spec/letters.md` §7, §8): each letter is printed once, and every count is right.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, time::Duration};

use pillarbox_stories::{FakePrintService, Fate, PrintJob, PrintShop};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::{
    auditors, from_environment,
    platform::{Platform, Process},
};

const TEMPLATE: &str = "Your parking permit";
/// Lines of the response file about letters that are not ours, so that applying it takes long enough for a kill.
const FOREIGN_LINES: usize = 20_000;
/// How long the calm end of a step may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// A platform that is killed again and again.
struct Victim {
    platform: Platform,
    process: Option<Process>,
    random: StdRng,
    kills: u64,
}

impl Victim {
    /// Kills the process at a random moment of the next second, and starts it again.
    async fn kill(&mut self) {
        // The kill at a random moment is the fault itself.
        let delay = Duration::from_millis(self.random.random_range(20..1000));
        tokio::time::sleep(delay).await;
        self.process.take().expect("it runs").kill().await;
        self.process = Some(self.platform.start().await);
        self.kills += 1;
    }

    /// Runs one of the binary's commands and returns the JSON values that it prints.
    async fn command(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let printed = self.platform.command(&arguments).await;
        let printed = printed.unwrap_or_else(|| panic!("{arguments:?} fails"));
        let values = serde_json::Deserializer::from_str(&printed).into_iter::<Value>();
        values
            .map(|value| value.expect("it prints JSON"))
            .flat_map(|value| match value {
                Value::Array(values) => values,
                value => vec![value],
            })
            .collect()
    }

    /// Returns how many letters the print runs have claimed, and how many of them are not handed over.
    async fn claimed(&self) -> (u64, u64) {
        let runs = self.command(&["letters", "runs"]).await;
        let sum = |field: &str| runs.iter().filter_map(|run| run[field].as_u64()).sum();
        (sum("letters"), sum("not_handed_over"))
    }

    /// Returns how many rows of the only job have this status.
    async fn count(&self, status: &str) -> u64 {
        let jobs = self.platform.jobs().await;
        let statistics = jobs.first().and_then(|job| job["statistics"].as_array());
        let of_status = statistics
            .into_iter()
            .flatten()
            .find(|one| one["status"] == status);
        of_status.and_then(|one| one["count"].as_u64()).unwrap_or(0)
    }
}

/// Waits until `is_done` returns true.
async fn wait_until(what: &str, mut is_done: impl AsyncFnMut() -> bool) {
    let all_done = async {
        while !is_done().await {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let ended = tokio::time::timeout(PATIENCE, all_done).await;
    assert!(ended.is_ok(), "{what} takes too long");
}

fn spreadsheet(letters: u64) -> String {
    let mut text = "address line 1,address line 2,postcode,name,zone,date\n".to_owned();
    for row in 0..letters {
        writeln!(text, "Ada {row},{row} Mill Lane,SW1A 1AA,Ada {row},A,1 May")
            .expect("a text grows");
    }
    text
}

/// Starts a platform with these settings.
async fn start(settings: &str, seed: u64) -> Victim {
    let platform = Platform::new().await;
    fs::create_dir_all(platform.data_dir()).unwrap();
    // A print service is told where to report.
    let settings = format!("api_base_url = '{}'\n{settings}", platform.url());
    fs::write(platform.data_dir().join("pillarbox.toml"), settings).unwrap();
    let process = Some(platform.start().await);
    Victim {
        platform,
        process,
        random: StdRng::seed_from_u64(seed),
        kills: 0,
    }
}

/// Sends a job and kills the platform while pages are made, and then while letters are collated and handed over. `collect` is
/// what the printer does in between.
async fn print_through_kills(
    victim: &mut Victim,
    (letters, kills): (u64, u64),
    mut collect: impl FnMut(),
) {
    let file = victim.platform.data_dir().join("permits.csv");
    fs::write(&file, spreadsheet(letters)).unwrap();
    let file = file.to_str().unwrap();
    victim
        .command(&["job", "send", "--template", TEMPLATE, file])
        .await;
    // While pages are made. Each run takes the letters that have theirs, so several are collated and handed over while others
    // are still being made.
    for _ in 0..kills {
        victim.kill().await;
        victim.command(&["letters", "print-run", "--now"]).await;
        collect();
    }
    wait_until("making pages", async || {
        victim.platform.wait_until_nothing_waits().await;
        victim.command(&["letters", "print-run", "--now"]).await;
        victim.claimed().await.0 == letters
    })
    .await;
    for _ in 0..kills {
        victim.kill().await;
        collect();
    }
    wait_until("the hand-over", async || {
        victim.claimed().await == (letters, 0)
    })
    .await;
    collect();
    assert_eq!(victim.count("sending").await, letters);
}

/// How many letters, how many kills in each phase, and the seed of their moments.
fn extent() -> (u64, u64, u64) {
    (
        from_environment("PILLARBOX_STORM_LETTERS", 200),
        from_environment("PILLARBOX_KILLS", 8).div_ceil(2),
        from_environment("PILLARBOX_CRASH_SEED", 20_261_130),
    )
}

#[expect(
    clippy::print_stdout,
    reason = "a crash test says how often it killed, and with which seed"
)]
async fn end(mut victim: Victim, what: &str, (letters, seed): (u64, u64)) {
    assert_eq!(auditors::findings(&victim.platform).await, 0);
    println!(
        "{letters} letters {what} on {}, {} kills (seed {seed}): each printed once, every count right",
        victim.platform.database_kind(),
        victim.kills
    );
    if let Some(process) = victim.process.take() {
        process.stop().await;
    }
}

/// Sends letters to a file drop whose directories are in `home`.
async fn a_job_through_a_file_drop(place: &str, home: &Path) {
    let (letters, kills, seed) = extent();
    let (zips, responses) = (home.join("in"), home.join("out"));
    for directory in [&zips, &responses] {
        fs::create_dir(directory).unwrap();
    }
    let settings = format!(
        "[[providers.letter]]\nkind = 'file-drop'\nname = 'print-shop'\nresponses = '{}'\n{place}",
        responses.display()
    );
    let mut victim = start(&settings, seed).await;
    let mut shop = PrintShop::new(&zips, &responses);
    print_through_kills(&mut victim, (letters, kills), || {
        shop.collect();
    })
    .await;
    assert_eq!(
        (shop.printed().len() as u64, shop.copies()),
        (letters, 0),
        "each letter is printed once"
    );

    respond(&mut victim, &shop, &responses, kills).await;
    let (sent, failed) = expected(letters);
    let counted = (
        victim.count("delivered").await,
        victim.count("temporary-failure").await,
    );
    assert_eq!(counted, (sent, failed));
    let printed = "2026-03-03";
    let counts = victim
        .command(&["letters", "sorted-counts", printed, printed])
        .await;
    let all = letters + FOREIGN_LINES as u64;
    assert_eq!(counts.len(), 1, "{counts:?}");
    let counts = [&counts[0]["sorted_count"], &counts[0]["unsorted_count"]];
    assert_eq!(
        counts.map(Value::as_u64),
        [Some(all - failed), Some(failed)]
    );
    let what = format!("in {} zips", shop.collected().len());
    end(victim, &what, (letters, seed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_survive_kills_from_their_pages_to_the_response_file() {
    let home = tempfile::tempdir().unwrap();
    let place = format!("directory = '{}'\n", home.path().join("in").display());
    a_job_through_a_file_drop(&place, home.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs an SFTP server: make test-distributed"]
async fn letters_over_sftp_survive_kills_from_their_pages_to_the_response_file() {
    let server = std::env::var("PILLARBOX_TEST_SFTP").expect("set by make test-distributed");
    let server: Value = serde_json::from_str(&server).unwrap();
    let text = |member: &str| server[member].as_str().expect("a text").to_owned();
    let home = tempfile::tempdir_in(text("root")).unwrap();
    let place = format!(
        "sftp = 'sftp://{}@127.0.0.1:{}{}'\nkey_file = '{}'\nhost_keys = ['{}']\n",
        text("user"),
        server["port"],
        home.path().join("in").display(),
        text("key_file"),
        text("host_key")
    );
    a_job_through_a_file_drop(&place, home.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_over_http_survive_kills_from_their_pages_to_the_reports() {
    let (letters, kills, seed) = extent();
    let printer = FakePrintService::start().await;
    let settings = printer.settings();
    let settings = settings.as_object().unwrap().iter();
    // The texts of JSON are texts of TOML.
    let lines: Vec<String> = settings
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let settings = format!(
        "[[providers.letter]]\nkind = 'dvla'\n{}\n",
        lines.join("\n")
    );
    let mut victim = start(&settings, seed).await;
    print_through_kills(&mut victim, (letters, kills), || ()).await;
    let jobs = printer.jobs();
    let ids: BTreeSet<&str> = jobs.iter().map(|job| &*job.id).collect();
    let references: BTreeSet<&str> = jobs.iter().map(PrintJob::reference).collect();
    assert_eq!(
        [jobs.len(), ids.len(), references.len()].map(|count| count as u64),
        [letters; 3],
        "each letter is printed once"
    );

    // The printer reports until it is answered, while the platform is killed; every letter twice.
    let reports: Vec<(String, String)> = jobs
        .iter()
        .chain(&jobs)
        .enumerate()
        .map(|(place, job)| {
            let report = if place % jobs.len() % 7 == 0 {
                job.rejected()
            } else {
                job.despatched(1, "MM")
            };
            (job.report_path().to_owned(), report.to_string())
        })
        .collect();
    let url = victim.platform.url();
    let client = client();
    let reporting = tokio::spawn(async move {
        for (path, report) in reports {
            report_to(&client, &format!("{url}{path}"), &report).await;
        }
    });
    for _ in 0..kills {
        victim.kill().await;
    }
    let ended = tokio::time::timeout(PATIENCE, reporting).await;
    ended.expect("all reports are answered").unwrap();
    let (sent, failed) = expected(letters);
    wait_until("applying the reports", async || {
        victim.count("sending").await == 0
    })
    .await;
    let counted = (
        victim.count("delivered").await,
        victim.count("technical-failure").await,
    );
    assert_eq!(counted, (sent, failed));
    let what = format!("over HTTP, {} of them sent again", printer.conflicts());
    end(victim, &what, (letters, seed)).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "a printer's own client, on this machine"
)]
fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10));
    client.build().expect("a client")
}

/// Reports until the platform has it.
async fn report_to(client: &reqwest::Client, url: &str, report: &str) {
    loop {
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .body(report.to_owned());
        if let Ok(answer) = request.send().await
            && answer.status() == 204
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns how many letters the response file calls sent, and how many failed: every seventh.
const fn expected(letters: u64) -> (u64, u64) {
    let failed = letters.div_ceil(7);
    (letters - failed, failed)
}

/// Reports on every letter, among many that the platform does not know, and kills it while it reads.
async fn respond(victim: &mut Victim, shop: &PrintShop, responses: &Path, kills: u64) {
    let foreign: Vec<String> = (0..FOREIGN_LINES)
        .map(|number| format!("FOREIGN{number:09}"))
        .collect();
    let every = FOREIGN_LINES / shop.printed().len();
    let ours = shop.printed().iter().enumerate().map(|(number, letter)| {
        let fate = if number % 7 == 0 {
            Fate::Spoilt
        } else {
            Fate::Sorted
        };
        (number * every, (&*letter.reference, 1, fate))
    });
    let others = foreign
        .iter()
        .enumerate()
        .map(|(place, one)| (place, (&**one, 1, Fate::Sorted)));
    let mut lines: Vec<_> = ours.chain(others).collect();
    lines.sort_by_key(|(place, _)| *place);
    let name = shop.respond("20260303090000", lines.into_iter().map(|(_, line)| line));
    // At once; the folder of the drop is looked into once a minute, so the file may be applied twice.
    let path = responses.join(&name);
    let path = path.to_str().expect("a path that is text");
    victim.command(&["letters", "response-file", path]).await;
    for _ in 0..kills {
        victim.kill().await;
    }
    wait_until("the response file", async || {
        let files = victim.command(&["letters", "response-files"]).await;
        let is_done = |file: &Value| {
            file["file_name"] == *name
                && !file["statuses_updated_at"].is_null()
                && !file["counted_at"].is_null()
        };
        files.iter().any(is_done)
    })
    .await;
}
