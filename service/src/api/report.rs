//! A shop's report for the social balance sheet.

use axum::{
    extract::{Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use wom_sdk::{Day, Zone};

use super::{Caller, Failure, id::InShop, query};

/// What to report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The first day.
    #[param(value_type = String, format = Date, example = "2026-01-01")]
    from: String,
    /// The first day after.
    #[param(value_type = String, format = Date, example = "2027-01-01")]
    until: String,
    /// The zone in which days and months begin; the shop's own unless told otherwise.
    #[param(example = "Europe/Rome")]
    zone: Option<String>,
    /// Leave out what is of fewer than 5 payments, as what is published must not tell of one person.
    published: Option<bool>,
    /// `json`, which is the default, or `csv`.
    #[param(inline)]
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// Report what was accepted and given
///
/// Payments, WOM accepted and discounts by offer, aim and month, with what was not used apart; of
/// nobody in particular. WOM and money stand side by side, and never as a rate of exchange.
#[utoipa::path(
    get,
    path = "/shops/{shop}/report",
    operation_id = "reportShop",
    tag = "sales",
    params(InShop, Asked),
    responses(
        (status = 200, description = "The report", content(
            (serde_json::Value = "application/json"),
            (String = "text/csv"),
        )),
        Failure,
    )
)]
pub(super) async fn report(
    caller: Caller,
    InShop { shop }: InShop,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Failure> {
    let shop = caller.shop(&shop)?;
    let asked = query(asked)?;
    let at = |name| move |error: wom_sdk::Error| error.with("parameter", name);
    let zone: Zone = match &asked.zone {
        Some(zone) => zone.parse().map_err(at("zone"))?,
        None => shop.zone().clone(),
    };
    let from: Day = asked.from.parse().map_err(at("from"))?;
    let until: Day = asked.until.parse().map_err(at("until"))?;
    if until <= from {
        return Err(Failure::input(
            "a report is of a day at least",
            "parameter",
            "until",
        ));
    }
    let (from, until) = (zone.start_of(from), zone.start_of(until));
    let report = shop.shop().report(&zone, from, until).await?;
    let report = match asked.published {
        Some(true) => report.published(),
        _ => report,
    };
    let (kind, text) = match asked.format.unwrap_or_default() {
        Format::Json => ("application/json", report.to_json()),
        Format::Csv => ("text/csv; charset=utf-8", report.to_csv()),
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
