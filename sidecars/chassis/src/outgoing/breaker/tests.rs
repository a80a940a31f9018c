//! The breaker against a model of it, and by hand.

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn key() -> Key {
    ("webhook", "example.com:443".to_owned())
}

fn fail(breakers: &Breakers, now: Ts) {
    breakers
        .begin(&key(), now)
        .map_err(|_| ())
        .unwrap()
        .end(Verdict::Fails, now);
}

fn refusal(breakers: &Breakers, now: Ts) -> Option<NotNow> {
    breakers.begin(&key(), now).err()
}

#[test]
fn five_failures_open_it_and_one_trial_closes_it() {
    let breakers = Breakers::default();
    for _ in 0..4 {
        fail(&breakers, Ts(0));
    }
    assert_eq!(breakers.open("webhook"), 0);
    fail(&breakers, Ts(0));
    assert_eq!(
        (breakers.open("webhook"), breakers.open("provider")),
        (1, 0)
    );
    let rest = |seconds| Some(NotNow::Open(Duration::from_secs(seconds)));
    assert_eq!(refusal(&breakers, Ts(0)), rest(10));
    assert_eq!(refusal(&breakers, Ts(4 * SECOND)), rest(6));
    // Another purpose, and another host, have nothing to do with it.
    let other = ("provider", "example.com:443".to_owned());
    assert!(breakers.begin(&other, Ts(0)).is_ok());

    let trial = breakers
        .begin(&key(), Ts(10 * SECOND))
        .map_err(|_| ())
        .unwrap();
    assert_eq!(refusal(&breakers, Ts(11 * SECOND)), rest(0));
    // A trial that was given up lets the next one go.
    drop(trial);
    fail(&breakers, Ts(12 * SECOND));
    assert_eq!(refusal(&breakers, Ts(12 * SECOND)), rest(20));
    let trial = breakers
        .begin(&key(), Ts(32 * SECOND))
        .map_err(|_| ())
        .unwrap();
    trial.end(Verdict::Works, Ts(33 * SECOND));
    assert_eq!(breakers.open("webhook"), 0);
    assert!(breakers.hosts.lock().unwrap().is_empty());
}

#[test]
fn a_host_is_asked_thirty_two_things_at_a_time() {
    let breakers = Breakers::default();
    let begin = || breakers.begin(&key(), Ts(0)).map_err(|_| ()).unwrap();
    let mut all: Vec<Trying> = (0..32).map(|_| begin()).collect();
    assert_eq!(refusal(&breakers, Ts(0)), Some(NotNow::Busy));
    all.pop();
    all.push(begin());
    drop(all);
    assert!(breakers.hosts.lock().unwrap().is_empty());
}

#[test]
fn no_more_hosts_are_kept_than_there_is_room_for() {
    let breakers = Breakers::default();
    for number in 0..5000_i64 {
        let key = ("webhook", format!("{number}:443"));
        let trying = breakers.begin(&key, Ts(number)).map_err(|_| ()).unwrap();
        trying.end(Verdict::Fails, Ts(number));
    }
    let hosts = breakers.hosts.lock().unwrap();
    assert_eq!(hosts.len(), 4096);
    // The oldest went.
    assert!(!hosts.contains_key(&("webhook", "903:443".to_owned())));
    assert!(hosts.contains_key(&("webhook", "904:443".to_owned())));
}

/// The breaker as a sentence: a list of what happened while it was closed, and when it may be tried.
#[derive(Default)]
struct Model {
    failures: u32,
    trips: u32,
    open_until: Option<i64>,
    trial: Option<usize>,
    under_way: Vec<usize>,
}

impl Model {
    fn may_begin(&self, now: i64) -> bool {
        let is_free = self.under_way.len() < 32;
        let may_try = self
            .open_until
            .is_none_or(|until| now >= until && self.trial.is_none());
        is_free && may_try
    }

    fn begin(&mut self, number: usize) {
        if self.open_until.is_some() {
            self.trial = Some(number);
        }
        self.under_way.push(number);
    }

    fn end(&mut self, number: usize, verdict: Verdict, now: i64) {
        self.under_way.retain(|other| *other != number);
        let is_trial = self.trial == Some(number);
        if is_trial {
            self.trial = None;
        }
        match verdict {
            Verdict::Unknown => return,
            _ if self.open_until.is_some() && !is_trial => return,
            Verdict::Works => (self.failures, self.trips, self.open_until) = (0, 0, None),
            Verdict::Fails => self.failures += 1,
        }
        if verdict == Verdict::Fails && (self.failures >= 5 || is_trial) {
            let rest = [10, 20, 40, 80, 160, 320][usize::try_from(self.trips.min(5)).unwrap()];
            self.open_until = Some(now + rest * SECOND);
            self.trips += 1;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    Begin,
    End(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_i64).prop_map(Step::Wait),
        Just(Step::Begin),
        Just(Step::Begin),
        (0..64_usize, 0..8_u8).prop_map(|(which, how)| Step::End(which, how)),
        (0..64_usize, 0..8_u8).prop_map(|(which, how)| Step::End(which, how)),
    ]
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(steps in prop::collection::vec(step(), 1..400)) {
        let breakers = Breakers::default();
        let (mut model, mut now, mut count) = (Model::default(), 0, 0);
        let mut under_way: Vec<(usize, Trying)> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += seconds * SECOND,
                Step::Begin => {
                    let begun = breakers.begin(&key(), Ts(now));
                    prop_assert_eq!(begun.is_ok(), model.may_begin(now));
                    if let Ok(trying) = begun {
                        model.begin(count);
                        under_way.push((count, trying));
                        count += 1;
                    }
                }
                Step::End(which, how) if !under_way.is_empty() => {
                    let (number, trying) = under_way.remove(which % under_way.len());
                    let verdict = match how {
                        0..=4 => Verdict::Fails,
                        5 | 6 => Verdict::Works,
                        _ => Verdict::Unknown,
                    };
                    model.end(number, verdict, now);
                    match verdict {
                        Verdict::Unknown => drop(trying),
                        verdict => trying.end(verdict, Ts(now)),
                    }
                }
                Step::End(..) => {}
            }
            prop_assert_eq!(breakers.open("webhook") == 1, model.open_until.is_some());
        }
    }
}
