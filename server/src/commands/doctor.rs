//! `pillarbox doctor`: says of everything that the installation needs whether it is as it should be.

use std::process::ExitCode;

use clap::Args;

use super::CommandContext;
use crate::{
    doctor::{self, State},
    terminal::{print_json, print_line, table},
};

#[derive(Debug, Args)]
pub(super) struct Doctor {}

impl Doctor {
    /// The exit code is 1 if there is a problem.
    pub(super) async fn run(self, context: &CommandContext) -> anyhow::Result<ExitCode> {
        let (settings, unknown_variables) = context.settings(None)?;
        let found = doctor::examine(&settings, &unknown_variables).await;
        if context.json {
            for finding in &found {
                print_json(&serde_json::to_value(finding)?);
            }
        } else {
            let rows: Vec<_> = found
                .iter()
                .map(|one| {
                    vec![
                        one.state.as_str().to_owned(),
                        one.subject.clone(),
                        one.sentence.clone(),
                    ]
                })
                .collect();
            print_line(table(&["State", "What", ""], &rows));
        }
        let is_ill = found.iter().any(|one| one.state == State::Problem);
        Ok(if is_ill {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
