//! The queues of the log, and what the broker has to promise about them.

use domain::Channel;
use lapin::{
    Connection, ErrorKind,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable, LongString, ShortString},
};

use super::{connection::OpenError, server::Server};
use crate::{LogError, QUEUES, queue_name};

/// Returns the name of the queue of a channel.
pub(super) fn waiting(prefix: &str, queue: Channel) -> ShortString {
    format!("{prefix}{}", queue_name(queue)).into()
}

/// Returns the name of the queue for groups that were set aside.
pub(super) fn aside(prefix: &str, queue: Channel) -> ShortString {
    format!("{prefix}{}-aside", queue_name(queue)).into()
}

/// Declares the queues. The broker compares an existing queue with the declaration and refuses another kind.
pub(super) async fn declare_all(
    connection: &Connection,
    prefix: &str,
    server: &Server,
) -> Result<(), OpenError> {
    for queue in QUEUES {
        let (waiting, aside) = (waiting(prefix, queue), aside(prefix, queue));
        declare(connection, &aside, &durable(), server).await?;
        let mut arguments = durable();
        // What the broker itself would drop, for a limit that a policy or a version sets, goes aside instead.
        for (name, value) in [
            ("x-dead-letter-exchange", ""),
            ("x-dead-letter-routing-key", aside.as_str()),
            ("x-dead-letter-strategy", "at-least-once"),
        ] {
            arguments.insert(name.into(), text(value));
        }
        declare(connection, &waiting, &arguments, server).await?;
    }
    Ok(())
}

/// What every queue is: replicated, flushed by a majority before the broker confirms, and never emptied to make room.
fn durable() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

/// Declares a queue without a limit of deliveries: RabbitMQ 4 takes a message out of the queue after 20 otherwise. A queue of
/// an earlier version has not said so, and keeps its declaration: what reaches the limit is set aside.
async fn declare(
    connection: &Connection,
    name: &ShortString,
    arguments: &FieldTable,
    server: &Server,
) -> Result<(), OpenError> {
    if server.limits_deliveries() {
        let mut unlimited = arguments.clone();
        unlimited.insert("x-delivery-limit".into(), AMQPValue::LongInt(-1));
        match declare_as(connection, name, unlimited).await {
            Err(error) if names_delivery_limit(&error) => {}
            declared => return declared.map_err(|error| failed(name, error)),
        }
    }
    let declared = declare_as(connection, name, arguments.clone()).await;
    declared.map_err(|error| failed(name, error))
}

async fn declare_as(
    connection: &Connection,
    name: &ShortString,
    arguments: FieldTable,
) -> Result<(), lapin::Error> {
    // One each, because a refusal closes it.
    let channel = connection.create_channel().await?;
    channel
        .queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments)
        .await?;
    Ok(())
}

fn names_delivery_limit(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.to_string().contains("x-delivery-limit"))
}

fn failed(name: &ShortString, error: lapin::Error) -> OpenError {
    if error.is_amqp_error() {
        return OpenError::Unfit(LogError::caused(
            format!(
                "the broker does not give the queue {name} as the log needs it, a durable quorum queue. If another program \
                 made it, delete it once it is empty, or put a prefix into the address"
            ),
            error,
        ));
    }
    OpenError::Away(LogError::caused("cannot declare the queues", error))
}
