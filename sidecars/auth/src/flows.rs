//! What the service does, each from beginning to end: reads, checks, changes in one transaction.

pub(crate) mod accounts;
pub(crate) mod authentication;
pub(crate) mod browser;
pub(crate) mod continuation;
pub(crate) mod curve_keys;
pub(crate) mod effective;
pub(crate) mod email;
pub(crate) mod factor;
pub(crate) mod grants;
pub(crate) mod identities;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod members;
pub(crate) mod oauth;
pub(crate) mod organisations;
pub(crate) mod passkey_proofs;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod providers;
pub(crate) mod recovery;
pub(crate) mod refusals;
pub(crate) mod session_ends;
pub(crate) mod sessions;
pub(crate) mod sites;
mod step_up;
pub(crate) mod throttle;
