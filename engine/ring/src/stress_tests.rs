//! The ring under real threads: nothing lost, nothing doubled, one order for all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::{Consumer, Poll, Producer, RingConfig, Wait, ring, sole_ring};

/// What producer `producer` pushed as its `number`-th item.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Item {
    producer: usize,
    number: u64,
}

fn config(wait: Wait) -> RingConfig {
    RingConfig { capacity: 64, wait }
}

/// Reads until the ring is closed; `work` yields now and then to shake the schedule.
fn drain(mut consumer: Consumer<Item>, pause_every: u64) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        let found = consumer.poll(|seq, item| {
            assert_eq!(seq, items.len() as u64);
            items.push(*item);
            if seq % pause_every == 0 {
                thread::yield_now();
            }
        });
        match found {
            Poll::Some(_) => {}
            Poll::Idle => consumer.idle(),
            Poll::Closed => break,
        }
    }
    assert_eq!(consumer.seq(), items.len() as u64);
    items
}

fn check_many(wait: Wait, producers: usize, each: u64) {
    let (producer, consumers) = ring::<Item>(&config(wait), 3).expect("a valid ring");
    let logs: Vec<Vec<Item>> = thread::scope(|scope| {
        for index in 0..producers {
            let mut producer = producer.clone();
            scope.spawn(move || {
                for number in 0..each {
                    producer.push(Item {
                        producer: index,
                        number,
                    });
                }
            });
        }
        drop(producer);
        let readers: Vec<_> = consumers
            .into_iter()
            .zip([7, 31, 1_000])
            .map(|(consumer, pause_every)| scope.spawn(move || drain(consumer, pause_every)))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("the reader did not panic"))
            .collect()
    });
    assert_eq!(logs[0].len() as u64, producers as u64 * each);
    assert!(
        logs[0] == logs[1] && logs[1] == logs[2],
        "one order for all"
    );
    for index in 0..producers {
        let numbers = logs[0].iter().filter(|item| item.producer == index);
        assert!(numbers.map(|item| item.number).eq(0..each));
    }
}

#[test]
fn every_consumer_sees_every_item_in_one_order_when_parking() {
    check_many(Wait::Park, 4, 20_000);
}

#[test]
fn every_consumer_sees_every_item_in_one_order_when_yielding() {
    check_many(Wait::Yield, 3, 20_000);
}

#[test]
fn every_consumer_sees_every_item_in_one_order_when_spinning() {
    // Six spinning threads share the cores, so few items.
    check_many(Wait::Spin, 3, 1_000);
}

/// Sizes of the claims of one producer, from 1 to `most`, from a seed.
fn claims(seed: u64, most: u64, each: u64) -> Vec<usize> {
    let mut state = seed;
    let mut left = each;
    let mut sizes = Vec::new();
    while left > 0 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let size = (1 + (state >> 33) % most).min(left);
        left -= size;
        sizes.push(usize::try_from(size).expect("a small number"));
    }
    sizes
}

/// Producer `index` pushes its numbers in claims of these sizes.
fn push_claims(producer: &mut Producer<Item>, index: usize, sizes: &[usize]) {
    let mut items = Vec::new();
    let mut number = 0;
    for size in sizes {
        items.clear();
        items.extend((number..).take(*size).map(|number| Item {
            producer: index,
            number,
        }));
        producer.push_all(&items);
        number += *size as u64;
    }
}

/// The lengths of the runs of one producer's items, each claim of it being within one run.
fn check_unbroken(log: &[Item], producer: usize, sizes: &[usize]) {
    let places: Vec<usize> = (0..log.len())
        .filter(|place| log[*place].producer == producer)
        .collect();
    assert_eq!(places.len(), sizes.iter().sum::<usize>());
    let mut begun = 0;
    for size in sizes {
        let claim = &places[begun..begun + size];
        assert_eq!(claim[size - 1] - claim[0], size - 1, "items came between");
        begun += size;
    }
    let numbers = places.iter().map(|place| log[*place].number);
    assert!(numbers.eq(0..places.len() as u64));
}

fn check_claims(wait: Wait, producers: usize, most: u64, each: u64) {
    let (producer, consumers) = ring::<Item>(&config(wait), 2).expect("a valid ring");
    let sizes: Vec<Vec<usize>> = (0..producers)
        .map(|index| claims(index as u64 + 1, most, each))
        .collect();
    let logs: Vec<Vec<Item>> = thread::scope(|scope| {
        for (index, sizes) in sizes.iter().enumerate() {
            let mut producer = producer.clone();
            scope.spawn(move || push_claims(&mut producer, index, sizes));
        }
        drop(producer);
        let readers: Vec<_> = consumers
            .into_iter()
            .zip([5, 500])
            .map(|(consumer, pause_every)| scope.spawn(move || drain(consumer, pause_every)))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().expect("the reader did not panic"))
            .collect()
    });
    assert!(logs[0] == logs[1], "one order for all");
    assert_eq!(logs[0].len() as u64, producers as u64 * each);
    for (index, sizes) in sizes.iter().enumerate() {
        check_unbroken(&logs[0], index, sizes);
    }
}

#[test]
fn nothing_comes_between_the_items_of_one_claim() {
    for most in [2, 16, 64] {
        check_claims(Wait::Park, 3, most, 20_000);
    }
    check_claims(Wait::Yield, 4, 33, 20_000);
    // Spinning threads share the cores, so few items.
    check_claims(Wait::Spin, 2, 16, 200);
}

#[test]
fn a_claim_of_the_whole_ring_has_its_turn_among_single_pushes() {
    let (mut producer, consumers) = ring::<Item>(&config(Wait::Park), 1).expect("a valid ring");
    let is_done = AtomicBool::new(false);
    let log = thread::scope(|scope| {
        let is_done = &is_done;
        let mut other = producer.clone();
        // Pushes single items for as long as the large claims wait: without turns they would wait for ever.
        scope.spawn(move || {
            for number in 0.. {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                other.push(Item {
                    producer: 1,
                    number,
                });
            }
        });
        let reader = scope.spawn(move || consumers.into_iter().map(|c| drain(c, 1)).next());
        push_claims(&mut producer, 0, &[64; 200]);
        is_done.store(true, Ordering::Relaxed);
        drop(producer);
        reader.join().expect("the reader did not panic")
    });
    check_unbroken(&log.expect("one reader"), 0, &[64; 200]);
}

#[test]
fn a_claim_goes_in_whole_or_waits() {
    let (mut producer, mut consumers) = ring::<u64>(&config(Wait::Park), 1).expect("a valid ring");
    assert!(!producer.push_all(&[]), "nothing is no claim");
    assert!(!producer.push_all(&(0..40).collect::<Vec<_>>()));
    let observer = producer.clone();
    thread::scope(|scope| {
        let writer = scope.spawn(move || producer.push_all(&(40..80).collect::<Vec<_>>()));
        while observer.waits() == 0 {
            thread::yield_now();
        }
        assert_eq!(
            consumers[0].lag(),
            40,
            "24 free slots do not take a part of it"
        );
        let mut seen = Vec::new();
        while seen.len() < 80 {
            consumers[0].poll(|_, item| seen.push(*item));
        }
        assert!(seen.into_iter().eq(0..80));
        assert!(writer.join().expect("the writer did not panic"));
        assert_eq!(observer.waits(), 1);
    });
}

#[test]
#[should_panic(expected = "65 items at once for a ring of 64 slots")]
fn a_claim_that_could_never_fit_is_a_bug_of_the_caller() {
    let (mut producer, _consumers) = ring::<u64>(&config(Wait::Park), 1).expect("a valid ring");
    producer.push_all(&[0; 65]);
}

#[test]
fn the_sole_producer_reaches_every_consumer() {
    let (mut producer, consumers) =
        sole_ring::<Item>(&config(Wait::Park), 3).expect("a valid ring");
    thread::scope(|scope| {
        let readers: Vec<_> = consumers
            .into_iter()
            .map(|consumer| scope.spawn(move || drain(consumer, 13)))
            .collect();
        for number in 0..50_000 {
            producer.push(Item {
                producer: 0,
                number,
            });
        }
        drop(producer);
        for reader in readers {
            let items = reader.join().expect("the reader did not panic");
            assert!(items.iter().map(|item| item.number).eq(0..50_000));
        }
    });
}

#[test]
fn closing_drains_what_was_pushed_before() {
    let (producer, mut consumers) = ring::<u64>(&config(Wait::Park), 2).expect("a valid ring");
    let mut first = producer.clone();
    let mut second = producer;
    first.push(1);
    drop(first);
    second.push(2);
    drop(second);
    for consumer in &mut consumers {
        let mut seen = Vec::new();
        assert_eq!(
            consumer.poll(|seq, item| seen.push((seq, *item))),
            Poll::Some(2)
        );
        assert_eq!(seen, [(0, 1), (1, 2)]);
        assert_eq!(consumer.poll(|_, _| ()), Poll::Closed);
        assert_eq!(consumer.poll(|_, _| ()), Poll::Closed);
    }
}

#[test]
fn a_ring_without_items_is_idle_until_it_closes() {
    let (producer, mut consumers) = ring::<u64>(&config(Wait::Park), 1).expect("a valid ring");
    assert_eq!(consumers[0].poll(|_, _| ()), Poll::Idle);
    drop(producer);
    assert_eq!(consumers[0].poll(|_, _| ()), Poll::Closed);
}

#[test]
fn a_full_ring_refuses_and_a_read_makes_room() {
    let (mut producer, mut consumers) = ring::<u64>(&config(Wait::Spin), 1).expect("a valid ring");
    for item in 0..64 {
        assert!(!producer.push(item), "there is room, so no wait");
    }
    assert!(!producer.try_push(64));
    assert_eq!(consumers[0].lag(), 64);
    assert_eq!(
        consumers[0].poll(|_, _| ()),
        Poll::Some(16),
        "a quarter of the ring"
    );
    assert_eq!((consumers[0].lag(), consumers[0].seq()), (48, 16));
    assert!(producer.try_push(64));
    assert_eq!(consumers[0].lag(), 49);
    assert_eq!(producer.waits(), 0);
}

#[test]
fn a_push_into_a_full_ring_waits_and_is_counted() {
    let (mut producer, consumers) = ring::<Item>(&config(Wait::Park), 1).expect("a valid ring");
    let observer = producer.clone();
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let waited = (0..65).map(|number| {
                producer.push(Item {
                    producer: 0,
                    number,
                })
            });
            waited.filter(|waited| *waited).count()
        });
        // The reader starts only after the writer has begun to wait.
        while observer.waits() == 0 {
            thread::yield_now();
        }
        assert_eq!(observer.waits(), 1);
        drop(observer);
        for consumer in consumers {
            assert_eq!(drain(consumer, 100).len(), 65);
        }
        assert_eq!(writer.join().expect("the writer did not panic"), 1);
    });
}

#[test]
fn a_consumer_that_left_holds_nobody_back() {
    let (mut producer, mut consumers) = ring::<u64>(&config(Wait::Park), 2).expect("a valid ring");
    let mut stays = consumers.remove(0);
    drop(consumers);
    for item in 0..1_000 {
        producer.push(item);
        assert_eq!(
            stays.poll(|seq, seen| assert_eq!((seq, *seen), (item, item))),
            Poll::Some(1)
        );
    }
    drop(stays);
    for item in 0..1_000 {
        assert!(producer.try_push(item), "nobody reads any more");
    }
}
