//! Claims with codes of their own.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use wom_sdk::{
    Timestamp,
    award::{AwardKey, Content, Ticket, Vouchers},
    claim::{Claim, Handle},
    protocol::{Otc, Pin},
};

/// The claim with this number: the same each time.
pub fn claim(number: u8) -> Claim {
    let sort = |aim: &str, minutes, day: i64| Vouchers {
        aim: aim.parse().unwrap(),
        minutes,
        place: "43.7263,12.6366".parse().unwrap(),
        // Midnight of 1 March 2026 in Rome, and of days after it.
        at: Timestamp::from_seconds(1_772_319_600 + day * 86_400),
    };
    let content = Content::new(vec![
        sort("H", u32::from(number) + 30, 0),
        sort("UM", 12, 1),
    ])
    .unwrap();
    let otc: Otc = format!("0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d{number:02x}")
        .parse()
        .unwrap();
    Claim {
        key: AwardKey([number; 32]),
        ticket: Ticket {
            link: format!("https://link.wom.social/vouchers/{}", otc.reveal()).into(),
            otc,
            pin: Pin::parse(&format!("{:04}", u32::from(number) * 37 % 10_000)).unwrap(),
            minutes: content.minutes(),
        },
        content,
        handle: None,
    }
}

pub fn with_handle(number: u8, handle: &str) -> Claim {
    let handle = Some(Handle::new(handle).unwrap());
    Claim {
        handle,
        ..claim(number)
    }
}

pub fn claims(count: u8) -> Vec<Claim> {
    (0..count).map(claim).collect()
}
