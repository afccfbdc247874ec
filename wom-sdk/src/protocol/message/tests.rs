//! What is written letter by letter, and what is read and refused.

use super::*;
use crate::{
    Timestamp,
    protocol::{Aim, Bounds, Filter, PosId, Position, SourceId, payload_fault},
};

const OTC: &str = "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44";
const KEY: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

fn otc() -> Otc {
    OTC.parse().unwrap()
}

fn pin() -> Pin {
    Pin::parse("4821").unwrap()
}

fn key() -> SessionKey {
    SessionKey::from_base64(KEY).unwrap()
}

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

fn source() -> SourceId {
    "65aa0c3be1f0d25c7b9e4411".parse().unwrap()
}

fn pos() -> PosId {
    "65aa0c3be1f0d25c7b9e4422".parse().unwrap()
}

fn specification(position: Option<Position>, count: u32) -> VoucherSpecification {
    VoucherSpecification::new("H".parse().unwrap(), position, at(), count).unwrap()
}

#[test]
fn create_is_written_exactly() {
    let vouchers = vec![
        specification(Some(Position::new(43.72, 12.63).unwrap()), 27),
        specification(None, 1),
    ];
    let request = CreateRequest::new(source(), "n", Some(pin()), vouchers).unwrap();
    assert_eq!(request.total(), 28);
    assert_eq!(
        request.to_json().as_str(),
        concat!(
            r#"{"sourceId":"65aa0c3be1f0d25c7b9e4411","nonce":"n","password":"4821","vouchers":["#,
            r#"{"aim":"H","latitude":43.72,"longitude":12.63,"timestamp":"2026-03-01T10:00:00Z","#,
            r#""count":27,"creationMode":"Standard"},"#,
            r#"{"aim":"H","latitude":0.0,"longitude":0.0,"timestamp":"2026-03-01T10:00:00Z","#,
            r#""count":1,"creationMode":"SetLocationOnRedeem"}]}"#
        )
    );
    let received = CreateReceived::from_inner(request.to_json().as_bytes()).unwrap();
    assert_eq!(received.check().unwrap(), request.vouchers());
    assert_eq!(received.password, Some(pin()));
}

#[test]
fn redeem_info_and_confirm_are_written_exactly() {
    let redeem = RedeemRequest {
        otc: otc(),
        password: pin(),
        session_key: key(),
        location: Some(Position::new(43.72, 12.63).unwrap()),
    };
    let head = format!(r#"{{"otc":"{OTC}","password":"4821","sessionKey":"{KEY}""#);
    let location = r#","redeemLocation":{"latitude":43.72,"longitude":12.63}}"#;
    assert_eq!(*redeem.to_json(), format!("{head}{location}"));
    assert_eq!(
        RedeemRequest::from_inner(redeem.to_json().as_bytes()).unwrap(),
        redeem
    );

    let info = InfoRequest {
        otc: otc(),
        password: pin(),
        session_key: key(),
    };
    assert_eq!(*info.to_json(), format!("{head}}}"));
    assert_eq!(
        InfoRequest::from_inner(info.to_json().as_bytes()).unwrap(),
        info
    );

    let confirm = ConfirmRequest {
        otc: otc(),
        password: pin(),
        session_key: key(),
        vouchers: vec![SpentVoucher {
            id: "65aa0c3be1f0d25c7b9e4433/1".parse().unwrap(),
            secret: VoucherSecret::parse("q83vEjRWeJA=").unwrap(),
        }],
    };
    let vouchers = r#","vouchers":[{"id":"65aa0c3be1f0d25c7b9e4433/1","secret":"q83vEjRWeJA="}]}"#;
    assert_eq!(*confirm.to_json(), format!("{head}{vouchers}"));
    assert_eq!(
        ConfirmRequest::from_inner(confirm.to_json().as_bytes()).unwrap(),
        confirm
    );
}

#[test]
fn register_and_its_answer_are_written_exactly() {
    let north_west = Position::new(46.0, -17.0).unwrap();
    let south_east = Position::new(12.0, 160.0).unwrap();
    let filter = Filter::default()
        .aim("H".parse::<Aim>().unwrap())
        .bounds(Bounds::new(north_west, south_east).unwrap())
        .max_age_days(14)
        .unwrap();
    let mut request = RegisterRequest {
        pos_id: pos(),
        nonce: "n".to_owned(),
        password: Some(pin()),
        amount: 10,
        filter: Some(filter),
        pocket_ack_url: Some("https://shop.example/thanks".to_owned()),
        pos_ack_url: None,
        persistent: false,
    };
    assert_eq!(
        request.to_json().as_str(),
        concat!(
            r#"{"posId":"65aa0c3be1f0d25c7b9e4422","nonce":"n","password":"4821","amount":10,"#,
            r#""simpleFilter":{"aim":"H","bounds":{"leftTop":[46.0,-17.0],"rightBottom":[12.0,160.0]},"#,
            r#""maxAge":14},"pocketAckUrl":"https://shop.example/thanks","persistent":false}"#
        )
    );
    assert_eq!(
        RegisterRequest::from_inner(request.to_json().as_bytes()).unwrap(),
        request
    );
    request.pocket_ack_url = None;
    request.filter = None;
    assert!(
        request
            .to_json()
            .contains(r#""amount":10,"pocketAckUrl":"","#)
    );
    assert_eq!(
        RegisterRequest::from_inner(request.to_json().as_bytes()).unwrap(),
        request
    );

    let answer = RegisterAnswer {
        registry_url: "https://registry.example".to_owned(),
        nonce: "n".to_owned(),
        otc: otc(),
        password: pin(),
        link: None,
    };
    let written = format!(
        r#"{{"registryUrl":"https://registry.example","nonce":"n","otc":"{OTC}","password":"4821"}}"#
    );
    assert_eq!(*answer.to_json(), written);
    assert_eq!(
        RegisterAnswer::from_inner(written.as_bytes()).unwrap(),
        answer
    );
}

#[test]
fn bodies_are_read_in_any_case_and_written_in_one() {
    for body in [
        r#"{"sourceId":"65aa0c3be1f0d25c7b9e4411","nonce":"n","payload":"AA=="}"#,
        r#"{"SourceId":"65aa0c3be1f0d25c7b9e4411","Nonce":"n","Payload":"AA==","more":[],}"#,
    ] {
        let read = CreateBody::from_outer(body.as_bytes()).unwrap();
        assert_eq!(
            read.to_json(),
            r#"{"sourceId":"65aa0c3be1f0d25c7b9e4411","nonce":"n","payload":"AA=="}"#
        );
    }
    let numeric = CreateBody::from_outer(br#"{"sourceId":17,"nonce":5,"payload":"AA=="}"#).unwrap();
    assert!(!numeric.source_id.is_object_id());
    assert_eq!(numeric.nonce, "5");
    assert_eq!(
        RegisterBody::from_outer(
            br#"{"PosId":"65AA0C3BE1F0D25C7B9E4422","nonce":"n","payload":""}"#
        )
        .unwrap()
        .pos_id,
        pos()
    );
    let status = StatusBody {
        pos_id: pos(),
        payload: "AA==".to_owned(),
    };
    assert_eq!(
        StatusBody::from_outer(status.to_json().as_bytes()).unwrap(),
        status
    );
}

#[test]
fn faults_of_bodies_tell_the_member_and_its_kind() {
    for (body, kind) in [
        (&b""[..], Kind::InputInvalid),
        (b"[]", Kind::InputInvalid),
        (br#"{"nonce":"n","payload":""}"#, Kind::InputInvalid),
        (br#"{"sourceId":"x","payload":""}"#, Kind::InputInvalid),
        (
            br#"{"sourceId":"x","nonce":null,"payload":""}"#,
            Kind::InputInvalid,
        ),
        (
            br#"{"sourceId":"x","nonce":"n","payload":7}"#,
            Kind::InputInvalid,
        ),
        (
            br#"{"sourceId":"x","nonce":"n","payload":""}"#,
            Kind::ParameterRefused,
        ),
    ] {
        assert_eq!(CreateBody::from_outer(body).unwrap_err().kind(), kind);
    }
    let error = CreateBody::from_outer(br#"{"sourceId":"x","nonce":"n"}"#).unwrap_err();
    assert_eq!(error.context().collect::<Vec<_>>(), [("member", "payload")]);
}

#[test]
fn careless_senders_are_understood_inside() {
    let text = br#"{"SOURCEID":"65aa0c3be1f0d25c7b9e4411","Nonce":"n","password":4821,"dum":1,
        /* two */ "Vouchers":[{"Aim":"H","Latitude":"43.72","longitude":12,"count":"2",
        "timestamp":"2026-03-01T10:00:00","creationMode":"setlocationonredeem",},
        {"aim":"H","timestamp":"2026-03-01T10:00:00Z","creationMode":0}]}"#;
    let received = CreateReceived::from_inner(text).unwrap();
    let vouchers = received.check().unwrap();
    assert_eq!(vouchers[0], specification(None, 2));
    assert_eq!(vouchers[1], specification(Some(Position::ZERO), 1));
    assert_eq!(received.password, Some(pin()));

    let braces = format!(r#"{{"otc":"{{{}}}"}}"#, OTC.to_ascii_uppercase());
    assert_eq!(
        VerifyRequest::from_inner(braces.as_bytes()).unwrap().otc,
        otc()
    );
}

#[test]
fn faults_inside_are_one_error() {
    let fault = format!("{:?}", payload_fault());
    for text in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"otc":null}"#,
        r#"{"otc":7}"#,
        r#"{"otc":"0b5c9f1e"}"#,
        "\u{1}",
    ] {
        let error = VerifyRequest::from_inner(text.as_bytes()).unwrap_err();
        assert_eq!(format!("{error:?}"), fault);
    }
    for vouchers in [
        "{}",
        "[1]",
        r#"[{"aim":"H","count":1.5}]"#,
        r#"[{"aim":"H","count":10.0}]"#,
        r#"[{"count":1}]"#,
        r#"[{"aim":"H","creationMode":"Other"}]"#,
        r#"[{"aim":"H","creationMode":2}]"#,
        r#"[{"aim":"H","timestamp":"soon"}]"#,
        r#"[{"aim":"H","latitude":"x"}]"#,
    ] {
        let text = format!(
            r#"{{"sourceId":"65aa0c3be1f0d25c7b9e4411","nonce":"n","vouchers":{vouchers}}}"#
        );
        let error = CreateReceived::from_inner(text.as_bytes()).unwrap_err();
        assert_eq!(format!("{error:?}"), fault, "{vouchers}");
    }
}

#[test]
fn values_that_are_not_acceptable_are_named() {
    let check = |voucher: &str| {
        let text = format!(
            r#"{{"sourceId":"65aa0c3be1f0d25c7b9e4411","nonce":"n","vouchers":[{voucher}]}}"#
        );
        let received = CreateReceived::from_inner(text.as_bytes()).unwrap();
        let error = received.check().unwrap_err();
        assert_eq!(error.kind(), Kind::ParameterRefused);
        error.context().map(|(_, value)| value.to_owned()).next()
    };
    let rest = r#""timestamp":"2026-03-01T10:00:00Z"}"#;
    for (voucher, member) in [
        (format!(r#"{{"aim":"h",{rest}"#), "aim"),
        (
            format!(r#"{{"aim":"H","latitude":91,{rest}"#),
            "latitude, longitude",
        ),
        (
            format!(r#"{{"aim":"H","longitude":-181,{rest}"#),
            "latitude, longitude",
        ),
        (format!(r#"{{"aim":"H","count":0,{rest}"#), "count"),
        (format!(r#"{{"aim":"H","count":-1,{rest}"#), "count"),
        (format!(r#"{{"aim":"H","count":10001,{rest}"#), "count"),
        (format!(r#"{{"aim":"H","count":4294967297,{rest}"#), "count"),
        (r#"{"aim":"H"}"#.to_owned(), "timestamp"),
        (String::new(), "vouchers"),
    ] {
        assert_eq!(check(&voucher).as_deref(), Some(member));
    }

    let redeem = |key: &str, latitude: &str| {
        let text = format!(
            r#"{{"otc":"{OTC}","password":"1","sessionKey":"{key}","redeemLocation":{{"latitude":{latitude},"longitude":0}}}}"#
        );
        RedeemRequest::from_inner(text.as_bytes())
    };
    assert!(redeem(KEY, "1").is_ok());
    assert_eq!(
        redeem("AAAA", "1").unwrap_err().kind(),
        Kind::ParameterRefused
    );
    assert_eq!(
        redeem(KEY, "91").unwrap_err().kind(),
        Kind::ParameterRefused
    );
    assert_eq!(
        redeem(KEY, "null").unwrap_err().kind(),
        Kind::PayloadInvalid
    );

    let register = |amount: &str, filter: &str| {
        let text = format!(
            r#"{{"posId":"65aa0c3be1f0d25c7b9e4422","nonce":"n","amount":{amount},"simpleFilter":{filter}}}"#
        );
        RegisterRequest::from_inner(text.as_bytes()).map_err(|error| error.kind())
    };
    assert!(register("10", "{}").is_ok());
    assert!(register("\"10\"", "null").is_ok());
    for amount in ["0", "-1", "10001", "4294967306"] {
        assert_eq!(
            register(amount, "{}"),
            Err(Kind::ParameterRefused),
            "{amount}"
        );
    }
    for filter in [
        "[]",
        r#"{"bounds":{"leftTop":[1],"rightBottom":[2,3]}}"#,
        r#"{"bounds":{"leftTop":[91,0],"rightBottom":[2,3]}}"#,
        r#"{"bounds":{}}"#,
        r#"{"maxAge":1.5}"#,
        r#"{"aim":7}"#,
    ] {
        assert_eq!(
            register("10", filter),
            Err(Kind::ParameterRefused),
            "{filter}"
        );
    }
    assert_eq!(register("null", "{}"), Err(Kind::PayloadInvalid));

    let confirm = format!(
        r#"{{"otc":"{OTC}","password":"4821","sessionKey":"{KEY}","vouchers":[{{"id":"x","secret":"s"}}]}}"#
    );
    let error = ConfirmRequest::from_inner(confirm.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), Kind::ParameterRefused);
}

#[test]
fn what_we_ask_for_is_bounded() {
    let place = Some(Position::ZERO);
    let aim: Aim = "H".parse().unwrap();
    for count in [0, MAX_COUNT + 1] {
        assert!(VoucherSpecification::new(aim, place, at(), count).is_err());
    }
    let create =
        |vouchers| CreateRequest::new(source(), "n", None, vouchers).map(|request| request.total());
    assert_eq!(create(vec![]).unwrap_err().kind(), Kind::InputInvalid);
    assert_eq!(
        create(vec![specification(place, 1); MAX_SPECIFICATIONS]).unwrap(),
        100
    );
    let error = create(vec![specification(place, 1); MAX_SPECIFICATIONS + 1]).unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
    assert_eq!(
        create(vec![specification(place, 5_000); 2]).unwrap(),
        MAX_COUNT
    );
    let error = create(vec![specification(place, 5_001); 2]).unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
}

/// The largest create must fit the blocks that the Registry takes, with keys of any size.
#[test]
fn the_largest_request_fits_the_limit_of_blocks() {
    let place = Some(Position::new(-43.123_456_789_012_345, -112.123_456_789_012_34).unwrap());
    let vouchers = vec![specification(place, 100); MAX_SPECIFICATIONS];
    let request =
        CreateRequest::new(source(), "x".repeat(MAX_NONCE), Some(pin()), vouchers).unwrap();
    assert!(request.to_json().len().div_ceil(256 - 11) <= MAX_BLOCKS_CREATE);
}

#[test]
fn a_wallet_takes_vouchers_with_strange_details() {
    let text = br#"{"sourceId":"65aa0c3be1f0d25c7b9e4411","vouchers":[
        {"id":"65aa0c3be1f0d25c7b9e4433/1","secret":"s","aim":"H/1","latitude":95,"longitude":-1000,"timestamp":"?"},
        {"id":17,"secret":"s"}]}"#;
    let answer = RedeemAnswer::from_inner(text).unwrap();
    assert_eq!(answer.source_name, "");
    assert_eq!(
        answer.vouchers[0].position,
        Position::new(90.0, -180.0).unwrap()
    );
    assert_eq!(answer.vouchers[0].aim, "H/1");
    assert_eq!(answer.vouchers[1].id.record(), "17");
    assert_eq!(
        RedeemAnswer::from_inner(answer.to_json().as_bytes()).unwrap(),
        answer
    );
}

#[test]
fn old_answers_without_link_and_count_are_read() {
    let text = format!(
        r#"{{"registryUrl":"https://x.example","nonce":"n","otc":"{OTC}","password":"4821"}}"#
    );
    let answer = CreateAnswer::from_inner(text.as_bytes()).unwrap();
    assert_eq!((answer.link, answer.count), (None, None));
    let status =
        StatusAnswer::from_inner(br#"{"hasBeenPerformed":false,"confirmations":[]}"#).unwrap();
    assert_eq!(status, StatusAnswer::default());
}

#[test]
fn the_list_of_aims_comes_back() {
    let list = AimList::known();
    assert!(list.to_json().starts_with(
        r#"{"aims":[{"code":"0","titles":{"en":"Demo","it":"Demo"},"hidden":true},{"code":"C","#
    ));
    assert_eq!(
        AimList::from_outer(list.to_json().as_bytes()).unwrap(),
        list
    );
    let sparse = AimList::from_outer(br#"{"aims":[{"code":"QQ/1","order":3}]}"#).unwrap();
    assert_eq!(sparse.aims[0].titles, AimTitles::default());
}

#[test]
fn nothing_secret_is_shown() {
    let create =
        CreateRequest::new(source(), "n", Some(pin()), vec![specification(None, 1)]).unwrap();
    let answer = CreateAnswer {
        registry_url: String::new(),
        nonce: "n".to_owned(),
        otc: otc(),
        password: pin(),
        link: Some(format!("https://link.wom.social/vouchers/{OTC}").into()),
        count: Some(1),
    };
    let confirm = ConfirmRequest {
        otc: otc(),
        password: pin(),
        session_key: key(),
        vouchers: vec![SpentVoucher {
            id: "65aa0c3be1f0d25c7b9e4433/1".parse().unwrap(),
            secret: VoucherSecret::parse("q83vEjRWeJA=").unwrap(),
        }],
    };
    let redeemed = RedeemedVoucher {
        id: "65aa0c3be1f0d25c7b9e4433/1".parse().unwrap(),
        secret: VoucherSecret::parse("q83vEjRWeJA=").unwrap(),
        aim: "H".to_owned(),
        position: Position::ZERO,
        timestamp: at(),
    };
    let received = CreateReceived::from_inner(create.to_json().as_bytes()).unwrap();
    let private = crate::protocol::PrivateKey::generate(2048).unwrap();
    let document = json::object(
        confirm.to_json().as_bytes(),
        Layer::Inner,
        Limits::default(),
    )
    .unwrap();
    let shown = format!(
        "{create:#?} {answer:#?} {confirm:#?} {redeemed:?} {received:?} {private:?} {document:?} {:?}",
        crate::protocol::Link::Bare(otc()),
    );
    for secret in ["4821", "0b5c9f1e", "7d44", "ICEi", "q83v"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("PrivateKey(2048 bits, …)"));
}

#[test]
fn an_issue_in_one_call_is_written_exactly() {
    let vouchers = vec![
        specification(Some(Position::new(43.72, 12.63).unwrap()), 27),
        specification(None, 1),
    ];
    let request = IssueRequest::new(vouchers).unwrap();
    assert_eq!(request.total(), 28);
    assert_eq!(
        request.to_json().as_str(),
        concat!(
            r#"{"vouchers":[{"count":27,"aim":"H","location":{"latitude":43.72,"longitude":12.63},"#,
            r#""timestamp":"2026-03-01T10:00:00Z","creationMode":"Standard"},"#,
            r#"{"count":1,"aim":"H","timestamp":"2026-03-01T10:00:00Z","#,
            r#""creationMode":"SetLocationOnRedeem"}]}"#
        )
    );
    let received = IssueReceived::from_outer(request.to_json().as_bytes()).unwrap();
    assert_eq!(received.check().unwrap(), request.vouchers());
}

#[test]
fn an_issue_in_one_call_is_read_as_connectors_write_it() {
    let received =
        |entry: &str| IssueReceived::from_outer(format!(r#"{{"Vouchers":[{entry}]}}"#).as_bytes());
    let good = r#"{"Aim":"C","Count":"12","Location":{"Latitude":43.72,"longitude":"12.63"},
        "timestamp":"2026-03-01T12:00:00+01:00"}"#;
    let vouchers = received(good).unwrap().check().unwrap();
    assert_eq!(
        (vouchers[0].count(), vouchers[0].timestamp),
        (12, "2026-03-01T11:00:00Z".parse().unwrap())
    );
    // No count is no vouchers, and a place is needed unless it comes later.
    let kind = |entry: &str| {
        received(entry)
            .and_then(|received| received.check())
            .unwrap_err()
            .kind()
    };
    assert_eq!(
        kind(&good.replace(r#""Count":"12","#, "")),
        Kind::ParameterRefused
    );
    let nowhere = r#"{"aim":"C","count":12,"timestamp":"2026-03-01T12:00:00Z"}"#;
    assert_eq!(kind(nowhere), Kind::ParameterRefused);
    let later = nowhere.replace('}', r#","creationMode":"SetLocationOnRedeem"}"#);
    assert_eq!(received(&later).unwrap().check().unwrap()[0].position, None);
    assert_eq!(kind(r#"{"count":12}"#), Kind::InputInvalid);
    assert!(IssueReceived::from_outer(b"{}").is_err());
}

#[test]
fn the_answer_to_an_issue_in_one_call_is_plain() {
    let body = format!(
        r#"{{"registryUrl":null,"otc":"{OTC}","password":"4821","link":"","count":3,"more":1}}"#
    );
    let answer = CreateAnswer::from_outer(body.as_bytes()).unwrap();
    assert_eq!(
        (answer.otc, answer.nonce.as_str(), answer.count),
        (otc(), "", Some(3))
    );
    assert!(CreateAnswer::from_outer(br#"{"otc":5,"password":"4821"}"#).is_err());
}
