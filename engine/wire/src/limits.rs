//! The maxima of this crate. A peer that exceeds one is disconnected or refused.

/// Bytes of a topic.
pub const TOPIC_LEN_MAX: usize = 255;

/// Bytes of the name of a run, a signal or a strategy.
pub const NAME_LEN_MAX: usize = 64;

/// Retractions that a session tells of: the newest.
pub const RETRACTIONS_MAX: usize = 64;

/// Ranges of received numbers that a subscriber keeps until they are known to be on disk; of more, the oldest are joined.
pub const RECEIVED_RANGES_MAX: usize = 65_536;

/// Bytes of one message part that a subscriber takes: a heartbeat over all topics is the largest.
pub const PART_LEN_MAX: i64 = 16 << 20;

/// Records in one message of a state, which is 1 MB; what has more is told in several messages.
pub const STATE_RECORDS_MAX: usize = 16_384;

/// Bytes of a subscription that a publisher takes.
pub const SUBSCRIPTION_LEN_MAX: i64 = 1 << 10;

/// Different subscriptions that a publisher keeps account of; those above are served, but no JSON is made for them.
pub const SUBSCRIPTIONS_MAX: usize = 65_536;

/// Messages that a publisher sends between two looks at who has subscribed, if its caller polls no sooner.
pub const PUBLISHES_PER_LOOK: u32 = 64;

/// Changes of subscriptions that a publisher takes at one look, so that a busy joiner cannot hold up the records.
pub const SUBSCRIPTION_CHANGES_PER_LOOK: u32 = 1_024;
