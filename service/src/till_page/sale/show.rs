//! The page of a sale, by its state.

use axum::{http::StatusCode, response::Response};
use wom_sdk::{
    Kind, Result,
    award::Ticket,
    sale::{self, Sale, State},
};

use super::{Code, View, decide};
use crate::{
    page::{Html, Language, copy, pin, qr},
    till_page::{
        again_document, failed,
        forms::{alert, form, money, paragraph},
        heading,
        lists::{back, currency, cut, gone, how},
        visitor::Visitor,
    },
};

/// After so many seconds the page is asked for again where no script waits.
const AGAIN: &str = "5";

/// The page. `wrong` says why what was typed into it could not be used.
pub(super) async fn page(
    visitor: &Visitor,
    view: &View,
    status: StatusCode,
    wrong: Option<&'static str>,
) -> Response {
    let (sale, shop, language) = (&view.sale, &view.shop, visitor.language);
    let off = money(sale.terms.agreed, currency(sale, shop), language);
    let goes_on = matches!(
        sale.state,
        State::Waiting | State::Applying | State::Withdrawing(_)
    ) && !matches!(view.code, Code::CalledOff | Code::Failed(_));
    let (title, main) = match (&sale.state, &view.code) {
        (State::Waiting, Code::Payable(ticket, left)) => payable(visitor, view, ticket, *left, &off),
        (State::Waiting, Code::Failed(why)) => refused(visitor, view, why),
        (State::Waiting, Code::Closing) => one_moment(
            language.say("Looking whether it was paid …", "Controllo se è stato pagato …"),
            language.say(
                "The code’s time is over, and it must not be paid any more. The Registry is asked once more.",
                "Il tempo del codice è finito e non va più pagato. Si chiede ancora una volta al Registry.",
            ),
        ),
        (State::Waiting, _) => preparing(visitor, view),
        (State::Lapsed, code) => lapsed(visitor, view, matches!(code, Code::CalledOff)),
        (State::Applying, _) => one_moment(
            language.say("Paid. One moment …", "Pagato. Un momento …"),
            language.say(
                "The discount is on its way to the till.",
                "Lo sconto è in arrivo alla cassa.",
            ),
        ),
        (State::Manual, _) => match total(view).await {
            Ok(total) => manual(visitor, view, total, &off),
            Err(error) => return failed(&error, language),
        },
        (State::Applied | State::Redeemed, _) => match total(view).await {
            Ok(total) => given(visitor, view, total),
            Err(error) => return failed(&error, language),
        },
        (State::Late(_) | State::Unclaimed | State::Attention(_), _) => {
            decide::page(visitor, view, &off, wrong)
        }
        _ => over(view, language),
    };
    let main = Html::new("<div data-wait=\"/till/")
        .text(shop.name())
        .markup("/wait?sale=")
        .text(&sale.id.to_hex())
        .markup("&amp;seen=")
        .text(&view.stamp())
        .markup("\"></div>")
        .then(cut(shop, language))
        .then(gone(language))
        .then(main);
    let seconds = goes_on.then_some(AGAIN);
    again_document(status, visitor, Some(shop), &title, main, seconds)
}

/// What is to be paid without the discount: where the till is worked by hand the order says so.
async fn total(view: &View) -> Result<Option<i64>> {
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

/// QR and PIN, as long as they can be paid.
fn payable(
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

/// Not paid yet: it can be called off.
fn cancel(visitor: &Visitor, view: &View) -> Html {
    act(visitor, view, "cancel", " data-escape data-once")
        .markup("<button class=\"quiet\">")
        .markup(visitor.language.say("Cancel (Esc)", "Annulla (Esc)"))
        .markup("</button></form>")
}

/// A form of this sale, up to its fields.
pub(super) fn act(visitor: &Visitor, view: &View, what: &str, more: &'static str) -> Html {
    let action = format!("sales/{}/{what}", view.sale.id.to_hex());
    form(visitor, &view.shop, &action, more)
}

/// The code is not there yet. The script asks for it again; the button does so without.
fn preparing(visitor: &Visitor, view: &View) -> (String, Html) {
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
fn refused(visitor: &Visitor, view: &View, why: &str) -> (String, Html) {
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

fn one_moment(title: &'static str, text: &'static str) -> (String, Html) {
    (title.to_owned(), heading(title).then(paragraph(text)))
}

/// Nobody paid in time, or it was called off.
fn lapsed(visitor: &Visitor, view: &View, called_off: bool) -> (String, Html) {
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

/// It is paid, and the cashier lowers the price.
fn manual(visitor: &Visitor, view: &View, total: Option<i64>, off: &str) -> (String, Html) {
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

/// All is done.
fn given(visitor: &Visitor, view: &View, total: Option<i64>) -> (String, Html) {
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

/// A sale of which nothing is left to do.
fn over(view: &View, language: Language) -> (String, Html) {
    let title = language.say("This sale is over", "Questa vendita è conclusa");
    let mut main = heading(title)
        .markup("<p>")
        .markup(how(&view.sale, language))
        .markup("</p>");
    if let Some(note) = &view.sale.note {
        main = main.markup("<p class=\"note\">").text(note).markup("</p>");
    }
    (
        title.to_owned(),
        main.then(next(view, language, " autofocus")),
    )
}

fn next(view: &View, language: Language, more: &'static str) -> Html {
    Html::new("<p><a class=\"button\" data-escape href=\"/till/")
        .text(view.shop.name())
        .markup("\"")
        .markup(more)
        .markup(">")
        .markup(language.say("Next customer", "Prossimo cliente"))
        .markup("</a></p>")
}

/// Said above what could not be used, with the way back below it.
pub(super) fn framed(
    view: &View,
    language: Language,
    wrong: Option<&'static str>,
    main: Html,
) -> Html {
    wrong
        .map_or_else(Html::default, alert)
        .then(main)
        .then(back(&view.shop, language))
}
