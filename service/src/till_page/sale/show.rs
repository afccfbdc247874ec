//! The page of a sale, by its state.

use axum::{http::StatusCode, response::Response};
use wom_sdk::sale::State;

use super::{Code, View, decide, paid, waiting};
use crate::{
    page::{Html, Language},
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
        (State::Waiting, Code::Payable(ticket, left)) => {
            waiting::payable(visitor, view, ticket, *left, &off)
        }
        (State::Waiting, Code::Failed(why)) => waiting::refused(visitor, view, why),
        (State::Waiting, Code::Closing) => one_moment(
            language.say("Looking whether it was paid …", "Controllo se è stato pagato …"),
            language.say(
                "The code’s time is over, and it must not be paid any more. The Registry is asked once more.",
                "Il tempo del codice è finito e non va più pagato. Si chiede ancora una volta al Registry.",
            ),
        ),
        (State::Waiting, _) => waiting::preparing(visitor, view),
        (State::Lapsed, code) => waiting::lapsed(visitor, view, matches!(code, Code::CalledOff)),
        (State::Applying, _) => one_moment(
            language.say("Paid. One moment …", "Pagato. Un momento …"),
            language.say(
                "The discount is on its way to the till.",
                "Lo sconto è in arrivo alla cassa.",
            ),
        ),
        (State::Manual, _) => match paid::total(view).await {
            Ok(total) => paid::manual(visitor, view, total, &off),
            Err(error) => return failed(&error, language),
        },
        (State::Applied | State::Redeemed, _) => match paid::total(view).await {
            Ok(total) => paid::given(visitor, view, total),
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

/// A form of this sale, up to its fields.
pub(super) fn act(visitor: &Visitor, view: &View, what: &str, more: &'static str) -> Html {
    let action = format!("sales/{}/{what}", view.sale.id.to_hex());
    form(visitor, &view.shop, &action, more)
}

fn one_moment(title: &'static str, text: &'static str) -> (String, Html) {
    (title.to_owned(), heading(title).then(paragraph(text)))
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

/// The way to the next sale.
pub(super) fn next(view: &View, language: Language, more: &'static str) -> Html {
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
