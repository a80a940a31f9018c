//! What OAuth 2.1 and OpenID Connect say of texts: forms, requests, redirect URIs, scopes, proofs. Nothing here asks a database, the
//! network or the time.

pub mod assertion;
pub mod client;
pub mod error;
pub mod form;
pub mod pkce;
pub mod request;
pub mod scope;
pub mod uri;
