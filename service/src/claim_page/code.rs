//! One code on the page: the link into the Pocket, the PIN, and the code to scan.

use wom_sdk::award::Ticket;

use crate::page::{self, Html, Language, copy};

/// Where the platform's own site sends whoever wants the Pocket; the Pocket itself names the same
/// ids where it asks to be updated.
const GOOGLE_PLAY: &str = "https://play.google.com/store/apps/details?id=social.wom.pocket";
const APP_STORE: &str = "https://apps.apple.com/app/wom-pocket/id1466969163";

/// How a person takes a code into their Pocket.
pub(super) fn steps(ticket: &Ticket, registry: &str, language: Language) -> Html {
    match is_for_the_app(ticket) {
        true => in_the_app(ticket, language),
        false => with_the_program(ticket, registry, language),
    }
}

/// Whether the Pocket from the app stores opens the link: it knows these and no others.
pub(super) fn is_for_the_app(ticket: &Ticket) -> bool {
    let known = [
        "https://link.wom.social/",
        "https://wom.social/",
        "wom://transfer/",
    ];
    let link = ticket.link.reveal();
    known.iter().any(|start| link.starts_with(start))
}

/// For who has no Pocket yet.
pub(super) fn without_the_app(language: Language) -> Html {
    Html::new("<details><summary>")
        .markup(language.say("No Pocket yet?", "Non hai ancora il Pocket?"))
        .markup("</summary><p>")
        .markup(language.say(
            "Get the app “WOM Pocket” on your phone. There is nothing to sign up for. Then come back here: these minutes stay yours.",
            "Prendi l’app “WOM Pocket” sul telefono. Non serve registrarsi. Poi torna qui: questi minuti restano tuoi.",
        ))
        .markup("</p><ul role=\"list\" class=\"stores\"><li><a rel=\"noreferrer\" href=\"")
        .markup(GOOGLE_PLAY)
        .markup("\">Google Play (Android)</a></li><li><a rel=\"noreferrer\" href=\"")
        .markup(APP_STORE)
        .markup("\">App Store (iPhone)</a></li></ul></details>")
}

fn in_the_app(ticket: &Ticket, language: Language) -> Html {
    let link = ticket.link.reveal();
    Html::new("<div class=\"code\">")
        .then(figure(link, language))
        .markup("<ol role=\"list\"><li><a class=\"button\" rel=\"noreferrer\" href=\"")
        .text(link)
        .markup("\">")
        .markup(language.say("Open in Pocket", "Apri in Pocket"))
        .markup("</a></li><li>")
        .markup(language.say(
            "The Pocket asks for this PIN:",
            "Il Pocket chiede questo PIN:",
        ))
        .then(pin(ticket.pin.reveal(), language))
        .markup("</li></ol></div>")
}

fn with_the_program(ticket: &Ticket, registry: &str, language: Language) -> Html {
    // Others can read a command line, so the program asks for the link.
    let command = format!("wom pocket --wallet wallet.json redeem --registry {registry}");
    let link = ticket.link.reveal();
    Html::new("<p class=\"aside\">")
        .markup(language.say(
            "The Pocket from the app stores opens links of wom.social only. These minutes are at another Registry, ",
            "Il Pocket dei negozi di app apre solo i link di wom.social. Questi minuti sono in un altro Registry, ",
        ))
        .markup("<code>")
        .text(registry)
        .markup("</code>.</p><ol role=\"list\"><li>")
        .markup(language.say(
            "Collect them with the <code>wom</code> program:",
            "Riscuotili con il programma <code>wom</code>:",
        ))
        .then(unbroken(&command))
        .then(copy(
            &command,
            language.say("Copy the command", "Copia il comando"),
            language,
        ))
        .markup("</li><li>")
        .markup(language.say(
            "It asks for the link. Paste this one, then Enter:",
            "Il programma chiede il link. Incolla questo, poi Invio:",
        ))
        .then(unbroken(link))
        .then(copy(
            link,
            language.say("Copy the link", "Copia il link"),
            language,
        ))
        .markup("</li><li>")
        .markup(language.say(
            "Then it asks for this PIN. Type it, then Enter:",
            "Poi chiede questo PIN. Scrivilo, poi Invio:",
        ))
        .then(pin(ticket.pin.reveal(), language))
        .markup("</li></ol>")
}

/// A command, or a link, of which no line ends within a word that fits in one.
fn unbroken(command: &str) -> Html {
    let mut html = Html::new("<pre><code>");
    for (index, word) in command.split(' ').enumerate() {
        let before = if index > 0 { " <span>" } else { "<span>" };
        html = html.markup(before).text(word).markup("</span>");
    }
    html.markup("</code></pre>")
}

fn pin(pin: &str, language: Language) -> Html {
    page::pin(pin)
        .then(copy(
            pin,
            language.say("Copy the PIN", "Copia il PIN"),
            language,
        ))
        .markup("<p class=\"note\">")
        .markup(language.say(
            "After three wrong PINs the code is worth nothing.",
            "Dopo tre PIN sbagliati il codice non vale più.",
        ))
        .markup("</p>")
}

/// The link for the camera of a phone that lies beside; nothing where it is too long to scan.
fn figure(link: &str, language: Language) -> Html {
    let name = language.say("QR code of the link", "Codice QR del link");
    let Some(drawn) = page::qr(link, name) else {
        return Html::default();
    };
    Html::new("<figure>")
        .then(drawn)
        .markup("<figcaption>")
        .markup(language.say(
            "Pocket on your phone? Point its camera here.",
            "Hai il Pocket sul telefono? Inquadra qui con la fotocamera.",
        ))
        .markup("</figcaption></figure>")
}

#[cfg(test)]
mod tests {
    use wom_sdk::protocol::{LinkText, Otc, Pin};

    use super::*;

    fn ticket(link: &str) -> Ticket {
        Ticket {
            otc: "0123456789abcdef0123456789abcdef".parse::<Otc>().unwrap(),
            pin: Pin::parse("0420").unwrap(),
            link: LinkText::from(link.to_owned()),
            minutes: 25,
        }
    }

    fn shown(link: &str) -> String {
        steps(&ticket(link), "http://127.0.0.1:1", Language::En).into_text()
    }

    #[test]
    fn only_links_that_the_stock_pocket_opens_are_links() {
        let platform = "https://link.wom.social/vouchers/01234567-89ab-cdef-0123-456789abcdef";
        let html = shown(platform);
        assert!(html.contains(&format!("href=\"{platform}\"")), "{html}");
        assert!(html.contains("<svg") && !html.contains("<?xml"), "{html}");
        assert!(html.contains(">0 4 2 0<"), "{html}");
        for link in [
            "http://127.0.0.1:1/vouchers/x",
            "https://wom.social.example/vouchers/x",
            "javascript:alert(1)",
        ] {
            let html = shown(link);
            assert!(!html.contains("href"), "{html}");
            assert!(html.contains("data-copy=\"wom pocket --wallet"), "{html}");
        }
    }

    #[test]
    fn who_has_no_pocket_is_led_to_the_stores() {
        for language in [Language::En, Language::It] {
            let html = without_the_app(language).into_text();
            for store in [GOOGLE_PLAY, APP_STORE] {
                let link = format!("<a rel=\"noreferrer\" href=\"{store}\">");
                assert!(html.contains(&link), "{html}");
            }
        }
    }

    #[test]
    fn no_link_stands_in_a_command() {
        let html = shown("http://127.0.0.1:1/vouchers/x");
        assert!(
            html.contains(
                "data-copy=\"wom pocket --wallet wallet.json redeem --registry http://127.0.0.1:1\""
            ),
            "{html}"
        );
        assert!(
            html.contains("data-copy=\"http://127.0.0.1:1/vouchers/x\""),
            "{html}"
        );
    }
}
