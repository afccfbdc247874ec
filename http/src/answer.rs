//! What a system answers.

use std::time::Duration;

use reqwest::{Response, header};

/// Why an answer cannot be had whole.
#[derive(Debug)]
pub enum Cut {
    /// It is longer than it may be.
    TooLong,
    /// The system broke off.
    BrokenOff(reqwest::Error),
}

/// The bytes of an answer, at most so many.
///
/// # Errors
/// [`Cut`] otherwise.
pub async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Cut::BrokenOff)? {
        if body.len() + chunk.len() > most {
            return Err(Cut::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// How long the system asks us to wait, where it tells seconds.
pub fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?;
    let seconds = seconds.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
