//! The recorded cases of templates, one test for each vector file.

mod messages;
mod templates;

use vector_runner::check;

#[test]
fn email_html() {
    check("email_html", messages::email_html);
}

#[test]
fn email_plain() {
    check("email_plain", messages::email_plain);
}

#[test]
fn letter() {
    check("letter", messages::letter);
}

#[test]
fn letter_timings() {
    check("letter_timings", messages::letter_timings);
}

#[test]
fn placeholders() {
    check("placeholders", templates::placeholders);
}

#[test]
fn sanitise() {
    check("sanitise", templates::sanitise);
}

#[test]
fn sms() {
    check("sms", templates::sms);
}
