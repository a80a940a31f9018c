//! Who asks, what they may do, and why: one function decides, whether it is asked over HTTP, over gRPC or in the process.

mod allowed;
mod decide;
mod grants;
mod pattern;
mod subject;
pub mod token;
mod words;

pub(crate) use allowed::Gate;
pub use allowed::{
    Access, Allowed, Authenticator, NotedFuture, PathParts, RefusedAccess, SubjectFuture,
    Unauthenticated, allow_call, bearer,
};
pub use decide::{Because, Decision, decide};
pub use grants::{Grant, Grants, Origin};
pub use pattern::{ActionPattern, PatternError, ResourcePattern, Role, What};
pub use subject::Subject;
pub use words::UnknownWord;
