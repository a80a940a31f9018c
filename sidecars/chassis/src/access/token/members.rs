//! JSON objects whose members have different names. RFC 7519 (section 4) leaves it to the reader what becomes of a name that comes
//! twice; two readers that choose differently see two different tokens.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// An object without a name that comes twice; its values are not looked at.
struct Members;

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object whose members have different names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member comes twice"));
            }
        }
        Ok(Members)
    }
}

/// Whether these bytes are one JSON object without a name that comes twice on its first level.
pub(super) fn are_unique(json: &[u8]) -> Result<(), serde_json::Error> {
    serde_json::from_slice::<Members>(json).map(|Members| ())
}
