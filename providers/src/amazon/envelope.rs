//! Envelopes around events: SNS, SQS, Lambda and EventBridge each wrap what they transport, and may be nested.

use serde_json::Value;

use super::Malformed;

/// Levels of objects, lists and texts: EventBridge in SNS in SQS in a batch has nine. Deeper is no envelope of Amazon's.
const MAX_DEPTH: usize = 12;

/// SQS hands over at most ten messages, Lambda at most ten thousand; a body of 300 kB holds fewer.
const MAX_EVENTS: usize = 1000;

/// Returns the events in a body, without their envelopes.
pub(super) fn unwrap(body: &[u8]) -> Result<Vec<Value>, Malformed> {
    let mut events = Vec::new();
    let value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    collect(value, 0, &mut events)?;
    if events.is_empty() {
        return Err(Malformed);
    }
    Ok(events)
}

fn collect(value: Value, depth: usize, events: &mut Vec<Value>) -> Result<(), Malformed> {
    if depth > MAX_DEPTH || events.len() >= MAX_EVENTS {
        return Err(Malformed);
    }
    let Value::Object(mut fields) = value else {
        return match value {
            // SQS messages as a list.
            Value::Array(list) => list
                .into_iter()
                .try_for_each(|one| collect(one, depth + 1, events)),
            // An envelope transports its content as text.
            Value::String(text) => {
                let inner = serde_json::from_str(&text).map_err(|_| Malformed)?;
                collect(inner, depth + 1, events)
            }
            _ => Err(Malformed),
        };
    };
    // SQS and Lambda: `Messages` and `Records`; a message: `Body` or `body`; SNS: `Message` or, for Lambda, `Sns`;
    // EventBridge: `detail`.
    for name in [
        "Messages", "Records", "Body", "body", "Sns", "Message", "detail",
    ] {
        if let Some(inner) = fields.remove(name) {
            return collect(inner, depth + 1, events);
        }
    }
    events.push(Value::Object(fields));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_envelope_is_opened() {
        let event = json!({"notificationType": "Delivery"});
        let sns = json!({"Type": "Notification", "Message": event.to_string()});
        for body in [
            event.clone(),
            sns.clone(),
            json!({"Message": event.to_string()}),
            json!({"Messages": [{"MessageId": "1", "Body": sns.to_string()}]}),
            json!([{"Body": event.to_string()}]),
            json!({"Records": [{"eventSource": "aws:sqs", "body": sns.to_string()}]}),
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event.to_string()}}]}),
            json!({"detail-type": "x", "detail": event}),
        ] {
            assert_eq!(
                unwrap(body.to_string().as_bytes()),
                Ok(vec![event.clone()]),
                "{body}"
            );
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let mut deep = "{}".to_owned();
        for _ in 0..=MAX_DEPTH {
            deep = json!({"Message": deep}).to_string();
        }
        for body in ["", "[]", "3", "{\"Message\": \"hello\"}", "[1]", &deep] {
            assert_eq!(unwrap(body.as_bytes()), Err(Malformed), "{body}");
        }
    }
}
