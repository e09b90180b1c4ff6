//! `pillarbox user`: users and their membership in teams.

use clap::Subcommand;
use serde_json::json;

use super::{
    CommandContext,
    output::{print_done, print_list},
    target::{ServiceArg, id_of},
};
use crate::terminal::{print_json, print_line};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// List all users
    List,
    /// Create a user
    Create {
        /// Name of the user
        name: String,
        /// E-mail address
        email_address: String,
        /// Mobile phone number
        #[arg(long)]
        mobile_number: Option<String>,
    },
    /// Add a user to the team of a service
    Join {
        /// E-mail address of the user
        email_address: String,
        /// Permissions, such as `manage_templates,send_texts`
        #[arg(long, value_delimiter = ',')]
        permissions: Vec<String>,
        #[command(flatten)]
        service: ServiceArg,
    },
}

impl User {
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<()> {
        let client = context.client()?;
        match self {
            Self::List => {
                let columns = [
                    ("Id", "id"),
                    ("Name", "name"),
                    ("E-mail", "email_address"),
                    ("State", "state"),
                ];
                let found = client.get("/user", &[]).await?;
                print_list(context, &found, &columns, "there is no user yet");
            }
            Self::Create {
                name,
                email_address,
                mobile_number,
            } => {
                let body = json!({
                    "name": name, "email_address": email_address, "mobile_number": mobile_number, "state": "active",
                });
                print_done(context, &client.post("/user", &body).await?, "created user");
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
                if context.json {
                    print_json(&json!({"service": service, "user": user, "team": team}));
                } else {
                    print_line(format!("user {user} is in the team of service {service}"));
                }
            }
        }
        Ok(())
    }
}
