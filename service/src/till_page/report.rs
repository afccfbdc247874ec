//! The report for the social balance sheet, to read and to take away.

use axum::{
    extract::{Path, Query},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use wom_sdk::{Day, Result, Timestamp, Zone, sale::Report};

use super::{
    document, failed,
    forms::{alert, money, paragraph},
    lists::back,
    not_here,
    visitor::Visitor,
};
use crate::{
    Currency, ServedShop,
    page::{Html, Language},
};

/// Which months, and whether it is to be published.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    published: String,
}

pub(super) async fn show(
    mut visitor: Visitor,
    Path(shop): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let language = visitor.language;
    let now = visitor.service.0.clock.now();
    let months = Months::asked(&asked, shop.zone(), now);
    let title = language.say("Report", "Resoconto");
    let mut main = super::heading(title)
        .then(paragraph(language.say(
            "What was accepted and given, for the social balance sheet. WOM and money stand side by side, and never as a rate of exchange. It names nobody.",
            "Che cosa è stato accettato e concesso, per il bilancio sociale. WOM e denaro stanno fianco a fianco, mai come tasso di cambio. Non nomina nessuno.",
        )))
        .then(choice(&shop, &asked, shop.zone(), now, language));
    let Some(months) = months else {
        main = main
            .then(alert(language.say(
                "Write months as 2026-03, the first one first.",
                "Scrivi i mesi come 2026-03, prima il primo.",
            )))
            .then(back(&shop, language));
        return document(
            StatusCode::UNPROCESSABLE_ENTITY,
            &visitor,
            Some(&shop),
            title,
            main,
        );
    };
    match made(&shop, &months, false).await {
        Ok(report) => {
            main = main.then(list(&report, language));
            for (file, text) in [
                (
                    "csv",
                    language.say(
                        "Save as CSV (spreadsheet)",
                        "Salva come CSV (foglio di calcolo)",
                    ),
                ),
                ("json", language.say("Save as JSON", "Salva come JSON")),
            ] {
                main = main.then(download(&shop, &months, file, "", text));
            }
            main = main.then(download(
                &shop,
                &months,
                "csv",
                "&published=yes",
                language.say(
                    "Save to publish: numbers of fewer than 5 payments are left out",
                    "Salva per pubblicare: senza i numeri sotto i 5 pagamenti",
                ),
            ));
            document(
                StatusCode::OK,
                &visitor,
                Some(&shop),
                title,
                main.then(back(&shop, language)),
            )
        }
        Err(error) => failed(&error, language),
    }
}

/// The report as a file.
pub(super) async fn file(
    mut visitor: Visitor,
    Path((shop, file)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let now = visitor.service.0.clock.now();
    let months = Months::asked(&asked, shop.zone(), now);
    let kind = match file.as_str() {
        "wom-report.csv" => "text/csv; charset=utf-8",
        "wom-report.json" => "application/json",
        _ => return not_here(visitor.language),
    };
    let Some(months) = months else {
        return not_here(visitor.language);
    };
    match made(&shop, &months, asked.published == "yes").await {
        Ok(report) => {
            let text = match file.ends_with("csv") {
                true => report.to_csv(),
                false => report.to_json(),
            };
            let name = format!("attachment; filename=\"{file}\"");
            let headers = [
                (header::CONTENT_TYPE, kind.to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, text).into_response()
        }
        Err(error) => failed(&error, visitor.language),
    }
}

async fn made(shop: &ServedShop, months: &Months, published: bool) -> Result<Report> {
    let (zone, begin, end) = (shop.zone(), months.begin, months.end);
    let report = shop.shop().report(zone, begin, end).await?;
    Ok(if published {
        report.published()
    } else {
        report
    })
}

/// Months from one to another, both with all of their days.
struct Months {
    first: String,
    last: String,
    begin: Timestamp,
    end: Timestamp,
}

impl Months {
    /// The months that are asked for; this month where none is. None where they are not written so.
    fn asked(asked: &Asked, zone: &Zone, now: Timestamp) -> Option<Self> {
        let this = month_of(zone.day(now));
        let or_this = |text: &str| match text.trim() {
            "" => this.clone(),
            text => text.to_owned(),
        };
        let (first, last) = (or_this(&asked.from), or_this(&asked.until));
        let (begin, end) = (begin_of(&first)?, next(begin_of(&last)?)?);
        (begin < end).then(|| Self {
            begin: zone.start_of(begin),
            end: zone.start_of(end),
            first,
            last,
        })
    }
}

fn month_of(day: Day) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// The first day of a month that is written as `2026-03`.
fn begin_of(month: &str) -> Option<Day> {
    let (year, number) = month.split_once('-')?;
    (year.len() == 4 && number.len() == 2).then_some(())?;
    Day::new(year.parse().ok()?, number.parse().ok()?, 1).ok()
}

/// The first day of the month after.
fn next(first: Day) -> Option<Day> {
    match first.month() {
        12 => Day::new(first.year() + 1, 1, 1),
        month => Day::new(first.year(), month + 1, 1),
    }
    .ok()
}

fn choice(
    shop: &ServedShop,
    asked: &Asked,
    zone: &Zone,
    now: Timestamp,
    language: Language,
) -> Html {
    let this = month_of(zone.day(now));
    let mut html = Html::new("<form class=\"months\" action=\"/till/")
        .text(shop.name())
        .markup("/report\">");
    for (name, label, typed) in [
        ("from", language.say("From month", "Dal mese"), &asked.from),
        ("until", language.say("To month", "Al mese"), &asked.until),
    ] {
        let value = if typed.is_empty() { &this } else { typed };
        html = html
            .markup("<p class=\"field\"><label for=\"")
            .markup(name)
            .markup("\">")
            .markup(label)
            .markup("</label><input type=\"month\" pattern=\"[0-9]{4}-[0-9]{2}\" maxlength=\"7\" required id=\"")
            .markup(name)
            .markup("\" name=\"")
            .markup(name)
            .markup("\" value=\"")
            .text(value)
            .markup("\"></p>");
    }
    html.markup("<button class=\"quiet\">")
        .markup(language.say("Show", "Mostra"))
        .markup("</button></form>")
}

fn list(report: &Report, language: Language) -> Html {
    if report.rows.is_empty() {
        return paragraph(language.say(
            "There was no sale in these months.",
            "In questi mesi non c’è stata nessuna vendita.",
        ));
    }
    let mut html = Html::new("<ul role=\"list\" class=\"rows\">");
    for row in &report.rows {
        let currency = Currency::new(&row.currency).ok();
        let off = currency.zip(row.money);
        let off = off.map(|(currency, units)| money(units, currency, language));
        let counted = |count: Option<u64>, one: &str, many: &str| {
            count.map(|count| format!("{count} {}", if count == 1 { one } else { many }))
        };
        let told = [
            counted(
                row.payments,
                language.say("payment", "pagamento"),
                language.say("payments", "pagamenti"),
            ),
            counted(row.wom, "WOM", "WOM"),
            counted(
                row.discounts,
                language.say("discount", "sconto"),
                language.say("discounts", "sconti"),
            ),
        ];
        let told: Vec<_> = told.into_iter().flatten().collect();
        html = html
            .markup("<li><span>")
            .text(&format!("{} · {}", row.month, row.offer))
            .markup("<small>")
            .text(&told.join(" · "))
            .markup("</small></span> <b>")
            .text(&off.unwrap_or_default())
            .markup("</b></li>");
    }
    html.markup("</ul>")
}

fn download(
    shop: &ServedShop,
    months: &Months,
    file: &'static str,
    more: &'static str,
    text: &'static str,
) -> Html {
    Html::new("<p><a class=\"file\" download href=\"/till/")
        .text(shop.name())
        .markup("/report/wom-report.")
        .markup(file)
        .markup("?from=")
        .text(&months.first)
        .markup("&amp;until=")
        .text(&months.last)
        .text(more)
        .markup("\">")
        .markup(text)
        .markup("</a></p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(from: &str, until: &str) -> Option<(String, String)> {
        let asked = Asked {
            from: from.into(),
            until: until.into(),
            published: String::new(),
        };
        let now = "2026-11-28T10:00:00Z".parse().unwrap();
        let months = Months::asked(&asked, &Zone::UTC, now)?;
        Some((months.begin.to_string(), months.end.to_string()))
    }

    #[test]
    fn months_are_whole_ones() {
        let begins = |begin: &str, end: &str| {
            Some((format!("{begin}T00:00:00Z"), format!("{end}T00:00:00Z")))
        };
        assert_eq!(months("", ""), begins("2026-11-01", "2026-12-01"));
        assert_eq!(
            months("2026-01", "2026-12"),
            begins("2026-01-01", "2027-01-01")
        );
        for (from, until) in [
            ("2026-03", "2026-02"),
            ("2026-13", ""),
            ("26-03", ""),
            ("x", ""),
            ("", "9999-99"),
        ] {
            assert_eq!(months(from, until), None, "{from} {until}");
        }
    }
}
