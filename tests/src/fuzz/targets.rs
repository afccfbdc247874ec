//! The table of all targets. A test fails when a crate exports one that is not in it.

use std::fmt;

use super::seeds;

/// A decoder of foreign bytes, and what to feed it.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its function, without `fuzz_`.
    pub name: &'static str,
    /// The function: it must return, soon, whatever the bytes.
    pub run: fn(&[u8]),
    /// Good inputs, and bad ones that were found before.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the format.
    pub words: &'static [&'static [u8]],
    /// Puts checksums right again, so that not every change ends at the door.
    pub mend: Option<fn(&mut Vec<u8>)>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.name)
    }
}

/// The target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

macro_rules! targets {
    ($($module:path { $($function:ident, $seeds:expr, $words:expr $(, $mend:expr)?;)+ })+) => {
        /// Every target, by crate.
        pub const TARGETS: &[Target] = &[$($({
            use $module as module;
            Target {
                name: name(stringify!($function)),
                run: module::$function,
                seeds: $seeds,
                words: $words,
                mend: mend(&[$($mend)?]),
            }
        },)+)+];
    };
}

targets! {
    wom_adapter_activity::testing {
        fuzz_activity_csv, seeds::activity_csv, ACTIVITY;
        fuzz_activity_json, seeds::activity_json, ACTIVITY;
    }
    wom_adapter_elearning::testing {
        fuzz_kolibri_export, seeds::kolibri_export, KOLIBRI;
        fuzz_moodle_log, seeds::moodle_log, MOODLE;
        fuzz_openedx_log, seeds::openedx_log, OPENEDX;
        fuzz_scorm_commits, seeds::scorm_commits, SCORM;
        fuzz_statements, seeds::statements, STATEMENTS;
        fuzz_study_texts, seeds::study_texts, STUDY_TEXTS;
    }
    wom_adapter_pos::testing {
        fuzz_manual, seeds::manual, &[];
        fuzz_shopify, seeds::shopify, SHOPIFY;
        fuzz_vendure, seeds::vendure, VENDURE;
        fuzz_woocommerce, seeds::woocommerce, WOOCOMMERCE;
    }
    wom_adapter_steps::testing {
        fuzz_apple_xml, seeds::apple_xml, APPLE_XML;
        fuzz_apple_zip, seeds::apple_zip, APPLE_ZIP;
        fuzz_fit, seeds::fit, FIT, seeds::mend_fit;
    }
    wom_adapter_ticketing::testing {
        fuzz_checkin_csv, seeds::checkin_csv, CHECKIN_CSV;
        fuzz_ical, seeds::ical, ICAL;
        fuzz_pretix_answer, seeds::pretix_answer, PRETIX;
        fuzz_pretix_call, seeds::pretix_call, PRETIX;
        fuzz_ticket_messages, seeds::ticket_messages, TICKET_MESSAGES;
    }
    wom_sdk::testing {
        fuzz_aes_open, seeds::protocol_texts, &[];
        fuzz_json, seeds::protocol_json, PROTOCOL;
        fuzz_keys, seeds::keys, KEYS;
        fuzz_messages, seeds::protocol_json, PROTOCOL;
        fuzz_problem, seeds::problems, PROTOCOL;
        fuzz_rsa_open, seeds::protocol_texts, &[];
        fuzz_texts, seeds::texts, TEXTS;
        fuzz_webhook, seeds::webhooks, WEBHOOK;
    }
}

const ACTIVITY: &[&[u8]] = &[
    b"participant",
    b"key",
    b"revision",
    b"activity",
    b"start",
    b"end",
    b"seconds",
    b"steps",
    b"milestone",
    b"minutes",
    b"withdrawn",
    b"true",
    b"null",
    b"\"\"",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\\ud800",
    b"2026-10-25T02:30:00+02:00",
    b"2026-12-31T23:59:60Z",
    b"9999-12-31T23:59:59.999999999Z",
    b"-009999-01-01T00:00:00Z",
    b"+99:99",
    b"{\"activities\":[",
    b"\r\n",
    b";",
    b"\t",
];

const SHOPIFY: &[&[u8]] = &[
    b"gid://shopify/DraftOrder/7",
    b"gid://shopify/Order/8",
    b"\"admin_graphql_api_id\":",
    b"\"note_attributes\":[{\"name\":\"wom_draft\",\"value\":",
    b"\"shopMoney\":{\"amount\":\"0.001\",\"currencyCode\":\"KWD\"}",
    b"\"discountApplications\":{\"nodes\":[",
    b"\"order\":{",
    b"\"status\":\"COMPLETED\"",
    b"\"errors\":[{\"extensions\":{\"code\":\"THROTTLED\"}}]",
    b"\"restoreRate\":0",
    b"1e308",
    b"\"hasNextPage\":true",
];

const VENDURE: &[&[u8]] = &[
    b"\"order\":{\"id\":",
    b"\"orderId\":",
    b"\"adjustmentSource\":\"PROMOTION:1\"",
    b"\"couponCode\":\"WOM-",
    b"\"state\":\"Cancelled\"",
    b"\"to\":\"Modifying\"",
    b"\"description\":\"<p>order/",
    b"\"amountWithTax\":",
    b"-9223372036854775808",
    b"9223372036854775807",
    b"null",
];

const WOOCOMMERCE: &[&[u8]] = &[
    b"\"id\":",
    b"\"status\":\"processing\"",
    b"\"currency\":\"KWD\"",
    b"\"discount_total\":",
    b"\"coupon_lines\":[{\"code\":",
    b"\"refunds\":[{\"total\":\"-",
    b"\"meta_data\":[{\"key\":\"wom_order\",\"value\":",
    b"99999999999999999.99",
    b"-0.001",
    b"2026-11-28T07:00:00",
];

const APPLE_XML: &[&[u8]] = &[
    b"<HealthData>",
    b"</HealthData>",
    b"<Record type=\"HKQuantityTypeIdentifierStepCount\" ",
    b"</Record>",
    b"<Workout workoutActivityType=\"HKWorkoutActivityTypeWalking\" ",
    b"</Workout>",
    b"<WorkoutEvent type=\"HKWorkoutEventTypePause\" date=\"",
    b"<MetadataEntry key=\"HKWasUserEntered\" value=\"1\"/>",
    b"startDate=\"",
    b"2026-01-05 09:00:00 +0100",
    b"99991231235959-1859",
    b"duration=\"1e300\"",
    b"value=\"4294967296\"",
    b"&#0;",
    b"&lt;&lt;HKDevice: 0x",
    b"<!DOCTYPE HealthData [",
    b"<!ENTITY a \"b\">",
    b"]>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"<?",
    b"/>",
    b"\x0b",
    b"\xff",
];

const APPLE_ZIP: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\xff\xff\xff\xff",
    b"\x01\x00\x10\x00",
    b"\x08\x00",
    b".xml",
    b"__MACOSX/",
    b"<HealthData>",
];

const CHECKIN_CSV: &[&[u8]] = &[
    b"Biglietto;Data;Ora;Verso\n",
    b"Volontario;Data;Dalle;Alle\n",
    b"ticket,time,direction\n",
    b"21/11/2026",
    b"25/10/2026 02:30",
    b"24:00",
    b"01/01/9000",
    b"uscita",
    b"\"\"",
    b"\xe9",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\t",
];

const ICAL: &[&[u8]] = &[
    b"BEGIN:VEVENT\r\n",
    b"END:VEVENT\r\n",
    b"BEGIN:VCALENDAR\r\n",
    b"\r\n ",
    b"RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=MO\r\n",
    b"FREQ=WEEKLY",
    b";COUNT=4294967296",
    b";UNTIL=99991231T235959Z",
    b"EXDATE;TZID=Europe/Rome:20261027T180000\r\n",
    b"RECURRENCE-ID:20261027T180000Z\r\n",
    b"DURATION:P9223372036854775807W\r\n",
    b"DTEND;VALUE=DATE:20261231\r\n",
    b"TZID=\"/a/b/Europe/Rome\"",
    b"00010101T000000",
    b"STATUS:CANCELLED\r\n",
];

const TICKET_MESSAGES: &[&[u8]] = &[
    b"\"api_url\":\"",
    b"http://localhost/v3/events/1/attendees/2/",
    b"../",
    b"\"barcodes\":[{\"changed\":\"",
    b"\"checked_in\":true",
    b"\"event_type\":\"checkin.created\"",
    b"attendee.cancelled",
    b"checkin.deleted",
    b"\"event_sent_at\":\"",
    b"2026-11-20T19:48:12+00:00",
    b"-009999-01-01T00:00:00Z",
    b"18446744073709551615",
    b"null",
];

const FIT: &[&[u8]] = &[
    b"\x0e\x10",
    b".FIT",
    b"\x40\x00\x00",
    b"\x60\x00\x00",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xfd\x04\x86",
    b"\xfd\x04\x8c",
    b"\x1a\x02\x84",
    b"\x00\x01\x00",
    b"\x37\x00",
    b"\x12\x00",
    b"\x14\x00",
    b"\x15\x00",
    b"\x67\x00",
];

const KEYS: &[&[u8]] = &[
    b"-----BEGIN PUBLIC KEY-----\n",
    b"-----BEGIN RSA PUBLIC KEY-----\n",
    b"-----BEGIN RSA PRIVATE KEY-----\n",
    b"-----BEGIN PRIVATE KEY-----\n",
    b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    b"-----END PUBLIC KEY-----\n",
    b"-----END RSA PRIVATE KEY-----\n",
    b"-----END PRIVATE KEY-----\n",
    b"Proc-Type: 4,ENCRYPTED\n",
    b"DEK-Info: AES-128-CBC,00\n",
    b"\x30\x82\x01\x22",
    b"\x30\x80\x00\x00",
    b"\x02\x01\x00",
    b"\x02\x03\x01\x00\x01",
    b"\x05\x00",
    b"\x84\xff\xff\xff\xff",
    b"====",
    b"\r\n",
];

const KOLIBRI: &[&[u8]] = &[
    b"Facility name",
    b"Username",
    b"User type",
    b"Time of completion",
    b"Time Spent (sec)",
    b"Learner",
    b"2026-03-02 09:00:00.000001+03:00",
    b"9999-12-31 23:59:59.999999999+99:99",
    b"1e308",
    b"-0.0",
    b"NaN",
    b"\"",
    b"\"\"",
    b",,",
    b";",
    b"\t",
    b"\r\n",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"SQLite format 3\0",
];

const MOODLE: &[&[u8]] = &[
    b"eventname",
    b"\\core\\event\\course_module_completion_updated",
    b"\\core\\event\\course_completed",
    b"\\core\\event\\badge_awarded",
    b"completionstate",
    b"overrideby",
    b"s:15:\"completionstate\";i:2;",
    b"timecreated",
    b"9999999999",
    b"18446744073709551616",
    b"NULL",
    b"\\N",
    b"web",
    b"cli",
    b"{\"id\":1}",
    b"[[[[[[[[[[[[[[[[",
    b"\"\"",
    b"\r\n",
];

const OPENEDX: &[&[u8]] = &[
    b"\x1f\x8b\x08",
    b"\"username\":",
    b"\"event_source\":\"mobile\"",
    b"\"event_type\":\"play_video\"",
    b"\"name\":\"seek_video\"",
    b"speed_change_video",
    b"page_close",
    b"edx.completion.block_completion.changed",
    b"edx.certificate.created",
    b"\"event\":\"{}\"",
    b"\"event\":[]",
    b"\"currentTime\":1e308",
    b"\"new_speed\":\"0\"",
    b"\"user_id\":\"\"",
    b"\"received_at\":",
    b"\\u0000",
    b"\\ud800",
    b"{\"a\":{\"a\":{\"a\":",
    b"\n\n",
];

const SCORM: &[&[u8]] = &[
    b"\"session_time\":\"9999:59:59.99\"",
    b"\"session_time\":\"PT99999999999999999999S\"",
    b"\"total_time\":\"P1Y2M\"",
    b"\"total_before\":",
    b"\"totalTimeSeconds\":1e308",
    b"\"runtimeData\":{",
    b"\"cmi\":{\"core\":{",
    b"\"cmi.core.session_time\":",
    b"\"cmi.session_time\":",
    b"\"mode\":\"review\"",
    b"\"start\":\"0000-01-01T00:00:00Z\"",
    b"\"end\":\"9999-12-31T23:59:59Z\"",
    b"null",
    b"-1",
    b"[[[[[[[[[[[[[[[[",
];

const PRETIX: &[&[u8]] = &[
    b"\"organizer\":\"womdemo\"",
    b"\"event\":\"concerto\"",
    b"\"code\":\"TNXKZ\"",
    b"\"action\":\"pretix.event.checkin\"",
    b"pretix.event.order.changed.",
    b"\"positions\":[{",
    b"\"checkins\":[{",
    b"\"program_times\":[{",
    b"\"addon_to\":",
    b"\"valid_from\":\"",
    b"\"valid_until\":\"",
    b"\"subevent\":1",
    b"\"type\":\"exit\"",
    b"\"status\":\"c\"",
    b"\"timezone\":\"Europe/Rome\"",
    b"2026-10-25T02:30:00+02:00",
    b"9999-12-31T23:59:59.999999999Z",
    b"-009999-01-01T00:00:00Z",
    b"18446744073709551616",
    b"../",
    b"null",
    b"\n",
];

const PROTOCOL: &[&[u8]] = &[
    b"\"sourceId\":\"65aa0c3be1f0d25c7b9e4411\"",
    b"\"posId\":1",
    b"\"nonce\":",
    b"\"payload\":",
    b"\"vouchers\":[",
    b"\"aim\":\"H\"",
    b"\"latitude\":91",
    b"\"longitude\":-180.0",
    b"\"timestamp\":\"2026-03-01T10:00:00Z\"",
    b"\"count\":0",
    b"\"creationMode\":\"SetLocationOnRedeem\"",
    b"\"password\":\"1234\"",
    b"\"simpleFilter\":{",
    b"\"bounds\":{\"leftTop\":[46.0,-17.0],\"rightBottom\":[12.0,160.0]}",
    b"\"maxAge\":14",
    b"\"persistent\":true",
    b"\"ackUrl\":null",
    b"\"type\":\"https://wom.social/api/problems/",
    b"\"status\":410",
    b"\"required\":1e999",
    b"null",
    b"true",
    b"\\u0000",
    b"\\ud83d\\ude00",
    b"\\ud800",
    b"/* */",
    b"// \n",
    b"'",
    b"NaN",
    b"0x10",
    b"\xef\xbb\xbf",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
];

const STATEMENTS: &[&[u8]] = &[
    b"{\"statements\":[",
    b"],\"more\":\"/m\"}",
    b"\"id\":\"",
    b"\"actor\":{\"mbox\":\"mailto:a@b\"}",
    b"\"objectType\":\"Group\"",
    b"\"objectType\":\"StatementRef\"",
    b"http://adlnet.gov/expapi/verbs/voided",
    b"http://adlnet.gov/expapi/verbs/initialized",
    b"http://adlnet.gov/expapi/verbs/terminated",
    b"https://w3id.org/xapi/video/verbs/seeked",
    b"\"duration\":\"PT5M\"",
    b"PT99999999999999999999S",
    b"9999-12-31T23:59:59.999Z",
    b"\"https://w3id.org/xapi/video/extensions/time\":1e308",
    b"\"https://w3id.org/xapi/cmi5/context/extensions/sessionid\":",
    b"\"stored\":",
    b"null",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[[[[[[[[[",
    b"\xef\xbb\xbf",
    b"\r\n",
];

const STUDY_TEXTS: &[&[u8]] = &[
    b"P1Y2M3W4DT5H6M7.89S",
    b"-PT",
    b"T",
    b",5",
    b"2026-02-29",
    b"23:59:60",
    b".999999999",
    b"+00:00",
    b"-18:59",
    b"Z",
    b"[Europe/Rome]",
];

const TEXTS: &[&[u8]] = &[
    b"https://",
    b"wom://",
    b"wom.social",
    b"link.wom.social",
    b"/vouchers/",
    b"/payment/",
    b"/migration/",
    b"pay/",
    b"transfer/",
    b"%2F",
    b"?",
    b"#",
    b"@",
    b"{",
    b"}",
    b"-",
    b"0b5c9f1e6a2d4f379c1b2f8f1f0a7d44",
    b"65aa0c3be1f0d25c7b9e4411/1",
    "\u{a0}".as_bytes(),
    "\u{661}".as_bytes(),
];

const WEBHOOK: &[&[u8]] = &[
    b"webhook-id:",
    b"webhook-timestamp:",
    b"webhook-signature:",
    b"svix-id:",
    b"1790000000",
    b"9223372036854775807",
    b"v1,",
    b"v1a,",
    b"Stripe-Signature:t=",
    b",v1=",
    b"X-Signature:signature=",
    b",algorithm=HMAC-SHA256",
    b"X-Hub-Signature-256:sha256=",
    b"Polar-Webhook-Event:PING",
    b"webhook_id=",
    b"{\"verificationCode\":\"a\"}",
    b"whsec_",
    b"=",
    b".",
    b"\n\n",
];

const fn name(function: &'static str) -> &'static str {
    let Some((prefix, name)) = function.split_at_checked("fuzz_".len()) else {
        panic!("a fuzz target's function begins with fuzz_");
    };
    assert!(matches!(prefix.as_bytes(), b"fuzz_"));
    name
}

const fn mend(given: &[fn(&mut Vec<u8>)]) -> Option<fn(&mut Vec<u8>)> {
    match given {
        [mend] => Some(*mend),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_exported_target_is_in_the_table() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut exported = BTreeSet::new();
        for room in ["wom-sdk", "store", "registry", "adapters", "cli"] {
            collect(&root.join(room), &mut exported);
        }
        let known: BTreeSet<_> = TARGETS
            .iter()
            .map(|target| target.name.to_owned())
            .collect();
        assert_eq!(exported, known);
        assert_eq!(known.len(), TARGETS.len(), "a name twice");
    }

    #[test]
    fn every_target_has_seeds() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(seeds.iter().any(|seed| !seed.is_empty()), "{target:?}");
        }
    }

    fn collect(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.extend(text.lines().filter_map(|line| {
                    let (name, _) = line.strip_prefix("pub fn fuzz_")?.split_once('(')?;
                    Some(name.to_owned())
                }));
            }
        }
    }
}
