use app::fixtures::ids;
use serde_json::json;

use crate::openapi::{
    error_examples,
    examples::{MOMENT, ROOT},
    operation::Operation,
    requests::id,
};

pub(crate) fn list_received_texts() -> Operation {
    let link = format!("{ROOT}v2/received-text-messages");
    let text = ids::INBOUND_SMS;
    let page = json!({
        "links": {"current": link, "next": format!("{link}?older_than={text}")},
        "received_text_messages": [{
            "content": "Is the library open on Sunday?",
            "created_at": MOMENT,
            "id": text,
            "notify_number": "07700900581",
            "service_id": ids::CLIENTS_SERVICE,
            "user_number": "447700900582",
        }],
    });
    Operation::new("Received text messages", "List received text messages")
    .description("Returns text messages that were sent to the service's numbers, newest first, 250 a page.")
    .query("older_than", "The id of the last text message on the previous page.", id())
    .responds(200, "A page of text messages", "ReceivedTexts", page)
    .fails_with(error_examples::query_errors("older_than is not a valid UUID"))
    .fails_with(error_examples::service_errors())
}
