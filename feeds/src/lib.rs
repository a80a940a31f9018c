//! Venue feeds: decode, sync, normalise.
