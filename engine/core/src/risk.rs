//! Risk limits.
