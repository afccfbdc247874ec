//! QR codes in the terminal.

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

/// The link as a QR code of half-block characters, dark on light; `None` if it is too long.
pub fn draw(link: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    Some(
        code.render::<Dense1x2>()
            .dark_color(Dense1x2::Dark)
            .light_color(Dense1x2::Light)
            .build(),
    )
}
