//! HTML in which nothing that was not written here can be markup.

/// A piece of a page.
#[derive(Default)]
pub(crate) struct Html(String);

impl Html {
    /// Markup that stands in the code.
    pub(crate) fn new(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// A drawing by a library, of which no text is anybody's.
    pub(crate) fn drawn(svg: String) -> Self {
        Self(svg)
    }

    /// Then markup that stands in the code.
    #[must_use]
    pub(crate) fn markup(mut self, markup: &'static str) -> Self {
        self.0 += markup;
        self
    }

    /// Then any text, also within the quotes of an attribute.
    #[must_use]
    pub(crate) fn text(mut self, text: &str) -> Self {
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
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0 += &other.0;
        self
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
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
}
