//! Prints slips with made-up codes: `cargo run -p wom-sinks --example slips slips.pdf [COUNT]`.

use wom_sdk::{
    Result,
    award::{AwardKey, Content, Ticket, Vouchers},
    claim::{Claim, Handle},
    protocol::{Otc, Pin},
};
use wom_sinks::Slips;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "slips.pdf".to_owned());
    let count = arguments.next().and_then(|count| count.parse().ok());
    let claims: Vec<_> = (0..count.unwrap_or(6)).map(claim).collect::<Result<_>>()?;
    let slips =
        Slips::new("Camminate d’autunno · Città di Urbino")?.in_zone("Europe/Rome".parse()?);
    let pdf = slips.pdf(&claims, "2026-11-21".parse()?)?;
    std::fs::write(&path, &pdf).map_err(|error| {
        wom_sdk::Error::new(wom_sdk::Kind::StorageFailed, "the slips cannot be written")
            .because(error)
    })?;
    println!("{path}: {} slips, {} bytes", claims.len(), pdf.len());
    Ok(())
}

fn claim(number: u32) -> Result<Claim> {
    let aims = ["H", "UM", "IM", "CI", "T", "HE"];
    let sort = |index: u32, minutes| {
        Ok::<_, wom_sdk::Error>(Vouchers {
            aim: aims[(number + index) as usize % aims.len()].parse()?,
            minutes,
            place: "43.7263,12.6366".parse()?,
            at: wom_sdk::Timestamp::from_seconds(1_795_000_000 + i64::from(index) * 86_400),
        })
    };
    let sorts = (0..=number % 3).map(|index| {
        sort(
            index,
            (7 + 61 * (number % 3) * index + number % 40) * if number % 4 == 3 { 10 } else { 1 },
        )
    });
    let content = Content::new(sorts.collect::<Result<_>>()?)?;
    let otc = Otc::random();
    Ok(Claim {
        key: AwardKey([u8::try_from(number % 251).unwrap_or(0); 32]),
        ticket: Ticket {
            link: format!("https://link.wom.social/vouchers/{}", otc.reveal()).into(),
            pin: Pin::random(),
            otc,
            minutes: content.minutes(),
        },
        content,
        handle: match number % 2 {
            0 => None,
            _ => Some(Handle::new(format!("tavolo {number}"))?),
        },
    })
}
