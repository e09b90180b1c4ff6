/// An exact amount in millionths of a pound. Money is never a float until it is written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    /// Millionths of a pound.
    pub micropounds: i64,
}

impl Money {
    /// So many times this amount.
    #[must_use]
    pub const fn times(self, count: u32) -> Self {
        Self {
            micropounds: self.micropounds * count as i64,
        }
    }

    /// As the API writes it: a number of pounds.
    pub fn pounds(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an amount on one message is far below 2^53 micropounds"
        )]
        let micropounds = self.micropounds as f64;
        micropounds / 1_000_000.0
    }
}

impl std::fmt::Display for Money {
    /// Pounds, exactly, with at least two digits of pence: `0.68`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.micropounds < 0 { "-" } else { "" };
        let micropounds = self.micropounds.unsigned_abs();
        let fraction = format!("{:06}", micropounds % 1_000_000);
        let (pence, finer) = fraction.split_at(2);
        let finer = finer.trim_end_matches('0');
        write!(f, "{sign}{}.{pence}{finer}", micropounds / 1_000_000)
    }
}

/// How the platform behaves. The settings file and its reference are the server's; these are what the rules need.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The domain that e-mails come from: `<local part>@<this>`.
    pub email_domain: String,
    /// Where people find the console; named in some error texts. No slash at the end.
    pub admin_base_url: String,
    /// What a text fragment costs at home (public-api §14.2).
    pub sms_rate: Money,
    /// Whether letters with a test key wait for a receipt that is made up, instead of being delivered at once.
    pub test_letters_fake_delivery: bool,
    /// The most rows of a spreadsheet (workers §4.3).
    pub max_spreadsheet_rows: u32,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            email_domain: "notify.example.com".to_owned(),
            admin_base_url: "http://127.0.0.1:6011".to_owned(),
            sms_rate: Money {
                micropounds: 23_300,
            },
            test_letters_fake_delivery: false,
            max_spreadsheet_rows: 100_000,
            max_upload_bytes: 64 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_exactly() {
        for (micropounds, written) in [
            (680_000, "0.68"),
            (1_200_000, "1.20"),
            (23_300, "0.0233"),
            (0, "0.00"),
            (-1, "-0.000001"),
        ] {
            assert_eq!(Money { micropounds }.to_string(), written);
        }
    }
}
