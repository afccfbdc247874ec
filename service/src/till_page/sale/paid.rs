//! The page of a sale that is paid: the price that the cashier lowers, and what was given.

use wom_sdk::{
    Kind, Result,
    sale::{self, Sale, State},
};

use super::{
    View, decide,
    show::{act, next},
};
use crate::{
    page::{Html, Language, copy},
    till_page::{
        forms::{money, paragraph},
        heading,
        lists::currency,
        visitor::Visitor,
    },
};

/// It is paid, and the cashier lowers the price.
pub(super) fn manual(
    visitor: &Visitor,
    view: &View,
    total: Option<i64>,
    off: &str,
) -> (String, Html) {
    let (language, sale) = (visitor.language, &view.sale);
    let title = language
        .say("Take OFF off", "Togli OFF")
        .replace("OFF", off);
    let mut main = Html::new("<p class=\"paid\" role=\"status\">✓ ")
        .markup(language.say("Paid", "Pagato"))
        .markup("</p><h1 class=\"take\">")
        .text(&title)
        .markup("</h1>");
    if view.shop.is_by_hand() {
        main = main.then(sums(view, total, sale.terms.agreed, language));
    } else if let Some(code) = view.shop.merchant().code(&sale.key()) {
        main = main
            .markup("<p class=\"say\">")
            .markup(language.say("Type this code in:", "Inserisci questo codice:"))
            .markup("</p><p class=\"link\"><code>")
            .text(&code)
            .markup("</code></p>");
    }
    main = main
        .then(receipt(view, language))
        .then(act(visitor, view, "done", " data-once"))
        .markup("<button autofocus>")
        .markup(language.say("Done: it is typed in (Enter)", "Fatto: l’ho inserito (Invio)"))
        .markup("</button></form><details><summary>")
        .markup(language.say("The sale does not take place", "La vendita non avviene"))
        .markup("</summary>")
        .then(paragraph(language.say(
            "The payment is made, and WOM cannot be given back. The next page says what you can give instead.",
            "Il pagamento è fatto e i WOM non tornano indietro. La pagina seguente dice che cosa puoi dare in cambio.",
        )))
        .then(act(visitor, view, "off", " data-once"))
        .markup("<button class=\"quiet\">")
        .markup(language.say("No sale: give something else", "Nessuna vendita: dai altro"))
        .markup("</button></form></details>");
    (title, main)
}

/// All is done.
pub(super) fn given(visitor: &Visitor, view: &View, total: Option<i64>) -> (String, Html) {
    let (language, sale) = (visitor.language, &view.sale);
    let off = sale.given.unwrap_or(sale.terms.agreed);
    let told = money(off, currency(sale, &view.shop), language);
    let title = language
        .say("OFF off: done", "OFF in meno: fatto")
        .replace("OFF", &told);
    let mut main = Html::new("<p class=\"paid\" role=\"status\">✓ ")
        .markup(language.say("Paid", "Pagato"))
        .markup("</p>")
        .then(heading(&title))
        .then(sums(view, total, off, language))
        .then(receipt(view, language))
        .then(next(view, language, " autofocus"));
    if sale.state == State::Redeemed {
        main = main
            .markup("<details><summary>")
            .markup(language.say(
                "The customer brings the goods back",
                "Il cliente riporta la merce",
            ))
            .markup("</summary>")
            .then(paragraph(language.say(
                "Give back the money that was paid. WOM do not come back.",
                "Restituisci il denaro pagato. I WOM non tornano.",
            )))
            .then(decide::form(visitor, view, "refunded"))
            .markup("<button class=\"quiet\">")
            .markup(language.say("The money was given back", "Il denaro è stato restituito"))
            .markup("</button></form></details>");
    }
    (title, main)
}

/// What is to be paid without the discount: where the till is worked by hand the order says so.
pub(super) async fn total(view: &View) -> Result<Option<i64>> {
    let order = view.sale.order.as_ref().filter(|_| view.shop.is_by_hand());
    let Some(order) = order else {
        return Ok(None);
    };
    match view.shop.merchant().read(&order.id).await {
        Ok(order) => Ok(Some(order.total)),
        Err(error) if error.kind() == Kind::InputInvalid => Ok(None),
        Err(error) => Err(error),
    }
}

/// Before, discount, after.
fn sums(view: &View, total: Option<i64>, off: i64, language: Language) -> Html {
    let Some(total) = total else {
        return Html::default();
    };
    let told = |units| money(units, currency(&view.sale, &view.shop), language);
    let mut html = Html::new("<ul role=\"list\" class=\"rows sums\">");
    for (label, sum) in [
        (language.say("Total", "Totale"), told(total)),
        (language.say("WOM discount", "Sconto WOM"), told(-off)),
    ] {
        html = html
            .markup("<li><span>")
            .markup(label)
            .markup("</span> <b>")
            .text(&sum)
            .markup("</b></li>");
    }
    html.markup("</ul><p class=\"total\"><span>")
        .markup(language.say("To pay", "Da pagare"))
        .markup("</span> <b>")
        .text(&told(total - off))
        .markup("</b></p>")
}

/// The line for the receipt, in the shop's language where it has one.
fn receipt(view: &View, language: Language) -> Html {
    let written = match (view.shop.language(), language) {
        (Some(chosen), _) => chosen,
        (None, Language::It) => sale::Language::Italian,
        (None, Language::En) => sale::Language::English,
    };
    // The line stands on the receipt that is printed before the cashier confirms.
    let given = view.sale.given.or(Some(view.sale.terms.agreed));
    let sale = Sale {
        state: State::Applied,
        given,
        ..view.sale.clone()
    };
    let Some(receipt) = sale.receipt(written) else {
        return Html::default();
    };
    Html::new("<p class=\"say\">")
        .markup(language.say("On the receipt:", "Sullo scontrino:"))
        .markup("</p><p class=\"receipt\"><span>")
        .text(&receipt.text)
        .markup("</span> <b>")
        .text(&money(
            receipt.amount,
            currency(&sale, &view.shop),
            language,
        ))
        .markup("</b></p>")
        .then(copy(
            &receipt.text,
            language.say("Copy the line", "Copia la riga"),
            language,
        ))
}
