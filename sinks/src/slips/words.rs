//! What slips say, in Italian and English.

use wom_sdk::Day;

use crate::Tongue;

/// In which languages slips are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Languages {
    /// Italian, and English below it.
    #[default]
    ItalianEnglish,
    /// Italian only.
    Italian,
    /// English only.
    English,
}

impl Languages {
    /// The languages, the one that is read first first.
    pub(super) fn list(self) -> &'static [&'static Words] {
        match self {
            Self::ItalianEnglish => &[&ITALIAN, &ENGLISH],
            Self::Italian => &[&ITALIAN],
            Self::English => &[&ENGLISH],
        }
    }
}

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) minute: &'static str,
    pub(super) minutes: &'static str,
    pub(super) thanks: &'static str,
    /// Outside, below the code.
    pub(super) scan: &'static str,
    /// Inside, below the PIN.
    pub(super) collect: &'static str,
    /// On the flap, for whoever folds.
    pub(super) fold: &'static str,
    pub(super) fold_line: &'static str,
    pub(super) other: &'static str,
    pub(super) others: &'static str,
    pub(super) to: &'static str,
    pub(super) title: &'static str,
    pub(super) printed: &'static str,
    pub(super) page: &'static str,
    pub(super) tongue: Tongue,
}

impl Words {
    /// `1 marzo 2026`, or `1 – 7 marzo 2026` from one day to another.
    pub(super) fn days(&self, first: Day, last: Day) -> String {
        let month = |day| self.tongue.month(day);
        let last_text = format!("{} {} {}", last.day_of_month(), month(last), last.year());
        if first == last {
            return last_text;
        }
        let same_year = first.year() == last.year();
        match same_year && first.month() == last.month() {
            true => format!("{}–{last_text}", first.day_of_month()),
            false if same_year => {
                format!("{} {} – {last_text}", first.day_of_month(), month(first))
            }
            false => format!(
                "{} {} {} – {last_text}",
                first.day_of_month(),
                month(first),
                first.year()
            ),
        }
    }
}

const ITALIAN: Words = Words {
    code: "it",
    minute: "minuto",
    minutes: "minuti",
    thanks: "Grazie del tuo tempo",
    scan: "Inquadra il codice con il telefono, poi apri il lembo: dentro c’è il PIN.",
    collect: "Inquadra il codice QR, apri WOM Pocket e scrivi questo PIN. Non serve registrarsi. \
              Dopo tre PIN sbagliati il codice non vale più. Chi ha codice e PIN può prendere i \
              minuti: tieni chiuso il foglietto finché non li raccogli.",
    fold: "Piega questo lembo sopra il PIN e chiudilo con un punto o del nastro.",
    fold_line: "piega",
    other: "e un altro motivo",
    others: "e altri motivi",
    to: "Per",
    title: "Minuti WOM da raccogliere",
    printed: "Stampato il",
    page: "pagina",
    tongue: Tongue::Italian,
};

const ENGLISH: Words = Words {
    code: "en",
    minute: "minute",
    minutes: "minutes",
    thanks: "Thank you for your time",
    scan: "Scan the code with your phone, then open the flap: the PIN is inside.",
    collect: "Scan the QR code, open WOM Pocket and enter this PIN. There is nothing to sign up \
              for. After three wrong PINs the code is void. Whoever has code and PIN can take the \
              minutes: keep this slip closed until you collect them.",
    fold: "Fold this flap over the PIN and close it with a staple or tape.",
    fold_line: "fold",
    other: "and one more reason",
    others: "and more reasons",
    to: "For",
    title: "WOM minutes to collect",
    printed: "Printed on",
    page: "page",
    tongue: Tongue::English,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_days_are_written_as_people_write_them() {
        let days = |words: &Words, first: &str, last: &str| {
            words.days(first.parse().unwrap(), last.parse().unwrap())
        };
        assert_eq!(days(&ITALIAN, "2026-03-01", "2026-03-01"), "1 marzo 2026");
        assert_eq!(days(&ENGLISH, "2026-03-01", "2026-03-07"), "1–7 March 2026");
        assert_eq!(
            days(&ITALIAN, "2026-02-27", "2026-03-07"),
            "27 febbraio – 7 marzo 2026"
        );
        assert_eq!(
            days(&ENGLISH, "2025-12-31", "2026-01-01"),
            "31 December 2025 – 1 January 2026"
        );
    }
}
