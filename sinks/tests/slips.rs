//! Slips, read by a renderer and a scanner that know nothing of how they were made.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{collections::BTreeSet, fs};

use common::{claim, claims, with_handle};
use hayro::{
    PixmapSettings, RenderCache, RenderSettings, hayro_interpret::InterpreterSettings,
    hayro_syntax::Pdf, render, vello_cpu::color::palette::css::WHITE,
};
use wom_sdk::{
    Day, Kind,
    award::Ticket,
    claim::{Claim, ClaimSink},
    protocol::Pin,
};
use wom_sinks::{Languages, Slips, SlipsSink};

/// Points of the rendering in a millimetre: 150 to the inch.
const DOTS: f32 = 150.0 / 25.4;

/// A sheet as grey values, row by row.
struct Picture {
    width: usize,
    grey: Vec<u8>,
}

impl Picture {
    fn of(pdf: &[u8]) -> Vec<Self> {
        let pdf = Pdf::new(pdf.to_vec()).unwrap();
        let cache = RenderCache::new();
        let scale = 150.0 / 72.0;
        let settings = PixmapSettings {
            x_scale: scale,
            y_scale: scale,
            bg_color: WHITE,
        };
        let pages = pdf.pages().iter().map(|page| {
            let picture = render(
                page,
                &cache,
                &InterpreterSettings::default(),
                &RenderSettings::default(),
                &settings,
            );
            let bytes = picture.data_as_u8_slice().chunks_exact(4);
            Self {
                width: usize::from(picture.width()),
                grey: bytes.map(|pixel| pixel[1]).collect(),
            }
        });
        pages.collect()
    }

    fn height(&self) -> usize {
        self.grey.len() / self.width
    }

    fn scan(&self) -> BTreeSet<String> {
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(self.width, self.height(), |x, y| {
                self.grey[y * self.width + x]
            });
        let grids = image.detect_grids();
        grids.iter().map(|grid| grid.decode().unwrap().1).collect()
    }

    /// Left, top, right and bottom in millimetres of what fulfils the condition.
    fn extent(&self, mut fulfils: impl FnMut(usize) -> bool) -> Option<[f32; 4]> {
        let places = (0..self.grey.len()).filter(|at| fulfils(*at));
        places
            .map(|at| {
                [
                    (at % self.width) as f32 / DOTS,
                    (at / self.width) as f32 / DOTS,
                ]
            })
            .fold(None, |extent: Option<[f32; 4]>, [x, y]| {
                let [left, top, right, bottom] = extent.unwrap_or([x, y, x, y]);
                Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
            })
    }

    fn differs(&self, other: &Self) -> Option<[f32; 4]> {
        self.extent(|at| self.grey[at] != other.grey[at])
    }

    /// What is dark within a part of the sheet.
    fn ink(&self, [left, top, right, bottom]: [f32; 4]) -> Option<[f32; 4]> {
        self.extent(|at| {
            let (x, y) = (
                (at % self.width) as f32 / DOTS,
                (at / self.width) as f32 / DOTS,
            );
            self.grey[at] < 128 && (left..right).contains(&x) && (top..bottom).contains(&y)
        })
    }
}

fn slips() -> Slips {
    let slips = Slips::new("Camminate d’autunno · Città di Urbino").unwrap();
    slips.in_zone("Europe/Rome".parse().unwrap())
}

fn today() -> Day {
    "2026-11-21".parse().unwrap()
}

fn links(claims: &[Claim]) -> BTreeSet<String> {
    claims
        .iter()
        .map(|claim| claim.ticket.link.reveal().to_owned())
        .collect()
}

fn with_pin(claim: Claim, pin: &str) -> Claim {
    let pin = Pin::from_registry(pin).unwrap();
    Claim {
        ticket: Ticket {
            pin,
            ..claim.ticket
        },
        ..claim
    }
}

#[test]
fn every_code_scans_to_its_link_in_every_language() {
    let claims = claims(5);
    for languages in [
        Languages::ItalianEnglish,
        Languages::Italian,
        Languages::English,
    ] {
        let pdf = slips()
            .in_languages(languages)
            .pdf(&claims, today())
            .unwrap();
        let pictures = Picture::of(&pdf);
        assert_eq!(pictures.len(), 2);
        for (picture, claims) in pictures.iter().zip(claims.chunks(4)) {
            assert_eq!(picture.scan(), links(claims));
        }
    }
}

/// On the sheet a slip's inside is from 90 to 146 mm, the flap right of it.
#[test]
fn the_pin_is_on_the_inside_only_and_the_flap_covers_it() {
    let picture = |claim: Claim| Picture::of(&slips().pdf(&[claim], today()).unwrap()).remove(0);
    let one = picture(with_pin(claim(1), "0000"));
    let other = picture(with_pin(claim(1), "8888"));
    let [left, top, right, bottom] = one.differs(&other).unwrap();
    assert!(left > 90.0 && right < 146.0, "{left} {right}");
    assert!(top > 10.5 && bottom < 79.5, "{top} {bottom}");
    // Nothing else of the claim is inside: another one with the same PIN differs outside only.
    let another = picture(with_pin(with_handle(9, "tavolo 4"), "0000"));
    assert!(one.differs(&another).unwrap()[2] < 90.0);

    let pin = one.ink([95.0, 22.0, 141.0, 37.8]).unwrap();
    assert!(pin[3] - pin[1] > 9.0, "large: {pin:?}");
    let cover = one.ink([150.0, 12.0, 199.0, 42.0]).unwrap();
    let folded = [292.0 - pin[2], pin[1], 292.0 - pin[0], pin[3]];
    assert!(
        cover[0] < folded[0] && cover[2] > folded[2],
        "{cover:?} {folded:?}"
    );
    assert!(
        cover[1] < folded[1] && cover[3] > folded[3],
        "{cover:?} {folded:?}"
    );
}

#[test]
fn around_every_code_four_modules_are_white() {
    let links = [
        "https://w.it/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
        "https://link.wom.social/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
        &format!(
            "https://{}.example/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
            "a".repeat(60)
        ),
        &format!(
            "https://{}.example/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
            "a".repeat(150)
        ),
    ];
    for link in links {
        let mut claim = claim(1);
        claim.ticket.link = link.to_owned().into();
        let pdf = slips().pdf(&[claim], today()).unwrap();
        let picture = Picture::of(&pdf).remove(0);
        assert_eq!(picture.scan(), BTreeSet::from([link.to_owned()]));
        let code = picture.ink([12.0, 26.0, 53.0, 65.5]).unwrap();
        let side = code[2] - code[0];
        assert!((code[3] - code[1] - side).abs() < 0.4, "{code:?}");
        // The smallest code of a link has 33 modules.
        let quiet = 4.0 * side / 33.0_f32.max(side / 0.85);
        let [left, top, right, bottom] = code;
        let around = [left - quiet, top - quiet, right + quiet, bottom + quiet];
        let inner = [left - 0.2, top - 0.2, right + 0.2, bottom + 0.2];
        let dirt = picture.extent(|at| {
            let (x, y) = (
                (at % picture.width) as f32 / DOTS,
                (at / picture.width) as f32 / DOTS,
            );
            let within = |[left, top, right, bottom]: [f32; 4]| {
                (left..right).contains(&x) && (top..bottom).contains(&y)
            };
            picture.grey[at] < 200 && within(around) && !within(inner)
        });
        assert_eq!(dirt, None, "{link}");
    }
    let mut claim = claim(1);
    claim.ticket.link = "x".repeat(1200).into();
    let error = slips().pdf(&[claim], today()).unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
}

#[test]
fn the_same_claims_and_day_are_the_same_bytes() {
    let claims = claims(5);
    let pdf = slips().pdf(&claims, today()).unwrap();
    assert_eq!(slips().pdf(&claims, today()).unwrap(), pdf);
    assert_ne!(slips().pdf(&claims[1..], today()).unwrap(), pdf);
    assert_ne!(
        slips().pdf(&claims, "2026-11-22".parse().unwrap()).unwrap(),
        pdf
    );
}

#[test]
fn a_slip_takes_little_memory() {
    let claims: Vec<_> = claims(250).into_iter().cycle().take(400).collect();
    let pdf = slips().pdf(&claims, today()).unwrap();
    assert!(pdf.len() < 400 * 2_500, "{}", pdf.len());
    let error = slips()
        .pdf(&vec![claim(1); Slips::MOST + 1], today())
        .unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
}

#[test]
fn whatever_is_long_or_strange_stays_in_its_place() {
    let plain = Picture::of(&slips().pdf(&[claim(1)], today()).unwrap()).remove(0);
    let mut strange = with_handle(1, &"Ω)(\\ ".repeat(80));
    strange.ticket.minutes = 10_000;
    let campaign = Slips::new("M".repeat(200)).unwrap();
    let strange = Picture::of(&campaign.pdf(&[strange], today()).unwrap()).remove(0);
    let [left, top, right, bottom] = plain.differs(&strange).unwrap();
    assert!(left > 14.0 && right < 90.0 && top > 10.5 && bottom < 79.5);
    // The longest PIN of a Registry is smaller, but whole and inside.
    let long = with_pin(claim(1), &"W".repeat(64));
    let long = Picture::of(&slips().pdf(&[long], today()).unwrap()).remove(0);
    let [left, _, right, _] = plain.differs(&long).unwrap();
    assert!(left > 90.0 && right < 146.0);
    let unprintable = slips()
        .pdf(&[with_pin(claim(1), "12Ω4")], today())
        .unwrap_err();
    assert_eq!(unprintable.kind(), Kind::PinUnacceptable);
    assert!(!format!("{unprintable:?}").contains("12"));
}

#[tokio::test]
async fn the_same_delivery_is_the_same_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let sink = SlipsSink::new(slips(), folder.path().join("slips")).unwrap();
    let claims = claims(3);
    for _ in 0..2 {
        sink.deliver(&claims).await.unwrap();
    }
    let files: Vec<_> = fs::read_dir(folder.path().join("slips"))
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(files.len(), 1);
    let pdf = fs::read(files[0].path()).unwrap();
    assert_eq!(Picture::of(&pdf)[0].scan(), links(&claims));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            files[0].metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    sink.deliver(&claims[..2]).await.unwrap();
    assert_eq!(
        fs::read_dir(folder.path().join("slips")).unwrap().count(),
        2
    );
}
