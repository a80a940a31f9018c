//! The service keeps what the chassis promises, on both engines.

#![cfg(test)]

use tickloom_activity::{Activity, ActivityConfig};
use tickloom_chassis::conformance::{Conforms, conformance};

struct Promises;

impl Conforms for Promises {
    type Service = Activity;
    const FOLDER: &'static str = env!("CARGO_MANIFEST_DIR");

    fn config() -> ActivityConfig {
        ActivityConfig::default()
    }
}

#[test]
fn it_conforms() {
    conformance::<Promises>();
}
