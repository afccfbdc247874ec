//! Where things are on a sheet and on a slip, in millimetres.
//!
//! ```text
//! ┌───────────────────────┬────────────────┬ ─ ─ ─ ─ ─ ─ ─ ─┐
//! │ campaign              │      PIN       ╎                │
//! │ ▓▓▓▓▓  42             │    0 1 2 3     ╎  ░░░░░░░░░░    │
//! │ ▓▓▓▓▓  minutes        │                ╎                │
//! │ ▓▓▓▓▓  what for, when │  how to        ╎  how to fold   │
//! │ how to scan           │  collect       ╎                │
//! └───────────────────────┴────────────────┴ ─ ─ ─ ─ ─ ─ ─ ─┘
//!     outside                inside          flap, folds over the inside
//! ```
//!
//! The flap is printed on one side only, so that its back, which is blank, is what shows when it is
//! folded. A pattern on it comes to lie on the PIN, so that it cannot be read against the light.

use qrcode::{Color, EcLevel, QrCode};
use wom_sdk::{Error, Kind, Result, award::Reason, claim::Claim};

use super::{
    canvas::{Canvas, Column, MM, Style},
    font::{
        Face::{Bold, Regular, Signs},
        encode,
    },
    words::Words,
};
pub(super) const SHEET: [f32; 2] = [210.0, 297.0];
/// Width and height of a slip that is cut out.
pub(super) const SLIP: [f32; 2] = [190.0, 69.0];
/// Slips on a sheet, one below the other.
pub(super) const ON_SHEET: usize = 4;
const LEFT: f32 = 10.0;
const TOP: f32 = 10.5;
/// Where the outside ends and the inside begins.
const INSIDE: f32 = 80.0;
/// Where the flap begins; it is a little narrower than the inside.
pub(super) const FOLD: f32 = 136.0;
const CODE: [f32; 2] = [5.0, 16.6];
/// The most room that a code takes, without its quiet zone.
const CODE_SIDE: f32 = 37.0;
/// Smaller modules do not scan well from paper.
const SMALLEST_MODULE: f32 = 0.4;
/// Around a code four modules stay free: 3.4 mm are free everywhere.
const LARGEST_MODULE: f32 = 0.85;

const GREY: f32 = 0.35;
const LIGHT: f32 = 0.62;

/// What is equal on all slips of a document.
pub(super) fn frame(campaign: &str, languages: &[&Words]) -> Canvas {
    let mut canvas = Canvas::new(SLIP[1]);
    let outside = column(5.0, INSIDE - 8.0);
    canvas.paragraph(outside, 8.0, Style(Bold, 10.5, 0.0), &encode(campaign), 1);
    let mut y = 60.0;
    for (words, grey) in languages.iter().zip([0.0, GREY]) {
        y = canvas.paragraph(
            outside,
            y,
            Style(Regular, 6.5, grey),
            &encode(words.scan),
            2,
        );
    }

    canvas.line([INSIDE, 5.0], [INSIDE, SLIP[1] - 5.0], 0.4, 0.8, &[]);
    let inside = column(INSIDE + 5.0, FOLD - INSIDE - 10.0);
    canvas.spaced(centred(inside), 10.0, Style(Bold, 9.0, GREY), 3.0, b"PIN");
    let mut y = 35.4;
    for (words, grey) in languages.iter().zip([0.0, GREY]) {
        y = canvas.paragraph(
            inside,
            y,
            Style(Regular, 6.5, grey),
            &encode(words.collect),
            8,
        ) + 1.6;
    }

    canvas.line([FOLD, 0.0], [FOLD, SLIP[1]], 0.7, 0.25, &[4.0, 3.0]);
    let labels: Vec<_> = languages.iter().map(|words| words.fold_line).collect();
    canvas.upwards(
        FOLD + 2.4,
        SLIP[1] - 3.0,
        Style(Regular, 5.5, LIGHT),
        &encode(&labels.join(" · ")),
    );
    cover(&mut canvas);
    let flap = column(FOLD + 6.0, SLIP[0] - FOLD - 11.0);
    let mut y = 42.0;
    for (words, grey) in languages.iter().zip([0.0, GREY]) {
        y = canvas.paragraph(
            centred(flap),
            y,
            Style(Regular, 7.5, grey),
            &encode(words.fold),
            4,
        ) + 1.6;
    }
    canvas
}

/// Rows of digits, as dense as those of a PIN, that come to lie on it when the flap is folded.
fn cover(canvas: &mut Canvas) {
    let middle = FOLD + (FOLD - INSIDE) / 2.0;
    let place = centred(column(middle - 22.5, 45.0));
    let mut digit = 7_u32;
    for (row, size) in [18.0_f32, 21.5, 25.0, 28.5]
        .iter()
        .zip([22.0_f32, 22.0, 22.0, 22.0])
    {
        let digits: Vec<u8> = (0..10)
            .map(|_| {
                digit = digit.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"0689325471"[(digit >> 24) as usize % 10]
            })
            .collect();
        canvas.spaced(place, *row, Style(Bold, size, 0.15), 0.4, &digits);
    }
}

/// One slip in its place on the sheet.
pub(super) struct Slip<'a> {
    pub(super) claim: &'a Claim,
    pub(super) reasons: Vec<Reason>,
    pub(super) languages: &'a [&'a Words],
}

impl Slip<'_> {
    /// Draws what differs from slip to slip onto a sheet, in this place from the top (0 to 3).
    pub(super) fn draw(&self, sheet: &mut Canvas, place: usize) -> Result<()> {
        let top = TOP + SLIP[1] * place as f32;
        sheet.part(super::FRAME, LEFT, top + SLIP[1]);
        self.code(sheet, top)?;
        self.worth(sheet, top);
        self.greeting(sheet, top);
        self.pin(sheet, top)?;
        let link = encode(self.claim.ticket.link.reveal());
        let beneath = column(LEFT + 5.0, INSIDE - 8.0);
        let y = top + SLIP[1] - 2.2;
        sheet.paragraph(beneath, y, Style(Regular, 4.6, GREY), &link, 1);
        Ok(())
    }

    /// For whom it is, where that is known, or else thanks.
    fn greeting(&self, sheet: &mut Canvas, top: f32) {
        let line = column(LEFT + 5.0, INSIDE - 8.0);
        let both = |word: fn(&Words) -> &'static str| {
            let words: Vec<_> = self.languages.iter().map(|words| word(words)).collect();
            words.join(" · ")
        };
        let (style, text) = match &self.claim.handle {
            Some(handle) => {
                let text = format!("{}: {}", both(|words| words.to), handle.reveal());
                (Style(Bold, 7.0, 0.0), text)
            }
            None => (Style(Regular, 7.0, GREY), both(|words| words.thanks)),
        };
        sheet.paragraph(line, top + 12.2, style, &encode(&text), 1);
    }

    /// The PIN, as large as it fits; four digits are 10 mm high.
    fn pin(&self, sheet: &mut Canvas, top: f32) -> Result<()> {
        let pin = self.claim.ticket.pin.reveal();
        if !pin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::new(
                Kind::PinUnacceptable,
                "a PIN has letters that cannot be printed on a slip",
            ));
        }
        let column = column(LEFT + INSIDE + 5.0, FOLD - INSIDE - 10.0);
        let wide = Bold.width(pin.as_bytes(), 1.0) + 0.2 * pin.len() as f32;
        let size = 40.0_f32.min(column.width * MM / wide);
        let style = Style(Bold, size, 0.0);
        sheet.spaced(
            centred(column),
            top + 26.5,
            style,
            size / 5.0,
            pin.as_bytes(),
        );
        Ok(())
    }

    fn code(&self, sheet: &mut Canvas, top: f32) -> Result<()> {
        let link = self.claim.ticket.link.reveal();
        // The better a code mends itself, the more a crease or a stain may take away.
        let code = [EcLevel::Q, EcLevel::M, EcLevel::L]
            .into_iter()
            .filter_map(|level| QrCode::with_error_correction_level(link, level).ok())
            .find(|code| CODE_SIDE / code.width() as f32 >= SMALLEST_MODULE)
            .ok_or_else(|| {
                Error::new(
                    Kind::LimitExceeded,
                    "a link is too long to be printed as a code",
                )
            })?;
        let module = (CODE_SIDE / code.width() as f32).min(LARGEST_MODULE);
        let place = [LEFT + CODE[0], top + CODE[1]];
        sheet.modules(place, module, code.width(), |row, column| {
            code[(column, row)] == Color::Dark
        });
        Ok(())
    }

    /// The minutes, and what for.
    fn worth(&self, sheet: &mut Canvas, top: f32) {
        let minutes = self.claim.ticket.minutes;
        let beside = column(
            LEFT + CODE[0] + CODE_SIDE + 5.5,
            INSIDE - CODE[0] - CODE_SIDE - 8.5,
        );
        let digits = minutes.to_string();
        let size = 34.0_f32.min(110.0 / digits.len() as f32);
        sheet.text(
            beside,
            top + 25.0,
            Style(Bold, size, 0.0),
            digits.as_bytes(),
        );
        let units: Vec<_> = self
            .languages
            .iter()
            .map(|words| {
                if minutes == 1 {
                    words.minute
                } else {
                    words.minutes
                }
            })
            .collect();
        sheet.text(
            beside,
            top + 29.0,
            Style(Bold, 8.0, 0.0),
            &encode(&units.join(" · ")),
        );
        let mut y = top + 33.8;
        for (words, grey) in self.languages.iter().zip([0.0, GREY]) {
            y = self.why(sheet, words, grey, beside, y) + 1.0;
        }
    }

    /// The aims with the days from the first to the last.
    fn why(&self, sheet: &mut Canvas, words: &Words, grey: f32, beside: Column, mut y: f32) -> f32 {
        let aims = by_aim(&self.reasons);
        let most = if self.languages.len() > 1 { 1 } else { 2 };
        let text = Style(Regular, 6.5, grey);
        let more = match aims.len().saturating_sub(most) {
            0 => None,
            1 => Some(words.other),
            _ => Some(words.others),
        };
        for (index, (aim, first, last)) in aims.iter().take(most).enumerate() {
            let mut days = words.days(*first, *last);
            if let Some(more) = more.filter(|_| index + 1 == most) {
                days = format!("{days}, {more}");
            }
            y = sheet.paragraph(beside, y, text, &encode(&words.tongue.aim(*aim)), 2);
            y = sheet.paragraph(beside, y, text, &encode(&days), 2);
        }
        y
    }
}

type Span = (wom_sdk::protocol::Aim, wom_sdk::Day, wom_sdk::Day);

/// Each aim with its first and last day, the one with most minutes first.
fn by_aim(reasons: &[Reason]) -> Vec<Span> {
    let mut aims: Vec<(Span, u32)> = Vec::new();
    for reason in reasons {
        match aims.iter_mut().find(|((aim, ..), _)| *aim == reason.aim) {
            Some(((_, first, last), minutes)) => {
                *first = reason.day.min(*first);
                *last = reason.day.max(*last);
                *minutes += reason.minutes;
            }
            None => aims.push(((reason.aim, reason.day, reason.day), reason.minutes)),
        }
    }
    aims.sort_by_key(|(_, minutes)| std::cmp::Reverse(*minutes));
    aims.into_iter().map(|(span, _)| span).collect()
}

/// Lines to cut along, and what sheet this is.
pub(super) fn margins(sheet: &mut Canvas, slips: usize, about: &str) {
    let bottom = TOP + SLIP[1] * slips as f32;
    for cut in 0..=slips {
        let y = TOP + SLIP[1] * cut as f32;
        sheet.line([0.0, y], [SHEET[0], y], 0.3, LIGHT, &[]);
        // A pair of scissors, pointing to the right.
        sheet.text(column(5.5, 5.0), y + 1.2, Style(Signs, 9.0, GREY), b"\x22");
    }
    for x in [LEFT, LEFT + SLIP[0]] {
        sheet.line([x, TOP - 5.0], [x, bottom + 5.0], 0.3, LIGHT, &[]);
    }
    let foot = centred(column(LEFT, SLIP[0]));
    sheet.text(
        foot,
        SHEET[1] - 4.5,
        Style(Regular, 6.0, LIGHT),
        &encode(about),
    );
}

fn column(left: f32, width: f32) -> Column {
    Column {
        left,
        width,
        centred: false,
    }
}

fn centred(column: Column) -> Column {
    Column {
        centred: true,
        ..column
    }
}
