//! The attributes of a tag.

use quick_xml::events::attributes::Attributes;

/// A tag's attributes that matter here, as they stand in the document. Of one that is there twice
/// the first counts.
#[derive(Debug, Default)]
pub(super) struct Attrs<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) unit: Option<&'a str>,
    pub(super) value: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) device: Option<&'a str>,
    pub(super) start: Option<&'a str>,
    pub(super) end: Option<&'a str>,
    pub(super) date: Option<&'a str>,
    pub(super) duration: Option<&'a str>,
    pub(super) duration_unit: Option<&'a str>,
    pub(super) key: Option<&'a str>,
    pub(super) sum: Option<&'a str>,
}

/// What is wrong with a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// No end, no quotation mark, a name with a blank in it.
    Malformed,
    /// Bytes that are not UTF-8.
    Encoding,
}

/// The attributes of a tag, and whether the tag closes itself. `bytes` begins with `<` and the
/// name and goes on until the next tag.
pub(super) fn read<'a>(bytes: &'a [u8], name: &str) -> Result<(Attrs<'a>, bool), Fault> {
    // Between tags there is hardly ever any text, so that the last `>` is the tag's.
    let last = memchr::memrchr(b'>', bytes).ok_or(Fault::Malformed)?;
    match read_to(bytes, name, last) {
        Err(Fault::Malformed) => {
            let end = tag_end(bytes).ok_or(Fault::Malformed)?;
            read_to(bytes, name, end)
        }
        read => read,
    }
}

fn read_to<'a>(bytes: &'a [u8], name: &str, end: usize) -> Result<(Attrs<'a>, bool), Fault> {
    let (inside, closes) = match &bytes[..end] {
        [inside @ .., b'/'] => (inside, true),
        inside => (inside, false),
    };
    let inside = inside.get(1..).unwrap_or_default();
    let inside = std::str::from_utf8(inside).map_err(|_| Fault::Encoding)?;
    let mut attributes = Attributes::new(inside, name.len());
    attributes.with_checks(false);
    let mut found = Attrs::default();
    for attribute in attributes {
        let attribute = attribute.map_err(|_| Fault::Malformed)?;
        // Without entities resolved a value is always a part of the document.
        let std::borrow::Cow::Borrowed(value) = attribute.value else {
            return Err(Fault::Malformed);
        };
        let field = match attribute.key.into_inner() {
            "type" | "workoutActivityType" => &mut found.kind,
            "unit" => &mut found.unit,
            "value" => &mut found.value,
            "sourceName" | "source" => &mut found.source,
            "device" => &mut found.device,
            "startDate" => &mut found.start,
            "endDate" => &mut found.end,
            "date" => &mut found.date,
            "duration" => &mut found.duration,
            "durationUnit" => &mut found.duration_unit,
            "key" => &mut found.key,
            "sum" => &mut found.sum,
            _ => continue,
        };
        field.get_or_insert(value);
    }
    Ok((found, closes))
}

/// Where the tag's `>` is: the first one outside quotation marks.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(b'>', b'"', b'\'', &bytes[at..])?;
        let quote = bytes[at];
        if quote == b'>' {
            return Some(at);
        }
        at += 1;
        at += memchr::memchr(quote, &bytes[at..])? + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_inside_quotation_marks_ends_nothing() {
        let (attrs, closes) = read(b"<Record type='a>b' value=\"7\"/> text >", "Record").unwrap();
        assert_eq!(
            (attrs.kind, attrs.value, closes),
            (Some("a>b"), Some("7"), true)
        );
    }

    #[test]
    fn defects() {
        let fault = |bytes: &[u8]| read(bytes, "R").unwrap_err();
        assert_eq!(fault(b"<R type=\"a value=\"7\"/"), Fault::Malformed);
        assert_eq!(fault(b"<R source name=\"a\"/>"), Fault::Malformed);
        assert_eq!(fault(b"<R type=\"\xFF\"/>"), Fault::Encoding);
        assert_eq!(fault(b"<R type=\"a\""), Fault::Malformed);
        let (twice, _) = read(b"<R value=\"1\" value=\"2\">", "R").unwrap();
        assert_eq!(twice.value, Some("1"));
    }
}
