//! The block path over bars.
