//! What happens to letters in a simulation.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use app::{
    letters::{print_run, response_files},
    manage::{services::ServiceChange, templates::NewTemplate},
};
use domain::{Channel, Clock as _, NotificationId, Permission, ServiceId, TemplateId};
use pillarbox_stories::World;
use rand::RngExt as _;
use serde_json::json;

use super::{Storm, traffic::id_of};

/// The most letters of a simulation: their pages are typeset for real.
const MAX_LETTERS: u32 = 4;
/// The most files of the print shop.
const MAX_FILES: u32 = 3;
/// Pools with work on letters.
const POOLS: [&str; 4] = [
    "create-letters-pdf-tasks",
    "periodic-tasks",
    "process-ftp-tasks",
    "notify-internal-tasks",
];

/// The letters of a simulation.
pub(in super::super) struct Letters {
    template: TemplateId,
    asked: u32,
    /// Letters whose acceptance was answered.
    pub(in super::super) accepted: Rc<RefCell<BTreeSet<NotificationId>>>,
    /// Letters whose cancellation was answered.
    pub(in super::super) cancelled: Rc<RefCell<BTreeSet<NotificationId>>>,
    /// Response files, each with its lines.
    pub(in super::super) files: BTreeMap<String, Vec<String>>,
}

impl Letters {
    /// Lets a service send letters, of a template of their own.
    pub(super) async fn of(world: &World, service: ServiceId) -> Self {
        let found = app::manage::services::find(&world.app, service).await;
        let mut permissions = found.unwrap().permissions;
        permissions.insert(Permission::Letter);
        let change = ServiceChange {
            permissions: Some(permissions),
            ..ServiceChange::default()
        };
        app::manage::services::update(&world.app, service, change)
            .await
            .unwrap();
        let new = NewTemplate {
            template_type: Channel::Letter,
            name: "A letter".to_owned(),
            subject: Some("Bins".to_owned()),
            content: "Dear Ada".to_owned(),
            lane: None,
            created_by: None,
        };
        let made = app::manage::templates::create(&world.app, service, new).await;
        Self {
            template: made.unwrap().id,
            asked: 0,
            accepted: Rc::default(),
            cancelled: Rc::default(),
            files: BTreeMap::new(),
        }
    }
}

impl Storm<'_> {
    pub(super) fn something_happens_to_letters(&mut self) {
        match self.rng.random_range(0..12) {
            0..3 => self.somebody_posts(),
            3 => self.somebody_cancels_a_letter(),
            4..6 => self.a_print_run_starts(),
            6 => self.the_print_shop_reports(),
            7 => {
                let times = self.rng.random_range(1..4);
                self.tell(format_args!("the drop fails {times} times"));
                self.world.print_drop.fail(times);
            }
            _ if self.workers.len() < 5 => {
                let pool = POOLS[self.rng.random_range(0..POOLS.len())];
                let process = self.rng.random_range(0..self.runners.len());
                self.a_worker_begins_at(pool, process);
            }
            _ => {}
        }
    }

    fn somebody_posts(&mut self) {
        let Some(letters) = self
            .letters
            .as_mut()
            .filter(|letters| letters.asked < MAX_LETTERS)
        else {
            return;
        };
        letters.asked += 1;
        let (template, accepted) = (letters.template, letters.accepted.clone());
        let (world, key) = (self.world.clone(), self.service.normal.clone());
        self.begins("a letter", async move {
            let body = json!({"template_id": template, "personalisation": {
                "address_line_1": "Ada", "address_line_2": "1 Mill Lane", "postcode": "SW1A 1AA",
            }});
            let answer = world.post(&key, "/v2/notifications/letter", &body).await;
            accepted.borrow_mut().extend(id_of(&answer));
        });
    }

    /// Cancels a letter; the caller may disconnect before the response.
    fn somebody_cancels_a_letter(&mut self) {
        let Some(letters) = &self.letters else { return };
        let (cancelled, ids) = (letters.cancelled.clone(), letters.accepted.clone());
        let ids: Vec<NotificationId> = ids.borrow().iter().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.rng.random_range(0..ids.len())];
        let (world, service) = (self.world.clone(), self.service.id);
        self.begins("somebody cancels a letter", async move {
            let path = format!("/service/{service}/notifications/{id}/cancel");
            if world.internal_request("POST", &path, "").await.status == 200 {
                cancelled.borrow_mut().insert(id);
            }
        });
    }

    fn a_print_run_starts(&mut self) {
        let world = self.world.clone();
        self.begins("a print run", async move {
            let now = world.clock.now();
            // It may come after another one that is in the queue, or fail.
            let _ = print_run::start(&world.app, Some(now)).await;
        });
    }

    /// Reports on what is printed by now, in any order, or sends an earlier file once more.
    fn the_print_shop_reports(&mut self) {
        let mut printed = self.world.print_drop.printed();
        let is_again = self.rng.random_bool(0.4);
        let is_backwards = self.rng.random_bool(0.5);
        let Some(letters) = &mut self.letters else {
            return;
        };
        let known = u32::try_from(letters.files.len()).unwrap_or(u32::MAX);
        let name = match letters.files.keys().next() {
            Some(first) if is_again || known == MAX_FILES => first.clone(),
            // The later files have the earlier times.
            _ => format!("NOTIFY-2026030212{:02}00-RSP.TXT", 30 - known),
        };
        if is_backwards {
            printed.reverse();
        }
        let lines = letters.files.entry(name.clone()).or_insert(printed).clone();
        let world = self.world.clone();
        self.begins("the print shop", async move {
            let _ = response_files::upload(&world.app, &name, file_of(&lines).as_bytes()).await;
        });
    }

    /// Lets every letter be printed, and every file come once more.
    pub(super) async fn print_and_report_all(&self) {
        let Some(letters) = &self.letters else { return };
        let now = self.world.clock.now();
        print_run::start(&self.world.app, Some(now)).await.unwrap();
        self.world.run_schedule().await;
        for (name, lines) in &letters.files {
            let file = file_of(lines);
            response_files::upload(&self.world.app, name, file.as_bytes())
                .await
                .unwrap();
        }
    }
}

fn file_of(references: &[String]) -> String {
    let line = |reference: &String| format!("{reference}|Sent|1|Sorted\n");
    let lines: Vec<String> = references.iter().map(line).collect();
    lines.concat()
}
