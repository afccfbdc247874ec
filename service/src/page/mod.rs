//! What the pages for people share: markup, languages, looks, and the policy that holds a browser to
//! what the page brings.

mod language;
mod markup;
mod qr;

pub(crate) use language::Language;
pub(crate) use markup::Html;
pub(crate) use qr::qr;

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

/// The one style and the one script of a page, with all that it may do.
pub(crate) struct Dress {
    style: &'static str,
    script: &'static str,
    policy: String,
    referrer: &'static str,
}

/// What a page is about.
pub(crate) struct Document<'a> {
    pub(crate) language: Language,
    pub(crate) title: &'a str,
    /// Goes into the head, after the title.
    pub(crate) head: Html,
    /// Stands above what the page is about.
    pub(crate) bar: Html,
    pub(crate) main: Html,
    /// Stands below, after the promise.
    pub(crate) foot: &'static str,
}

impl Dress {
    /// Its own style and script, known by their digests; nothing else, from nowhere.
    pub(crate) fn new(style: &'static str, script: &'static str) -> Self {
        let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
            digest(style),
            digest(script)
        );
        Self {
            style,
            script,
            policy,
            referrer: "no-referrer",
        }
    }

    /// Its script may ask this site, and this site is told where its forms come from.
    pub(crate) fn asks_its_own_site(self) -> Self {
        Self {
            policy: self.policy + "; connect-src 'self'",
            referrer: "same-origin",
            ..self
        }
    }

    /// The whole document.
    pub(crate) fn page(&self, document: Document<'_>) -> String {
        let language = document.language;
        Html::new("<!doctype html><html lang=\"")
            .markup(language.tag())
            .markup("\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
            .markup("<meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\"><title>")
            .text(document.title)
            .markup(" · WOM</title>")
            .then(document.head)
            .markup("<style>")
            .markup(self.style)
            .markup("</style></head><body><header>")
            .then(document.bar)
            .markup("</header><main>")
            .then(document.main)
            .markup("</main><footer><p>")
            .markup(language.say(
                "WOM, worth one minute. This page tracks nobody and loads nothing from elsewhere.",
                "WOM, worth one minute. Questa pagina non traccia nessuno e non carica nulla da fuori.",
            ))
            .markup(" ")
            .markup(document.foot)
            .markup("</p></footer><script>")
            .markup(self.script)
            .markup("</script></body></html>")
            .into_text()
    }

    /// Nothing is loaded from elsewhere, nothing is kept, and no other site may frame it.
    pub(crate) fn html(&self, status: StatusCode, text: String) -> Response {
        let headers: [(HeaderName, &str); 5] = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, self.referrer),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, &self.policy),
        ];
        (status, headers, text).into_response()
    }

    /// Nothing from elsewhere stands in it.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        for text in [self.style, self.script] {
            assert!(!text.contains("</") && !text.contains("url(") && !text.contains("http"));
        }
        assert!(!self.policy.contains("unsafe"), "{}", self.policy);
    }
}

/// A button that the script shows where it works: it copies this text.
pub(crate) fn copy(text: &str, label: &'static str, language: Language) -> Html {
    Html::new("<p class=\"copy\"><button type=\"button\" class=\"quiet\" hidden data-copy=\"")
        .text(text)
        .markup("\" data-copied=\"")
        .markup(language.say("Copied", "Copiato"))
        .markup("\" data-failed=\"")
        .markup(language.say(
            "Your browser does not allow it",
            "Il browser non lo permette",
        ))
        .markup("\">")
        .markup(label)
        .markup("</button> <span role=\"status\"></span></p>")
}

/// A PIN, large for the eye; said digit by digit.
pub(crate) fn pin(pin: &str) -> Html {
    let mut said = String::new();
    for digit in pin.chars() {
        said.push(digit);
        said.push(' ');
    }
    Html::new("<p class=\"pin\"><span aria-hidden=\"true\">")
        .text(pin)
        .markup("</span><span class=\"said\">")
        .text(said.trim_end())
        .markup("</span></p>")
}
