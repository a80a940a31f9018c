//! Whatever the bytes of a record: a step neither panics nor wraps, and says the same twice.

use crate::recorded;
use proptest::prelude::*;
use tickloom_types::{Header, Record};

fn any_record() -> impl Strategy<Value = Record> {
    let number = prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        -5_i64..5,
        9_990_i64..10_010,
        any::<i64>()
    ];
    let instrument = prop_oneof![0_u32..3, Just(u32::MAX), any::<u32>()];
    let kind = prop_oneof![0_u8..9, 60_u8..76, any::<u8>()];
    let header = (number.clone(), instrument, 0_u16..5, kind, any::<u8>());
    (header, prop::array::uniform5(number)).prop_map(|(header, body)| {
        let (ts_event, instrument, source, kind, flags) = header;
        Record {
            header: Header {
                ts_event,
                ts_recv: ts_event,
                instrument,
                source,
                kind,
                flags,
            },
            body: body.map(i64::cast_unsigned),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any records among plausible ones, so that they meet books, bars, positions and orders.
    #[test]
    fn any_record_is_survived(wild in prop::collection::vec((0_usize..2_000, any_record()), 0..60)) {
        let mut records = recorded::records(250);
        for (at, record) in wild {
            records.insert(at % records.len(), record);
        }
        let config = recorded::config();
        prop_assert_eq!(recorded::run(&config, &records).0, recorded::run(&config, &records).0);
    }
}
