//! A link for a camera.

use qrcode::{EcLevel, QrCode, render::svg};

use super::Html;

/// The link as a picture; nothing where it is too long to scan. `name` says what it is to whoever does
/// not see it.
pub(crate) fn qr(link: &str, name: &'static str) -> Option<Html> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    let drawn = code
        .render::<svg::Color<'_>>()
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // What comes before is for files, not for a page.
    let start = drawn.find("<svg")?;
    Some(
        Html::new("<div role=\"img\" aria-label=\"")
            .markup(name)
            .markup("\">")
            .then(Html::drawn(drawn[start..].to_owned()))
            .markup("</div>"),
    )
}
