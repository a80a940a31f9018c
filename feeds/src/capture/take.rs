//! One line of a capture of ours: what the decoder of live feeds makes of it, and of what that does not know, what its stream says.

use super::CaptureLine;
use super::klines::{Kline, Klines};
use super::streams::{self, Other, Stream, Tops, of_frame};
use crate::decode_error::DecodeError;
use crate::intake::{Intake, Taken};
use tickloom_types::{InstrumentId, Sink};

/// What a line's frame was.
pub(super) enum Took {
    Known(Taken),
    Bar,
    Other(Other),
}

/// Takes a line's frame. Of a symbol whose trades come over another channel, a trade is of nothing that is kept.
pub(super) fn take(
    (intake, klines): (&mut Intake, &mut Klines),
    line: &CaptureLine<'_>,
    of: (&Tops, Option<InstrumentId>),
    sink: &mut impl Sink,
) -> Result<Took, DecodeError> {
    let took = take_any((intake, klines), line, of, sink)?;
    Ok(match took {
        Took::Known(Taken::OtherTrade { instrument, kept }) => {
            Took::Other(streams::other_trade(intake, instrument, kept))
        }
        took => took,
    })
}

/// Takes a line's frame: by what a live feed knows and, of what it does not, by the name of its stream.
fn take_any(
    (intake, klines): (&mut Intake, &mut Klines),
    line: &CaptureLine<'_>,
    (tops, only): (&Tops, Option<InstrumentId>),
    sink: &mut impl Sink,
) -> Result<Took, DecodeError> {
    let unknown = if tops.is_empty() {
        match take_known(intake, line, only, sink) {
            Err(error @ DecodeError::UnknownMessage { .. }) => Some(error),
            ended => return ended.map(Took::Known),
        }
    } else {
        None
    };
    let stream = of_frame(line.frame);
    let venue = intake.decoder.venue();
    if let Some(other) = tops.other_book(&stream, (venue, intake), only) {
        return Ok(Took::Other(other));
    }
    match (stream, unknown) {
        (Stream::NotKept(name), _) => Ok(Took::Other(Other::Stream(name))),
        (Stream::Kline { body, .. }, _) => {
            match klines.take(line.ts_recv, body, intake.decoder.symbols())? {
                Kline::Bar(bar) => {
                    sink.push(bar);
                    Ok(Took::Bar)
                }
                Kline::Repeated => Ok(Took::Known(Taken::Repeated)),
                Kline::Other(other) => Ok(Took::Other(other)),
            }
        }
        (Stream::Top { symbol, body, .. }, _) => {
            let levels = intake.top(line.ts_recv, (symbol, body), sink)?;
            Ok(Took::Known(Taken::Snapshot(levels)))
        }
        (_, Some(error)) => Err(error),
        (_, None) => take_known(intake, line, only, sink).map(Took::Known),
    }
}

/// Takes a frame that a live feed knows. What is wrong leaves nothing behind, so that a snapshot without a symbol can be tried as the only one's.
fn take_known(
    intake: &mut Intake,
    line: &CaptureLine<'_>,
    only: Option<InstrumentId>,
    sink: &mut impl Sink,
) -> Result<Taken, DecodeError> {
    match (intake.frame(line.ts_recv, line.frame, sink), only) {
        (Ok((taken, _)), _) => Ok(taken),
        (Err(DecodeError::Missing { field }), Some(only)) if field == "symbol" => {
            intake.snapshot(line.ts_recv, only, line.frame, sink)?;
            Ok(Taken::Snapshot(0))
        }
        (Err(error), _) => Err(error),
    }
}
