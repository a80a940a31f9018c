//! What becomes of the tables, from release to release: what was released is never changed.

use tickloom_chassis::{Migration, Migrations};

/// All of them, in order.
pub(crate) const ALL: Migrations = &[
    Migration {
        name: "auth",
        sql: include_str!("../migrations/0001_auth.sql"),
    },
    Migration {
        name: "organisations",
        sql: include_str!("../migrations/0002_organisations.sql"),
    },
    Migration {
        name: "browser",
        sql: include_str!("../migrations/0003_browser.sql"),
    },
    Migration {
        name: "passkeys",
        sql: include_str!("../migrations/0004_passkeys.sql"),
    },
    Migration {
        name: "encryption",
        sql: include_str!("../migrations/0005_encryption.sql"),
    },
    Migration {
        name: "oauth",
        sql: include_str!("../migrations/0006_oauth.sql"),
    },
    Migration {
        name: "challenge_key",
        sql: include_str!("../migrations/0007_challenge_key.sql"),
    },
    Migration {
        name: "providers",
        sql: include_str!("../migrations/0008_providers.sql"),
    },
    Migration {
        name: "refusals",
        sql: include_str!("../migrations/0009_refusals.sql"),
    },
    Migration {
        name: "logout",
        sql: include_str!("../migrations/0010_logout.sql"),
    },
    Migration {
        name: "consent",
        sql: include_str!("../migrations/0011_consent.sql"),
    },
    Migration {
        name: "sites",
        sql: include_str!("../migrations/0012_sites.sql"),
    },
    Migration {
        name: "assertions",
        sql: include_str!("../migrations/0013_assertions.sql"),
    },
    Migration {
        name: "noted",
        sql: include_str!("../migrations/0014_noted.sql"),
    },
    Migration {
        name: "email",
        sql: include_str!("../migrations/0015_email.sql"),
    },
    Migration {
        name: "suspended_by",
        sql: include_str!("../migrations/0016_suspended_by.sql"),
    },
    Migration {
        name: "requests",
        sql: include_str!("../migrations/0017_requests.sql"),
    },
    Migration {
        name: "refusal_minute",
        sql: include_str!("../migrations/0018_refusal_minute.sql"),
    },
    Migration {
        name: "demanded_factor",
        sql: include_str!("../migrations/0019_demanded_factor.sql"),
    },
    Migration {
        name: "recovered",
        sql: include_str!("../migrations/0020_recovered.sql"),
    },
    Migration {
        name: "mail_turn",
        sql: include_str!("../migrations/0021_mail_turn.sql"),
    },
];
