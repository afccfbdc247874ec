//! Progress bars on standard error, for people only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Inputs below this size are read before a bar could be seen.
const LONG: u64 = 4 * 1024 * 1024;

/// A bar over so many bytes. It shows nothing for short inputs, and where standard error is no
/// terminal.
pub fn bytes(length: u64) -> ProgressBar {
    if length < LONG {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let form = "{bar:30} {bytes} / {total_bytes}  {bytes_per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}
