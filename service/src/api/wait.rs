//! How long a caller waits for what is under way.

use std::time::Duration;

use serde::Deserialize;
use utoipa::IntoParams;

use super::Failure;

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Answer only once it is decided, or after so many seconds.
    #[param(minimum = 0, maximum = 30)]
    wait: Option<u64>,
}

impl Wait {
    const LONGEST: u64 = 30;

    pub(crate) fn duration(&self) -> Result<Duration, Failure> {
        let seconds = self.wait.unwrap_or(0);
        if seconds > Self::LONGEST {
            return Err(Failure::input(
                "wait at most 30 seconds",
                "parameter",
                "wait",
            ));
        }
        Ok(Duration::from_secs(seconds))
    }
}
