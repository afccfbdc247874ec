//! Good inputs to begin with: our vectors and examples, the corpus where it was fetched, and small
//! ones made here.

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use wom_adapter_steps::testing::apple_export::AppleExport;

/// Longer files are left out: mutating them is slow, and the short ones hold the same.
const LONGEST: u64 = 128 * 1024;

pub(super) fn activity_csv() -> Vec<Vec<u8>> {
    files(&repository().join("examples/data"), "csv")
}

pub(super) fn activity_json() -> Vec<Vec<u8>> {
    let mut seeds = files(&repository().join("examples/data"), "json");
    let lines = b"{\"participant\":\"p\",\"start\":\"2026-03-01T10:00:00Z\",\"end\":\"2026-03-01T10:30:00Z\"}\n";
    seeds.push(lines.repeat(3));
    seeds.push(b"[{\"participant\":\"p\",\"milestone\":\"m\",\"minutes\":5,\"at\":\"2026-03-01T10:00:00Z\"}]".to_vec());
    seeds
}

pub(super) fn apple_xml() -> Vec<Vec<u8>> {
    let export = apple_export();
    let mut seeds = vec![export.text().into_bytes()];
    // The long days of steps make mutations of the rest rare: a document of one of each.
    seeds.push(
        b"<!DOCTYPE HealthData [<!ELEMENT HealthData ANY>]><HealthData><Me/><Record type=\"HKQuantityTypeIdentifierStepCount\" sourceName=\"a\" unit=\"count\" startDate=\"2026-01-05 09:00:00 +0100\" endDate=\"2026-01-05 09:01:00 +0100\" value=\"42\"><MetadataEntry key=\"HKWasUserEntered\" value=\"0\"/></Record><Workout workoutActivityType=\"HKWorkoutActivityTypeWalking\" duration=\"9\" startDate=\"20260105090000+0100\" endDate=\"20260105091000+0100\"><WorkoutEvent type=\"HKWorkoutEventTypePause\" date=\"20260105090200+0100\"/><WorkoutStatistics type=\"HKQuantityTypeIdentifierStepCount\" sum=\"900\"/></Workout></HealthData>".to_vec(),
    );
    seeds
}

pub(super) fn apple_zip() -> Vec<Vec<u8>> {
    vec![apple_export().archive()]
}

fn apple_export() -> AppleExport {
    AppleExport {
        others: 0,
        ..AppleExport::of_days(1)
    }
}

pub(super) fn keys() -> Vec<Vec<u8>> {
    let mut seeds = files(&repository().join("tests/vectors/keys"), "pem");
    for text in texts_in(&vectors()["keys"]) {
        seeds.extend(STANDARD.decode(&text));
        seeds.push(text.into_bytes());
    }
    seeds
}

pub(super) fn kolibri_export() -> Vec<Vec<u8>> {
    files(&captures(), "csv")
}

pub(super) fn checkin_csv() -> Vec<Vec<u8>> {
    let scans = "Museo Civico\r\nBiglietto;Data;Ora;Verso;Esito;Note\r\nM-1;21/11/2026;10.15;Entrata;OK;\r\nM-1;21.11.2026;11:40:00;OUT;;\"due; \"\"tre\"\"\"\r\n";
    let visits = "\u{feff}person,date,from,to,cancelled\nAda,2026-10-25,00:30,04:30,\nAda,24/10/2026,22:00,2:00,x\n";
    vec![scans.as_bytes().to_vec(), visits.as_bytes().to_vec()]
}

pub(super) fn ical() -> Vec<Vec<u8>> {
    let text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Tur\r\n no\\, sera\r\nDTSTART;TZID=Europe/Rome:20261020T180000\r\nDTEND;TZID=Europe/Rome:20261020T200000\r\nRRULE:FREQ=WEEKLY;BYDAY=TU,FR;COUNT=4\r\nEXDATE;TZID=Europe/Rome:20261027T180000\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:b\r\nDTSTART;VALUE=DATE:20261101\r\nDURATION:P1D\r\nSTATUS:CANCELLED\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    vec![text.as_bytes().to_vec()]
}

pub(super) fn ticket_messages() -> Vec<Vec<u8>> {
    [
        r#"{"api_url":"http://localhost/v3/events/1/attendees/2/","config":{"action":"barcode.checked_in"}}"#,
        r#"{"checked_in":true,"cancelled":false,"refunded":false,"barcodes":[{"status":"used","changed":"2026-11-20T20:05:40Z"}]}"#,
        r#"{"start":{"utc":"2026-11-20T19:30:00Z"},"end":{"utc":"2026-11-20T21:45:00Z"},"status":"live"}"#,
        r#"{"event_type":"checkin.created","event_sent_at":"2026-11-20T19:48:12+00:00","payload":{"id":7,"attendee_id":1,"event_id":64,"created_at":"2026-11-20 19:48:11"}}"#,
        r#"{"event_type":"attendee.cancelled","event_sent_at":"2026-11-20T19:48:12+00:00","payload":{"id":1}}"#,
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn moodle_log() -> Vec<Vec<u8>> {
    let header = "id,eventname,objectid,edulevel,contextlevel,contextinstanceid,userid,courseid,relateduserid,anonymous,other,timecreated,origin,realuserid";
    let seen = "1,\\mod_page\\event\\course_module_viewed,4,2,70,17,5,3,,0,N;,1772442000,web,";
    let passed = "2,\\core\\event\\course_module_completion_updated,4,2,70,17,2,3,5,0,\"{\"\"completionstate\"\":2}\",1772442000,web,";
    let line = r#"{"id":3,"eventname":"\\core\\event\\course_completed","courseid":3,"relateduserid":5,"timecreated":1772442000,"origin":"cli","other":"a:1:{s:15:\"completionstate\";i:1;}"}"#;
    vec![
        format!("{header}\n{seen}\n{passed}\n").into_bytes(),
        format!("{line}\n{line}\n").into_bytes(),
    ]
}

pub(super) fn openedx_log() -> Vec<Vec<u8>> {
    let mut seeds = files(&captures(), "log");
    let packed: Vec<_> = seeds.iter().map(|seed| gzip(seed)).collect();
    seeds.extend(packed);
    seeds
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes);
    written
        .and_then(|()| encoder.finish())
        .expect("memory takes what is written")
}

pub(super) fn scorm_commits() -> Vec<Vec<u8>> {
    let text = fs::read(captures().join("scorm-again-capture.json"));
    let capture: Value = text
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let commits = ["scorm12_object", "scorm12_commit_json", "scorm2004_object"];
    commits
        .iter()
        .map(|commit| {
            let line = serde_json::json!({
                "learner": 42, "activity": "a", "session": "s", "commit": capture[commit],
                "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:25:10Z",
            });
            format!("{line}\n").into_bytes()
        })
        .collect()
}

/// What learning platforms wrote.
fn captures() -> PathBuf {
    repository().join("adapters/elearning/tests/data")
}

pub(super) fn problems() -> Vec<Vec<u8>> {
    [
        r#"{"type":"https://wom.social/api/problems/otc-not-valid","title":"OTC code does not exist","status":404}"#,
        r#"{"type":"https://wom.social/api/problems/insufficient-valid-vouchers","title":"Few","status":400,"required":10,"supplied":"3"}"#,
        r#"{"type":"about:blank","title":"Bad Request","status":400,"errors":{"count":["must be more"]},"traceId":"00-1-2-00"}"#,
        "<html><body>502</body></html>",
        "null",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

pub(super) fn protocol_json() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for text in texts_in(&vectors())
        .into_iter()
        .filter(|text| text.starts_with(['{', '[']))
    {
        seeds.push(text.into_bytes());
    }
    for part in ["envelopes", "filter_cases"] {
        for case in vectors()[part].as_array().into_iter().flatten() {
            let values = case.as_object().into_iter().flat_map(|case| case.values());
            seeds.extend(values.filter(|value| value.is_object()).map(bytes));
        }
    }
    seeds.extend([br#"{"a":[1,-0.5e+3,true,null,"\u00e8\n"],"a":{}}"#.to_vec()]);
    seeds.retain(|seed| seed.len() < 16 * 1024);
    seeds
}

/// Everything in base64 or hexadecimal in the vectors, and the texts that became it.
pub(super) fn protocol_texts() -> Vec<Vec<u8>> {
    let mut texts = texts_in(&vectors());
    texts.retain(|text| text.len() < 16 * 1024);
    texts.into_iter().map(String::into_bytes).collect()
}

pub(super) fn texts() -> Vec<Vec<u8>> {
    [
        "https://link.wom.social/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
        "https://wom.social/payment/{0B5C9F1E-6A2D-4F37-9C1B-2F8F1F0A7D44}",
        "http://127.0.0.1:8080/vouchers/0b5c9f1e6a2d4f379c1b2f8f1f0a7d44",
        "wom://transfer/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
        "wom-dev://pay/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
        "(0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44)",
        "65aa0c3be1f0d25c7b9e4411/12",
        "65AA0C3BE1F0D25C7B9E4411",
        "9007199254740993",
        "43.72,12.63",
        "-90.0, 180",
        "UM",
        "0",
        "4821",
        "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=",
        "AAECAwQFBgc=",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Headers as lines, an empty line, the body.
pub(super) fn webhooks() -> Vec<Vec<u8>> {
    let text = include_str!("../../vectors/webhook-vectors.json");
    let vectors: Value = serde_json::from_str(text).expect("another test reads it");
    let cases = vectors["cases"].as_array().into_iter().flatten();
    let mut seeds: Vec<_> = cases
        .map(|case| {
            let mut seed = Vec::new();
            for (name, value) in case["headers"].as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                seed.extend(format!("{name}:{value}\n").into_bytes());
            }
            seed.push(b'\n');
            let body = case["body_base64"].as_str().unwrap_or_default();
            seed.extend(STANDARD.decode(body).unwrap_or_default());
            seed
        })
        .collect();
    seeds.push(b"whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY".to_vec());
    seeds
}

pub(super) fn fit() -> Vec<Vec<u8>> {
    let mut seeds = vec![small_fit()];
    if let Some(fixtures) = fitparser_fixtures() {
        seeds.extend(files(&fixtures, "fit"));
    }
    seeds.extend(files(&repository().join("examples/data"), "fit"));
    seeds.extend(files(&corpus(), "fit"));
    seeds
}

/// Writes the right checksum at the end of each part that the headers announce.
pub(super) fn mend_fit(data: &mut Vec<u8>) {
    let mut start = 0;
    while let Some(header) = data.get(start..start + 12) {
        let header_len = usize::from(header[0]);
        let body = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let end = start + header_len + body;
        if header_len < 12 || end > data.len() + LONGEST as usize {
            return;
        }
        if header_len == 14 && start + 14 <= data.len() {
            let sum = fit_checksum(&data[start..start + 12]);
            data[start + 12..start + 14].copy_from_slice(&sum);
        }
        let end = end.min(data.len());
        let sum = fit_checksum(&data[start..end]);
        if data.len() < end + 2 {
            data.resize(end + 2, 0);
        }
        data[end..end + 2].copy_from_slice(&sum);
        start = end + 2;
    }
}

/// One part with a file id and a monitoring message.
fn small_fit() -> Vec<u8> {
    let records = [
        b"\x40\x00\x00\x00\x00\x02\x00\x01\x00\x04\x04\x86".as_slice(),
        b"\x00\x20\x00\x00\x5e\x40",
        b"\x41\x00\x00\x37\x00\x03\xfd\x04\x86\x05\x01\x00\x03\x04\x86",
        b"\x01\x00\x5e\x40\x06\x64\x00\x00\x00",
        b"\x01\x3c\x5e\x40\x06\xc8\x00\x00\x00",
    ]
    .concat();
    let mut file = b"\x0e\x10\x5c\x08\0\0\0\0.FIT\0\0".to_vec();
    file[4] = u8::try_from(records.len()).unwrap_or_default();
    file.extend(records);
    mend_fit(&mut file);
    file
}

/// The checksum bit by bit, as its description says.
fn fit_checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum = 0_u16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1;
            sum = (sum >> 1) ^ (carry * 0xA001);
        }
    }
    sum.to_le_bytes()
}

/// What an LRS stored, as lines and as a page.
/// What a real pretix answered: alone, and an event, a product, a date and an order on a line each.
pub(super) fn pretix_answer() -> Vec<Vec<u8>> {
    let captured = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
    let event = captured(include_str!(
        "../../../adapters/ticketing/tests/captures/pretix/event_and_items.json"
    ));
    let order = captured(include_str!(
        "../../../adapters/ticketing/tests/captures/pretix/order_and_positions.json"
    ));
    let scans = captured(include_str!(
        "../../../adapters/ticketing/tests/captures/pretix/redeem_and_checkins.json"
    ));
    let answers = [
        &event["event"],
        &event["item"],
        &order["order"],
        &order["orderposition"],
        &order["checkin_list_positions"],
        &scans["checkins"],
    ];
    let mut seeds = answers.map(|it| it["response"].to_string()).to_vec();
    let date = r#"{"id":1,"date_from":"2026-11-20T19:30:00Z","date_to":null}"#;
    let long = seeds[0].replace("2026-11-20T21:45:00Z", "2026-12-24T21:45:00Z");
    let bare = r#"{"id":4,"admission":true}"#;
    seeds.push(
        [&seeds[0], &seeds[1], date, &seeds[2]]
            .map(str::to_owned)
            .join("\n"),
    );
    seeds.push([&long, bare, "", &seeds[2]].map(str::to_owned).join("\n"));
    seeds.into_iter().map(String::into_bytes).collect()
}

pub(super) fn pretix_call() -> Vec<Vec<u8>> {
    let captured =
        include_str!("../../../adapters/ticketing/tests/captures/pretix/webhooks_concerto.json");
    let captured: Value = serde_json::from_str(captured).unwrap_or_default();
    let calls = captured["deliveries"].as_array().into_iter().flatten();
    let bodies = calls.filter_map(|call| call["body_raw"].as_str());
    bodies.map(|body| body.as_bytes().to_vec()).collect()
}

pub(super) fn statements() -> Vec<Vec<u8>> {
    let lines = include_str!("../../../adapters/elearning/tests/captures/ralph-fs-store.jsonl");
    let all: Vec<_> = lines.lines().filter(|line| !line.is_empty()).collect();
    let page = format!(
        "{{\"statements\":[{}],\"more\":\"/more\"}}",
        all[4..8].join(",")
    );
    let mut seeds: Vec<_> = all.iter().map(|line| line.as_bytes().to_vec()).collect();
    seeds.push(page.into_bytes());
    seeds.push(all[..4].join("\n").into_bytes());
    seeds
}

pub(super) fn study_texts() -> Vec<Vec<u8>> {
    [
        "PT4H35M59.14S",
        "P4W",
        "P1DT12H",
        "2026-03-02T09:00:00.000Z",
        "2026-03-02 11:00:00+01:00",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn vectors() -> Value {
    let text = include_str!("../../vectors/wom-vectors.json");
    serde_json::from_str(text).expect("the vectors are JSON: other tests read them")
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Every text in a value, in order.
fn texts_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts_in).collect(),
        Value::Object(members) => members.values().flat_map(texts_in).collect(),
        Value::Bool(_) | Value::Null | Value::Number(_) => Vec::new(),
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where `tests/fetch-corpus.sh` puts what it fetches.
fn corpus() -> PathBuf {
    env::var_os("WOM_CORPUS").map_or_else(|| repository().join("target/corpus"), PathBuf::from)
}

/// The samples in the source of the crate `fitparser`, a dev-dependency of the workspace.
fn fitparser_fixtures() -> Option<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(repository())
        .output()
        .ok()?;
    let metadata: Value = serde_json::from_slice(&output.stdout).ok()?;
    let packages = metadata["packages"].as_array()?;
    let fitparser = packages
        .iter()
        .find(|package| package["name"] == "fitparser")?;
    let manifest = Path::new(fitparser["manifest_path"].as_str()?);
    Some(manifest.with_file_name("tests").join("fixtures"))
}

/// The files with this extension in a folder and the folders in it, in order of their paths.
fn files(folder: &Path, extension: &str) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension)
            && path.metadata().is_ok_and(|about| about.len() <= LONGEST)
        {
            found.extend(fs::read(&path));
        }
    }
    found
}

/// Names of orders at a till that is worked by hand.
pub(super) fn manual() -> Vec<Vec<u8>> {
    ["1250-EUR-bill1007", "01-EUR-a", "1-EUR-a-b"]
        .map(|name| name.as_bytes().to_vec())
        .into()
}

/// Messages of the shop, and drafts, orders, codes and faults as its Admin API tells them.
pub(super) fn shopify() -> Vec<Vec<u8>> {
    vec![
        br#"{"id":820,"admin_graphql_api_id":"gid://shopify/Order/820","note_attributes":[{"name":"wom_draft","value":"gid://shopify/DraftOrder/7"}]}"#.to_vec(),
        br#"{"id":9,"admin_graphql_api_id":"gid://shopify/Refund/9","order_id":820}"#.to_vec(),
        br#"{"nodes":[{"id":"gid://shopify/Order/820","updatedAt":"2026-11-28T07:00:00Z","discountCodes":["WOM-A690F176A690F176A690F176A690F176"],"customAttributes":[]}],"pageInfo":{"hasNextPage":false,"endCursor":null}}"#.to_vec(),
        br#"{"id":"gid://shopify/DiscountCodeNode/1","codeDiscount":{"title":"Sconto WOM D7","status":"ACTIVE"}}"#.to_vec(),
        br#"{"errors":[{"extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":752,"throttleStatus":{"currentlyAvailable":602,"restoreRate":50.0}}}}"#.to_vec(),
        br#"{"id":"gid://shopify/DraftOrder/7","updatedAt":"2026-11-28T07:00:00Z","status":"COMPLETED","ready":true,"taxesIncluded":true,"allowDiscountCodesInCheckout":true,"totalPriceSet":{"shopMoney":{"amount":"19.0","currencyCode":"EUR"}},"totalDiscountsSet":null,"totalShippingPriceSet":{"shopMoney":{"amount":"0.0","currencyCode":"EUR"}},"totalTaxSet":null,"customAttributes":[],"appliedDiscount":{"title":"Sconto WOM","description":"WOM-A690F176A690F176A690F176A690F176","amountSet":{"shopMoney":{"amount":"5.0","currencyCode":"EUR"}}},"platformDiscounts":[],"lineItems":{"nodes":[],"pageInfo":{"hasNextPage":false,"endCursor":null}},"order":{"id":"gid://shopify/Order/820","updatedAt":"2026-11-28T07:00:00Z","cancelledAt":null,"displayFinancialStatus":"PAID","taxesIncluded":false,"currentTotalPriceSet":{"shopMoney":{"amount":"19.0","currencyCode":"EUR"}},"totalDiscountsSet":{"shopMoney":{"amount":"5.0","currencyCode":"EUR"}},"totalShippingPriceSet":{"shopMoney":{"amount":"0.0","currencyCode":"EUR"}},"totalTaxSet":{"shopMoney":{"amount":"1.0","currencyCode":"EUR"}},"discountApplications":{"nodes":[{"index":0,"title":"Sconto WOM","description":"WOM-A690F176A690F176A690F176A690F176"}]},"lineItems":{"nodes":[{"title":"Ticket","quantity":2,"originalTotalSet":{"shopMoney":{"amount":"24.0","currencyCode":"EUR"}},"discountAllocations":[{"allocatedAmountSet":{"shopMoney":{"amount":"5.0","currencyCode":"EUR"}},"discountApplication":{"index":0}}]}],"pageInfo":{"hasNextPage":false,"endCursor":null}}}}"#.to_vec(),
    ]
}

/// An event of the shop's plugin, and an order as its admin API tells it.
pub(super) fn vendure() -> Vec<Vec<u8>> {
    vec![
        br#"{"type":"OrderPlacedEvent","order":{"id":1,"code":"B6UJ","state":"PaymentSettled"}}"#.to_vec(),
        br#"{"type":"CouponCodeEvent","kind":"assigned","couponCode":"WOM-1","orderId":"1"}"#.to_vec(),
        br#"{"id":"1","state":"PaymentSettled","currencyCode":"EUR","updatedAt":"2026-11-21T23:23:29.667Z","couponCodes":["WOM-A690F176A690F176A690F176A690F176"],"totalWithTax":1900,"discounts":[{"adjustmentSource":"PROMOTION:1","description":"WOM","amountWithTax":-500}],"lines":[{"quantity":2,"linePriceWithTax":2400,"productVariant":{"name":"Ticket"}}],"promotions":[{"id":"1","couponCode":"WOM-A690F176A690F176A690F176A690F176"}],"payments":[{"id":"1","amount":1900,"state":"Settled","refunds":[{"total":100,"state":"Pending"}]}],"history":{"items":[{"data":{"from":"PaymentSettled","to":"Modifying"}}]}}"#.to_vec(),
        br#"{"id":"1","couponCode":"WOM-A690F176A690F176A690F176A690F176","enabled":true,"description":"<p>order/7</p>","startsAt":null,"endsAt":"2026-11-22T23:23:29.667Z","usageLimit":1,"actions":[{"code":"order_fixed_discount","args":[{"name":"discount","value":"500"}]}]}"#.to_vec(),
    ]
}

/// A message of the shop, and orders and coupons as its REST API tells them.
pub(super) fn woocommerce() -> Vec<Vec<u8>> {
    vec![
        br#"{"id":727,"status":"processing","date_modified_gmt":"2026-11-28T07:00:00"}"#.to_vec(),
        br#"[{"id":727,"date_modified_gmt":"2026-11-28T07:00:00"}]"#.to_vec(),
        br#"[{"id":9,"code":"wom-a690f176a690f17","date_expires_gmt":"2026-11-29T07:00:00","meta_data":[{"key":"wom_order","value":"727"}]}]"#.to_vec(),
        br#"{"id":727,"status":"pending","currency":"EUR","date_modified_gmt":"2026-11-28T07:00:00","date_paid_gmt":null,"total":"19.00","discount_total":"4.10","line_items":[{"name":"Ticket","quantity":2,"subtotal":"19.67","subtotal_tax":"4.33"}],"shipping_lines":[{"total":"0.00","total_tax":"0.00"}],"fee_lines":[],"coupon_lines":[{"code":"wom-a690f176a690f17","discount":"4.10","discount_tax":"0.90"}],"refunds":[{"total":"-5.00"}]}"#.to_vec(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_need_no_mending() {
        let fixtures = files(&fitparser_fixtures().unwrap(), "fit");
        assert!(fixtures.len() > 5);
        let mut whole = 0;
        for fixture in fixtures {
            let mut mended = fixture.clone();
            mend_fit(&mut mended);
            whole += usize::from(mended == fixture);
        }
        assert!(whole > 5, "{whole}");
    }

    #[test]
    fn mending_takes_anything() {
        for len in 0..40 {
            mend_fit(&mut vec![0xFF; len]);
            mend_fit(&mut vec![0x0E; len]);
            mend_fit(&mut vec![0; len]);
        }
    }
}
