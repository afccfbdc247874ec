//! Text in the two standard fonts that every reader of PDF has: bytes, widths, lines.

use pdf_writer::Name;

/// A font of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Face {
    Regular,
    Bold,
    /// Signs such as scissors.
    Signs,
}

impl Face {
    pub(super) const ALL: [Self; 3] = [Self::Regular, Self::Bold, Self::Signs];

    /// The name within the document.
    pub(super) fn name(self) -> Name<'static> {
        Name(match self {
            Self::Regular => b"R",
            Self::Bold => b"B",
            Self::Signs => b"S",
        })
    }

    /// The name of the standard font.
    pub(super) fn base(self) -> Name<'static> {
        Name(match self {
            Self::Regular => b"Helvetica",
            Self::Bold => b"Helvetica-Bold",
            Self::Signs => b"ZapfDingbats",
        })
    }

    /// How wide a text is, in points.
    pub(super) fn width(self, text: &[u8], size: f32) -> f32 {
        let widths = match self {
            Self::Regular => &REGULAR,
            Self::Bold | Self::Signs => &BOLD,
        };
        let thousandths: u32 = text
            .iter()
            .map(|byte| widths.get(usize::from(*byte).wrapping_sub(32)))
            .map(|width| u32::from(width.copied().unwrap_or(0)))
            .sum();
        thousandths as f32 * size / 1000.0
    }

    /// The text in lines of at most this width, in points. What does not go into so many lines
    /// ends with an ellipsis; a word that is too long for a line is cut.
    pub(super) fn lines(self, text: &[u8], size: f32, width: f32, most: usize) -> Vec<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let words = text
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        for mut word in words {
            if let Some(line) = lines.last_mut() {
                let longer = [line.as_slice(), b" ", word].concat();
                if self.width(&longer, size) <= width {
                    *line = longer;
                    continue;
                }
            }
            while !word.is_empty() {
                let fits = (1..=word.len())
                    .rev()
                    .find(|length| self.width(&word[..*length], size) <= width)
                    .unwrap_or(1);
                if lines.len() == most {
                    self.shorten(lines.last_mut(), size, width);
                    return lines;
                }
                lines.push(word[..fits].to_vec());
                word = &word[fits..];
            }
        }
        lines
    }

    fn shorten(self, line: Option<&mut Vec<u8>>, size: f32, width: f32) {
        let Some(line) = line else { return };
        line.push(ELLIPSIS);
        while line.len() > 1 && self.width(line, size) > width {
            line.remove(line.len() - 2);
        }
    }
}

const ELLIPSIS: u8 = 0x85;

/// The text in the encoding of the fonts (Windows-1252); a letter that it has not loses its accent
/// where it can, and else is a question mark. Control characters become blanks.
pub(super) fn encode(text: &str) -> Vec<u8> {
    text.chars().map(encoded).collect()
}

fn encoded(character: char) -> u8 {
    match character {
        control if control.is_control() => b' ',
        '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{ff}' => u8::try_from(character).unwrap_or(b'?'),
        _ => {
            let place = UPPER.chars().position(|other| other == character);
            let code = place.and_then(|place| u8::try_from(0x80 + place).ok());
            code.unwrap_or_else(|| plain(character))
        }
    }
}

/// The letters of Italy's neighbours and newcomers that the encoding has not.
fn plain(character: char) -> u8 {
    match character {
        'Ā' | 'Ă' | 'Ą' => b'A',
        'ā' | 'ă' | 'ą' => b'a',
        'Ć' | 'Ĉ' | 'Č' => b'C',
        'ć' | 'ĉ' | 'č' => b'c',
        'Ď' | 'Đ' => b'D',
        'ď' | 'đ' => b'd',
        'Ē' | 'Ė' | 'Ę' | 'Ě' => b'E',
        'ē' | 'ė' | 'ę' | 'ě' => b'e',
        'Ğ' => b'G',
        'ğ' => b'g',
        'İ' | 'Ī' => b'I',
        'ı' | 'ī' => b'i',
        'Ł' => b'L',
        'ł' => b'l',
        'Ń' | 'Ň' => b'N',
        'ń' | 'ň' => b'n',
        'Ő' => b'O',
        'ő' => b'o',
        'Ř' => b'R',
        'ř' => b'r',
        'Ś' | 'Ş' | 'Ș' => b'S',
        'ś' | 'ş' | 'ș' => b's',
        'Ţ' | 'Ț' | 'Ť' => b'T',
        'ţ' | 'ț' | 'ť' => b't',
        'Ū' | 'Ů' | 'Ű' => b'U',
        'ū' | 'ů' | 'ű' => b'u',
        'Ź' | 'Ż' => b'Z',
        'ź' | 'ż' => b'z',
        '‐' | '‑' | '−' => b'-',
        '\u{2000}'..='\u{200a}' | '\u{202f}' => b' ',
        _ => b'?',
    }
}

/// What the bytes 0x80 to 0x9F stand for; five of them for nothing.
const UPPER: &str = "€\u{0}‚ƒ„…†‡ˆ‰Š‹Œ\u{0}Ž\u{0}\u{0}‘’“”•–—˜™š›œ\u{0}žŸ";

// Widths in thousandths of the size, from byte 32 on, as Adobe gives them for its core fonts.
#[rustfmt::skip]
const REGULAR: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 350,
    556, 350, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];
#[rustfmt::skip]
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, 350,
    556, 350, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 278, 278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn italian_is_written_whole_and_other_letters_as_well_as_can_be() {
        assert_eq!(
            encode("Perché è così: 5 €…"),
            b"Perch\xe9 \xe8 cos\xec: 5 \x80\x85"
        );
        assert_eq!(
            encode("“l’età” – œ Ÿ ž"),
            b"\x93l\x92et\xe0\x94 \x96 \x9c \x9f \x9e"
        );
        assert_eq!(encode("Ștefan\tŁódź Ω\u{81}"), b"Stefan L\xf3dz ? ");
    }

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        assert_eq!(Face::Regular.width(b"WOM", 10.0), 25.55);
        assert_eq!(Face::Bold.width(b"0123456789", 10.0), 55.6);
        assert_eq!(Face::Bold.width(b"", 10.0), 0.0);
    }

    #[test]
    fn lines_are_as_wide_as_allowed_and_as_many() {
        let text = encode("Salute e benessere per tutte le persone del quartiere");
        for most in 1..6 {
            let lines = Face::Regular.lines(&text, 10.0, 80.0, most);
            assert!(lines.len() <= most);
            assert!(
                lines
                    .iter()
                    .all(|line| Face::Regular.width(line, 10.0) <= 80.0)
            );
            let whole = lines.join(&b' ') == text;
            assert_eq!(whole, most >= 4, "{most}");
            assert_eq!(lines.last().unwrap().ends_with(&[ELLIPSIS]), !whole);
        }
        let word = Face::Bold.lines(&[b'm'; 100], 10.0, 80.0, 3);
        assert_eq!(word.len(), 3);
        assert!(Face::Bold.lines(b"  ", 10.0, 80.0, 3).is_empty());
        assert_eq!(Face::Bold.lines(b"mm", 10.0, 1.0, 2).len(), 2);
    }
}
