//! Response files of the print provider (`docs/spec/letters.md` §8): noticed in a directory, announced over HTTP, or given by
//! an operator. Single cases are in `vectors/letter_response_files.jsonl`.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use domain::{NotificationId, NotificationStatus as S, ServiceId};
use pillarbox_stories::{TestService, World};
use providers::letter::ResponseDirectory;
use store::daily_sorted_letters::DailySortedLetter;
use tempfile::TempDir;
use tracing_core::Level;

use super::{Printed, announce, archive, insert_printed, service};
use crate::captured_log::CapturedLog;

const NAME: &str = "NOTIFY-20260302170000-RSP.TXT";
const A: &str = "AAAABBBBCCCC0001";
const B: &str = "AAAABBBBCCCC0002";

/// A platform whose print provider leaves response files in a directory.
struct Printer {
    world: World,
    place: TempDir,
    service: TestService,
}

impl Printer {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let files = ResponseDirectory::new(place.path()).without_waiting();
        let world =
            World::with(|_, providers| providers.response_files = vec![Arc::new(files)]).await;
        let service = service(&world, "Riverside Council").await;
        Self {
            world,
            place,
            service,
        }
    }

    async fn letter(&self, letter: &Printed<'_>) -> NotificationId {
        insert_printed(&self.world, (self.service.id, self.service.sms), letter).await
    }

    fn leave(&self, key: &str, lines: &str) {
        let path = self.place.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, lines).unwrap();
    }

    /// Leaves a file, announces it and runs its tasks.
    async fn report(&self, key: &str, lines: &str) {
        self.leave(key, lines);
        announce(&self.world, key).await;
        self.world.run_tasks().await;
    }

    /// Lets a minute pass, in which the platform looks for files.
    async fn minute(&self) {
        self.world.advance(Duration::from_mins(1));
        self.world.run_schedule().await;
    }

    async fn status(&self, id: NotificationId) -> S {
        status(&self.world, id).await
    }

    async fn counts(&self) -> Vec<(String, String, u32, u32)> {
        counts(&self.world).await
    }

    fn waits(&self, key: &str) -> bool {
        self.place.path().join(key).exists()
    }
}

async fn status(world: &World, id: NotificationId) -> S {
    let mut tx = world.app.store().write().await.unwrap();
    let letter = store::printed_letters::lock_by_id(&mut tx, id).await;
    letter.unwrap().unwrap().status
}

/// Returns all daily counts: day, file, sorted, unsorted.
async fn counts(world: &World) -> Vec<(String, String, u32, u32)> {
    let (first, last) = ("2017-01-01".parse().unwrap(), "2030-01-01".parse().unwrap());
    let rows = app::letters::response_files::list_counts(&world.app, first, last).await;
    let view = |row: DailySortedLetter| {
        let day = jiff::civil::Date::constant(1970, 1, 1) + jiff::Span::new().days(row.billing_day);
        (
            day.to_string(),
            row.file_name,
            row.sorted_count,
            row.unsorted_count,
        )
    };
    rows.unwrap().into_iter().map(view).collect()
}

fn count(day: &str, file: &str, sorted: u32, unsorted: u32) -> (String, String, u32, u32) {
    (day.to_owned(), file.to_owned(), sorted, unsorted)
}

#[tokio::test]
async fn a_response_file_is_noticed_and_put_aside_when_both_tasks_are_done() {
    let printer = Printer::new().await;
    let letter = printer.letter(&Printed::sending(A)).await;
    printer.leave(NAME, &format!("{A}|Sent|1|Sorted"));
    printer.minute().await;
    assert_eq!(printer.status(letter).await, S::Delivered);
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 1, 0)]);
    assert!(printer.waits(NAME), "nothing is moved before both are done");
    printer.minute().await;
    assert!(!printer.waits(NAME));
    assert!(printer.waits(&format!("processed/{NAME}")));

    // A later file of the same name is a new one.
    printer.leave(NAME, &format!("{A}|Sent|1|Unsorted"));
    printer.minute().await;
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 0, 1)]);
    printer.minute().await;
    assert!(!printer.waits(NAME));
}

#[tokio::test]
async fn counts_are_not_doubled_by_a_repeated_file() {
    let printer = Printer::new().await;
    printer.letter(&Printed::sending(A)).await;
    printer.letter(&Printed::sending(B)).await;
    let lines = format!("{A}|Sent|1|Sorted\n{B}|Sent|1|Unsorted\n");
    for _ in 0..3 {
        printer.report(NAME, &lines).await;
        printer.world.advance(Duration::from_mins(1));
    }
    // Announced twice before it is read, and noticed on top of it.
    announce(&printer.world, NAME).await;
    announce(&printer.world, NAME).await;
    printer.minute().await;
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 1, 1)]);
}

#[tokio::test]
async fn the_date_is_read_from_a_name_with_hyphens() {
    let printer = Printer::new().await;
    let letter = printer.letter(&Printed::sending(A)).await;
    let log = CapturedLog::start();
    let lines = format!("{A}|Sent|1|Sorted");
    for key in [NAME, "from-the-printer/NOTIFY-20260303170000-RSP.TXT"] {
        printer.report(key, &lines).await;
    }
    let with_dots = "NOTIFY.20260304170000.RSP.TXT";
    printer.report(with_dots, &lines).await;
    assert_eq!(
        printer.counts().await,
        [
            count("2026-03-02", NAME, 1, 0),
            count(
                "2026-03-03",
                "from-the-printer/NOTIFY-20260303170000-RSP.TXT",
                1,
                0
            ),
        ]
    );
    let errors =
        log.errors_with("DVLA response file: NOTIFY.20260304170000.RSP.TXT has no usable date");
    assert_eq!(errors.len(), 1);
    assert_eq!(printer.status(letter).await, S::Delivered);
}

#[tokio::test]
async fn temporary_failures_are_handled_whatever_the_sorted_column_says() {
    let printer = Printer::new().await;
    let failed = printer.letter(&Printed::sending(A)).await;
    let sent = printer.letter(&Printed::sending(B)).await;
    let log = CapturedLog::start();
    printer
        .report(NAME, &format!("{A}|Failed|1|Nonsense\n{B}|Sent|1|Sorted"))
        .await;
    assert_eq!(printer.status(failed).await, S::TemporaryFailure);
    assert_eq!(printer.status(sent).await, S::Delivered);
    let says = |task: &str, what: &str| {
        log.errors_with(&format!(
            "Celery task {task} (queue: notify-internal-tasks) failed after"
        ))
        .into_iter()
        .filter(|line| line.ends_with(what))
        .count()
    };
    let what = format!(
        "DVLA response file: {NAME} has failed letters with notification.reference [\"{A}\"]"
    );
    assert_eq!(says("update-letter-notifications-statuses", &what), 1);
    let what =
        format!("DVLA response file: {NAME} contains unknown Sorted status {{\"nonsense\"}}");
    assert_eq!(says("record-daily-sorted-counts", &what), 1);
    assert_eq!(printer.counts().await, []);
}

#[tokio::test]
async fn sorted_and_unsorted_letters_are_counted_by_local_day() {
    let printer = Printer::new().await;
    // In summer the local day begins at eleven in the evening, in UTC.
    let files = [
        ("NOTIFY-20260630225959-RSP.TXT", "2026-06-30"),
        ("NOTIFY-20260630230000-RSP.TXT", "2026-07-01"),
        ("NOTIFY-20260701120000-RSP.TXT", "2026-07-01"),
        ("NOTIFY-20261130230000-RSP.TXT", "2026-11-30"),
    ];
    for (name, _) in files {
        let lines = format!("{A}|Sent|1|SORTED\n{A}|Sent|1|unsorted\n{B}|Sent|1|Unsorted\n");
        printer.report(name, &lines).await;
    }
    let expected = files.map(|(name, day)| count(day, name, 1, 2));
    assert_eq!(printer.counts().await, expected);
}

#[tokio::test]
async fn the_whole_file_is_applied_before_the_alert() {
    let printer = Printer::new().await;
    let mut lines = String::new();
    let mut letters = Vec::new();
    // More than one transaction, with a failure, an unknown letter and a page count that is none in the first.
    for number in 0..1200 {
        let reference = format!("LETTER{number:010}");
        let status = if number == 7 { "Spoiled" } else { "Sent" };
        let pages = if number == 8 { "x" } else { "1" };
        writeln!(lines, "{reference}|{status}|{pages}|Sorted").unwrap();
        if number != 9 {
            letters.push(printer.letter(&Printed::sending(&reference)).await);
        }
    }
    let log = CapturedLog::start();
    printer.report(NAME, &lines).await;
    for (number, letter) in letters.iter().enumerate() {
        let expected = if number == 7 {
            S::TemporaryFailure
        } else {
            S::Delivered
        };
        assert_eq!(printer.status(*letter).await, expected, "{number}");
    }
    let warned = log.lines_with(Level::WARN, "LETTER0000000008 is not a number");
    assert_eq!(warned.len(), 1);
    let warned = log.lines_with(Level::WARN, "notification reference LETTER0000000009");
    assert_eq!(warned.len(), 1);
    let alerts = log.errors_with("has failed letters");
    assert!(alerts[0].ends_with("[\"LETTER0000000007\"]"), "{alerts:?}");
    let all = log.messages();
    let place = |text: &str| all.iter().position(|line| line.contains(text)).unwrap();
    assert!(place("1200 lines, 1199 letters updated, 1 failed") < place("has failed letters"));
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 1200, 0)]);
}

#[tokio::test]
async fn a_late_response_changes_a_letter_that_retention_has_archived() {
    let printer = Printer::new().await;
    let (service, world) = (printer.service.id, &printer.world);
    let letter = printer.letter(&Printed::sending(A)).await;
    let mut tx = world.app.store().write().await.unwrap();
    archive(&mut tx, service, letter).await;
    tx.commit().await.unwrap();
    let log = CapturedLog::start();
    printer.report(NAME, &format!("{A}|Sent|1|Sorted")).await;
    assert_eq!(printer.status(letter).await, S::Delivered);
    assert!(log.lines_with(Level::WARN, A).is_empty());
    assert!(is_archived(world, service, letter).await);
}

async fn is_archived(world: &World, service: ServiceId, id: NotificationId) -> bool {
    let mut session = world.app.read().await.unwrap();
    let stored = store::notifications::find(&mut session, service, id).await;
    stored.unwrap().is_none()
}

#[tokio::test]
async fn a_response_moves_no_letter_that_was_cancelled_or_returned() {
    let printer = Printer::new().await;
    let log = CapturedLog::start();
    for (reference, status) in [(A, S::Cancelled), (B, S::ReturnedLetter)] {
        let letter = printer
            .letter(&Printed {
                status,
                ..Printed::sending(reference)
            })
            .await;
        printer
            .report(NAME, &format!("{reference}|Sent|1|Sorted"))
            .await;
        assert_eq!(printer.status(letter).await, status);
        let says = format!("letter {letter} stays {status}");
        assert_eq!(log.lines_with(Level::WARN, &says).len(), 1);
    }
}

#[tokio::test]
async fn past_files_are_counted_again_without_touching_statuses() {
    let printer = Printer::new().await;
    let letter = printer.letter(&Printed::sending(A)).await;
    let world = &printer.world;
    let again = async |key: &str, lines: &str| {
        let outcome =
            app::letters::response_files::count_again(&world.app, key, lines.as_bytes()).await;
        outcome.map(drop).map_err(|error| error.to_string())
    };
    let lines = format!("{A}|Failed|1|Sorted\n{B}|Sent|1|Unsorted\n");
    for _ in 0..2 {
        assert_eq!(again(NAME, &lines).await, Ok(()));
    }
    assert_eq!(printer.status(letter).await, S::Sending);
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 1, 1)]);

    // The same file in another folder would double its day.
    let elsewhere = again(&format!("old/{NAME}"), &lines).await;
    assert!(elsewhere.unwrap_err().contains(NAME));
    let invalid = again("NOTIFY-20260303170000-RSP.TXT", "A|B").await;
    assert!(invalid.unwrap_err().ends_with("has an invalid format"));
    assert_eq!(printer.counts().await.len(), 1);
}

#[tokio::test]
async fn an_operator_gives_a_file_that_was_never_announced() {
    let printer = Printer::new().await;
    let letter = printer.letter(&Printed::sending(A)).await;
    let world = &printer.world;
    let path = format!("/letters/response-files?file_name={NAME}");
    let answer = world
        .internal_request("POST", &path, format!("{A}|Sent|1|Sorted"))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    world.run_tasks().await;
    assert_eq!(printer.status(letter).await, S::Delivered);
    assert_eq!(printer.counts().await, [count("2026-03-02", NAME, 1, 0)]);
    let stored = super::count_files(&world.files().join("response-files"));
    assert_eq!(stored, 0, "it is removed once both tasks are done");

    let listed = world
        .internal_request("GET", "/letters/response-files", "")
        .await;
    assert_eq!(listed.data()[0]["file_name"], NAME);
    let other = "/letters/response-files?file_name=notes.txt";
    let answer = world.internal_request("POST", other, "").await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn an_announced_file_that_is_nowhere_is_given_up_quietly() {
    let printer = Printer::new().await;
    let log = CapturedLog::start();
    announce(&printer.world, "../../etc/RSP.TXT").await;
    assert_eq!(printer.world.run_tasks().await, 0);
    announce(&printer.world, NAME).await;
    for _ in 0..7 {
        printer.world.run_tasks().await;
        printer.world.advance(Duration::from_mins(5));
    }
    let warned = log.lines_with(Level::WARN, "was announced and is not there");
    assert_eq!(warned.len(), 2, "once by each task");
    assert_eq!(log.errors_with(""), Vec::<String>::new());
}

#[tokio::test]
async fn a_subscription_is_confirmed_at_sns_and_nowhere_else() {
    let printer = Printer::new().await;
    let world = &printer.world;
    let ours = "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription";
    for url in [ours, "https://elsewhere.example.org/"] {
        let body = serde_json::json!({
            "Type": "SubscriptionConfirmation", "MessageId": "1", "SubscribeURL": url,
        });
        let answer = world
            .request("POST", "/notifications/letter/dvla", None, body.to_string())
            .await;
        assert_eq!(answer.status, 200);
    }
    for body in [
        "",
        "[]",
        "{\"Type\": \"Notification\", \"Message\": \"no JSON\"}",
    ] {
        let answer = world
            .request("POST", "/notifications/letter/dvla", None, body)
            .await;
        assert_eq!(answer.status, 200, "{body}");
    }
    let visited: Vec<String> = world
        .receiver
        .all_received()
        .into_iter()
        .map(|one| one.url)
        .collect();
    assert_eq!(visited, [ours]);
}
