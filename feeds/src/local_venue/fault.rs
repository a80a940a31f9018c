//! What can be made to go wrong between the recording and the subscribers. Frames are counted from zero.
//!
//! Some faults are of a kind of frame: they take the first of that kind from the given frame on.

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Frames `from` up to, not including, `to` are never sent: a gap.
    Drop {
        /// First frame.
        from: u64,
        /// Frame after the last.
        to: u64,
    },
    /// The frame is sent twice.
    Duplicate {
        /// Which frame.
        at: u64,
    },
    /// The frame is sent after the next one.
    Swap {
        /// Which frame.
        at: u64,
    },
    /// Only the first bytes of the frame are sent.
    Truncate {
        /// Which frame.
        at: u64,
        /// How many bytes.
        keep: usize,
    },
    /// A byte of the frame is replaced by `#`.
    Corrupt {
        /// Which frame.
        at: u64,
        /// Which byte.
        byte: usize,
    },
    /// The frame is sent as a binary message.
    Binary {
        /// Which frame.
        at: u64,
    },
    /// All connections are cut, without a word, before this frame; it is lost to them.
    Disconnect {
        /// Which frame.
        at: u64,
    },
    /// All connections fall silent before this frame but stay open; it is lost to them.
    Stall {
        /// Which frame.
        at: u64,
    },
    /// The first so many WebSocket requests are not answered: their connections are closed.
    RefuseConnections {
        /// How many.
        connections: u64,
    },
    /// The first so many connections are acknowledged and get nothing.
    SilentAfterAck {
        /// How many.
        connections: u64,
    },
    /// Every connection gets so many pings before this frame.
    PingFlood {
        /// Which frame.
        at: u64,
        /// How many.
        pings: u64,
    },
    /// All connections are not read any more before this frame; they get so many pings, and then nothing.
    NeverRead {
        /// Which frame.
        at: u64,
        /// How many.
        pings: u64,
    },
    /// The times of the first trade from this frame on are ahead of the venue's clock.
    FarAhead {
        /// Which frame.
        at: u64,
        /// How far, in milliseconds.
        ms: u64,
    },
    /// The update ids of the book begin anew with the first change from this frame on.
    IdRestart {
        /// Which frame.
        at: u64,
    },
    /// The last update id of the first change from this frame on is the largest number there is.
    HugeId {
        /// Which frame.
        at: u64,
    },
    /// The first change of a book from this frame on has so many more bids.
    ManyLevels {
        /// Which frame.
        at: u64,
        /// How many.
        levels: usize,
    },
    /// The frame is filled up with blanks to so many bytes.
    HugeFrame {
        /// Which frame.
        at: u64,
        /// How many.
        bytes: usize,
    },
    /// Changes of books among frames `from` up to, not including, `to` are not sent; trades and quotes are.
    FrozenBook {
        /// First frame.
        from: u64,
        /// Frame after the last.
        to: u64,
    },
    /// The venue says before this frame that it will shut down, waits for the next connection, and cuts those from before
    /// at a later frame.
    Shutdown {
        /// Which frame.
        at: u64,
        /// At which frame they are cut.
        cut_at: u64,
    },
    /// The first so many snapshots say that they are at this update id.
    SnapshotId {
        /// How many.
        snapshots: u64,
        /// Which id.
        id: u64,
    },
    /// The first so many requests for snapshots are refused.
    SnapshotRefused {
        /// How many.
        snapshots: u64,
        /// With which HTTP status.
        status: u16,
        /// When to come back, in seconds.
        retry_after: u64,
    },
    /// The first so many requests for snapshots are sent elsewhere.
    SnapshotRedirected {
        /// How many.
        snapshots: u64,
        /// Where.
        to: String,
    },
}

/// What goes to the subscribers in place of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Vec<u8>),
    /// The connections are cut.
    Cut,
    /// The connections fall silent.
    Stall,
    /// So many pings.
    Pings(u64),
    /// The connections are not read any more, and get so many pings.
    Deaf(u64),
    /// A notice that the connections of now will be cut; the next one is waited for.
    Notice(String),
    /// The connections that had the notice are cut.
    CutNoticed,
}

/// What becomes of a request for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SnapshotFault {
    Id(u64),
    Refused { status: u16, retry_after: u64 },
    Redirected(String),
}

/// What becomes of the request for a snapshot that comes after so many others.
pub(super) fn snapshot_fault(faults: &[Fault], before: u64) -> Option<SnapshotFault> {
    faults.iter().find_map(|fault| match fault {
        Fault::SnapshotId { snapshots, id } if before < *snapshots => Some(SnapshotFault::Id(*id)),
        Fault::SnapshotRefused {
            snapshots,
            status,
            retry_after,
        } if before < *snapshots => Some(SnapshotFault::Refused {
            status: *status,
            retry_after: *retry_after,
        }),
        Fault::SnapshotRedirected { snapshots, to } if before < *snapshots => {
            Some(SnapshotFault::Redirected(to.clone()))
        }
        _ => None,
    })
}

/// Applies faults to the frames in order.
#[derive(Debug)]
pub(super) struct FaultPlan {
    faults: Vec<Fault>,
    next: u64,
    held: Option<String>,
    /// Which faults of a kind of frame have had theirs.
    is_done: Vec<bool>,
    id_shift: u64,
}

impl FaultPlan {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        FaultPlan {
            is_done: vec![false; faults.len()],
            faults,
            next: 0,
            held: None,
            id_shift: 0,
        }
    }

    /// What is taken from update ids now.
    pub(super) fn id_shift(&self) -> u64 {
        self.id_shift
    }

    /// Takes the next frame and returns what is to be sent.
    pub(super) fn apply(&mut self, mut frame: String) -> Vec<Outgoing> {
        let index = self.next;
        self.next += 1;
        self.change_content(index, &mut frame);
        let mut out = vec![Outgoing::Text(frame)];
        let mut hold = false;
        for fault in &self.faults {
            match *fault {
                Fault::Swap { at } if at == index => hold = true,
                Fault::Drop { from, to } if (from..to).contains(&index) => out.clear(),
                Fault::FrozenBook { from, to } if (from..to).contains(&index) => {
                    out.retain(
                        |outgoing| !matches!(outgoing, Outgoing::Text(text) if is_depth(text)),
                    );
                }
                Fault::Disconnect { at } if at == index => out = vec![Outgoing::Cut],
                Fault::Stall { at } if at == index => out = vec![Outgoing::Stall],
                Fault::NeverRead { at, pings } if at == index => out = vec![Outgoing::Deaf(pings)],
                Fault::PingFlood { at, pings } if at == index => {
                    out.insert(0, Outgoing::Pings(pings));
                }
                Fault::Shutdown { at, .. } if at == index => {
                    out.insert(0, Outgoing::Notice(SHUTDOWN.to_owned()));
                }
                Fault::Shutdown { cut_at, .. } if cut_at == index => {
                    out.insert(0, Outgoing::CutNoticed);
                }
                _ => damage(fault, index, &mut out),
            }
        }
        if hold {
            if let Some(Outgoing::Text(text)) = out.pop() {
                self.held = Some(text);
            }
        } else if let Some(held) = self.held.take() {
            out.push(Outgoing::Text(held));
        }
        out
    }

    /// Faults that leave a frame whole, and what it says wrong.
    fn change_content(&mut self, index: u64, frame: &mut String) {
        for (fault, is_done) in self.faults.iter().zip(&mut self.is_done) {
            let takes = match fault {
                Fault::FarAhead { at, .. } => *at <= index && frame.contains("\"e\":\"trade\""),
                Fault::IdRestart { at } | Fault::HugeId { at } | Fault::ManyLevels { at, .. } => {
                    *at <= index && is_depth(frame)
                }
                _ => false,
            };
            if !takes || std::mem::replace(is_done, true) {
                continue;
            }
            match *fault {
                Fault::FarAhead { ms, .. } => {
                    for key in ["E", "T"] {
                        change_number(frame, key, |time| time + ms);
                    }
                }
                Fault::IdRestart { .. } => {
                    change_number(frame, "U", |first| {
                        self.id_shift = first.saturating_sub(1);
                        first
                    });
                }
                Fault::HugeId { .. } => change_number(frame, "u", |_| u64::MAX),
                Fault::ManyLevels { levels, .. } => {
                    let more = "[\"1.00\",\"1\"],".repeat(levels);
                    *frame = frame.replacen("\"b\":[", &format!("\"b\":[{more}"), 1);
                }
                _ => {}
            }
        }
        if self.id_shift > 0 && is_depth(frame) {
            for key in ["U", "u", "pu"] {
                change_number(frame, key, |id| id.saturating_sub(self.id_shift));
            }
        }
    }
}

const SHUTDOWN: &str =
    "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1}}";

/// Faults that damage a frame.
fn damage(fault: &Fault, index: u64, out: &mut Vec<Outgoing>) {
    match *fault {
        Fault::Duplicate { at } if at == index => out.extend_from_within(..),
        Fault::Truncate { at, keep } if at == index => {
            change(out, |text| text.truncate(keep));
        }
        Fault::Corrupt { at, byte } if at == index => change(out, |text| {
            if byte < text.len() {
                text.replace_range(byte..=byte, "#");
            }
        }),
        Fault::HugeFrame { at, bytes } if at == index => change(out, |text| {
            let blanks = bytes.saturating_sub(text.len());
            text.push_str(&" ".repeat(blanks));
        }),
        Fault::Binary { at } if at == index => {
            for outgoing in out {
                if let Outgoing::Text(text) = outgoing {
                    *outgoing = Outgoing::Binary(std::mem::take(text).into_bytes());
                }
            }
        }
        _ => {}
    }
}

fn is_depth(frame: &str) -> bool {
    frame.contains("\"e\":\"depthUpdate\"")
}

/// Changes the whole number that a key has, if it has one.
fn change_number(frame: &mut String, key: &str, change: impl FnOnce(u64) -> u64) {
    let key = format!("\"{key}\":");
    let Some(start) = frame.find(&key).map(|at| at + key.len()) else {
        return;
    };
    let digits = frame[start..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    let range = start..start + digits;
    if let Ok(number) = frame[range.clone()].parse() {
        frame.replace_range(range, &change(number).to_string());
    }
}

/// Frames are ASCII, so that every byte is a character.
fn change(out: &mut [Outgoing], change: impl Fn(&mut String)) {
    for outgoing in out {
        if let Outgoing::Text(text) = outgoing
            && text.is_ascii()
        {
            change(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_does_what_it_says() {
        let mut plan = FaultPlan::new(vec![
            Fault::Drop { from: 1, to: 3 },
            Fault::Duplicate { at: 3 },
            Fault::Swap { at: 4 },
            Fault::Truncate { at: 6, keep: 1 },
            Fault::Corrupt { at: 7, byte: 1 },
            Fault::Binary { at: 8 },
            Fault::Disconnect { at: 9 },
            Fault::Stall { at: 10 },
        ]);
        let text = |text: &str| Outgoing::Text(text.to_owned());
        let expected = [
            vec![text("f0")],
            vec![],
            vec![],
            vec![text("f3"), text("f3")],
            vec![],
            vec![text("f5"), text("f4")],
            vec![text("f")],
            vec![text("f#")],
            vec![Outgoing::Binary(b"f8".to_vec())],
            vec![Outgoing::Cut],
            vec![Outgoing::Stall],
        ];
        for (index, expected) in expected.into_iter().enumerate() {
            assert_eq!(plan.apply(format!("f{index}")), expected, "frame {index}");
        }
    }

    #[test]
    fn contents_are_changed_once_and_ids_from_then_on() {
        let mut plan = FaultPlan::new(vec![
            Fault::FarAhead { at: 1, ms: 500 },
            Fault::IdRestart { at: 2 },
        ]);
        let depth = |ids: [u64; 3]| {
            let [first, last, previous] = ids;
            format!(
                "{{\"e\":\"depthUpdate\",\"E\":1,\"U\":{first},\"u\":{last},\"pu\":{previous}}}"
            )
        };
        let trade = |time| format!("{{\"e\":\"trade\",\"E\":{time},\"T\":{time}}}");
        for (frame, expected) in [
            (trade(10), trade(10)),
            (depth([90, 95, 80]), depth([90, 95, 80])),
            (trade(20), trade(520)),
            (trade(30), trade(30)),
            (depth([101, 110, 95]), depth([1, 10, 0])),
            (depth([111, 115, 110]), depth([11, 15, 10])),
        ] {
            assert_eq!(plan.apply(frame), [Outgoing::Text(expected)]);
        }
        assert_eq!(plan.id_shift(), 100);
    }

    #[test]
    fn the_first_snapshots_have_their_fault() {
        let faults = [
            Fault::SnapshotId {
                snapshots: 2,
                id: 9,
            },
            Fault::SnapshotRefused {
                snapshots: 3,
                status: 429,
                retry_after: 1,
            },
        ];
        assert_eq!(snapshot_fault(&faults, 1), Some(SnapshotFault::Id(9)));
        let refused = SnapshotFault::Refused {
            status: 429,
            retry_after: 1,
        };
        assert_eq!(snapshot_fault(&faults, 2), Some(refused));
        assert_eq!(snapshot_fault(&faults, 3), None);
    }
}
