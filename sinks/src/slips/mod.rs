//! Claims on paper: print, cut, fold once, and the PIN is inside.

mod canvas;
mod font;
mod layout;
mod words;

pub use words::Languages;

use std::{
    fmt, fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Date, Filter, Finish as _, Name, Pdf, Rect, Ref, TextStr};
use sha2::{Digest as _, Sha256};
use wom_sdk::{
    Clock, Day, Error, Kind, Result, SystemClock, Zone,
    claim::{Claim, ClaimSink},
    files::replace_privately,
};
use zeroize::Zeroizing;

use self::{
    canvas::{Canvas, MM},
    font::Face,
    layout::{ON_SHEET, SHEET, SLIP, Slip},
};
const FRAME: Name<'static> = Name(b"Frame");
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const INFO: i32 = 3;
const FRAME_REF: i32 = 4;
const FIRST_FONT: i32 = 5;
const FIRST_PAGE: i32 = 8;

/// Slips to print on A4 paper, one side only, four on a sheet.
///
/// Cut along the lines, fold the flap once over the PIN, and close it. Outside are the link as a QR code,
/// the minutes and what they were given for, and the campaign's name; the PIN, large, with how to
/// collect, is inside. Letters that the standard fonts of PDF have not lose their accents.
///
/// The same claims and day give the same bytes.
#[derive(Clone, Debug)]
pub struct Slips {
    campaign: String,
    languages: Languages,
    zone: Zone,
}

impl Slips {
    /// The most slips in one document: 2,500 sheets.
    pub const MOST: usize = 10_000;

    /// Slips of a campaign, by its name for people: 1 to 200 bytes, of which what fits in one line
    /// is printed.
    pub fn new(campaign: impl Into<String>) -> Result<Self> {
        let campaign = campaign.into();
        if campaign.trim().is_empty() || campaign.len() > 200 {
            return Err(Error::new(
                Kind::InputInvalid,
                "a campaign's name has 1 to 200 bytes",
            ));
        }
        Ok(Self {
            campaign,
            languages: Languages::default(),
            zone: Zone::UTC,
        })
    }

    /// Writes in these languages; Italian and English unless told.
    #[must_use]
    pub fn in_languages(self, languages: Languages) -> Self {
        Self { languages, ..self }
    }

    /// Tells days in this zone, the campaign's; UTC unless given.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The zone whose days are told.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The document, printed on this day: 1 to [`MOST`](Self::MOST) slips, in the claims' order.
    ///
    /// Fails with [`Kind::LimitExceeded`] where a link is too long for a code that scans well.
    pub fn pdf(&self, claims: &[Claim], printed: Day) -> Result<Zeroizing<Vec<u8>>> {
        if claims.is_empty() || claims.len() > Self::MOST {
            return Err(Error::new(
                Kind::LimitExceeded,
                "a document has 1 to 10,000 slips",
            ));
        }
        let sheets: Vec<_> = claims.chunks(ON_SHEET).collect();
        let mut pdf = Pdf::new();
        self.head(&mut pdf, sheets.len(), printed);
        for (index, slips) in sheets.iter().enumerate() {
            let about = self.about(printed, index + 1, sheets.len());
            self.sheet(&mut pdf, page(index), slips, &about)?;
        }
        Ok(Zeroizing::new(pdf.finish()))
    }

    /// Everything but the sheets.
    fn head(&self, pdf: &mut Pdf, sheets: usize, printed: Day) {
        let languages = self.languages.list();
        let first = languages[0];
        pdf.catalog(Ref::new(CATALOG))
            .pages(Ref::new(PAGES))
            .lang(TextStr(first.code));
        let number = i32::try_from(sheets).unwrap_or(i32::MAX);
        pdf.pages(Ref::new(PAGES))
            .kids((0..sheets).map(page))
            .count(number);
        pdf.document_info(Ref::new(INFO))
            .title(TextStr(&format!("{}: {}", self.campaign, first.title)))
            .creator(TextStr("wom-sdk"))
            .creation_date(
                Date::new(printed.year().unsigned_abs())
                    .month(printed.month().unsigned_abs())
                    .day(printed.day_of_month().unsigned_abs()),
            );
        for (face, id) in Face::ALL.into_iter().zip(FIRST_FONT..) {
            let mut font = pdf.type1_font(Ref::new(id));
            font.base_font(face.base());
            if face != Face::Signs {
                font.encoding_predefined(Name(b"WinAnsiEncoding"));
            }
        }
        let frame = deflated(&layout::frame(&self.campaign, languages).finish());
        let mut form = pdf.form_xobject(Ref::new(FRAME_REF), &frame);
        form.bbox(Rect::new(0.0, 0.0, SLIP[0] * MM, SLIP[1] * MM));
        form.filter(Filter::FlateDecode);
        fonts(&mut form.resources());
    }

    fn sheet(&self, pdf: &mut Pdf, id: Ref, claims: &[Claim], about: &str) -> Result<()> {
        let mut canvas = Canvas::new(SHEET[1]);
        layout::margins(&mut canvas, claims.len(), about);
        for (place, claim) in claims.iter().enumerate() {
            let slip = Slip {
                claim,
                reasons: claim.content.reasons(&self.zone),
                languages: self.languages.list(),
            };
            slip.draw(&mut canvas, place)?;
        }
        let drawn = Zeroizing::new(canvas.finish());
        let content = Ref::new(id.get() + 1);
        let mut page = pdf.page(id);
        page.parent(Ref::new(PAGES))
            .media_box(Rect::new(0.0, 0.0, SHEET[0] * MM, SHEET[1] * MM))
            .contents(content);
        let mut resources = page.resources();
        resources.x_objects().pair(FRAME, Ref::new(FRAME_REF));
        fonts(&mut resources);
        resources.finish();
        page.finish();
        pdf.stream(content, &deflated(&drawn))
            .filter(Filter::FlateDecode);
        Ok(())
    }

    fn about(&self, printed: Day, sheet: usize, sheets: usize) -> String {
        let each = self.languages.list().iter().map(|words| {
            let day = words.days(printed, printed);
            format!("{} {day}, {} {sheet}/{sheets}", words.printed, words.page)
        });
        each.collect::<Vec<_>>().join(" · ")
    }
}

/// Writes slips into files in a folder, which only its owner may read, 1,000 in each.
///
/// `Ok` means that they are on the disk; printing them is somebody's work. A file is named after
/// the claims in it: the same claims again are the same file.
#[derive(Clone)]
pub struct SlipsSink {
    slips: Slips,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl SlipsSink {
    const IN_FILE: usize = 1_000;

    /// A sink into a folder, which is made where it is missing.
    pub fn new(slips: Slips, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder).map_err(|error| failed(error, &folder))?;
        Ok(Self {
            slips,
            folder,
            clock: Arc::new(SystemClock),
        })
    }

    /// Takes the day of printing from this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

impl fmt::Debug for SlipsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlipsSink({})", self.folder.display())
    }
}

#[async_trait]
impl ClaimSink for SlipsSink {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        let today = self.slips.zone.day(self.clock.now());
        for claims in claims.chunks(Self::IN_FILE) {
            let path = self.folder.join(file_name(claims));
            if path.exists() {
                continue;
            }
            let pdf = self.slips.pdf(claims, today)?;
            replace_privately(&path, &pdf).map_err(|error| failed(error, &path))?;
        }
        Ok(())
    }
}

fn file_name(claims: &[Claim]) -> String {
    let mut digest = Sha256::new();
    for claim in claims {
        digest.update(claim.key.0);
    }
    let digits: String = digest.finalize()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("slips-{digits}.pdf")
}

fn page(index: usize) -> Ref {
    let index = i32::try_from(index).unwrap_or(i32::MAX / 4);
    Ref::new(FIRST_PAGE + 2 * index)
}

fn fonts(resources: &mut pdf_writer::writers::Resources<'_>) {
    let mut fonts = resources.fonts();
    for (face, id) in Face::ALL.into_iter().zip(FIRST_FONT..) {
        fonts.pair(face.name(), Ref::new(id));
    }
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(content).and_then(|()| encoder.finish());
    written.expect("memory takes whatever is written to it")
}

fn failed(error: std::io::Error, path: &Path) -> Error {
    Error::new(Kind::StorageFailed, "slips cannot be written")
        .with("file", path.display())
        .with("cause", error.kind())
        .because(error)
}
