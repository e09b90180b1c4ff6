//! Bodies of callbacks, byte for byte as `docs/spec/public-api.md` §24.2 has them.

use std::io;

use domain::{Channel, NotificationStatus, Private, Timestamp};
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};
use store::{
    complaints::Complaint,
    history::HistoryLine,
    inbound_sms::InboundSms,
    notifications::{Contents, Notification},
    returned_letters::ReturnedLetterDetails,
    unsubscribe_requests::UnsubscribeRequest,
};
use uuid::Uuid;

use crate::tasks::CallbackEvent;

/// Keys in the order of the specification, which is that of the fields.
#[derive(Serialize)]
struct DeliveryStatus<'a> {
    id: Uuid,
    reference: Option<&'a str>,
    /// Null if only the line of history is left.
    to: Option<&'a str>,
    status: NotificationStatus,
    created_at: Timestamp,
    completed_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    notification_type: Channel,
    template_id: Uuid,
    template_version: u32,
}

/// Returns the body that tells the status of a notification.
pub(super) fn delivery_status(
    event: &CallbackEvent,
    notification: &Notification,
    contents: &Contents,
) -> Private<Vec<u8>> {
    write(&DeliveryStatus {
        id: event.id,
        reference: notification.client_reference.as_deref(),
        to: Some(contents.recipient.reveal()),
        // The notification may have changed since: a letter may have come back.
        status: event.status.unwrap_or(notification.status),
        created_at: notification.created_at,
        completed_at: event.at,
        sent_at: event.sent_at,
        notification_type: notification.channel,
        template_id: notification.template_id.as_uuid(),
        template_version: notification.template_version,
    })
}

/// Returns the body that tells the status of a notification that has become a line of history, where its recipient is not
/// known any more.
pub(super) fn late_status(event: &CallbackEvent, line: &HistoryLine) -> Private<Vec<u8>> {
    write(&DeliveryStatus {
        id: event.id,
        reference: line.client_reference.as_deref(),
        to: None,
        status: event.status.unwrap_or(line.status),
        created_at: line.created_at,
        completed_at: event.at,
        sent_at: event.sent_at,
        notification_type: line.channel,
        template_id: line.template_id.as_uuid(),
        template_version: line.template_version,
    })
}

#[derive(Serialize)]
struct ReceivedText<'a> {
    id: Uuid,
    source_number: &'a str,
    destination_number: &'a str,
    message: &'a str,
    date_received: Timestamp,
}

/// Returns the body of the callback about an inbound SMS.
pub(super) fn inbound_sms(text: &InboundSms) -> Private<Vec<u8>> {
    write(&ReceivedText {
        id: text.id.as_uuid(),
        source_number: text.user_number.reveal(),
        destination_number: &text.notify_number,
        message: text.content.reveal(),
        date_received: text.provider_date,
    })
}

#[derive(Serialize)]
struct ComplaintReport<'a> {
    notification_id: Uuid,
    complaint_id: Uuid,
    reference: Option<&'a str>,
    to: Option<&'a str>,
    complaint_date: Option<Timestamp>,
}

/// Returns the body of the callback about a complaint, for a notification with this reference of the service.
pub(super) fn complaint(complaint: &Complaint, reference: Option<&str>) -> Private<Vec<u8>> {
    write(&ComplaintReport {
        notification_id: complaint.notification_id.as_uuid(),
        complaint_id: complaint.id,
        reference,
        to: complaint.to.as_ref().map(|to| to.reveal().as_str()),
        complaint_date: complaint.complained_at,
    })
}

#[derive(Serialize)]
struct Unsubscription<'a> {
    unsubscribe_request_id: Uuid,
    notification_id: Uuid,
    reference: Option<&'a str>,
    to: &'a str,
    template_id: Uuid,
    template_version: u32,
    requested_at: Timestamp,
}

/// Returns the body of the callback about a request to be sent no more, for a notification with this reference of the
/// service (`docs/spec/public-api.md` §24.5).
pub(super) fn unsubscribe_request(
    request: &UnsubscribeRequest,
    reference: Option<&str>,
) -> Private<Vec<u8>> {
    write(&Unsubscription {
        unsubscribe_request_id: request.id.as_uuid(),
        notification_id: request.notification_id.as_uuid(),
        reference,
        to: request.email_address.reveal(),
        template_id: request.template_id.as_uuid(),
        template_version: request.template_version,
        requested_at: request.created_at,
    })
}

#[derive(Serialize)]
struct ReturnedLetter<'a> {
    notification_id: Uuid,
    reference: Option<&'a str>,
    date_sent: Timestamp,
    sent_by: &'a str,
    template_name: Option<&'a str>,
    template_id: Option<Uuid>,
    template_version: Option<u32>,
    spreadsheet_file_name: Option<&'a str>,
    spreadsheet_row_number: Option<u32>,
    upload_letter_file_name: Option<&'a str>,
}

/// The first row of a spreadsheet with data: rows are stored from 0, and the header is the first.
const FIRST_DATA_ROW: u32 = 2;

/// Returns the body of the callback about a returned letter (`docs/spec/public-api.md` §24.3).
pub(super) fn returned_letter(letter: &ReturnedLetterDetails) -> Private<Vec<u8>> {
    // The hidden template of letters that are supplied as PDF has no author.
    let template = (!letter.is_precompiled).then_some(letter);
    write(&ReturnedLetter {
        notification_id: letter.id.as_uuid(),
        reference: letter
            .has_api_key
            .then_some(letter.client_reference.as_deref())
            .flatten(),
        date_sent: letter.created_at,
        sent_by: letter.sent_by.as_deref().unwrap_or("API"),
        template_name: template.map(|letter| letter.template_name.as_str()),
        template_id: template.map(|letter| letter.template_id.as_uuid()),
        template_version: template.map(|letter| letter.template_version),
        spreadsheet_file_name: letter.job_file_name.as_deref(),
        spreadsheet_row_number: letter.job_row_number.map(|row| row + FIRST_DATA_ROW),
        // Letters are not uploaded one by one by hand here.
        upload_letter_file_name: None,
    })
}

fn write(body: &impl Serialize) -> Private<Vec<u8>> {
    let mut written = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut written, AsciiFormatter);
    body.serialize(&mut serializer)
        .expect("texts, numbers and times are writable as JSON");
    written.into()
}

/// Writes JSON with the separators `, ` and `: `, and in ASCII only.
struct AsciiFormatter;

impl Formatter for AsciiFormatter {
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        let mut rest = fragment;
        while let Some(at) = rest.find(|c: char| !(' '..='~').contains(&c)) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = special.chars();
            let character = characters.next().expect("one was found");
            // A character beyond 16 bits is escaped as its two surrogates.
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_written_byte_for_byte() {
        let text = InboundSms {
            id: Uuid::from_u128(7).into(),
            service_id: Uuid::nil().into(),
            notify_number: "07700900600".to_owned(),
            user_number: "447700900911".to_owned().into(),
            content: "Is it \"5 £\" or 6 €?\n\t\\ / \u{1}\u{7f} 😀"
                .to_owned()
                .into(),
            provider: "mmg".to_owned(),
            provider_reference: None,
            provider_date: "2026-03-02T09:00:00Z".parse().unwrap(),
            created_at: Timestamp::default(),
        };
        let written = String::from_utf8(inbound_sms(&text).into_inner()).unwrap();
        assert_eq!(
            written,
            "{\"id\": \"00000000-0000-0000-0000-000000000007\", \"source_number\": \"447700900911\", \
             \"destination_number\": \"07700900600\", \"message\": \"Is it \\\"5 \\u00a3\\\" or 6 \\u20ac?\\n\\t\\\\ / \
             \\u0001\\u007f \\ud83d\\ude00\", \"date_received\": \"2026-03-02T09:00:00.000000Z\"}"
        );
    }
}
