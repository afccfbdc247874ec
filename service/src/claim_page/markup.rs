//! HTML in which nothing that was not written here can be markup, and the policy that holds a
//! browser to that.

use std::sync::LazyLock;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::Language;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page's own style and script, known by their digests; nothing else, from nowhere.
pub(super) static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
});

/// A piece of a page.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup that stands in the code.
    pub(super) fn new(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// A drawing by a library, of which no text is anybody's.
    pub(super) fn drawn(svg: String) -> Self {
        Self(svg)
    }

    /// Then markup that stands in the code.
    #[must_use]
    pub(super) fn markup(mut self, markup: &'static str) -> Self {
        self.0 += markup;
        self
    }

    /// Then any text, also within the quotes of an attribute.
    #[must_use]
    pub(super) fn text(mut self, text: &str) -> Self {
        for character in text.chars() {
            match character {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                '\'' => self.0 += "&#39;",
                other => self.0.push(other),
            }
        }
        self
    }

    /// Then another piece.
    #[must_use]
    pub(super) fn then(mut self, other: Self) -> Self {
        self.0 += &other.0;
        self
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// The whole document. `bar` stands above what the page is about, `foot` below.
pub(super) fn document(
    language: Language,
    title: &str,
    bar: Html,
    main: Html,
    foot: &'static str,
) -> String {
    let promise = language.say(
        "WOM, worth one minute. This page tracks nobody and loads nothing from elsewhere.",
        "WOM, worth one minute. Questa pagina non traccia nessuno e non carica nulla da fuori.",
    );
    Html::new("<!doctype html><html lang=\"")
        .markup(language.tag())
        .markup("\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        .markup("<meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\"><title>")
        .text(title)
        .markup(" · WOM</title><style>")
        .markup(STYLE)
        .markup("</style></head><body><header>")
        .then(bar)
        .markup("</header><main>")
        .then(main)
        .markup("</main><footer><p>")
        .markup(promise)
        .markup(" ")
        .markup(foot)
        .markup("</p></footer><script>")
        .markup(SCRIPT)
        .markup("</script></body></html>")
        .into_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        let html = Html::new("<p title=\"")
            .text("\"><script>'&amp;")
            .markup("\">");
        assert_eq!(
            html.0,
            "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;amp;\">"
        );
    }

    #[test]
    fn nothing_from_elsewhere_stands_in_style_or_script() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("url(") && !text.contains("http"));
        }
        assert!(!POLICY.contains("unsafe"), "{}", *POLICY);
    }
}
