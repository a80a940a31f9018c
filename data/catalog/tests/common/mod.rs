//! What the tests of this crate share.

#[allow(dead_code, reason = "each test binary uses a part")]
pub(crate) mod faulty_server;
pub(crate) mod s3_server;
