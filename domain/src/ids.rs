//! Ids. All are UUIDs. Those that the platform generates have the layout of version 7, so that they sort by time and
//! new rows land at the end of an index.
//!
//! The id of a job's row is a function of the job and the row number. Redelivery, resume and repair therefore
//! produce the same id, the primary key rejects duplicates, and the rows of a job are one contiguous range of ids.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{RandomSource, Timestamp, UtcDay};

/// A text that is not a UUID in any accepted spelling (`docs/spec/public-api.md` §5.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("badly formed hexadecimal UUID string")]
pub struct InvalidId;

/// Parses a UUID as leniently as the API does (`docs/spec/public-api.md` §5.4): `urn:` and `uuid:` are removed
/// everywhere, braces at the ends, and all hyphens; 32 hexadecimal digits in either case must remain.
pub fn parse_uuid(text: &str) -> Result<Uuid, InvalidId> {
    // Nearly every id arrives in the canonical form, which needs no copy.
    if let Ok(id) = canonical(text) {
        return Ok(id);
    }
    let digits = text.replace("urn:", "").replace("uuid:", "");
    let digits = digits.trim_matches(['{', '}']).replace('-', "");
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(InvalidId);
    }
    // Only digits are left, so a sign, which this function would accept, cannot be among them.
    u128::from_str_radix(&digits, 16)
        .map(Uuid::from_u128)
        .map_err(|_| InvalidId)
}

fn canonical(text: &str) -> Result<Uuid, InvalidId> {
    if text.len() == 36 {
        Uuid::try_parse(text).map_err(|_| InvalidId)
    } else {
        Err(InvalidId)
    }
}

/// Generates an id with the layout of version 7: the time in milliseconds, then 74 random bits.
pub fn generate(now: Timestamp, random: &dyn RandomSource) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    from_time_and_tail(
        now,
        u128::from_be_bytes(
            [&[0; 6][..], &bytes[..]]
                .concat()
                .try_into()
                .expect("six and ten bytes"),
        ),
    )
}

/// Builds an id with the layout of version 7 from a time and the low 74 bits of `tail`, which fill the space around
/// the version and variant bits.
pub fn from_time_and_tail(time: Timestamp, tail: u128) -> Uuid {
    // Version 7 has 48 bits for the time; a clock that is wrong must not spill into the version bits.
    let millis = u128::from(time.unix_millis().clamp(0, (1 << 48) - 1).unsigned_abs());
    let high = (tail >> 62) & 0xfff;
    let low = tail & ((1 << 62) - 1);
    Uuid::from_u128(millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
}

/// Returns when an id was generated, or `None` if it does not have the layout of version 7.
pub fn generated_at(id: Uuid) -> Option<Timestamp> {
    let millis = i64::try_from(id.as_u128() >> 80).expect("48 bits");
    // Ids that callers chose, such as a job's, carry no time.
    (id.get_version_num() == 7).then(|| Timestamp::from_unix_micros(millis * 1000))
}

/// Returns the half-open range of ids `[first, end)` that holds all notifications accepted on `day`.
pub fn day_bounds(day: UtcDay) -> (Uuid, Uuid) {
    let lowest = |day: UtcDay| {
        let millis = u128::from(
            day.start()
                .unix_millis()
                .clamp(0, (1 << 48) - 1)
                .unsigned_abs(),
        );
        Uuid::from_u128(millis << 80)
    };
    (lowest(day), lowest(day.plus_days(1)))
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID as this kind of id.
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// Returns the UUID.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// Generates an id that sorts by `now`.
            pub fn generate(now: Timestamp, random: &dyn RandomSource) -> Self {
                Self(generate(now, random))
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_uuid(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A service: the tenant that everything belongs to.
    ServiceId
);
id!(
    /// An API key of a service.
    ApiKeyId
);
id!(
    /// A person.
    UserId
);
id!(
    /// A template, through all its versions.
    TemplateId
);
id!(
    /// A text message sender of a service.
    SmsSenderId
);
id!(
    /// A reply-to address of a service.
    ReplyToId
);
id!(
    /// A job: one template to every row of one spreadsheet.
    JobId
);
id!(
    /// One message to one recipient.
    NotificationId
);
id!(
    /// A piece of work that waits in the queue.
    TaskId
);
id!(
    /// Who takes tasks: the workers of one process, from its start to its end.
    WorkerId
);
id!(
    /// An organisation.
    OrganisationId
);
id!(
    /// A folder of templates.
    FolderId
);
id!(
    /// A letter's contact block.
    LetterContactId
);
id!(
    /// A number at which texts are received.
    InboundNumberId
);
id!(
    /// A received text.
    InboundSmsId
);
id!(
    /// A URL at which a service wants to be told.
    CallbackId
);
id!(
    /// An attempt to call a service back.
    CallbackAttemptId
);
id!(
    /// A recipient's wish to hear no more.
    UnsubscribeRequestId
);
id!(
    /// A recipient to whom nothing is sent.
    SuppressionId
);
id!(
    /// A file that recipients download.
    DocumentId
);
id!(
    /// A file that belongs to a template.
    TemplateFileId
);
id!(
    /// A service's own retention of a type of message.
    RetentionId
);
id!(
    /// A spreadsheet that a service keeps to send to again.
    ContactListId
);
id!(
    /// A provider of a channel.
    ProviderId
);

/// Inputs of the ids of a job's rows. All three are fixed when the job is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobOrigin {
    /// Job whose rows they are.
    pub job: JobId,
    /// Its service, so that two services that choose the same job id share no row ids.
    pub service: ServiceId,
    /// When its rows are due: the scheduled time, else the creation time.
    pub due: Timestamp,
}

impl JobOrigin {
    /// Number of rows that can have ids of their own; far above the size limit of a spreadsheet.
    pub const MAX_ROWS: u32 = 1 << 24;
    const ROW_BITS: u32 = 24;

    /// Returns the notification id of row `row`, counted from 0.
    pub fn row(&self, row: u32) -> NotificationId {
        // A larger number would overwrite the bits of the job and collide with another job's rows.
        debug_assert!(row < Self::MAX_ROWS, "a row number has 24 bits");
        // The service is hashed in, because callers choose job ids and may choose the same ones.
        let job_bits =
            Uuid::new_v5(&self.service.0, self.job.0.as_bytes()).as_u128() & ((1 << 50) - 1);
        NotificationId(from_time_and_tail(
            self.due,
            job_bits << Self::ROW_BITS | u128::from(row),
        ))
    }

    /// Returns the range of ids of all possible rows.
    pub fn rows(&self) -> RangeInclusive<NotificationId> {
        self.row(0)..=self.row(Self::MAX_ROWS - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(job: u128, service: u128) -> JobOrigin {
        JobOrigin {
            job: Uuid::from_u128(job).into(),
            service: Uuid::from_u128(service).into(),
            due: "2026-03-02T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn all_spellings_of_a_uuid_parse_to_the_same_id() {
        let id = parse_uuid("22222222-0000-4000-8000-00000000000a").unwrap();
        for spelling in [
            "222222220000400080000000 0000000a"
                .replace(' ', "")
                .as_str(),
            "{22222222-0000-4000-8000-00000000000A}",
            "urn:uuid:22222222-0000-4000-8000-00000000000a",
            "2-2222222-0000-4000-8000-00000000000a",
        ] {
            assert_eq!(parse_uuid(spelling), Ok(id), "{spelling}");
        }
        for wrong in [
            "",
            "22222222-0000-4000-8000-00000000000",
            " 22222222-0000-4000-8000-00000000000a",
            "+",
        ] {
            assert_eq!(parse_uuid(wrong), Err(InvalidId), "{wrong}");
        }
        assert_eq!(
            parse_uuid("+2222222000040008000000000000000a"),
            Err(InvalidId)
        );
    }

    #[test]
    fn a_rows_id_has_version_7_and_the_day_it_is_due() {
        let origin = origin(1, 2);
        let (first, after) = day_bounds(origin.due.utc_day());
        let id = origin.row(99_999).as_uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert!(first <= id && id < after);
    }

    #[test]
    fn the_same_job_id_in_two_services_shares_no_row_ids() {
        let (one, other) = (origin(7, 1).rows(), origin(7, 2).rows());
        assert!(one.end() < other.start() || other.end() < one.start());
    }

    proptest! {
        #[test]
        fn rows_of_a_job_sort_by_their_number(job: u128, left in 0u32..1 << 24, right in 0u32..1 << 24) {
            let origin = origin(job, 5);
            prop_assert_eq!(left.cmp(&right), origin.row(left).cmp(&origin.row(right)));
            prop_assert!(origin.rows().contains(&origin.row(left)));
        }

        #[test]
        fn parsing_an_id_never_panics(text in ".*") {
            let _ = parse_uuid(&text);
        }
    }
}
