//! The fields of a line that are looked at, each in any of the forms that it comes in.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, value::MapAccessDeserializer},
};

/// A line.
#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, default)]
    pub(super) username: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) event_source: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) event_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) name: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) session: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) page: Loose<'a>,
    #[serde(borrow, default)]
    pub(super) context: Context<'a>,
    #[serde(borrow, default)]
    pub(super) event: Event<'a>,
}

/// What the server knew of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Context<'a> {
    #[serde(borrow)]
    pub(super) user_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) course_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) received_at: Loose<'a>,
    #[serde(borrow)]
    pub(super) module: Module<'a>,
}

/// A value that may be anything: where it does not fit, it is as good as none.
#[derive(Debug, Default)]
pub(super) enum Loose<'a> {
    #[default]
    Nothing,
    Number(f64),
    Whole(u64),
    Text(Cow<'a, str>),
}

impl Loose<'_> {
    /// A text that says something.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn id(&self) -> Option<u64> {
        let id = match self {
            Self::Whole(id) => *id,
            Self::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        (id > 0).then_some(id)
    }

    pub(super) fn number(&self) -> Option<f64> {
        let number = match self {
            #[allow(clippy::cast_precision_loss, reason = "seconds, or a share")]
            Self::Whole(number) => *number as f64,
            Self::Number(number) => *number,
            Self::Text(text) => text.parse().ok()?,
            Self::Nothing => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Seconds of a film, of which no film has more than a day.
    pub(super) fn millis(&self) -> Option<i64> {
        self.number()
            .filter(|seconds| (0.0..=86_400.0).contains(seconds))
            .map(|seconds| {
                #[allow(clippy::cast_possible_truncation, reason = "bounded before")]
                let millis = (seconds * 1000.0).round() as i64;
                millis
            })
    }

    /// A speed such as `1.50`.
    pub(super) fn percent(&self) -> Option<u32> {
        self.number()
            .filter(|speed| (0.05..=16.0).contains(speed))
            .map(|speed| {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "bounded before"
                )]
                let percent = (speed * 100.0).round() as u32;
                percent
            })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> de::Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Loose::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Loose::Nothing)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Loose::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

#[derive(Default)]
pub(super) struct Module<'a> {
    pub(super) usage_key: Loose<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Module<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow, default)]
            usage_key: Loose<'a>,
        }
        let fields: Option<Fields<'_>> = json.deserialize_any(ObjectVisitor::default())?;
        Ok(Self {
            usage_key: fields.map(|fields| fields.usage_key).unwrap_or_default(),
        })
    }
}

/// What is told of an event: an object, or a text that holds one.
#[derive(Default)]
pub(super) struct Event<'a>(pub(super) Payload<'a>);

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload<'a> {
    #[serde(borrow)]
    pub(super) id: Loose<'a>,
    #[serde(borrow, rename = "currentTime", alias = "current_time")]
    pub(super) current_time: Loose<'a>,
    #[serde(borrow)]
    pub(super) duration: Loose<'a>,
    #[serde(borrow)]
    pub(super) old_time: Loose<'a>,
    #[serde(borrow)]
    pub(super) new_time: Loose<'a>,
    #[serde(borrow)]
    pub(super) new_speed: Loose<'a>,
    #[serde(borrow)]
    pub(super) problem_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) block_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) block_type: Loose<'a>,
    #[serde(borrow)]
    pub(super) completion: Loose<'a>,
    #[serde(borrow, alias = "context_key")]
    pub(super) course_id: Loose<'a>,
    #[serde(borrow)]
    pub(super) user_id: Loose<'a>,
}

impl Payload<'_> {
    /// The same, holding what it borrowed from a text that goes away.
    fn owned<'b>(self) -> Payload<'b> {
        let owned = |value| match value {
            Loose::Nothing => Loose::Nothing,
            Loose::Number(number) => Loose::Number(number),
            Loose::Whole(number) => Loose::Whole(number),
            Loose::Text(text) => Loose::Text(Cow::Owned(text.into_owned())),
        };
        Payload {
            id: owned(self.id),
            current_time: owned(self.current_time),
            duration: owned(self.duration),
            old_time: owned(self.old_time),
            new_time: owned(self.new_time),
            new_speed: owned(self.new_speed),
            problem_id: owned(self.problem_id),
            block_id: owned(self.block_id),
            block_type: owned(self.block_type),
            completion: owned(self.completion),
            course_id: owned(self.course_id),
            user_id: owned(self.user_id),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Event<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let payload: Option<Payload<'_>> = json.deserialize_any(ObjectVisitor {
            of_text: |text| {
                serde_json::from_str::<Payload<'_>>(text)
                    .ok()
                    .map(Payload::owned)
            },
        })?;
        Ok(Self(payload.unwrap_or_default()))
    }
}

/// Takes an object as `T`; a text as `of_text` says; anything else as nothing.
struct ObjectVisitor<T> {
    of_text: fn(&str) -> Option<T>,
}

impl<T> Default for ObjectVisitor<T> {
    fn default() -> Self {
        Self { of_text: |_| None }
    }
}

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for ObjectVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((self.of_text)(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}
