//! Every statement of the service, by what it is about.

/// Whether an account lacks a second factor that is demanded of it, in a statement that has it as `account`: 1 if a person's has none, and
/// the settings, an administrator or one of its organisations demand one, and 0 otherwise.
macro_rules! lacks_factor {
    () => {
        "CAST(CASE WHEN account.kind <> 'person' OR account.has_second_factor = 1 OR account.passkeys > 0 THEN 0 \
         WHEN account.is_factor_demanded = 1 OR EXISTS (SELECT 1 FROM demand) OR EXISTS (SELECT 1 FROM member JOIN organisation ON organisation.id = member.organisation \
         WHERE member.account = account.id AND organisation.demands_factor = 1) THEN 1 ELSE 0 END AS BIGINT)"
    };
}

pub(crate) mod account;
pub(crate) mod authorisation;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod client_login;
pub(crate) mod curve;
pub(crate) mod device_code;
pub(crate) mod encrypted;
pub(crate) mod factor;
pub(crate) mod identity;
pub(crate) mod invitation;
pub(crate) mod key;
pub(crate) mod mail_turn;
pub(crate) mod organisation;
pub(crate) mod passkey;
pub(crate) mod refusal;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod signing;
pub(crate) mod site;

/// Every statement.
pub(crate) const STATEMENTS: &[&[&str]] = &[
    account::STATEMENTS,
    authorisation::STATEMENTS,
    authorisation::token::STATEMENTS,
    client::STATEMENTS,
    client_login::STATEMENTS,
    device_code::STATEMENTS,
    encrypted::STATEMENTS,
    curve::STATEMENTS,
    invitation::STATEMENTS,
    factor::STATEMENTS,
    browser::STATEMENTS,
    identity::STATEMENTS,
    key::STATEMENTS,
    mail_turn::STATEMENTS,
    organisation::STATEMENTS,
    passkey::STATEMENTS,
    refusal::STATEMENTS,
    secret::STATEMENTS,
    session::STATEMENTS,
    signing::STATEMENTS,
    site::STATEMENTS,
    crate::projections::STATEMENTS,
    crate::projections::curve::STATEMENTS,
    crate::projections::organisation::STATEMENTS,
];
