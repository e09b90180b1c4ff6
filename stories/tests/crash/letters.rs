//! A job of letters whose process is killed while pages are made, letters are collated and zips are put into a file drop, and
//! while the response file is applied (`docs/spec/letters.md` §7, §8): each letter is printed once, and every count is right.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use pillarbox_stories::{Fate, PrintShop};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_survive_kills_from_their_pages_to_the_response_file() {
    let letters = from_environment("PILLARBOX_STORM_LETTERS", 200);
    let kills = from_environment("PILLARBOX_KILLS", 8).div_ceil(2);
    let seed = from_environment("PILLARBOX_CRASH_SEED", 20_261_130);
    let home = tempfile::tempdir().unwrap();
    let (zips, responses) = (home.path().join("in"), home.path().join("out"));
    for directory in [&zips, &responses] {
        fs::create_dir(directory).unwrap();
    }
    let platform = Platform::new().await;
    fs::create_dir_all(platform.data_dir()).unwrap();
    let settings = format!(
        "[[providers.letter]]\nkind = 'file-drop'\nname = 'print-shop'\ndirectory = '{}'\nresponses = '{}'\n",
        zips.display(),
        responses.display()
    );
    fs::write(platform.data_dir().join("pillarbox.toml"), settings).unwrap();
    let process = Some(platform.start().await);
    let mut victim = Victim {
        platform,
        process,
        random: StdRng::seed_from_u64(seed),
        kills: 0,
    };
    let mut shop = PrintShop::new(&zips, &responses);

    let file = home.path().join("permits.csv");
    fs::write(&file, spreadsheet(letters)).unwrap();
    let file = file.to_str().unwrap();
    victim
        .command(&["job", "send", "--template", TEMPLATE, file])
        .await;
    // While pages are made. Each run takes the letters that have theirs, so several are collated, zipped and put while others
    // are still being made.
    for _ in 0..kills {
        victim.kill().await;
        victim.command(&["letters", "print-run", "--now"]).await;
        shop.collect();
    }
    wait_until("making pages", async || {
        victim.platform.wait_until_nothing_waits().await;
        victim.command(&["letters", "print-run", "--now"]).await;
        victim.claimed().await.0 == letters
    })
    .await;
    for _ in 0..kills {
        victim.kill().await;
        shop.collect();
    }
    wait_until("the hand-over", async || {
        victim.claimed().await == (letters, 0)
    })
    .await;
    shop.collect();
    assert_eq!(victim.count("sending").await, letters);
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
    assert_eq!(auditors::findings(&victim.platform).await, 0);
    println!(
        "{letters} letters on {} in {} zips, {} kills (seed {seed}): each printed once, every count right",
        victim.platform.database_kind(),
        shop.collected().len(),
        victim.kills
    );
    if let Some(process) = victim.process.take() {
        process.stop().await;
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
