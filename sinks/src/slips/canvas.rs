//! Drawing in millimetres from the upper left corner.

use pdf_writer::{Content, Name, Str};

use super::font::Face;

/// Points in a millimetre.
pub(super) const MM: f32 = 72.0 / 25.4;

/// A sheet, or a part of one, that is drawn on.
pub(super) struct Canvas {
    content: Content,
    height: f32,
}

/// A column of text.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) left: f32,
    pub(super) width: f32,
    pub(super) centred: bool,
}

/// How a text looks: face, size in points, and grey from 0 (black) to 1.
#[derive(Clone, Copy)]
pub(super) struct Style(pub(super) Face, pub(super) f32, pub(super) f32);

impl Canvas {
    /// A sheet of this height, in millimetres.
    pub(super) fn new(height: f32) -> Self {
        let content = Content::new();
        Self { content, height }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.content.finish().to_vec()
    }

    /// One line with its baseline at `y`.
    pub(super) fn text(&mut self, column: Column, y: f32, style: Style, text: &[u8]) {
        self.spaced(column, y, style, 0.0, text);
    }

    /// One line with extra space between its letters, in points.
    pub(super) fn spaced(&mut self, column: Column, y: f32, style: Style, space: f32, text: &[u8]) {
        let Style(face, size, grey) = style;
        let gaps = text.len().saturating_sub(1) as f32;
        let width = face.width(text, size) + gaps * space;
        let indent = match column.centred {
            true => (column.width * MM - width) / 2.0,
            false => 0.0,
        };
        let (x, y) = (round(column.left * MM + indent), self.up(y));
        self.content
            .set_fill_gray(grey)
            .begin_text()
            .set_font(face.name(), size)
            .set_char_spacing(space)
            .next_line(x, y)
            .show(Str(text))
            .end_text();
    }

    /// Lines from the first baseline `y` on; gives where the next one would be.
    pub(super) fn paragraph(
        &mut self,
        column: Column,
        y: f32,
        style: Style,
        text: &[u8],
        most: usize,
    ) -> f32 {
        let Style(face, size, _) = style;
        let leading = size * 1.22 / MM;
        let lines = face.lines(text, size, column.width * MM, most);
        for (index, line) in lines.iter().enumerate() {
            self.text(column, y + index as f32 * leading, style, line);
        }
        y + lines.len() as f32 * leading
    }

    /// Small letters that run upwards, from a point.
    pub(super) fn upwards(&mut self, x: f32, y: f32, style: Style, text: &[u8]) {
        let Style(face, size, grey) = style;
        let (x, y) = (round(x * MM), self.up(y));
        self.content
            .set_fill_gray(grey)
            .begin_text()
            .set_font(face.name(), size)
            .set_char_spacing(0.0)
            .set_text_matrix([0.0, 1.0, -1.0, 0.0, x, y])
            .show(Str(text))
            .end_text();
    }

    /// A line of this thickness in points; `dash` gives lengths of dash and gap in points.
    pub(super) fn line(
        &mut self,
        from: [f32; 2],
        to: [f32; 2],
        thickness: f32,
        grey: f32,
        dash: &[f32],
    ) {
        let (y1, y2) = (self.up(from[1]), self.up(to[1]));
        self.content
            .save_state()
            .set_line_width(thickness)
            .set_stroke_gray(grey)
            .set_dash_pattern(dash.iter().copied(), 0.0)
            .move_to(round(from[0] * MM), y1)
            .line_to(round(to[0] * MM), y2)
            .stroke()
            .restore_state();
    }

    /// A QR code without its quiet zone; `dark` tells the colour of a module by row and column.
    pub(super) fn modules(
        &mut self,
        [left, top]: [f32; 2],
        module: f32,
        count: usize,
        dark: impl Fn(usize, usize) -> bool,
    ) {
        let scale = module * MM;
        let origin = self.up(top);
        self.content.save_state().set_fill_gray(0.0);
        self.content
            .transform([scale, 0.0, 0.0, -scale, round(left * MM), origin]);
        for row in 0..count {
            let mut column = 0;
            while column < count {
                let run = (column..count).take_while(|at| dark(row, *at)).count();
                if run > 0 {
                    self.content
                        .rect(column as f32, row as f32, run as f32, 1.0);
                }
                column += run.max(1);
            }
        }
        self.content.fill_nonzero().restore_state();
    }

    /// A part that was drawn before, with its lower left corner here.
    pub(super) fn part(&mut self, name: Name<'_>, left: f32, bottom: f32) {
        let (x, y) = (round(left * MM), self.up(bottom));
        self.content
            .save_state()
            .transform([1.0, 0.0, 0.0, 1.0, x, y])
            .x_object(name)
            .restore_state();
    }

    fn up(&self, y: f32) -> f32 {
        round((self.height - y) * MM)
    }
}

/// A thousandth of a point is more than enough, and keeps documents small.
fn round(points: f32) -> f32 {
    (points * 1000.0).round() / 1000.0
}
