//! Objects of JSON whose values are the text that is written.

use serde_json::value::RawValue;
use std::collections::BTreeMap;
use tickloom_types::some_of;

/// The fields of an object.
#[derive(Clone, Debug)]
pub(super) struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    /// `None` of what is no object.
    pub(super) fn read(raw: &'a RawValue) -> Option<Object<'a>> {
        serde_json::from_str(raw.get()).ok().map(Object)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Names of the fields, the first few of them.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        some_of(&names)
    }

    /// A text without white space at its ends, or a number or a truth as it is written; `None` if there is none, it is empty, or
    /// something else.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        let raw = self.0.get(field)?.get();
        let text = match raw.bytes().next()? {
            b'"' => serde_json::from_str::<String>(raw).ok()?,
            b'{' | b'[' | b'n' => return None,
            _ => raw.to_owned(),
        };
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn object(&self, field: &str) -> Option<Object<'a>> {
        Object::read(self.0.get(field)?)
    }

    /// An array of objects; `None` if there is none, or something else is in it.
    pub(super) fn objects(&self, field: &str) -> Option<Vec<Object<'a>>> {
        objects(self.0.get(field)?)
    }

    /// The fields of which each is an object, by their names.
    pub(super) fn members(&self) -> Option<Vec<(String, Object<'a>)>> {
        let all = self.0.iter();
        all.map(|(name, raw)| Some((name.clone(), Object::read(raw)?)))
            .collect()
    }
}

/// An array of objects.
pub(super) fn objects(raw: &RawValue) -> Option<Vec<Object<'_>>> {
    let all: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    all.into_iter().map(Object::read).collect()
}
