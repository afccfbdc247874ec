//! What an answer refuses, by its codes. Its messages may name people, and are not looked at.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{Error, Kind, Retry};

use crate::answer::bounded;

/// The longest pause that is asked for by what a query costs.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The error of an answer that is a fault as a whole; HTTP 200 says nothing of it.
pub(super) fn faults(answer: &Value) -> Option<Error> {
    let errors = answer.get("errors").filter(|errors| !errors.is_null())?;
    let first = errors.as_array().and_then(|errors| errors.first());
    if errors.as_array().is_some_and(Vec::is_empty) {
        return None;
    }
    let code = first.and_then(|first| first.pointer("/extensions/code"));
    let code = bounded(code.and_then(Value::as_str).unwrap_or("unknown"));
    let error = match code.as_str() {
        "THROTTLED" => {
            let error = Error::new(Kind::RateLimited, "the shop wants to be asked less often");
            return Some(error.wait(pause(answer)));
        }
        "ACCESS_DENIED" => Error::new(Kind::AccessDenied, "the shop does not let this app do that")
            .hint("give it read_orders, write_draft_orders and write_discounts"),
        "SHOP_INACTIVE" => Error::new(Kind::AccessDenied, "the shop is closed or frozen"),
        "MAX_COST_EXCEEDED" => Error::new(
            Kind::Unsupported,
            "the order has more than the shop tells at once",
        ),
        "undefinedField"
        | "argumentNotAccepted"
        | "undefinedType"
        | "missingRequiredArguments"
        | "argumentLiteralsIncompatible"
        | "variableMismatch" => Error::new(
            Kind::ConfigurationInvalid,
            "this version of the Admin API is not one that the adapter can speak",
        )
        .hint("set version to 2026-10, or use a newer adapter"),
        _ => Error::new(Kind::OutcomeUnknown, "the shop failed inside").with_retry(Retry::SameKey),
    };
    Some(error.with("code", code))
}

/// How long it takes until what the query costs is there again.
fn pause(answer: &Value) -> Duration {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Cost {
        requested_query_cost: f64,
        throttle_status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        currently_available: f64,
        restore_rate: f64,
    }
    let cost = answer.pointer("/extensions/cost");
    let seconds = cost.and_then(|cost| {
        let cost = Cost::deserialize(cost).ok()?;
        let missing = cost.requested_query_cost - cost.throttle_status.currently_available;
        Some((missing / cost.throttle_status.restore_rate).ceil())
    });
    let seconds = seconds.filter(|seconds| *seconds >= 1.0).unwrap_or(1.0);
    Duration::try_from_secs_f64(seconds).map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

/// Why an operation was refused, where it was: the code of the first error, or its field.
pub(super) fn user_errors(answer: &Value) -> Option<String> {
    let first = answer.get("userErrors")?.as_array()?.first()?;
    let code = first.get("code").and_then(Value::as_str);
    let field = || first.get("field")?.as_array()?.last()?.as_str();
    Some(bounded(code.or_else(field).unwrap_or("unknown")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pause_follows_from_the_cost_and_is_bounded() {
        for (requested, available, rate, seconds) in [
            (752.0, 666.0, 50.0, 2),
            (100.0, 0.0, 100.0, 1),
            (10.0, 50.0, 50.0, 1),
            (1e9, 0.0, 1.0, 60),
            (100.0, 0.0, 0.0, 60),
            (f64::MAX, -f64::MAX, 1.0, 60),
        ] {
            let answer = json!({
                "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                "extensions": {"cost": {"requestedQueryCost": requested, "actualQueryCost": null,
                    "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": available, "restoreRate": rate}}},
            });
            let error = faults(&answer).unwrap();
            assert_eq!(
                (error.kind(), error.retry()),
                (Kind::RateLimited, Retry::Safe)
            );
            assert_eq!(
                error.retry_after(),
                Some(Duration::from_secs(seconds)),
                "{requested}"
            );
        }
        let bare = json!({"errors": [{"extensions": {"code": "THROTTLED"}}]});
        assert_eq!(
            faults(&bare).unwrap().retry_after(),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn only_codes_come_through() {
        for (errors, shown) in [
            (
                json!([{"message": "Sara", "extensions": {"code": "Sara Bianchi"}}]),
                "unknown",
            ),
            (json!("Sara Bianchi"), "unknown"),
            (
                json!([{"message": "Sara", "extensions": {"code": "TIMEOUT"}}]),
                "TIMEOUT",
            ),
        ] {
            let error = faults(&json!({"errors": errors})).unwrap();
            assert_eq!(error.kind(), Kind::OutcomeUnknown);
            let text = format!("{error:?}");
            assert!(text.contains(shown) && !text.contains("Sara"), "{text}");
        }
        assert!(faults(&json!({"errors": [], "data": {}})).is_none());
        let refused = |errors| user_errors(&json!({"userErrors": errors}));
        assert_eq!(refused(json!([])), None);
        assert_eq!(
            refused(json!([{"code": "TAKEN", "message": "Sara"}])).unwrap(),
            "TAKEN"
        );
        let by_field = json!([{"field": ["input", "appliedDiscount"], "message": "Sara"}]);
        assert_eq!(refused(by_field).unwrap(), "appliedDiscount");
    }
}
