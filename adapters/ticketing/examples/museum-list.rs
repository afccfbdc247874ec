//! Prints the gate list of a museum's day with every kind of mess in it: `museum-list [SEED] [LINES]`.
//!
//! Read it with `ticketing.checkin-csv`, `zone=Europe/Rome` and `nominal_minutes=90`. The tests read the same
//! list and hold the adapter to what the generator knows of it.

use std::{collections::BTreeMap, io::Write as _};

/// A list and what is in it.
pub(crate) struct List {
    /// The table: Windows-1252, semicolons, a title above.
    pub(crate) bytes: Vec<u8>,
    /// The lines that cannot be used, with the code of the refusal.
    pub(crate) bad: BTreeMap<u64, &'static str>,
    /// What each ticket is worth in minutes, with 90 nominal ones.
    pub(crate) minutes: BTreeMap<String, i64>,
}

/// What one line is.
enum Line {
    Good(String),
    Bad(String, &'static str),
    Passed(String),
}

/// A list of about so many lines, always the same for a seed.
pub(crate) fn list(seed: u64, lines: usize) -> List {
    let mut random = Random(seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15));
    let mut rows = Vec::new();
    let mut minutes = BTreeMap::new();
    let mut number = 0;
    while rows.len() < lines.saturating_sub(2) {
        number += 1;
        let ticket = format!("MUS-{number:05}");
        visit(&mut random, &ticket, &mut rows, &mut minutes);
    }
    // Scans of one ticket lie far apart.
    for index in (1..rows.len()).rev() {
        rows.swap(index, random.below(index + 1));
    }
    let mut text = format!(
        "Museo Civico - Varco d'ingresso n° {}\r\n",
        random.below(9) + 1
    );
    text.push_str("Biglietto;Data;Ora;Verso;Esito;Note\r\n");
    let mut bad = BTreeMap::new();
    for (line, row) in (3..).zip(rows) {
        let (row, code) = match row {
            Line::Good(row) | Line::Passed(row) => (row, None),
            Line::Bad(row, code) => (row, Some(code)),
        };
        text.push_str(&row);
        text.push_str("\r\n");
        bad.extend(code.map(|code| (line, code)));
    }
    let bytes = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'));
    List {
        bytes: bytes.collect(),
        bad,
        minutes,
    }
}

fn visit(
    random: &mut Random,
    ticket: &str,
    rows: &mut Vec<Line>,
    minutes: &mut BTreeMap<String, i64>,
) {
    let start = 9 * 60 + random.below(8 * 60);
    let length = 1 + random.below(150);
    let entry = scan(random, ticket, start, true);
    let exit = scan(random, ticket, start + length, false);
    let worth = i64::try_from(length.min(90)).unwrap_or(90);
    let mut counts = |worth| {
        minutes.insert(ticket.to_owned(), worth);
    };
    match random.below(24) {
        // Nobody was seen to leave.
        0..=3 => {
            counts(90);
            rows.push(Line::Good(entry));
        }
        // The gate wrote a row twice, as it was or in another form.
        4 => {
            counts(worth);
            rows.extend([
                Line::Good(entry.clone()),
                Line::Good(entry),
                Line::Good(exit),
            ]);
        }
        5 => {
            counts(worth);
            let again = scan(random, ticket, start, true);
            rows.extend([Line::Good(entry), Line::Good(again), Line::Good(exit)]);
        }
        // An exit and no entry.
        6 => {
            counts(0);
            rows.push(Line::Good(exit));
        }
        7 => rows.push(bad(
            ticket,
            "31/02/2026",
            "10:00",
            "Entrata",
            "OK",
            "bad_time",
        )),
        8 => rows.push(bad(
            ticket,
            "11/21/2026",
            "10:00",
            "Entrata",
            "OK",
            "bad_time",
        )),
        9 => rows.push(bad(
            ticket,
            "21/11/2026",
            "verso le 10",
            "Entrata",
            "OK",
            "bad_time",
        )),
        10 => rows.push(bad(
            ticket,
            "21/11/2026",
            "25.10",
            "Entrata",
            "OK",
            "bad_time",
        )),
        11 => rows.push(bad(
            "",
            "21/11/2026",
            "10:00",
            "Entrata",
            "OK",
            "missing_field",
        )),
        12 => rows.push(bad(
            ticket,
            "21/11/2026",
            "",
            "Entrata",
            "OK",
            "missing_field",
        )),
        13 => rows.push(bad(
            ticket,
            "21/11/2026",
            "10:00",
            "Tornello",
            "OK",
            "bad_direction",
        )),
        14 => rows.push(bad(
            ticket,
            "21/11/2026",
            "10:00",
            "Entrata",
            "Già usato",
            "not_admitted",
        )),
        15 => rows.push(Line::Bad(format!("{ticket};21/11/2026;10:0"), "bad_csv")),
        16 => rows.push(Line::Bad(
            format!("{ticket};21/11/2026;10:00;Entrata;OK;\"rotto"),
            "bad_csv",
        )),
        17 => rows.push(Line::Passed(";;;;;".to_owned())),
        18 => rows.push(Line::Passed(
            "Biglietto;Data;Ora;Verso;Esito;Note".to_owned(),
        )),
        19 => rows.push(Line::Bad(
            "Totale visitatori: 412;;;;;".to_owned(),
            "missing_field",
        )),
        _ => {
            counts(worth);
            rows.extend([Line::Good(entry), Line::Good(exit)]);
        }
    }
}

/// A good row, in one of the forms that people and machines use.
fn scan(random: &mut Random, ticket: &str, minute: usize, entry: bool) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    let date = [
        "21/11/2026",
        "21.11.2026",
        "21-11-26",
        "2026-11-21",
        " 21/11/2026 00:00:00",
    ];
    let date = date[random.below(date.len())];
    let time = match random.below(3) {
        0 => format!("{hour:02}:{minute:02}"),
        1 => format!("{hour}.{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:00"),
    };
    let directions = match entry {
        true => ["Entrata", "IN", "ingresso"],
        false => ["Uscita", "OUT", "uscito"],
    };
    let direction = directions[random.below(3)];
    let notes = ["", "perché no", "\"gruppo; 2 \"\"adulti\"\"\"", "€ 8", "lì"];
    let note = notes[random.below(notes.len())];
    let result = ["OK", "", "Valido", "sì"][random.below(4)];
    format!("{ticket};{date};{time};{direction};{result};{note}")
}

fn bad(
    ticket: &str,
    date: &str,
    time: &str,
    direction: &str,
    result: &str,
    code: &'static str,
) -> Line {
    Line::Bad(
        format!("{ticket};{date};{time};{direction};{result};"),
        code,
    )
}

/// A small generator (xorshift), so that a list is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % bound.max(1)
    }
}

#[allow(dead_code, reason = "the tests take the list alone")]
fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = |default| numbers.next().map_or(Ok(default), |number| number);
    let (Ok(seed), Ok(lines)) = (next(1), next(1_000)) else {
        eprintln!("usage: museum-list [SEED] [LINES]");
        std::process::exit(2);
    };
    let list = list(seed, usize::try_from(lines).unwrap_or(1_000));
    eprintln!(
        "seed {seed}: {} lines that cannot be used, {} tickets, {} minutes",
        list.bad.len(),
        list.minutes.len(),
        list.minutes.values().sum::<i64>()
    );
    if let Err(error) = std::io::stdout().write_all(&list.bytes) {
        eprintln!("the list cannot be printed: {error}");
        std::process::exit(1);
    }
}
