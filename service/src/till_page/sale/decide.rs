//! What waits for a person's decision: paid too late, or something that a program must not decide.

use wom_sdk::{
    protocol::Otc,
    sale::{After, REASONS, Remedy, State},
};

use super::{
    View,
    show::{act, framed},
};
use crate::{
    page::{Html, Language},
    till_page::{
        forms::{hidden, paragraph, total_field},
        heading,
        visitor::Visitor,
    },
};

pub(super) fn page(
    visitor: &Visitor,
    view: &View,
    off: &str,
    wrong: Option<&'static str>,
) -> (String, Html) {
    match &view.sale.state {
        State::Attention(why) => attention(visitor, view, why, wrong),
        _ => late(visitor, view, off, wrong),
    }
}

/// Paid where nothing can be given for it any more: the merchant's remedies, the preferred one first.
fn late(visitor: &Visitor, view: &View, off: &str, wrong: Option<&'static str>) -> (String, Html) {
    let (language, sale) = (visitor.language, &view.sale);
    let title = match sale.state {
        State::Late(After::Cancel) => {
            language.say("Paid after it was called off", "Pagata dopo l’annullamento")
        }
        State::Late(After::Double) => {
            language.say("Paid a second time", "Pagata una seconda volta")
        }
        State::Late(After::End) => language.say(
            "Paid after the offer ended",
            "Pagata dopo la fine dell’offerta",
        ),
        State::Late(_) => language.say("Paid after it ran out", "Pagata dopo la scadenza"),
        _ => language.say(
            "Paid, and not taken for a sale yet",
            "Pagata, ancora senza una vendita",
        ),
    };
    let mut main = heading(title)
        .markup("<p>")
        .text(
            &language
                .say(
                    "AMOUNT WOM for OFF off. WOM cannot be given back: choose what the customer gets.",
                    "AMOUNT WOM per OFF in meno. I WOM non tornano indietro: scegli che cosa riceve il cliente.",
                )
                .replace("AMOUNT", &sale.terms.amount.to_string())
                .replace("OFF", off),
        )
        .markup("</p>");
    for remedy in sale.remedies() {
        main = main
            .markup("<section>")
            .then(one(visitor, view, remedy))
            .markup("</section>");
    }
    (title.to_owned(), framed(view, language, wrong, main))
}

fn one(visitor: &Visitor, view: &View, remedy: Remedy) -> Html {
    let language = visitor.language;
    let (title, advice) = words(remedy, language);
    let head = Html::new("<h2>")
        .markup(title)
        .markup("</h2>")
        .then(paragraph(advice));
    match remedy {
        Remedy::Replacement => head
            .then(act(visitor, view, "replace", " data-once"))
            .then(hidden("name", &Otc::random().reveal().replace('-', "")))
            .then(total_field(&view.shop, language, "", false, "replacement"))
            .markup("<button class=\"quiet\">")
            .markup(language.say("Give the discount on this sale", "Dai lo sconto su questa vendita"))
            .markup("</button></form>"),
        Remedy::FreshCode => head
            .then(form(visitor, view, "granted"))
            .markup("<p class=\"field\"><label for=\"reference\">")
            .markup(language.say("What you gave, such as a voucher’s number", "Che cosa hai dato, per esempio il numero di un buono"))
            .markup("</label><input id=\"reference\" name=\"reference\" autocomplete=\"off\" maxlength=\"60\" required></p><button class=\"quiet\">")
            .markup(language.say("It was given", "L’ho dato"))
            .markup("</button></form>"),
        _ => head
            .then(form(visitor, view, "recorded"))
            .then(note(language, "note-recorded"))
            .markup("<button class=\"quiet\">")
            .markup(language.say("Note it down", "Annota"))
            .markup("</button></form>"),
    }
}

/// The remedies in the reader's words; the core has the advice in the interface's.
fn words(remedy: Remedy, language: Language) -> (&'static str, &'static str) {
    match remedy {
        Remedy::FreshCode => (
            language.say("Something for the next time", "Qualcosa per la prossima volta"),
            language.say(
                "Give a voucher of your own that can be used once, worth the same, and write its number here.",
                "Dai un tuo buono che vale una volta sola, dello stesso valore, e scrivi qui il suo numero.",
            ),
        ),
        Remedy::Replacement => (
            language.say("Another sale, now", "Un’altra vendita, adesso"),
            language.say(
                "If the customer is still here, ring the goods up anew and give the discount on that sale.",
                "Se il cliente è ancora qui, batti di nuovo la merce e dai lo sconto su quella vendita.",
            ),
        ),
        _ => (
            language.say("Nothing", "Niente"),
            language.say(
                "Apologise, and note it down: WOM cannot be given back.",
                "Scusati e annota: i WOM non tornano indietro.",
            ),
        ),
    }
}

/// A program must not decide this.
fn attention(
    visitor: &Visitor,
    view: &View,
    why: &str,
    wrong: Option<&'static str>,
) -> (String, Html) {
    let language = visitor.language;
    let title = language.say("Look at this sale", "Guarda questa vendita");
    let mut main = heading(title)
        .then(paragraph(language.say(
            "The payment was made. Whether the discount was given only you can see.",
            "Il pagamento è stato fatto. Se lo sconto è stato dato lo vedi solo tu.",
        )))
        .markup("<p class=\"note\">")
        .markup(reason(why, language))
        .markup(" <code>")
        .text(why)
        .markup("</code></p>");
    for (resolution, button) in [
        (
            "redeemed",
            language.say("The discount was given", "Lo sconto è stato dato"),
        ),
        (
            "retry",
            language.say("It was not: give it now", "Non è stato dato: dallo ora"),
        ),
        (
            "withdrawn",
            language.say("It was taken back", "È stato tolto"),
        ),
        (
            "recorded",
            language.say("The customer gets nothing", "Il cliente non riceve nulla"),
        ),
    ] {
        main = main
            .then(form(visitor, view, resolution))
            .markup("<button class=\"quiet\">")
            .markup(button)
            .markup("</button></form>");
    }
    (title.to_owned(), framed(view, language, wrong, main))
}

/// Why a person has to look, in the reader's words; the core has them in the interface's. Empty where
/// only a code is known.
fn reason(why: &str, language: Language) -> &'static str {
    let italian = match why {
        "below_floor" => "Il totale è sotto il minimo: togli lo sconto o accettalo.",
        "currency_differs" => "L’ordine è in un’altra valuta.",
        "discount_differs" => "L’ordine mostra più sconto del pattuito: togli quello di troppo.",
        "discount_gone" => "Lo sconto era sull’ordine aperto e non c’è più.",
        "discount_lost" => "L’ordine è stato chiuso senza lo sconto: dallo in un altro modo.",
        "not_bought" => "L’ordine non è stato né chiuso né annullato per giorni.",
        "not_shown" => "Il negozio ha preso lo sconto, ma l’ordine non lo mostra.",
        "nothing_to_reduce" => "Il totale non lascia spazio sopra il minimo.",
        "order_closed" => "L’ordine è stato chiuso prima dello sconto.",
        _ => "",
    };
    let known = REASONS.iter().find(|(code, _)| *code == why);
    language.say(known.map_or("", |(_, advice)| advice), italian)
}

/// A decision, up to what else it needs.
pub(super) fn form(visitor: &Visitor, view: &View, resolution: &'static str) -> Html {
    act(visitor, view, "resolve", " data-once").then(hidden("as", resolution))
}

/// Short enough for the core's 500 bytes, whatever is written: a browser counts units of two bytes, which
/// take three at most.
fn note(language: Language, id: &'static str) -> Html {
    Html::new("<p class=\"field\"><label for=\"")
        .markup(id)
        .markup("\">")
        .markup(language.say(
            "Why, without anybody’s name (may be left out)",
            "Perché, senza nomi (facoltativo)",
        ))
        .markup("</label><input id=\"")
        .markup(id)
        .markup("\" name=\"note\" autocomplete=\"off\" maxlength=\"160\"></p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_told_in_both_languages() {
        for (code, _) in REASONS {
            for language in [Language::En, Language::It] {
                assert!(!reason(code, language).is_empty(), "{code}");
            }
        }
    }
}
