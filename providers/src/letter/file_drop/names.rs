//! Names of files (`docs/spec/letters.md` §3, §7.3).

use aws_lc_rs::digest::{Context, SHA512};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use domain::Postage;
use jiff::{Timestamp, civil::Date};

/// Characters of the hash in the name of a zip.
const HASH_LENGTH: usize = 20;

/// Returns the name of a letter's PDF: `NOTIFY.<reference>.D.<class>.C.<YYYYMMDDHHMMSS>.PDF`, with the time of creation in
/// UTC.
pub fn pdf_name(reference: &str, postage: Postage, created_at: Timestamp) -> String {
    let class = postage_class(postage);
    let created = created_at.strftime("%Y%m%d%H%M%S");
    format!("NOTIFY.{reference}.D.{class}.C.{created}.PDF").to_uppercase()
}

/// Returns the name of a zip: `NOTIFY.<deadline date>.<NNN>.<hash>.ZIP`.
///
/// The hash is of the names of all files in it, so that a rerun with other letters has another name, and a repetition with
/// the same ones the same.
pub fn zip_name<'n>(
    deadline: Date,
    number: u32,
    files: impl IntoIterator<Item = &'n str>,
) -> String {
    let mut context = Context::new(&SHA512);
    for name in files {
        context.update(name.as_bytes());
    }
    let hash = URL_SAFE.encode(context.finish());
    let hash = &hash[..HASH_LENGTH];
    format!("NOTIFY.{deadline}.{number:03}.{hash}.ZIP")
}

/// Returns the base name of a zip in upper case, by which its acknowledgement is known.
pub fn name_without_ending(zip: &str) -> String {
    let zip = zip.to_uppercase();
    zip.strip_suffix(".ZIP").map(str::to_owned).unwrap_or(zip)
}

/// Returns the base name of the zip that a file acknowledges (`<name>.ACK.TXT`, in any case), in upper case.
pub(super) fn acknowledged_zip(file: &str) -> Option<String> {
    let file = file.to_uppercase();
    file.strip_suffix(".ACK.TXT").map(name_without_ending)
}

/// The class in the names of files (`docs/spec/letters.md` §2).
const fn postage_class(postage: Postage) -> &'static str {
    match postage {
        Postage::First => "1",
        Postage::Second => "2",
        Postage::Economy => "ECONOMY",
        Postage::Europe => "E",
        Postage::RestOfWorld => "N",
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const CREATED: &str = "2018-01-13T12:00:00.9Z";

    #[test]
    fn a_pdf_is_named_for_its_reference_class_and_time() {
        for (postage, name) in [
            (
                Postage::First,
                "NOTIFY.ABCDEF1234567890.D.1.C.20180113120000.PDF",
            ),
            (
                Postage::Second,
                "NOTIFY.ABCDEF1234567890.D.2.C.20180113120000.PDF",
            ),
            (
                Postage::Economy,
                "NOTIFY.ABCDEF1234567890.D.ECONOMY.C.20180113120000.PDF",
            ),
            (
                Postage::Europe,
                "NOTIFY.ABCDEF1234567890.D.E.C.20180113120000.PDF",
            ),
            (
                Postage::RestOfWorld,
                "NOTIFY.ABCDEF1234567890.D.N.C.20180113120000.PDF",
            ),
        ] {
            let created = CREATED.parse().unwrap();
            assert_eq!(pdf_name("ABCDEF1234567890", postage, created), name);
        }
    }

    #[test]
    fn a_zip_is_named_for_the_files_in_it() {
        let files = [
            "NOTIFY.AAAAAAAAAAAAAAAA.D.2.C.20180113120000.PDF",
            "NOTIFY.BBBBBBBBBBBBBBBB.D.1.C.20180113120001.PDF",
        ];
        // The hash was calculated with another program.
        let name = "NOTIFY.2018-01-13.001.GI5lElRc8UeFHQn8Ajv4.ZIP";
        assert_eq!(zip_name(date(2018, 1, 13), 1, files), name);
        let other = zip_name(date(2018, 1, 13), 1, files[..1].iter().copied());
        assert_ne!(other, name);
    }

    #[test]
    fn an_acknowledgement_is_known_by_the_name_of_its_zip() {
        let zip = "NOTIFY.2018-01-13.001.GI5lElRc8UeFHQn8Ajv4.ZIP";
        for file in [
            "NOTIFY.2018-01-13.001.GI5lElRc8UeFHQn8Ajv4.ACK.txt",
            "notify.2018-01-13.001.gi5lelrc8uefhqn8ajv4.zip.ack.txt",
        ] {
            assert_eq!(acknowledged_zip(file), Some(name_without_ending(zip)));
        }
        assert_eq!(acknowledged_zip(zip), None);
    }

    #[test]
    fn a_thousandth_zip_has_four_digits() {
        let name = zip_name(date(2018, 1, 13), 1000, ["x"]);
        assert!(name.starts_with("NOTIFY.2018-01-13.1000."), "{name}");
    }
}
