//! What can be made to go wrong between the recording and the subscribers. Frames are counted from zero.

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
}

/// Applies faults to the frames in order.
#[derive(Debug)]
pub(super) struct FaultPlan {
    faults: Vec<Fault>,
    next: u64,
    held: Option<String>,
}

impl FaultPlan {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        FaultPlan {
            faults,
            next: 0,
            held: None,
        }
    }

    /// Takes the next frame and returns what is to be sent.
    pub(super) fn apply(&mut self, frame: String) -> Vec<Outgoing> {
        let index = self.next;
        self.next += 1;
        let mut out = vec![Outgoing::Text(frame)];
        let mut hold = false;
        for fault in &self.faults {
            match *fault {
                Fault::Drop { from, to } if (from..to).contains(&index) => out.clear(),
                Fault::Duplicate { at } if at == index => out.extend_from_within(..),
                Fault::Swap { at } if at == index => hold = true,
                Fault::Truncate { at, keep } if at == index => {
                    change(&mut out, |text| text.truncate(keep));
                }
                Fault::Corrupt { at, byte } if at == index => change(&mut out, |text| {
                    if byte < text.len() {
                        text.replace_range(byte..=byte, "#");
                    }
                }),
                Fault::Binary { at } if at == index => {
                    for outgoing in &mut out {
                        if let Outgoing::Text(text) = outgoing {
                            *outgoing = Outgoing::Binary(std::mem::take(text).into_bytes());
                        }
                    }
                }
                Fault::Disconnect { at } if at == index => out = vec![Outgoing::Cut],
                Fault::Stall { at } if at == index => out = vec![Outgoing::Stall],
                _ => {}
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
}
