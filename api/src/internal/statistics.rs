//! Statistics of services and of the platform, with the paths and shapes of the reference implementation
//! (`docs/spec/workers.md` §15.2). Days are local days.

use app::statistics::{self, ByStatus, Day, Days, Month, StatusCount, TemplateCount, Totals};
use axum::{
    extract::{Query, State},
    response::Response,
};
use domain::{Channel, KeyType, NotificationStatus, ServiceId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ids::Id, invalid, ok};
use crate::{Api, json, problem::Problem};

/// Days before today that the figures of templates can go back.
const MAX_WHOLE_DAYS: u32 = 7;

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceQuery {
    #[serde(default)]
    today_only: Option<String>,
    #[serde(default)]
    limit_days: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TemplateQuery {
    #[serde(default)]
    whole_days: Option<String>,
    /// The older name.
    #[serde(default)]
    limit_days: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct YearQuery {
    #[serde(default)]
    year: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RangeQuery {
    #[serde(default)]
    start_date: Option<String>,
    #[serde(default)]
    end_date: Option<String>,
}

/// `GET /service/<id>/statistics`, with `today_only=true`, or with `limit_days=7` for today and the seven days before it.
pub(crate) async fn get_service_statistics(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    Query(query): Query<ServiceQuery>,
) -> Result<Response, Problem> {
    let today_only = query
        .today_only
        .is_some_and(|text| ["true", "1", "yes"].contains(&text.to_lowercase().as_str()));
    let days = match query.limit_days {
        _ if today_only => Days::until_today(&api.app, 0),
        Some(limit) => Days::until_today(&api.app, whole_number("limit_days", &limit)?),
        None => Days::all(&api.app),
    };
    let figures = statistics::of_service(&api.app, service, days).await;
    let figures = figures.map_err(Problem::legacy_internal)?;
    Ok(ok(&by_channel(|channel| {
        totals_view(figures.get(&channel).map(statistics::totals))
    })))
}

/// `GET /service/<id>/template-statistics?whole_days=7`: of today and up to seven days before it.
pub(crate) async fn list_template_statistics(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    Query(query): Query<TemplateQuery>,
) -> Result<Response, Problem> {
    let text = query.whole_days.or(query.limit_days).unwrap_or_default();
    let whole_days = whole_number("whole_days", &text)?;
    if whole_days > MAX_WHOLE_DAYS {
        let why = format!("whole_days must be between 0 and {MAX_WHOLE_DAYS}");
        return Err(bad_field("whole_days", &why));
    }
    let days = Days::until_today(&api.app, whole_days);
    let found = statistics::by_template(&api.app, service, days).await;
    let found = found.map_err(Problem::legacy_internal)?;
    let view = |one: &TemplateCount| {
        json!({
            "count": one.count,
            "is_precompiled_letter": one.template.hidden,
            "status": one.status.as_str(),
            "template_id": one.template.id,
            "template_name": one.template.name,
            "template_type": one.template.template_type.as_str(),
        })
    };
    Ok(ok(&found.iter().map(view).collect()))
}

/// `GET /service/<id>/notifications/monthly?year=2026`
pub(crate) async fn get_monthly_statistics(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    Query(query): Query<YearQuery>,
) -> Result<Response, Problem> {
    let mut months = Map::new();
    for month in financial_year(query.year)? {
        let figures = statistics::of_service(&api.app, service, month.days).await;
        let figures = figures.map_err(Problem::legacy_internal)?;
        let of_channel = |channel| {
            figures
                .get(&channel)
                .map_or_else(|| json!({}), statuses_view)
        };
        let name = format!("{}-{:02}", month.year, month.month);
        months.insert(name, by_channel(of_channel));
    }
    Ok(ok(&Value::Object(months)))
}

/// `GET /service/<id>/notifications/templates_usage/monthly?year=2026`: without cancelled notifications.
pub(crate) async fn list_monthly_template_usage(
    State(api): State<Api>,
    Id(service): Id<ServiceId>,
    Query(query): Query<YearQuery>,
) -> Result<Response, Problem> {
    let mut usage = Vec::new();
    for month in financial_year(query.year)? {
        let found = statistics::by_template(&api.app, service, month.days).await;
        let mut found = found.map_err(Problem::legacy_internal)?;
        found.retain(|one| one.status != NotificationStatus::Cancelled);
        for of_template in found.chunk_by(|one, next| one.template.id == next.template.id) {
            let template = &of_template[0].template;
            usage.push(json!({
                "count": of_template.iter().map(|one| one.count).sum::<i64>(),
                "is_precompiled_letter": template.hidden,
                "month": month.month,
                "name": template.name,
                "template_id": template.id,
                "type": template.template_type.as_str(),
                "year": month.year,
            }));
        }
    }
    Ok(json::response(StatusCode::OK, &json!({"stats": usage})))
}

/// `GET /platform-stats?start_date=2026-03-01&end_date=2026-03-31`: of today unless the request says otherwise.
pub(crate) async fn get_platform_statistics(
    State(api): State<Api>,
    Query(query): Query<RangeQuery>,
) -> Result<Response, Problem> {
    let days = match (query.start_date, query.end_date) {
        (None, None) => Days::until_today(&api.app, 0),
        (first, last) => {
            let first = parse_day("start_date", first.as_deref())?;
            let last = parse_day("end_date", last.as_deref())?;
            Days::between(first, last).ok_or_else(|| {
                let why = "Start date must be before end date";
                bad_field("start_date", why)
            })?
        }
    };
    let counts = statistics::of_platform(&api.app, days).await;
    let counts = counts.map_err(Problem::legacy_internal)?;
    let figures = by_channel(|channel| platform_view(&counts, channel));
    Ok(json::response(StatusCode::OK, &figures))
}

fn by_channel(view: impl Fn(Channel) -> Value) -> Value {
    let views = Channel::ALL
        .iter()
        .map(|channel| (channel.as_str().to_owned(), view(*channel)));
    Value::Object(views.collect())
}

fn totals_view(totals: Option<Totals>) -> Value {
    let Totals {
        requested,
        delivered,
        failed,
    } = totals.unwrap_or_default();
    json!({"delivered": delivered, "failed": failed, "requested": requested})
}

fn statuses_view(figures: &ByStatus) -> Value {
    let counts = figures
        .iter()
        .map(|(status, count)| (status.as_str().to_owned(), json!(count)));
    Value::Object(counts.collect())
}

fn platform_view(counts: &[StatusCount], channel: Channel) -> Value {
    use NotificationStatus::{
        PermanentFailure, TechnicalFailure, TemporaryFailure, VirusScanFailed,
    };
    let sum = |wanted: &dyn Fn(&StatusCount) -> bool| -> i64 {
        let of_channel = counts.iter().filter(|one| one.channel == channel);
        of_channel
            .filter(|one| wanted(one))
            .map(|one| one.count)
            .sum()
    };
    let is_live = |one: &StatusCount| one.key_type != KeyType::Test;
    let failures = [
        VirusScanFailed,
        TemporaryFailure,
        PermanentFailure,
        TechnicalFailure,
    ]
    .map(|status| {
        let count = sum(&|one| is_live(one) && one.status == status);
        (status.as_str().to_owned(), json!(count))
    });
    json!({
        "failures": Value::Object(failures.into_iter().collect()),
        "test-key": sum(&|one| !is_live(one)),
        "total": sum(&is_live),
    })
}

fn whole_number(name: &str, text: &str) -> Result<u32, Problem> {
    text.parse()
        .map_err(|_| bad_field(name, &format!("{text} is not an integer")))
}

fn financial_year(text: Option<String>) -> Result<Vec<Month>, Problem> {
    let year = text.and_then(|text| text.parse().ok());
    year.and_then(Month::of_financial_year)
        .ok_or_else(|| invalid("Year must be a number".to_owned()))
}

fn parse_day(name: &str, text: Option<&str>) -> Result<Day, Problem> {
    let day = text.and_then(statistics::parse_day);
    day.ok_or_else(|| bad_field(name, "must be a date such as 2026-03-02"))
}

fn bad_field(name: &str, why: &str) -> Problem {
    Problem::legacy(StatusCode::BAD_REQUEST, json!({ name: [why] }))
}
