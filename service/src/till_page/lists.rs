//! Lists of sales, and what stands above them.

use axum::{extract::Path, http::StatusCode, response::Response};
use wom_sdk::{
    Result, Timestamp,
    sale::{After, Sale, State},
    store::Which,
};

use super::{
    counter::address,
    document, failed,
    forms::{money, paragraph},
    visitor::Visitor,
};
use crate::{
    Currency, ServedShop,
    page::{Html, Language},
};

/// How many sales are read at a time.
const LOT: usize = 500;

/// The sales of today, the newest first.
pub(super) async fn today(mut visitor: Visitor, Path(shop): Path<String>) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let (language, zone) = (visitor.language, shop.zone());
    let today = zone.day(visitor.service.0.clock.now());
    let (from, until) = (zone.start_of(today), zone.start_of(today.next()));
    let mut sales = match within(&shop, from, until).await {
        Ok(sales) => sales,
        Err(error) => return failed(&error, language),
    };
    sales.sort_by_key(|sale| std::cmp::Reverse(at(sale)));
    let title = language.say("Today", "Oggi");
    let mut main = super::heading(title);
    if sales.is_empty() {
        main = main.then(paragraph(language.say(
            "There was no sale with WOM today.",
            "Oggi non c’è stata nessuna vendita con WOM.",
        )));
    } else {
        let given = |sale: &&Sale| matches!(sale.state, State::Applied | State::Redeemed);
        let (mut wom, mut off) = (0_u64, 0_i64);
        for sale in sales.iter().filter(given) {
            wom += u64::from(sale.terms.amount);
            off = off.saturating_add(sale.given.unwrap_or(0));
        }
        main = main.markup("<ul role=\"list\" class=\"rows\">");
        for sale in &sales {
            main = main.then(row(&visitor, &shop, sale));
        }
        main = main
            .markup("</ul><p class=\"total\"><span>")
            .markup(language.say("Accepted and given", "Accettati e concessi"))
            .markup("</span> <b>")
            .text(&format!(
                "{wom} WOM · {}",
                money(off, shop.currency(), language)
            ))
            .markup("</b></p>");
    }
    main = main.then(back(&shop, language));
    document(StatusCode::OK, &visitor, Some(&shop), title, main)
}

/// When it was paid; or begun, where nobody paid.
pub(super) fn at(sale: &Sale) -> Timestamp {
    sale.paid.unwrap_or(sale.begun)
}

/// The sales of that time, by id.
pub(super) async fn within(
    shop: &ServedShop,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Sale>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let lot = shop.shop().sales(Which::All, after, LOT).await?;
        after = lot.last().map(|sale| sale.id);
        let last = lot.len() < LOT;
        found.extend(
            lot.into_iter()
                .filter(|sale| (from..until).contains(&at(sale))),
        );
        if last {
            return Ok(found);
        }
    }
}

/// A sale as a line that leads to it.
pub(super) fn row(visitor: &Visitor, shop: &ServedShop, sale: &Sale) -> Html {
    let language = visitor.language;
    let minute = shop.zone().minute_of_day(at(sale));
    let offer = shop.offer(&sale.offer);
    let title = offer.map_or(sale.offer.as_str(), |offer| offer.title.as_str());
    Html::new("<li><span><a href=\"")
        .text(&address(shop, sale))
        .markup("\">")
        .text(&format!("{:02}:{:02} · {title}", minute / 60, minute % 60))
        .markup("</a><small>")
        .markup(how(sale, language))
        .markup("</small></span> <b>")
        .text(&off(sale, shop, language))
        .markup("</b></li>")
}

/// How much less is to be paid; nothing where nothing is given for it.
fn off(sale: &Sale, shop: &ServedShop, language: Language) -> String {
    let nothing = matches!(
        sale.state,
        State::Lapsed | State::Withdrawn | State::Refunded | State::Granted | State::Recorded
    );
    match sale.given.unwrap_or(sale.terms.agreed) {
        0 => String::new(),
        _ if nothing => String::new(),
        units => money(-units, currency(sale, shop), language),
    }
}

/// The currency of its order, which need not be the shop's.
pub(super) fn currency(sale: &Sale, shop: &ServedShop) -> Currency {
    Currency::new(&sale.terms.currency).unwrap_or(shop.currency())
}

/// Where it stands, in few words.
pub(super) fn how(sale: &Sale, language: Language) -> &'static str {
    match &sale.state {
        State::Waiting => language.say("waits for the payment", "attende il pagamento"),
        State::Lapsed => language.say("not paid", "non pagata"),
        State::Unclaimed => language.say("paid, for no sale yet", "pagata, ancora senza vendita"),
        State::Applying => language.say(
            "paid, the discount is on its way",
            "pagata, lo sconto è in arrivo",
        ),
        State::Applied | State::Redeemed => {
            language.say("paid, discount given", "pagata, sconto dato")
        }
        State::Manual => language.say("paid: type the discount in", "pagata: inserisci lo sconto"),
        State::Withdrawing(_) | State::Withdrawn => {
            language.say("discount taken back", "sconto tolto")
        }
        State::Refunded => language.say("money given back", "denaro restituito"),
        State::Late(After::Cancel) => language.say(
            "paid after it was called off: decide",
            "pagata dopo l’annullamento: decidi",
        ),
        State::Late(After::Double) => {
            language.say("paid twice: decide", "pagata due volte: decidi")
        }
        State::Late(_) => language.say(
            "paid after it ran out: decide",
            "pagata dopo la scadenza: decidi",
        ),
        State::Granted => language.say("something else was given", "dato altro in cambio"),
        State::Recorded => {
            language.say("paid, nothing was given", "pagata, non è stato dato nulla")
        }
        State::Attention(_) => language.say("look at it", "da guardare"),
        _ => "",
    }
}

/// Said where the Registry did not answer the last time.
pub(super) fn cut(shop: &ServedShop, language: Language) -> Html {
    match shop.connection().is_cut() {
        false => Html::default(),
        true => Html::new("<p class=\"alert\" role=\"status\"><strong>")
            .markup(language.say(
                "No connection to the Registry.",
                "Nessuna connessione al Registry.",
            ))
            .markup("</strong> ")
            .markup(language.say(
                "Nothing is lost: what was paid appears here once the connection is back.",
                "Non si perde nulla: ciò che è stato pagato compare qui quando la connessione torna.",
            ))
            .markup("</p>"),
    }
}

/// Shown by the script while the program itself does not answer.
pub(super) fn gone(language: Language) -> Html {
    Html::new("<p class=\"alert\" role=\"status\" hidden data-gone><strong>")
        .markup(language.say("The till does not answer.", "La cassa non risponde."))
        .markup("</strong> ")
        .markup(language.say(
            "Nothing is lost: this page goes on by itself once it does.",
            "Non si perde nulla: la pagina prosegue da sola quando risponde.",
        ))
        .markup("</p>")
}

/// Back to where a sale begins.
pub(super) fn back(shop: &ServedShop, language: Language) -> Html {
    Html::new("<p><a class=\"button quiet\" data-escape href=\"/till/")
        .text(shop.name())
        .markup("\">")
        .markup(language.say("Back (Esc)", "Indietro (Esc)"))
        .markup("</a></p>")
}
