use crate::header::Header;
use domain::Channel;
use recipients::{email_addresses::EmailAddress, phone_numbers::PhoneNumber, postcodes};
use text::column_key;

/// What may stand between the cells of a row that was pasted or swallowed by a quotation mark.
const SEPARATORS: &[char] = &[',', '\t', ';', '|'];
/// Lines of a cell that are looked at. A cell that holds rows has one soon.
const MAX_LINES: usize = 1000;

/// What a row of the sheet looks like.
#[derive(Debug)]
pub(super) struct RowShape {
    channel: Channel,
    width: usize,
    /// The column that shows whether a line is a row: that of the recipient or of the postcode.
    position: Option<usize>,
}

impl RowShape {
    pub(super) fn new(channel: Channel, header: &Header, recipient_positions: &[usize]) -> Self {
        let names = header.names();
        let is_postcode = |&position: &usize| column_key(&names[position]) == "postcode";
        let mut positions = recipient_positions.iter().copied();
        let position = match channel {
            Channel::Letter => positions.find(is_postcode),
            Channel::Sms | Channel::Email => positions.next(),
        };
        Self {
            channel,
            width: names.len(),
            position,
        }
    }

    /// Checks whether a line within the cell is like a row of the sheet.
    pub(super) fn occurs_in(&self, cell: &str) -> bool {
        let Some(position) = self.position else {
            return false;
        };
        // Nearly every cell has one line, and this is cheaper than splitting it.
        if memchr::memchr2(b'\n', b'\r', cell.as_bytes()).is_none() {
            return false;
        }
        let lines = cell.split(['\n', '\r']).take(MAX_LINES);
        lines
            .flat_map(|line| SEPARATORS.iter().map(move |&separator| (line, separator)))
            .any(|(line, separator)| self.fits(line, separator, position))
    }

    fn fits(&self, line: &str, separator: char, position: usize) -> bool {
        let cells = line.matches(separator).count() + 1;
        // The quotation mark that ends the cell may cut its last row short.
        if cells < 2 || cells > self.width {
            return false;
        }
        let cell = line.split(separator).nth(position);
        cell.is_some_and(|cell| self.is_recipient(cell.trim().trim_matches('"')))
    }

    fn is_recipient(&self, cell: &str) -> bool {
        match self.channel {
            Channel::Sms => PhoneNumber::parse(cell).is_ok(),
            Channel::Email => EmailAddress::parse(cell).is_ok(),
            Channel::Letter => postcodes::is_real(cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurs(channel: Channel, header: &[&str], cell: &str) -> bool {
        let header = Header::from(header.iter().map(ToString::to_string).collect::<Vec<_>>());
        RowShape::new(channel, &header, &[header.names().len() - 1]).occurs_in(cell)
    }

    #[test]
    fn lines_with_a_recipient_in_its_place_are_rows() {
        let header = ["name", "ref", "email address"];
        for rows in [
            "Bob\nBo,A2,bo@example.com\n",
            "Bob\r\nBo\tA2\tbo@example.com",
            "Bob\n\"Bo\";\"A2\";\"bo@example.com\"",
        ] {
            assert!(occurs(Channel::Email, &header, rows), "{rows}");
        }
        for text in [
            "Bo,A2,bo@example.com",
            "Write to\nbo@example.com, please",
            "1 High St,\nTown,\nKent",
        ] {
            assert!(!occurs(Channel::Email, &header, text), "{text}");
        }
        assert!(occurs(
            Channel::Sms,
            &["a", "phone number"],
            "x\nBo,07900900123"
        ));
        let header = ["a", "address line 1", "postcode"];
        assert!(occurs(Channel::Letter, &header, "x\nBo,1 High St,SW1A 1AA"));
        assert!(!occurs(
            Channel::Letter,
            &header,
            "1 High St\nTown\nSW1A 1AA"
        ));
    }
}
