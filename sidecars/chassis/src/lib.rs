//! What every service of Tickloom stands on: a database with one set of statements for SQLite and PostgreSQL, a log of events
//! without gaps, an inbox that takes what the core did exactly once, commands that can be sent again, an audit log, effects with mail,
//! and the HTTP around it.
//!
//! A service is an implementation of [`Service`]; [`serve()`] runs any number of them in one process. What they share is here, once.

mod access;
mod audit;
mod backup;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod console;
mod core_inbox;
mod database;
mod deadline;
mod doctor;
mod effect;
mod error;
mod etag;
mod event;
mod header_docs;
mod hex;
mod http;
mod idempotency;
pub mod identity;
mod inbox;
mod job;
mod mail;
mod migrations;
mod network;
mod outgoing;
mod page;
mod problem;
mod projection;
pub mod rpc;
mod secret_file;
mod serve;
mod service;
mod tables;
mod timer;
mod trace;

pub use access::{
    Access, ActionPattern, Allowed, Authenticator, Because, Decision, Grant, Grants, NotedFuture,
    Origin, PathParts, PatternError, RefusedAccess, ResourcePattern, Role, Subject, SubjectFuture,
    Unauthenticated, UnknownWord, What, allow_call, bearer, decide, token,
};
pub use audit::{
    AUDIT_VERIFICATION, AuditEntry, AuditError, AuditFault, AuditFilter, AuditHead, AuditOutcome,
    AuditPart, AuditVerification, NewAuditEntry, append_audit, audit_after, audit_head,
    check_audit, export_audit, matching_audit, verify_audit,
};
pub use backup::{BackupError, BackupStep, Manifest, SavedService, back_up, read_backup, restore};
pub use clock::Clock;
pub use core_inbox::{CoreInput, CoreState, Followed, Output, Outputs, follow_record};
pub use database::{Database, Engine, Place, Write};
pub use doctor::{
    Finding, FindingState, ServiceParts, examine_address, examine_authority, examine_certificate,
    examine_disk, examine_mail, examine_secret_file, examine_service,
};
pub use effect::{
    Effect, EffectAnswer, EffectFuture, EffectHandler, EffectPolicy, Effects, NewEffect, enqueue,
    forget_effects, forget_given_up, retry_given_up, waiting_effects,
};
pub use error::ChassisError;
pub use etag::{IfMatch, IfNoneMatch, etag};
pub use event::{NewEvent, StoredEvent, append, check_events, events_after, head, hold_events};
pub use http::{
    CallerAddress, Certificate, HttpOptions, HttpsError, RateLimit, RequestId, RequestOrigin,
};
pub use idempotency::{
    Answer, Answered, Command, IdempotencyKey, Idempotent, Unkept, remove_expired_keys,
    request_hash,
};
pub use inbox::{inbox_position, move_inbox};
pub use job::{
    Job, JobFuture, JobHandler, JobState, JobStep, JobWork, Jobs, NewJob, cancel_job, job,
    jobs_after, start_job,
};
pub use mail::{MAIL, Mail, MailConfig, MailError, Mailer, enqueue_mail};
pub use migrations::{Migration, Migrations, pending_migrations};
pub use network::{Network, NetworkError};
pub use outgoing::{Outgoing, OutgoingAnswer, OutgoingConfig, OutgoingError, OutgoingRequest};
pub use page::{PAGE_DEFAULT, PAGE_MAX, Page, PageQuery};
pub use problem::{Problem, ProblemCode, Problems};
pub use projection::{Projection, ProjectionFuture, rebuild};
pub use secret_file::{SecretFileError, make_own_folder, read_secret, read_secret_file};
pub use serve::{
    Entrance, RpcOptions, ServeOptions, Serving, check_test_clock, serve, serve_at, test_clock_at,
};
pub use service::{Admitted, Context, Health, Pages, Runner, Service, Stop};
pub use tables::{all_rows, schema, tables};
pub use timer::{Timer, TimerFuture, TimerHandler, Timers, set_timer};
pub use trace::{TraceExport, TraceExportError, TracesConfig};

/// Every statement that the chassis runs, by file, so that a test prepares each on both engines.
pub const STATEMENTS: &[&[&str]] = &[
    event::STATEMENTS,
    inbox::STATEMENTS,
    core_inbox::STATEMENTS,
    idempotency::STATEMENTS,
    audit::STATEMENTS,
    audit::FILTER_STATEMENTS,
    effect::STATEMENTS,
    doctor::STATEMENTS,
    timer::STATEMENTS,
    job::STATEMENTS,
];

/// What a fallible call of this crate returns.
pub type Result<T, E = ChassisError> = std::result::Result<T, E>;
