//! Where a cashier begins: what waits for them, and the offers.

use axum::{extract::Path, http::StatusCode, response::Response};
use wom_sdk::{
    Digest, Result,
    sale::{Sale, State, Turn},
    store::Which,
};

use super::{
    counter, document, failed,
    forms::paragraph,
    lists::{cut, gone, row},
    visitor::Visitor,
};
use crate::{ServedShop, page::Html};

/// Offers that have a key of their own.
const KEYS: usize = 9;
/// How many that wait are shown.
const SHOWN: usize = 50;

pub(super) async fn show(mut visitor: Visitor, Path(shop): Path<String>) -> Response {
    let shop = match visitor.shop(&shop) {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let (sales, language) = match open(&shop).await {
        Ok(sales) => (sales, visitor.language),
        Err(error) => return failed(&error, visitor.language),
    };
    let (waiting, shown): (Vec<_>, Vec<_>) =
        sales.iter().partition(|sale| sale.turn() == Turn::Person);
    let mut main = Html::new("<div data-wait=\"/till/")
        .text(shop.name())
        .markup("/wait?seen=")
        .text(&stamp(&sales, &shop))
        .markup("\"></div>")
        .then(cut(&shop, language))
        .then(gone(language));
    if !waiting.is_empty() {
        main = main
            .markup("<section class=\"todo\" aria-labelledby=\"todo\"><h2 id=\"todo\">")
            .markup(language.say("These wait for you", "Aspettano te"))
            .markup("</h2>")
            .then(list(&visitor, &shop, &waiting))
            .markup("</section>");
    }
    if !shown.is_empty() {
        main = main
            .markup("<section aria-labelledby=\"shown\"><h2 id=\"shown\">")
            .markup(language.say("Under way", "In corso"))
            .markup("</h2>")
            .then(list(&visitor, &shop, &shown))
            .markup("</section>");
    }
    let offers: Vec<_> = shop.offers().collect();
    main = match offers.as_slice() {
        [] => main
            .markup("<h1>")
            .text(shop.title())
            .markup("</h1>")
            .then(paragraph(language.say(
                "This shop has no offer yet. Write one into wom.toml.",
                "Questo negozio non ha ancora offerte. Scrivine una in wom.toml.",
            ))),
        [(name, offer)] => main.then(counter::entry(&visitor, &shop, name, offer, "", None)),
        many => {
            main = main
                .markup("<h1>")
                .markup(language.say("Which offer?", "Quale offerta?"))
                .markup("</h1><nav class=\"offers\" aria-label=\"")
                .markup(language.say("Offers", "Offerte"))
                .markup("\">");
            for (index, (name, offer)) in many.iter().enumerate() {
                main = main
                    .markup("<a class=\"offer\" href=\"/till/")
                    .text(shop.name())
                    .markup("/new/")
                    .text(&encoded(name));
                if index < KEYS {
                    let key = (index + 1).to_string();
                    main = main
                        .markup("\" data-key=\"")
                        .text(&key)
                        .markup("\"><kbd aria-hidden=\"true\">")
                        .text(&key)
                        .markup("</kbd>");
                } else {
                    main = main.markup("\">");
                }
                main = main
                    .markup("<strong>")
                    .text(&offer.title)
                    .markup("</strong><span>")
                    .text(&counter::terms(&shop, offer, language))
                    .markup("</span></a>");
            }
            main.markup("</nav>")
        }
    };
    main = main.then(ways(&visitor, &shop));
    document(StatusCode::OK, &visitor, Some(&shop), shop.title(), main)
}

/// What is not over and not merely watched: codes that are shown, and what waits for a person.
async fn open(shop: &ServedShop) -> Result<Vec<Sale>> {
    let mut open = Vec::new();
    let mut after = None;
    while open.len() < SHOWN {
        let lot = shop.shop().sales(Which::Open, after, SHOWN).await?;
        after = lot.last().map(|sale| sale.id);
        let last = lot.len() < SHOWN;
        // A code that lapsed is looked after for a day, and nobody has to do anything.
        open.extend(lot.into_iter().filter(|sale| sale.state != State::Lapsed));
        if last {
            break;
        }
    }
    open.sort_by_key(|sale| sale.begun);
    Ok(open)
}

/// Changes when the page would look otherwise.
pub(super) async fn stamp_now(shop: &ServedShop) -> Result<String> {
    Ok(stamp(&open(shop).await?, shop))
}

fn stamp(sales: &[Sale], shop: &ServedShop) -> String {
    let parts = sales
        .iter()
        .map(|sale| format!("{}{}", sale.id.to_hex(), sale.state.name()));
    let line = format!("{}", shop.connection().is_cut());
    Digest::of(parts.chain([line])).to_hex()
}

fn list(visitor: &Visitor, shop: &ServedShop, sales: &[&Sale]) -> Html {
    let mut html = Html::new("<ul role=\"list\" class=\"rows\">");
    for sale in sales {
        html = html.then(row(visitor, shop, sale));
    }
    html.markup("</ul>")
}

/// Where else one may go.
fn ways(visitor: &Visitor, shop: &ServedShop) -> Html {
    let language = visitor.language;
    Html::new("<nav class=\"ways\" aria-label=\"")
        .markup(language.say("More", "Altro"))
        .markup("\"><a href=\"/till/")
        .text(shop.name())
        .markup("/sales\">")
        .markup(language.say("Today", "Oggi"))
        .markup("</a><a href=\"/till/")
        .text(shop.name())
        .markup("/report\">")
        .markup(language.say("Report", "Resoconto"))
        .markup("</a><form method=\"post\" action=\"/till/leave\">")
        .then(super::forms::hidden("mark", &visitor.mark()))
        .markup("<button class=\"quiet\">")
        .markup(language.say("Sign out", "Esci"))
        .markup("</button></form></nav>")
}

/// A name as one part of a path.
fn encoded(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            true => path.push(char::from(byte)),
            false => path += &format!("%{byte:02X}"),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        assert_eq!(encoded("caffè 1/2?"), "caff%C3%A8%201%2F2%3F");
    }
}
