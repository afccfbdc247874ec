//! The page of a sale that is not paid yet: its code, and what keeps that from being there.

use wom_sdk::award::Ticket;

use super::{
    View,
    show::{act, next},
};
use crate::{
    page::{Html, copy, pin, qr},
    till_page::{forms::paragraph, heading, visitor::Visitor},
};

/// QR and PIN, as long as they can be paid.
pub(super) fn payable(
    visitor: &Visitor,
    view: &View,
    ticket: &Ticket,
    left: i64,
    off: &str,
) -> (String, Html) {
    let (language, sale) = (visitor.language, &view.sale);
    let title = language
        .say("AMOUNT WOM for OFF off", "AMOUNT WOM per OFF in meno")
        .replace("AMOUNT", &sale.terms.amount.to_string())
        .replace("OFF", off);
    let link = ticket.link.reveal();
    let seconds = left.div_euclid(1_000);
    let drawn = qr(link, language.say("QR code to pay", "Codice QR per pagare"));
    let main = heading(&title)
        .markup("<div class=\"code\" data-payable><figure>")
        .then(drawn.unwrap_or_default())
        .markup("</figure><div><p class=\"say\">")
        .markup(language.say(
            "The customer’s Pocket asks for this PIN:",
            "Il Pocket del cliente chiede questo PIN:",
        ))
        .markup("</p>")
        .then(pin(ticket.pin.reveal()))
        .markup("<p class=\"left\">")
        .markup(language.say("Payable for ", "Pagabile per "))
        .markup("<b data-left=\"")
        .text(&left.to_string())
        .markup("\">")
        .text(&format!("{}:{:02}", seconds / 60, seconds % 60))
        .markup("</b></p><p class=\"note\">")
        .markup(language.say(
            "WOM are not given back, whatever becomes of the sale.",
            "I WOM non tornano indietro, qualunque cosa accada alla vendita.",
        ))
        .markup("</p><details><summary>")
        .markup(language.say("Without a camera", "Senza fotocamera"))
        .markup("</summary><p class=\"link\"><code>")
        .text(link)
        .markup("</code></p>")
        .then(copy(
            link,
            language.say("Copy the link", "Copia il link"),
            language,
        ))
        .markup("</details></div></div>")
        .then(cancel(visitor, view));
    (title, main)
}

/// The code is not there yet. The script asks for it again; the button does so without.
pub(super) fn preparing(visitor: &Visitor, view: &View) -> (String, Html) {
    let language = visitor.language;
    let title = language.say("The code is being made …", "Il codice è in preparazione …");
    let main = heading(title)
        .then(paragraph(language.say(
            "It takes longer than usual. The sale is written down; the page goes on by itself.",
            "Ci vuole più del solito. La vendita è annotata; la pagina prosegue da sola.",
        )))
        .then(act(visitor, view, "again", " data-again data-once"))
        .markup("<button>")
        .markup(language.say("Ask again now", "Riprova ora"))
        .markup("</button></form>")
        .then(cancel(visitor, view));
    (title.to_owned(), main)
}

/// The Registry would not make a code.
pub(super) fn refused(visitor: &Visitor, view: &View, why: &str) -> (String, Html) {
    let language = visitor.language;
    let title = language.say("There is no code", "Non c’è nessun codice");
    let main = heading(title)
        .then(paragraph(language.say(
            "The Registry did not make one. Whoever runs this till should look at its key and its POS, and tell them this:",
            "Il Registry non l’ha fatto. Chi gestisce questa cassa guardi la chiave e il POS, e si faccia dire questo:",
        )))
        .markup("<p><code>")
        .text(why)
        .markup("</code></p>")
        .then(act(visitor, view, "again", " data-once"))
        .markup("<button>")
        .markup(language.say("Try again", "Riprova"))
        .markup("</button></form>")
        .then(cancel(visitor, view));
    (title.to_owned(), main)
}

/// Nobody paid in time, or it was called off.
pub(super) fn lapsed(visitor: &Visitor, view: &View, called_off: bool) -> (String, Html) {
    let language = visitor.language;
    let title = match called_off {
        true => language.say("Called off", "Annullata"),
        false => language.say("Not paid in time", "Non pagata in tempo"),
    };
    let mut main = heading(title).then(paragraph(language.say(
        "The code must not be paid any more. If somebody does, it appears at the till, with what to do.",
        "Il codice non va più pagato. Se qualcuno lo paga lo stesso, compare alla cassa con che cosa fare.",
    )));
    if view.shop.offer(&view.sale.offer).is_some() && view.sale.order.is_some() {
        main = main
            .then(act(visitor, view, "again", " data-once"))
            .markup("<button class=\"quiet\">")
            .markup(language.say(
                "A new code for this sale",
                "Un nuovo codice per questa vendita",
            ))
            .markup("</button></form>");
    }
    (title.to_owned(), main.then(next(view, language, "")))
}

/// Not paid yet: it can be called off.
fn cancel(visitor: &Visitor, view: &View) -> Html {
    act(visitor, view, "cancel", " data-escape data-once")
        .markup("<button class=\"quiet\">")
        .markup(visitor.language.say("Cancel (Esc)", "Annulla (Esc)"))
        .markup("</button></form>")
}
