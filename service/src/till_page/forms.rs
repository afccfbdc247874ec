//! Forms: what they bring, and how they are written.

use std::collections::BTreeMap;

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::visitor::Visitor;
use crate::{
    Currency, ServedShop, Service,
    page::{Html, Language},
};

/// The fields that a form brought.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// The field, without spaces at its ends; empty where it is not there.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }
}

impl FromRequest<Service> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        match axum::Form::from_request(request, service).await {
            Ok(axum::Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(StatusCode::BAD_REQUEST.into_response()),
        }
    }
}

/// A form of this visitor, up to its fields. `action` follows the shop's address.
pub(super) fn form(visitor: &Visitor, shop: &ServedShop, action: &str, more: &'static str) -> Html {
    Html::new("<form method=\"post\" action=\"/till/")
        .text(shop.name())
        .markup("/")
        .text(action)
        .markup("\"")
        .markup(more)
        .markup(">")
        .then(hidden("mark", &visitor.mark()))
}

pub(super) fn hidden(name: &'static str, value: &str) -> Html {
    Html::new("<input type=\"hidden\" name=\"")
        .markup(name)
        .markup("\" value=\"")
        .text(value)
        .markup("\">")
}

/// The field for the total of a sale, with a keypad where scripts run. What was typed before stays.
pub(super) fn total_field(
    shop: &ServedShop,
    language: Language,
    typed: &str,
    focus: bool,
    id: &str,
) -> Html {
    let (label, kind) = match shop.is_by_hand() {
        true => (
            language.say("Total of the sale", "Totale della vendita"),
            "inputmode=\"decimal\" data-money",
        ),
        false => (
            language.say("Number of the order", "Numero dell’ordine"),
            "inputmode=\"text\"",
        ),
    };
    let mut html = Html::new("<p class=\"field\"><label for=\"")
        .text(id)
        .markup("\">")
        .markup(label);
    if shop.is_by_hand() {
        html = html
            .markup(" <span class=\"unit\">(")
            .text(shop.currency().code())
            .markup(")</span>");
    }
    html = html
        .markup("</label><input id=\"")
        .text(id)
        .markup("\" name=\"total\" autocomplete=\"off\" maxlength=\"128\" required ")
        .markup(kind)
        .markup(if focus {
            " autofocus value=\""
        } else {
            " value=\""
        })
        .text(typed)
        .markup("\"></p>");
    if !shop.is_by_hand() || !focus {
        return html;
    }
    html = html
        .markup("<div class=\"keypad\" hidden data-keypad=\"")
        .text(id)
        .markup("\">");
    let point = language.say(".", ",");
    for key in ["1", "2", "3", "4", "5", "6", "7", "8", "9", point, "0"] {
        // The second zero of cents needs no key of its own.
        html = html
            .markup("<button type=\"button\" class=\"quiet\" data-type=\"")
            .markup(key)
            .markup("\">")
            .markup(key)
            .markup("</button>");
    }
    html.markup("<button type=\"button\" class=\"quiet\" data-type=\"\">")
        .markup(language.say("Delete", "Cancella"))
        .markup("</button></div>")
}

pub(super) fn paragraph(text: &'static str) -> Html {
    Html::new("<p>").markup(text).markup("</p>")
}

/// Said at once to whoever does not see it.
pub(super) fn alert(text: &'static str) -> Html {
    Html::new("<p class=\"alert\" role=\"alert\">")
        .markup(text)
        .markup("</p>")
}

/// An amount as people read it: `€2.00`, `2,00 €`.
pub(super) fn money(units: i64, currency: Currency, language: Language) -> String {
    let plain = currency.plain(units);
    match (currency.code(), language) {
        ("EUR", Language::En) => match plain.strip_prefix('-') {
            Some(rest) => format!("−€{rest}"),
            None => format!("€{plain}"),
        },
        ("EUR", Language::It) => format!("{}\u{a0}€", plain.replace('.', ",").replace('-', "−")),
        (code, Language::En) => format!("{plain}\u{a0}{code}"),
        (code, Language::It) => format!("{}\u{a0}{code}", plain.replace('.', ",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_told_as_people_write_it() {
        let told = |code, units| {
            let currency = Currency::new(code).unwrap();
            [Language::En, Language::It].map(|language| money(units, currency, language))
        };
        assert_eq!(told("EUR", 200), ["€2.00", "2,00\u{a0}€"]);
        assert_eq!(told("EUR", -205), ["−€2.05", "−2,05\u{a0}€"]);
        assert_eq!(told("CHF", 1_250), ["12.50\u{a0}CHF", "12,50\u{a0}CHF"]);
        assert_eq!(told("JPY", 300), ["300\u{a0}JPY", "300\u{a0}JPY"]);
    }
}
