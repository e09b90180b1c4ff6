//! Tasks of letters that concern no single notification: print runs, zips, response files, returned letters.

use domain::{Lane, TaskId, Timestamp};
use queue::NewTask;
use uuid::Uuid;

use super::{
    COLLATE_LETTERS, DATABASE, LetterReferences, LetterVolumes, NOTIFY_INTERNAL, PERIODIC,
    PROCESS_FTP, PrintRun, RECORD_SORTED_COUNTS, RETURNED_LETTERS, ResponseFileName,
    SEND_LETTER_VOLUMES, UPDATE_LETTER_STATUSES, ZIP_AND_SEND_LETTERS, ZipPayload, new,
};

/// Returns a task that records the letters with these references as returned, for any service.
pub(crate) fn returned_letters(id: TaskId, references: Vec<String>, now: Timestamp) -> NewTask {
    new(
        id,
        DATABASE,
        Lane::Normal,
        Uuid::nil().into(),
        RETURNED_LETTERS,
        &LetterReferences { references },
        now,
    )
}

/// Returns a task that claims the letters of a print run and hands them over. Its id is a function of the deadline, so a run
/// that is in the queue is not enqueued a second time.
pub(crate) fn collate_letters(deadline: Timestamp, now: Timestamp) -> NewTask {
    let name = format!("{COLLATE_LETTERS} {deadline}");
    new(
        Uuid::new_v5(&Uuid::nil(), name.as_bytes()).into(),
        PERIODIC,
        Lane::Normal,
        Uuid::nil().into(),
        COLLATE_LETTERS,
        &PrintRun { deadline },
        now,
    )
}

/// Returns the two tasks of a response file. They belong to no service.
pub(crate) fn response_file(
    name: &ResponseFileName,
    now: Timestamp,
    id: impl Fn(&'static str) -> TaskId,
) -> [NewTask; 2] {
    // Two tasks, so that old files can be counted again without touching statuses, and a fault of one leaves the other.
    [UPDATE_LETTER_STATUSES, RECORD_SORTED_COUNTS].map(|kind| {
        new(
            id(kind),
            NOTIFY_INTERNAL,
            Lane::Normal,
            Uuid::nil().into(),
            kind,
            name,
            now,
        )
    })
}

/// Returns a task that makes a zip of a batch of letters and puts it into a file drop. It is in the queue once.
pub(crate) fn zip_and_send(batch: Uuid, now: Timestamp) -> NewTask {
    let id = Uuid::new_v5(&batch, b"zip and send");
    new(
        id.into(),
        PROCESS_FTP,
        Lane::Normal,
        Uuid::nil().into(),
        ZIP_AND_SEND_LETTERS,
        &ZipPayload { batch },
        now,
    )
}

/// Returns a task that tells an address of a print provider how many letters to expect. `key` says which address and run, so
/// that it is in the queue once.
pub(crate) fn send_volumes(key: &str, volumes: &LetterVolumes, now: Timestamp) -> NewTask {
    let id = Uuid::new_v5(&Uuid::nil(), key.as_bytes());
    new(
        id.into(),
        NOTIFY_INTERNAL,
        Lane::Normal,
        Uuid::nil().into(),
        SEND_LETTER_VOLUMES,
        volumes,
        now,
    )
}
