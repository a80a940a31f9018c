//! What an access token says.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What an access token says (RFC 9068, section 2.2; RFC 7519, section 4.1). Times are seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who made the token: the URL of the auth service.
    pub iss: String,
    /// Whom it is about: the id of a user or of a machine's account.
    pub sub: String,
    /// Whom it is for; in JSON a text if it is one, otherwise a list of texts.
    #[serde(serialize_with = "write_audience", deserialize_with = "read_audience")]
    pub aud: Vec<String>,
    /// The program that asked for it (RFC 8693, section 4.3).
    pub client_id: String,
    /// From this moment on it is not valid.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Before this it is not valid, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own id; no two tokens have the same.
    pub jti: String,
    /// Id of the session that it belongs to; none if it was made for a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// What it allows: names with a space between them (RFC 8693, section 4.2).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When the person last authenticated, if one did (RFC 9068, section 2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How, with the words of RFC 8176: `pwd`, `otp`, `hwk`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
}

impl Claims {
    /// What it allows, name by name.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ').filter(|name| !name.is_empty())
    }
}

/// The two forms that an audience has (RFC 7519, section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

fn read_audience<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
    })
}

fn write_audience<S: Serializer>(audiences: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match audiences {
        [audience] => audience.serialize(serializer),
        audiences => audiences.serialize(serializer),
    }
}
