//! Every statement of the service, by what it is about.

pub(crate) mod account;
pub(crate) mod key;
pub(crate) mod passkey;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod signing;

/// Every statement.
pub(crate) const STATEMENTS: &[&[&str]] = &[
    account::STATEMENTS,
    key::STATEMENTS,
    passkey::STATEMENTS,
    secret::STATEMENTS,
    session::STATEMENTS,
    signing::STATEMENTS,
    crate::projections::STATEMENTS,
];
