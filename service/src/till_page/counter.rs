//! The total is typed in, and a code is made for it.

use std::time::Duration;

use axum::{extract::Path, http::StatusCode, response::Response};
use wom_adapter_pos::Manual;
use wom_sdk::{
    Error, Kind, Result,
    merchant::{Discount, Offer, OrderId},
    protocol::Otc,
    sale::{Sale, State},
};

use super::{
    document, failed,
    forms::{Form, alert, form, hidden, money, total_field},
    lists::back,
    not_here, to,
    visitor::{Posted, Visitor},
};
use crate::{
    ServedShop, Service,
    page::{Html, Language},
};

/// How long the cashier waits for a code before the page says that it is being made.
const PATIENCE: Duration = Duration::from_secs(4);

/// The page of one offer.
pub(super) async fn show(
    mut visitor: Visitor,
    Path((shop, offer)): Path<(String, String)>,
) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    match shop.offer(&offer) {
        Some(found) => {
            let main =
                entry(&visitor, &shop, &offer, found, "", None).then(back(&shop, visitor.language));
            document(StatusCode::OK, &visitor, Some(&shop), &found.title, main)
        }
        None => not_here(visitor.language),
    }
}

/// What asks for the total of a sale with this offer. `wrong` says why what was typed is none.
pub(super) fn entry(
    visitor: &Visitor,
    shop: &ServedShop,
    name: &str,
    offer: &Offer,
    typed: &str,
    wrong: Option<&'static str>,
) -> Html {
    let language = visitor.language;
    Html::new("<h1>")
        .text(&offer.title)
        .markup("</h1><p class=\"terms\">")
        .text(&terms(shop, offer, language))
        .markup("</p>")
        .then(wrong.map_or_else(Html::default, alert))
        .then(form(visitor, shop, "sales", " class=\"entry\" data-once"))
        .then(hidden("offer", name))
        // What tells this sale from others of the same total, so that a form that is sent twice makes
        // one code.
        .then(hidden("name", &Otc::random().reveal().replace('-', "")))
        .then(total_field(shop, language, typed, true, "total"))
        .markup("<button>")
        .markup(language.say("Show the code", "Mostra il codice"))
        .markup("</button></form>")
}

/// `15 WOM → €2.00 off`.
pub(super) fn terms(shop: &ServedShop, offer: &Offer, language: Language) -> String {
    let off = match offer.discount {
        Discount::BasisPoints(points) => {
            let percent = f64::from(points) / 100.0;
            let percent = match language {
                Language::En => format!("{percent}%"),
                Language::It => format!("{percent}\u{a0}%").replace('.', ","),
            };
            language
                .say("OFF off", "OFF di sconto")
                .replace("OFF", &percent)
        }
        Discount::Amount(amount) => language
            .say("OFF off", "OFF in meno")
            .replace("OFF", &money(amount, shop.currency(), language)),
        _ => String::new(),
    };
    format!("{} WOM → {off}", offer.charge.amount)
}

/// Makes the sale and its code, and leads to its page.
pub(super) async fn begin(Path(shop): Path<String>, posted: Posted) -> Response {
    let Posted { mut visitor, form } = posted;
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let (name, language) = (form.get("offer"), visitor.language);
    let Some(offer) = shop.offer(name) else {
        return not_here(language);
    };
    let refused = |wrong| {
        let main = entry(&visitor, &shop, name, offer, form.get("total"), Some(wrong))
            .then(back(&shop, language));
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        document(status, &visitor, Some(&shop), &offer.title, main)
    };
    let Ok(order) = order(&shop, &form) else {
        return refused(no_total(&shop, language));
    };
    let wanted = (name.to_owned(), offer.clone());
    match make(&visitor.service, &shop, order, wanted).await {
        Ok(sale) => to(&address(&shop, &sale)),
        Err(error) if error.kind() == Kind::InputInvalid => refused(language.say(
            "This offer gives nothing on this sale: its total is too small, or it has a discount already.",
            "Questa offerta non dà nulla su questa vendita: il totale è troppo basso, oppure c’è già uno sconto.",
        )),
        Err(error) => failed(&error, language),
    }
}

pub(super) fn no_total(shop: &ServedShop, language: Language) -> &'static str {
    match shop.is_by_hand() {
        true => language.say(
            "That is no total. Type it with a point or a comma, such as 12.50.",
            "Non è un totale. Scrivilo con la virgola o il punto, per esempio 12,50.",
        ),
        false => language.say(
            "The shop knows no open order with this number.",
            "Il negozio non conosce un ordine aperto con questo numero.",
        ),
    }
}

/// The order that a form names.
pub(super) fn order(shop: &ServedShop, form: &Form) -> Result<OrderId> {
    let typed = form.get("total");
    if shop.is_by_hand() {
        let currency = shop.currency();
        return Manual::order(currency.read(typed)?, currency.code(), form.get("name"));
    }
    match typed.is_empty() || typed.len() > 128 {
        true => Err(Error::new(Kind::InputInvalid, "there is no such order")),
        false => Ok(OrderId(typed.to_owned())),
    }
}

/// The sale of this order and offer. Where its code takes long it is made meanwhile, and its page says
/// so.
pub(super) async fn make(
    service: &Service,
    shop: &ServedShop,
    order: OrderId,
    (name, offer): (String, Offer),
) -> Result<Sale> {
    let making = tokio::spawn({
        let (shop, order, name) = (shop.shop().clone(), order.clone(), name.clone());
        let stopped = service.stopped();
        async move {
            tokio::select! {
                made = shop.offer(&order, &name, &offer) => made.map(|(sale, _)| sale),
                () = stopped => Err(Error::new(Kind::Cancelled, "the service stops")),
            }
        }
    });
    let made = match tokio::time::timeout(PATIENCE, making).await {
        Ok(Ok(Ok(sale))) => return Ok(sale),
        Ok(Ok(Err(error))) => error,
        Ok(Err(_)) => Error::new(Kind::Internal, "a code could not be made"),
        Err(_) => Error::new(Kind::DeadlineExceeded, "the code is not here yet"),
    };
    // It may be begun, or have been paid before: then its page says how it stands.
    let sales = shop.shop().sales_of(&order).await?;
    let begun = sales.into_iter().filter(|sale| sale.offer == name);
    let newest = begun.max_by_key(|sale| (sale.state != State::Lapsed, sale.begun));
    newest.ok_or(made)
}

/// Where a sale is shown.
pub(super) fn address(shop: &ServedShop, sale: &Sale) -> String {
    format!("/till/{}/sales/{}", shop.name(), sale.id.to_hex())
}
