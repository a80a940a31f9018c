//! What the tests of this crate share.

pub(crate) mod faulty_server;
pub(crate) mod history;
pub(crate) mod s3_server;
