//! What the columns of a list are called, in English and Italian, and what stands in them.

use std::borrow::Cow;

use wom_sdk::{Day, Timestamp, Zone, instrument::Refusal};

use crate::{
    clock::{self, Moment},
    table::plain,
};

/// What a column is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    Cancelled,
    Date,
    Direction,
    From,
    Person,
    Result,
    Session,
    Ticket,
    Time,
    To,
}

/// The names of columns, as [`plain`] makes them.
const NAMES: [(Field, &[&str]); 10] = [
    (
        Field::Cancelled,
        &[
            "cancelled",
            "canceled",
            "withdrawn",
            "deleted",
            "annullato",
            "annullata",
            "cancellato",
            "cancellata",
            "storno",
        ],
    ),
    (Field::Date, &["date", "day", "data", "giorno"]),
    (
        Field::Direction,
        &[
            "direction",
            "type",
            "inout",
            "direzione",
            "verso",
            "tipo",
            "movimento",
        ],
    ),
    (
        Field::From,
        &[
            "from",
            "start",
            "begin",
            "entry",
            "in",
            "checkin",
            "arrival",
            "dalle",
            "inizio",
            "entrata",
            "ingresso",
            "arrivo",
            "oraentrata",
            "oraingresso",
            "orainizio",
        ],
    ),
    (
        Field::Person,
        &[
            "participant",
            "person",
            "volunteer",
            "member",
            "partecipante",
            "persona",
            "volontario",
            "volontaria",
            "socio",
            "matricola",
            "nominativo",
        ],
    ),
    (
        Field::Result,
        &["result", "status", "outcome", "esito", "stato"],
    ),
    (
        Field::Session,
        &[
            "session",
            "event",
            "show",
            "shift",
            "title",
            "sessione",
            "evento",
            "spettacolo",
            "turno",
            "titolo",
        ],
    ),
    (
        Field::Ticket,
        &[
            "ticket",
            "ticketid",
            "ticketcode",
            "barcode",
            "code",
            "card",
            "badge",
            "biglietto",
            "codicebiglietto",
            "numerobiglietto",
            "codice",
            "tessera",
        ],
    ),
    (
        Field::Time,
        &[
            "time",
            "datetime",
            "timestamp",
            "scannedat",
            "scantime",
            "scan",
            "ora",
            "orario",
            "dataora",
            "dataeora",
            "lettura",
        ],
    ),
    (
        Field::To,
        &[
            "to",
            "end",
            "until",
            "exit",
            "out",
            "checkout",
            "departure",
            "alle",
            "fine",
            "uscita",
            "partenza",
            "orauscita",
            "orafine",
        ],
    ),
];

impl Field {
    /// The name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Date => "date",
            Self::Direction => "direction",
            Self::From => "from",
            Self::Person => "person",
            Self::Result => "result",
            Self::Session => "session",
            Self::Ticket => "ticket",
            Self::Time => "time",
            Self::To => "to",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let name = plain(name);
        let found = NAMES
            .iter()
            .find(|(_, names)| names.contains(&name.as_str()));
        found.map(|(field, _)| *field)
    }
}

/// Which column is about what. Columns of other names are passed over, and so is a second one about
/// the same.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    fields: Vec<Option<Field>>,
}

impl Columns {
    fn new(header: &[String]) -> Self {
        let mut fields: Vec<Option<Field>> = Vec::new();
        for name in header {
            let field = Field::named(name).filter(|field| !fields.contains(&Some(*field)));
            fields.push(field);
        }
        Self { fields }
    }

    /// The columns of a gate list or timesheet.
    pub(crate) fn of_list(header: &[String]) -> Result<Self, Cow<'static, str>> {
        let mut columns = Self::new(header);
        if !columns.has(Field::Time) && !columns.has(Field::From) {
            // A date alone tells the whole instant.
            for field in &mut columns.fields {
                if *field == Some(Field::Date) {
                    *field = Some(Field::Time);
                }
            }
        }
        let who = columns.has(Field::Ticket) || columns.has(Field::Person);
        let when = columns.has(Field::Time) || columns.has(Field::From);
        match who && when {
            true => Ok(columns),
            false => Err("name a column ticket (biglietto) or person (volontario), and one time (ora), or from and to (dalle, alle)".into()),
        }
    }

    /// The columns of a programme.
    pub(crate) fn of_programme(header: &[String]) -> Result<Self, Cow<'static, str>> {
        let columns = Self::new(header);
        match columns.has(Field::From) && columns.has(Field::To) {
            true => Ok(columns),
            false => Err(
                "name the columns session (sessione), date (data), from (dalle) and to (alle)"
                    .into(),
            ),
        }
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.fields.contains(&Some(field))
    }

    /// Whether a row is as long as the header. Empty cells behind it are passed over.
    pub(crate) fn fits(&self, cells: &[String]) -> Result<(), Refusal> {
        let expected = self.fields.len();
        let is_long = cells.iter().skip(expected).any(|cell| !cell.is_empty());
        if cells.len() >= expected && !is_long {
            return Ok(());
        }
        let count = cells.len();
        Err(Refusal::new(
            "bad_csv",
            format!(
                "the row has {count} cells and the header {expected}; put cells with the separator into quotes"
            ),
        ))
    }

    /// Whether the row names the columns again, as lists do that were put together from several.
    pub(crate) fn is_header(&self, cells: &[String]) -> bool {
        let known = self
            .fields
            .iter()
            .zip(cells)
            .filter(|(field, _)| field.is_some());
        let mut names = known.map(|(field, cell)| {
            let named = Field::named(cell);
            named == *field || (named, *field) == (Some(Field::Date), Some(Field::Time))
        });
        names.all(|is_name| is_name)
    }

    /// What stands in the cell; empty if there is no such column.
    pub(crate) fn cell<'a>(&self, cells: &'a [String], field: Field) -> &'a str {
        let at = self.fields.iter().position(|it| *it == Some(field));
        at.and_then(|at| cells.get(at)).map_or("", String::as_str)
    }

    pub(crate) fn needed<'a>(&self, cells: &'a [String], field: Field) -> Result<&'a str, Refusal> {
        match self.cell(cells, field) {
            "" => Err(Refusal::new("missing_field", "is empty").field(field.name())),
            text => Ok(text),
        }
    }

    /// The day, where a column tells it.
    pub(crate) fn day(&self, cells: &[String]) -> Result<Option<Day>, Refusal> {
        // Spreadsheets put midnight behind a date.
        let text = self.cell(cells, Field::Date);
        let date = text.split([' ', 'T']).next().unwrap_or_default();
        match clock::day(date) {
            Some(day) => Ok(Some(day)),
            None if text.is_empty() => Ok(None),
            None => Err(Refusal::new(
                "bad_time",
                "is not a day that exists; write it as 21/11/2026 or 2026-11-21, with the day before the month",
            )
            .field(Field::Date.name())),
        }
    }

    /// The instant that a cell tells, on this day if it has none of its own.
    pub(crate) fn instant(
        &self,
        text: &str,
        field: Field,
        day: Option<Day>,
        zone: Option<&Zone>,
    ) -> Result<Timestamp, Refusal> {
        let wrong =
            |code, message: &'static str| Err(Refusal::new(code, message).field(field.name()));
        let Some(moment) = Moment::parse(text) else {
            return wrong(
                "bad_time",
                "is not a time that exists; write it as 21/11/2026 18:30, with the day before the month, or as 18:30 beside a column date",
            );
        };
        match (moment, zone) {
            (Moment::Instant(at), _) => Ok(at),
            (_, None) => wrong(
                "no_zone",
                "has no offset, so it names no instant; give the setting zone",
            ),
            (moment, Some(zone)) => match moment.instant(day, zone) {
                Some(at) => Ok(at),
                None => wrong("missing_field", "has no day; put it into a column date"),
            },
        }
    }

    /// The end of what began at `start`: a reading of the clock that is not later is the next day's.
    pub(crate) fn end(
        &self,
        text: &str,
        start: Timestamp,
        day: Option<Day>,
        zone: Option<&Zone>,
    ) -> Result<Timestamp, Refusal> {
        let end = self.instant(text, Field::To, day, zone)?;
        let is_reading = matches!(Moment::parse(text), Some(Moment::OfDay(_)));
        match day.filter(|_| is_reading && end < start) {
            Some(day) => self.instant(text, Field::To, Some(day.next()), zone),
            None => Ok(end),
        }
    }
}
