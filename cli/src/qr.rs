//! QR codes in the terminal.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

/// The link as a QR code of half-block characters; `None` if it is too long. With `color` it is
/// black on white whatever the terminal's own colours are, as some scanners need it.
pub fn draw(link: &str, color: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    let plain = code
        .render::<Dense1x2>()
        .dark_color(Dense1x2::Dark)
        .light_color(Dense1x2::Light)
        .build();
    if !color {
        return Some(plain);
    }
    let lines = plain
        .lines()
        .map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m\n"));
    Some(lines.collect())
}
