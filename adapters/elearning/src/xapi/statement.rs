//! The members of a statement that matter, borrowed from its bytes.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// A statement. Members that are not here are skipped, unknown ones too.
#[derive(Debug, Deserialize)]
pub(super) struct Statement<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) actor: Option<Actor<'a>>,
    #[serde(borrow)]
    pub(super) verb: Option<Verb<'a>>,
    #[serde(borrow)]
    pub(super) object: Option<Object<'a>>,
    #[serde(borrow)]
    pub(super) result: Option<Outcome<'a>>,
    #[serde(borrow)]
    pub(super) context: Option<Context<'a>>,
    #[serde(borrow)]
    pub(super) timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) stored: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) authority: Option<Actor<'a>>,
}

/// A text, borrowed where nothing in it is escaped.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// An agent or a group.
#[derive(Debug, Deserialize)]
pub(super) struct Actor<'a> {
    #[serde(borrow, rename = "objectType")]
    pub(super) object_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) mbox: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) mbox_sha1sum: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) openid: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) account: Option<Account<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account<'a> {
    #[serde(borrow, rename = "homePage")]
    pub(super) home_page: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Verb<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

/// An activity, or something else.
#[derive(Debug, Deserialize)]
pub(super) struct Object<'a> {
    #[serde(borrow, rename = "objectType")]
    pub(super) object_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outcome<'a> {
    pub(super) success: Option<bool>,
    #[serde(borrow)]
    pub(super) duration: Option<Text<'a>>,
    pub(super) extensions: Option<OutcomeExtensions>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OutcomeExtensions {
    #[serde(default, rename = "https://w3id.org/xapi/video/extensions/time")]
    pub(super) time: Number,
    #[serde(default, rename = "https://w3id.org/xapi/video/extensions/time-from")]
    pub(super) time_from: Number,
    #[serde(default, rename = "https://w3id.org/xapi/video/extensions/time-to")]
    pub(super) time_to: Number,
}

#[derive(Debug, Deserialize)]
pub(super) struct Context<'a> {
    #[serde(borrow)]
    pub(super) registration: Option<Text<'a>>,
    #[serde(rename = "contextActivities")]
    pub(super) activities: Option<Activities>,
    #[serde(borrow)]
    pub(super) extensions: Option<ContextExtensions<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ContextExtensions<'a> {
    #[serde(
        borrow,
        default,
        rename = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
    )]
    pub(super) cmi5_session: Loose<'a>,
    #[serde(
        borrow,
        default,
        rename = "https://w3id.org/xapi/cmi5/context/extensions/launchmode"
    )]
    pub(super) launch_mode: Loose<'a>,
    #[serde(
        borrow,
        default,
        rename = "https://w3id.org/xapi/video/extensions/session-id"
    )]
    pub(super) video_session: Loose<'a>,
    #[serde(default, rename = "https://w3id.org/xapi/video/extensions/length")]
    pub(super) length: Number,
    #[serde(
        borrow,
        default,
        rename = "https://w3id.org/xapi/video/extensions/speed"
    )]
    pub(super) speed: Loose<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Activities {
    #[serde(default)]
    pub(super) category: Categories,
}

/// Which of cmi5's categories a statement has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Categories {
    pub(super) cmi5: bool,
    pub(super) move_on: bool,
}

/// A text in a place where anything may stand; anything else is none.
#[derive(Debug, Default)]
pub(super) struct Loose<'a>(pub(super) Option<Cow<'a, str>>);

/// A number in a place where anything may stand; anything else is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Number(pub(super) Option<f64>);

impl<'a> Text<'a> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        json.deserialize_str(Any)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let Scalar { text, .. } = json.deserialize_any(AnyScalar)?;
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let Scalar { number, .. } = json.deserialize_any(AnyScalar)?;
        Ok(Self(number))
    }
}

/// What of a value is a text or a number.
#[derive(Default)]
struct Scalar<'a> {
    text: Option<Cow<'a, str>>,
    number: Option<f64>,
}

struct AnyScalar;

impl<'de> Visitor<'de> for AnyScalar {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::default())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        #[allow(clippy::cast_precision_loss, reason = "seconds of a film")]
        let number = Some(number as f64);
        Ok(Scalar { number, text: None })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        #[allow(clippy::cast_precision_loss, reason = "seconds of a film")]
        let number = Some(number as f64);
        Ok(Scalar { number, text: None })
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar {
            number: Some(number),
            text: None,
        })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar {
            text: Some(Cow::Borrowed(text)),
            number: None,
        })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar {
            text: Some(Cow::Owned(text.to_owned())),
            number: None,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }
}

/// One activity, or a list of them; older statements have the one without a list.
impl<'de> Deserialize<'de> for Categories {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Categories;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("activities")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Categories::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Categories::default();
                while let Some(one) = items.next_element::<Object<'de>>()? {
                    all.add(&one);
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let one = Object::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let mut all = Categories::default();
                all.add(&one);
                Ok(all)
            }
        }

        json.deserialize_any(OneOrMany)
    }
}

impl Categories {
    fn add(&mut self, activity: &Object<'_>) {
        match activity.id.as_ref().map(Text::as_str) {
            Some("https://w3id.org/xapi/cmi5/context/categories/cmi5") => self.cmi5 = true,
            Some("https://w3id.org/xapi/cmi5/context/categories/moveon") => self.move_on = true,
            _ => {}
        }
    }
}
