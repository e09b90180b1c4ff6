use app::{
    Money,
    manage::rates::{self, LetterRate, SmsRate},
};
use axum::{extract::State, response::Response};
use domain::Postage;
use serde_json::{Value, json};

use super::{created, fields::Fields, invalid, listed};
use crate::{Api, problem::Problem};

/// `GET /rates/sms`
pub(crate) async fn list_sms_rates(State(api): State<Api>) -> Result<Response, Problem> {
    Ok(listed(&rates::list_sms(&api.app).await?, sms_view))
}

/// `POST /rates/sms`: `{"rate": "0.0233", "valid_from": "2026-04-01"}`.
pub(crate) async fn set_sms_rate(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let rate: String = fields.or_default("rate");
    let valid_from: String = fields.or_default("valid_from");
    fields.finish()?;
    let rate = SmsRate {
        valid_from: rates::parse_start(&api.app, &valid_from)?,
        micropounds: pounds(&rate)?,
    };
    rates::set_sms(&api.app, rate).await?;
    Ok(created(&sms_view(&rate)))
}

/// `GET /rates/letter`
pub(crate) async fn list_letter_rates(State(api): State<Api>) -> Result<Response, Problem> {
    Ok(listed(&rates::list_letter(&api.app).await?, letter_view))
}

/// `POST /rates/letter`: `{"post_class": "second", "start_date": "2026-04-07", "rates": ["0.73", "0.77"]}`, the rates of one
/// sheet, two sheets and so on.
pub(crate) async fn set_letter_rates(
    State(api): State<Api>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let pounds_by_sheets: Vec<String> = fields.or_default("rates");
    let start_date: String = fields.or_default("start_date");
    let postage: Postage = fields.required("post_class")?;
    fields.finish()?;
    let micropounds: Vec<i64> = pounds_by_sheets
        .iter()
        .map(|text| pounds(text))
        .collect::<Result<_, _>>()?;
    if micropounds.is_empty() {
        return Err(invalid("rates must have at least one rate".to_owned()));
    }
    let start_date = rates::parse_start(&api.app, &start_date)?;
    let new = rates::letter_rates(start_date, postage, &micropounds);
    rates::set_letter(&api.app, &new).await?;
    Ok(created(&new.iter().map(letter_view).collect()))
}

fn pounds(text: &str) -> Result<i64, Problem> {
    rates::parse_pounds(text)
        .ok_or_else(|| invalid(format!("`{text}` is no rate: write pounds, such as 0.73")))
}

fn sms_view(rate: &SmsRate) -> Value {
    let money = Money {
        micropounds: rate.micropounds,
    };
    json!({"rate": money.to_string(), "valid_from": rate.valid_from})
}

fn letter_view(rate: &LetterRate) -> Value {
    let money = Money {
        micropounds: rate.micropounds,
    };
    json!({
        "post_class": rate.postage,
        "rate": money.to_string(),
        "sheet_count": rate.sheet_count,
        "start_date": rate.start_date,
    })
}
