//! The page as HTML: one document, nothing from elsewhere.

use wom_sdk::claim::{Claim, Given};
use wom_sinks::Reason;

use super::Language;

/// Styles and the one script stand in the page.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What a person sees.
pub(super) struct View {
    /// The instrument, as the page's addresses have it.
    pub(super) name: String,
    /// Minutes that can be collected and have no code yet.
    pub(super) waiting: u64,
    /// What the person gave, day by day.
    pub(super) given: Vec<Given>,
    /// What the codes below are for.
    pub(super) reasons: Vec<Reason>,
    /// The codes that are there.
    pub(super) claims: Vec<Claim>,
    /// Whether the Registry is on this machine: the stock Pocket does not open its links.
    pub(super) local: bool,
    /// The Registry's address.
    pub(super) registry: String,
}

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

pub(super) fn notice(notice: Notice, language: Language) -> String {
    let text = match notice {
        Notice::Unknown => language.say(
            "This address is not complete.",
            "Questo indirizzo non è completo.",
        ),
        Notice::TooLate => language.say("This page is over.", "Questa pagina è scaduta."),
        Notice::Used => language.say(
            "This address was opened before.",
            "Questo indirizzo è già stato aperto.",
        ),
        Notice::Later => language.say("Try again in a moment.", "Riprova tra un momento."),
    };
    format!(
        "<!doctype html><html lang=\"{}\"><title>WOM</title><p>{text}</p></html>",
        language.tag()
    )
}

pub(super) fn page(view: &View, language: Language) -> String {
    let mut body = String::new();
    for claim in &view.claims {
        body += &format!(
            "<p><a href=\"{}\">Open in Pocket</a> PIN {}</p>",
            claim.ticket.link.reveal(),
            claim.ticket.pin.reveal()
        );
    }
    body += &format!(
        "<p>{} {} {} {}</p><form method=\"post\" action=\"/claim/{}/collect\"><button>Collect {}</button></form>",
        view.given.len(),
        view.reasons.len(),
        view.local,
        view.registry,
        view.name,
        view.waiting
    );
    format!(
        "<!doctype html><html lang=\"{}\"><title>WOM</title>{body}</html>",
        language.tag()
    )
}
