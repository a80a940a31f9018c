//! The paper venue.
