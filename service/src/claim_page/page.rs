//! The page in each of its states.

use super::{
    DRESS, code,
    view::{Code, Row, View, total},
};
use crate::page::{Document, Html, Language};

/// A longer list is folded after its first few rows.
const FOLDED_FROM: usize = 8;
const SHOWN: usize = 5;

/// What there is to say where there is nothing to show.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice {
    /// No such page.
    Unknown,
    /// The address or the visit is over.
    TooLate,
    /// The address was opened before.
    Used,
    /// Something does not answer.
    Later,
}

/// The page of a person.
pub(super) fn page(view: &View, language: Language) -> String {
    let minutes: u64 = view
        .codes
        .iter()
        .map(|code| u64::from(code.ticket.minutes))
        .sum();
    let (waiting, collected) = (total(&view.waiting), total(&view.collected));
    let (title, main) = if minutes > 0 {
        let title = [
            language.minutes(minutes),
            language
                .say("for your Pocket", "per il tuo Pocket")
                .to_owned(),
        ];
        let main = codes(view, minutes, language).then(more(view, waiting, language));
        (title, main)
    } else if waiting > 0 {
        let verb = match waiting {
            1 => language.say("waits for you", "ti aspetta"),
            _ => language.say("wait for you", "ti aspettano"),
        };
        let main = to_collect(view, language).then(earlier(view, language));
        ([language.minutes(waiting), verb.to_owned()], main)
    } else if collected > 0 {
        let verb = match collected {
            1 => language.say("already collected", "già riscosso"),
            _ => language.say("already collected", "già riscossi"),
        };
        let main = paragraph(language.say(
            "Thank you for your time. When there is more, it appears here.",
            "Grazie del tuo tempo. Quando ce n’è altro, lo trovi qui.",
        ))
        .then(list(&view.collected, language));
        ([language.minutes(collected), verb.to_owned()], main)
    } else {
        let main = paragraph(language.say(
            "Your minutes appear here once they are counted. Come back a little later.",
            "I tuoi minuti compaiono qui una volta contati. Torna tra un po’.",
        ));
        let title = language.say("Nothing waits yet", "Ancora niente da riscuotere");
        ([title.to_owned(), String::new()], main)
    };
    let [count, rest] = title;
    let head = Html::new("<h1><strong>")
        .text(&count)
        .markup("</strong> ")
        .text(&rest)
        .markup("</h1>");
    document(
        language,
        format!("{count} {rest}").trim_end(),
        bar(view, language),
        head.then(main).then(held(view, language)),
        language.say(
            "It stays open for half an hour.",
            "Resta aperta per mezz’ora.",
        ),
    )
}

/// A page that only says something. `name` is the instrument whose page can be tried again.
pub(super) fn notice(notice: Notice, name: Option<&str>, language: Language) -> String {
    let (title, text) = match notice {
        Notice::Unknown => (
            language.say(
                "This address is not complete",
                "Questo indirizzo non è completo",
            ),
            language.say(
                "Go back to where you found it, and open it from there.",
                "Torna dove l’hai trovato e aprilo da lì.",
            ),
        ),
        Notice::TooLate => (
            language.say("This page has expired", "Questa pagina è scaduta"),
            language.say(
                "It stays open for a short while only, so that nobody else can use it. Your minutes are still yours: go back to where you found the page, and open it again.",
                "Resta aperta solo per poco, così nessun altro può usarla. I minuti sono ancora tuoi: torna dove hai trovato la pagina e aprila di nuovo.",
            ),
        ),
        Notice::Used => (
            language.say(
                "This address was already opened",
                "Questo indirizzo è già stato aperto",
            ),
            language.say(
                "Each address works once, so that nobody else can use it. Your minutes are still yours: go back to where you found the page, and open it again.",
                "Ogni indirizzo vale una volta, così nessun altro può usarlo. I minuti sono ancora tuoi: torna dove hai trovato la pagina e aprila di nuovo.",
            ),
        ),
        Notice::Later => (
            language.say("Not at this moment", "Non in questo momento"),
            language.say(
                "Something does not answer. Your minutes are safe: try again in a minute.",
                "Qualcosa non risponde. I tuoi minuti sono al sicuro: riprova tra un minuto.",
            ),
        ),
    };
    let again = name.map_or_else(Html::default, |name| {
        Html::new("<p><a class=\"button\" href=\"/claim/")
            .text(name)
            .markup("\">")
            .markup(language.say("Try again", "Riprova"))
            .markup("</a></p>")
    });
    let main = Html::new("<h1>")
        .markup(title)
        .markup("</h1>")
        .then(paragraph(text))
        .then(again);
    document(language, title, Html::new("<p>WOM</p>"), main, "")
}

/// What was collected, and has no code yet. The script asks again; the button does so without it.
pub(super) fn preparing(name: &str, instrument: &str, language: Language) -> String {
    let title = language.say(
        "Your minutes are being prepared",
        "I tuoi minuti sono in preparazione",
    );
    let main = Html::new("<h1>")
        .markup(title)
        .markup("</h1>")
        .then(paragraph(language.say(
            "Making the code takes longer than usual. Nothing is lost: what you collected is kept. The page goes on by itself; if it does not, press the button, or come back later.",
            "Preparare il codice richiede più tempo del solito. Non si perde nulla: quello che hai riscosso è al sicuro. La pagina prosegue da sola; se non lo fa, premi il bottone o torna più tardi.",
        )))
        .then(form(name, "collect"))
        .markup("\" data-again><button>")
        .markup(language.say("Ask again now", "Riprova ora"))
        .markup("</button></form>");
    document(language, title, whose(instrument), main, "")
}

/// Whose page it is.
fn whose(instrument: &str) -> Html {
    Html::new("<p>WOM · <b>")
        .text(instrument)
        .markup("</b></p>")
}

/// Whose page it is, and the other language.
fn bar(view: &View, language: Language) -> Html {
    let other = language.other();
    whose(&view.title)
        .then(form(&view.name, "language/"))
        .markup(other.tag())
        .markup("\"><button class=\"quiet\" lang=\"")
        .markup(other.tag())
        .markup("\">")
        .markup(other.own_name())
        .markup("</button></form>")
}

fn to_collect(view: &View, language: Language) -> Html {
    paragraph(language.say(
        "You gave this time to something useful. Collect it: each minute becomes a voucher in your Pocket.",
        "Hai dedicato questo tempo a qualcosa di utile. Riscuotilo: ogni minuto diventa un voucher nel tuo Pocket.",
    ))
    .then(collect(view, "", language))
    .then(list(&view.waiting, language))
}

/// A form up to the end of its action.
fn form(name: &str, action: &'static str) -> Html {
    Html::new("<form method=\"post\" action=\"/claim/")
        .text(name)
        .markup("/")
        .markup(action)
}

fn collect(view: &View, class: &'static str, language: Language) -> Html {
    form(&view.name, "collect")
        .markup("\"><button class=\"")
        .markup(class)
        .markup("\">")
        .markup(language.say("Collect", "Riscuoti"))
        .markup("</button></form>")
}

fn codes(view: &View, minutes: u64, language: Language) -> Html {
    let mut html = Html::default();
    for (index, code) in view.codes.iter().enumerate() {
        html = match view.codes.len() {
            1 => html.markup("<section>"),
            all => html.then(section(index + 1, all, code, language)),
        }
        .then(code::steps(&code.ticket, &view.registry, language))
        .markup("<details><summary>")
        .markup(language.say("What it is for", "Per che cosa"))
        .markup("</summary>")
        .then(rows(&code.reasons, language))
        .markup("</details></section>");
    }
    if view
        .codes
        .iter()
        .any(|code| code::is_for_the_app(&code.ticket))
    {
        html = html.then(code::without_the_app(language));
    }
    html.then(done(view, minutes, language))
}

/// What cannot be undone is asked for twice: a box to tick, then the button.
fn done(view: &View, minutes: u64, language: Language) -> Html {
    let mut html = form(&view.name, "done").markup("\">");
    for code in &view.codes {
        html = html
            .markup("<input type=\"hidden\" name=\"code\" value=\"")
            .text(&code.key.to_hex())
            .markup("\">");
    }
    html.markup("<label><input type=\"checkbox\" required> <span>")
        .markup(language.say("I see ", "Vedo "))
        .text(&language.minutes(minutes))
        .markup(language.say(
            " in my Pocket. They need not be shown here any more.",
            " nel mio Pocket. Qui non serve più mostrarli.",
        ))
        .markup("</span></label><button class=\"quiet\">")
        .markup(language.say("It is in my Pocket", "È nel mio Pocket"))
        .markup("</button></form>")
}

/// The beginning of one section of many, with its heading.
fn section(number: usize, of: usize, code: &Code, language: Language) -> Html {
    let number = number.to_string();
    Html::new("<section aria-labelledby=\"code-")
        .text(&number)
        .markup("\"><h2 id=\"code-")
        .text(&number)
        .markup("\">")
        .markup(language.say("Code ", "Codice "))
        .text(&number)
        .markup(language.say(" of ", " di "))
        .text(&of.to_string())
        .markup(": ")
        .text(&language.minutes(code.ticket.minutes.into()))
        .markup("</h2>")
}

/// Minutes that came after the codes were made.
fn more(view: &View, waiting: u64, language: Language) -> Html {
    if waiting == 0 {
        return Html::default();
    }
    Html::new("<section><h2>")
        .markup(language.say("And since then: ", "E nel frattempo: "))
        .text(&language.minutes(waiting))
        .markup("</h2>")
        .then(list(&view.waiting, language))
        .then(collect(view, "quiet", language))
        .markup("</section>")
}

/// What somebody has to look at first, and why.
fn held(view: &View, language: Language) -> Html {
    let minutes = view.held.iter().map(|(row, _)| row.minutes).sum::<u64>();
    if minutes == 0 {
        return Html::default();
    }
    let mut html = Html::new("<details><summary>")
        .markup(language.say("Still being checked: ", "Ancora da verificare: "))
        .text(&language.minutes(minutes))
        .markup("</summary>");
    for (row, reason) in &view.held {
        html = html.then(rows(std::slice::from_ref(row), language));
        if let Some(reason) = reason {
            html = html.then(paragraph(language.say(reason.en, reason.it)));
        }
    }
    html.markup("</details>")
}

/// What was collected before.
fn earlier(view: &View, language: Language) -> Html {
    let collected = total(&view.collected);
    if collected == 0 {
        return Html::default();
    }
    Html::new("<details><summary>")
        .markup(language.say("Already collected: ", "Già riscossi: "))
        .text(&language.minutes(collected))
        .markup("</summary>")
        .then(rows(&view.collected, language))
        .markup("</details>")
}

fn document(language: Language, title: &str, bar: Html, main: Html, foot: &'static str) -> String {
    DRESS.page(Document {
        language,
        title,
        head: Html::default(),
        bar,
        main,
        foot,
    })
}

fn paragraph(text: &'static str) -> Html {
    Html::new("<p>").markup(text).markup("</p>")
}

/// What for and when, folded where it is long, with the sum.
fn list(all: &[Row], language: Language) -> Html {
    let (shown, folded) = match all.len() < FOLDED_FROM {
        true => (all, &[][..]),
        false => all.split_at(SHOWN),
    };
    let mut html = rows(shown, language);
    if !folded.is_empty() {
        html = html
            .markup("<details><summary>")
            .markup(language.say("More: ", "Altri: "))
            .text(&folded.len().to_string())
            .markup("</summary>")
            .then(rows(folded, language))
            .markup("</details>");
    }
    if all.len() < 2 {
        return html;
    }
    html.markup("<p class=\"total\"><span>")
        .markup(language.say("Total", "Totale"))
        .markup("</span> <b>")
        .text(&language.minutes(total(all)))
        .markup("</b></p>")
}

fn rows(rows: &[Row], language: Language) -> Html {
    let mut html = Html::new("<ul role=\"list\" class=\"rows\">");
    for row in rows {
        html = html
            .markup("<li><span>")
            .text(&language.aim(row.aim))
            .markup("<small>")
            .text(&row.day.map_or_else(String::new, |day| language.day(day)))
            .markup("</small></span> <b>")
            .text(&language.minutes(row.minutes))
            .markup("</b></li>");
    }
    html.markup("</ul>")
}

#[cfg(test)]
mod tests {
    use wom_sdk::rules::Reason;

    use super::*;

    static TOO_FAST: Reason = Reason {
        code: "too_fast",
        en: "this was <too> fast",
        it: "troppo veloce",
    };

    /// What somebody has to look at first is told with why, in the reader's words.
    #[test]
    fn what_is_held_is_told_with_why() {
        let row = Row {
            aim: Some("H".parse().unwrap()),
            day: Some("2026-03-01".parse().unwrap()),
            minutes: 40,
        };
        let mut view = View {
            name: "walks".to_owned(),
            title: "Walks of the town".to_owned(),
            registry: "https://registry.example".to_owned(),
            waiting: Vec::new(),
            codes: Vec::new(),
            held: vec![(row, Some(&TOO_FAST)), (row, None)],
            collected: Vec::new(),
        };
        let italian = page(&view, Language::It);
        assert!(italian.contains("Ancora da verificare: 80"), "{italian}");
        assert!(italian.contains("troppo veloce"));
        let english = page(&view, Language::En);
        assert!(english.contains("Still being checked: 80"), "{english}");
        assert!(english.contains("this was"));
        assert!(!english.contains("too_fast"));
        view.held.clear();
        assert!(!page(&view, Language::En).contains("checked"));
    }
}
