//! `pillarbox user`: people, and in whose teams they are.

use clap::Subcommand;
use serde_json::json;

use super::{
    Place,
    answers::{print_done, print_list},
    target::{ServiceArg, id_of},
};
use crate::screen::{say, say_json};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// List everybody
    List,
    /// Make a person known
    Create {
        /// What they are called
        name: String,
        /// Their e-mail address
        email_address: String,
        /// Their phone number
        #[arg(long)]
        mobile_number: Option<String>,
    },
    /// Make a person a member of a service's team
    Join {
        /// Their e-mail address
        email_address: String,
        /// What they may do, such as `manage_templates,send_texts`
        #[arg(long, value_delimiter = ',')]
        permissions: Vec<String>,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl User {
    pub(super) async fn run(self, place: &Place) -> anyhow::Result<()> {
        let client = place.client()?;
        match self {
            Self::List => {
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("E-mail", "email_address"),
                    ("State", "state"),
                ];
                let found = client.get("/user", &[]).await?;
                print_list(place, &found, &columns, "nobody is known yet");
            }
            Self::Create {
                name,
                email_address,
                mobile_number,
            } => {
                let body = json!({
                    "name": name, "email_address": email_address, "mobile_number": mobile_number, "state": "active",
                });
                print_done(place, &client.post("/user", &body).await?, "made user");
            }
            Self::Join {
                email_address,
                permissions,
                service,
            } => {
                let service = service.find(&client).await?;
                let body = json!({"email": email_address});
                let user = id_of(&client.post("/user/email", &body).await?)?;
                let path = format!("/service/{service}/users/{user}");
                let team = client
                    .post(&path, &json!({"permissions": permissions}))
                    .await?;
                if place.json {
                    say_json(&json!({"service": service, "user": user, "team": team}));
                } else {
                    say(format!("user {user} is in the team of service {service}"));
                }
            }
        }
        Ok(())
    }
}
