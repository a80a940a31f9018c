//! Writes what came: every message with one write of its own, so that a kill loses none that was complete.

use super::{FILE_HEADER_LEN, LOSS, MAGIC, MESSAGE, STREAM_VERSION, SUBSCRIPTION};
use crate::subscriber::Received;
use std::io::{self, Write};
use tickloom_types::Ts;
use xxhash_rust::xxh3::xxh3_64;

/// Writes a recorded stream.
pub struct StreamWriter<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> StreamWriter<W> {
    /// Writes the header, and that these topics were subscribed to by the subscriber whose hello this is. `out` should not
    /// hold back what is written: what it holds a kill loses.
    ///
    /// # Errors
    /// Whatever `out` says; also of a prefix of over 65,535 bytes.
    pub fn begin(out: W, prefixes: &[String], hello: &str) -> io::Result<StreamWriter<W>> {
        let mut writer = StreamWriter {
            out,
            buffer: Vec::new(),
        };
        let mut header = [0; FILE_HEADER_LEN];
        header[..8].copy_from_slice(&MAGIC);
        header[8..10].copy_from_slice(&STREAM_VERSION.to_le_bytes());
        let checksum = xxh3_64(&header[..16]);
        header[16..].copy_from_slice(&checksum.to_le_bytes());
        writer.buffer.extend(header);
        let mut body = vec![SUBSCRIPTION];
        for text in std::iter::once(hello).chain(prefixes.iter().map(String::as_str)) {
            let len = u16::try_from(text.len()).map_err(io::Error::other)?;
            body.extend(len.to_le_bytes());
            body.extend(text.as_bytes());
        }
        writer.put(&body)?;
        writer.write()?;
        Ok(writer)
    }

    /// Writes a message that came at `ts_arrival`, after the losses that it revealed.
    ///
    /// # Errors
    /// Whatever `out` says. What was written before stays whole.
    pub fn received(&mut self, received: &Received, ts_arrival: Ts) -> io::Result<()> {
        for gap in &received.observed.gaps {
            let mut body = vec![LOSS];
            body.extend(gap.missed.to_le_bytes());
            body.extend(gap.topic.as_bytes());
            self.put(&body)?;
        }
        let [topic, envelope, payload] = received.message.encode();
        let mut body = vec![MESSAGE];
        body.extend(ts_arrival.0.to_le_bytes());
        for part in [topic, envelope] {
            body.push(u8::try_from(part.len()).map_err(io::Error::other)?);
            body.extend(part);
        }
        body.extend(payload);
        self.put(&body)?;
        self.write()
    }

    /// Gives back what it wrote to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn put(&mut self, body: &[u8]) -> io::Result<()> {
        let len = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.buffer.extend(len.to_le_bytes());
        self.buffer.extend((!len).to_le_bytes());
        self.buffer.extend(xxh3_64(body).to_le_bytes());
        self.buffer.extend(body);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}
