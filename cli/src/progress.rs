//! Progress bars on standard error, for people only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Inputs below this size are read before a bar could be seen.
const LONG: u64 = 4 * 1024 * 1024;

/// Shorter work is done before a bar could be seen.
const MANY: u64 = 20_000;

/// A bar over so many things. It shows nothing for few, and where standard error is no terminal.
pub fn items(count: u64) -> ProgressBar {
    match count < MANY {
        true => ProgressBar::hidden(),
        false => shown(
            count,
            "{bar:30} {human_pos} / {human_len}  {per_sec}  {eta}",
        ),
    }
}

/// A bar over so many bytes. It shows nothing for short inputs, and where standard error is no
/// terminal.
pub fn bytes(length: u64) -> ProgressBar {
    if length < LONG {
        return ProgressBar::hidden();
    }
    shown(
        length,
        "{bar:30} {bytes} / {total_bytes}  {bytes_per_sec}  {eta}",
    )
}

/// A bar of this form.
pub fn shown(length: u64, form: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}
