//! What the platform makes of letters of every kind is a PDF of which qpdf has nothing to say. With `PILLARBOX_KEEP_LETTERS` the
//! letters are also written into that directory, to be looked at.

use std::{fs, path::Path, process::Command};

use domain::{NotificationId, TemplateId};
use pillarbox_stories::{TestService, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{id_of, post, service, to_ada};
use crate::letter_delivery::{address, pdf, pdf_of, post_pdf, words};

const LOGO: &[u8] = include_bytes!("../../../../typesetting/tests/files/logo.png");
const BODY: &str = "Dear ((name))\n\nWe collect your ((thing)) from **Monday**, unless it is a bank holiday.\n\n\
                    # What to do\n\n* put them out by 7 in the morning\n* keep the lid closed\n\n\
                    1. Rinse\n2. Sort\n3. Close\n\nYours sincerely\n\nOlwen Griffiths";
const WELSH: &str = "Annwyl ((name))\n\nByddwn yn casglu eich biniau o ddydd Llun. Bydd y tŷ a'r dŵr yn aros.\n\n\
                     # Beth i'w wneud\n\n* rhowch nhw allan erbyn 7 y bore";
const ARABIC: &str = "عزيزي ((name))،\n\nكتبنا إليك في 3 يناير بشأن ضريبة المجلس (Council Tax) لعام 2026.\n\n\
                      # ما يجب عليك فعله\n\n* اتصل بالرقم 01632 960 002\n\n1. الاسم الكامل";

/// A platform with a service, and the directory of its letters.
struct Printer {
    world: World,
    service: TestService,
    directory: TempDir,
    checked: usize,
}

impl Printer {
    /// Creates a letter template with options beside its text.
    async fn template(&self, content: &str, options: Value) -> TemplateId {
        let mut body = json!({
            "template_type": "letter", "name": "A letter", "subject": "About ((thing))", "content": content,
        });
        body.as_object_mut()
            .unwrap()
            .extend(options.as_object().cloned().unwrap_or_default());
        let path = format!("/service/{}/template", self.service.id);
        let made = self
            .world
            .internal_request("POST", &path, body.to_string())
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.data()["id"].as_str().unwrap().parse().unwrap()
    }

    async fn upload(&self, what: &str, body: Vec<u8>) -> Value {
        let path = format!("/service/{}/{what}", self.service.id);
        let answer = self.world.internal_request("POST", &path, body).await;
        assert_eq!(answer.status, 201, "{what}: {}", answer.text);
        answer.data().clone()
    }

    /// Sends a letter of a template and checks its PDF.
    async fn check_made(&mut self, name: &str, template: TemplateId) {
        let letter = id_of(&post(&self.world, &self.service.normal, &to_ada(template)).await);
        self.check(name, letter).await;
    }

    /// Checks the PDF of a letter as the printer gets it.
    async fn check(&mut self, name: &str, letter: NotificationId) {
        self.world.run_tasks().await;
        let path = format!("/v2/notifications/{letter}/pdf");
        let pdf = self.world.get(&self.service.normal, &path).await;
        assert_eq!(pdf.status, 200, "{name}: {}", pdf.text);
        let file = self.directory.path().join(format!("{name}.pdf"));
        fs::write(&file, &pdf.bytes).unwrap();
        if let Some(kept) = std::env::var_os("PILLARBOX_KEEP_LETTERS") {
            fs::copy(&file, Path::new(&kept).join(format!("{name}.pdf"))).unwrap();
        }
        // 0 is neither errors nor warnings, which are 2 and 3.
        let done = Command::new("qpdf").arg("--check").arg(&file).output();
        let done = done.expect("qpdf is installed");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(done.status.code(), Some(0), "{name}: {said}");
        self.checked += 1;
    }
}

#[tokio::test]
#[ignore = "needs qpdf: make test-distributed"]
async fn letters_of_every_kind_pass_qpdf_without_errors_and_warnings() {
    let world = World::new().await;
    let service = service(&world, "Riverside Council").await;
    let mut printer = Printer {
        world,
        service,
        directory: TempDir::new().unwrap(),
        checked: 0,
    };
    let contact = json!({"contact_block": "Riverside Council\nWaste and Recycling\nTown Hall\nRiverside\nRV1 2AB\n\nTel: 01632 960 001"});
    let path = format!("/service/{}/letter-contact", printer.service.id);
    let contact = printer
        .world
        .internal_request("POST", &path, contact.to_string())
        .await;
    let contact = contact.data()["id"].clone();

    let plain = printer.template(BODY, json!({"reply_to": contact})).await;
    printer.check_made("plain", plain).await;
    let welsh = json!({"letter_welsh_subject": "Am ((thing))", "letter_welsh_content": WELSH, "reply_to": contact});
    let welsh = printer.template(BODY, welsh).await;
    printer.check_made("welsh", welsh).await;
    let arabic = printer.template(ARABIC, json!({})).await;
    printer.check_made("right-to-left", arabic).await;
    let code = format!("{BODY}\n\nqr: https://riverside.example/bins?street=mill-lane");
    let code = printer.template(&code, json!({})).await;
    printer.check_made("qr-code", code).await;
    let long = printer.template(&[BODY; 6].join("\n\n"), json!({})).await;
    printer.check_made("several-pages", long).await;
    let form = pdf_of(&[words(20.0, 40.0, "Fill in this form")], "form");
    let form = printer
        .upload("letter-attachment?file_name=form.pdf", form)
        .await;
    let attached = json!({"letter_attachment_id": form["id"]});
    let attached = printer.template(BODY, attached).await;
    printer.check_made("attachment", attached).await;
    printer
        .upload(
            "letter-logo?file_name=logo.png&description=Riverside%20Council",
            LOGO.to_vec(),
        )
        .await;
    printer.check_made("logo", plain).await;
    let key = &printer.service.normal;
    let supplied = post_pdf(&printer.world, key, &pdf(3, "three pages")).await;
    printer.check("precompiled", supplied).await;
    let page = [
        address(&["Ada Lovelace", "1 Mill Lane", "SW1A 1AA"]),
        words(20.0, 120.0, "Dear Ada, this was written elsewhere."),
        "q 0.9 0.1 0.1 rg 57 200 170 60 re f Q\n".to_owned(),
    ];
    let uploaded = pdf_of(&[page.concat()], "uploaded");
    let uploaded = printer
        .upload("letter-upload?file_name=bins.pdf", uploaded)
        .await;
    let body = json!({
        "file_id": uploaded["id"], "filename": "bins.pdf", "postage": "first",
        "recipient_address": uploaded["recipient_address"],
    });
    let path = format!("/service/{}/send-pdf-letter", printer.service.id);
    let sent = printer
        .world
        .internal_request("POST", &path, body.to_string())
        .await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let sent = uploaded["id"].as_str().unwrap().parse().unwrap();
    printer.check("uploaded", sent).await;
    assert_eq!(printer.checked, 9);
}
