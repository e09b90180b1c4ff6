//! `pillarbox rates`: prices of letters and text messages.

use clap::Subcommand;
use serde_json::json;

use super::{
    CommandContext,
    output::{print_done, print_list},
};

#[derive(Debug, Subcommand)]
pub(super) enum Rates {
    /// List the rates of letters, newest first
    Letter,
    /// List the rates of text messages, newest first
    Sms,
    /// Set the rates of a class of postage from a day on; letters of before keep their price
    SetLetter {
        /// first, second, economy, europe or rest-of-world
        post_class: String,
        /// Pounds for one sheet, two sheets and so on, such as 0.73 0.77 0.82 0.87 0.91
        #[arg(required = true, num_args = 1..=5)]
        rates: Vec<String>,
        /// First day, such as 2026-04-07
        #[arg(long, value_name = "DATE")]
        from: String,
    },
    /// Set the price of a text message fragment from a day on
    SetSms {
        /// Pounds, such as 0.0233
        rate: String,
        /// First day, such as 2026-04-01
        #[arg(long, value_name = "DATE")]
        from: String,
    },
}

impl Rates {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::Letter => {
                let columns = [
                    ("From", "start_date"),
                    ("Class", "post_class"),
                    ("Sheets", "sheet_count"),
                    ("Pounds", "rate"),
                ];
                let found = client.get("/rates/letter", &[]).await?;
                print_list(context, &found, &columns, "there is no rate");
            }
            Self::Sms => {
                let columns = [("From", "valid_from"), ("Pounds", "rate")];
                let found = client.get("/rates/sms", &[]).await?;
                let empty = "there is no rate: that of the settings holds";
                print_list(context, &found, &columns, empty);
            }
            Self::SetLetter {
                post_class,
                rates,
                from,
            } => {
                let body = json!({"post_class": post_class, "rates": rates, "start_date": from});
                let set = client.post("/rates/letter", &body).await?;
                print_done(context, &set, "the rates are set");
            }
            Self::SetSms { rate, from } => {
                let body = json!({"rate": rate, "valid_from": from});
                let set = client.post("/rates/sms", &body).await?;
                print_done(context, &set, "the rate is set");
            }
        }
        Ok(())
    }
}
